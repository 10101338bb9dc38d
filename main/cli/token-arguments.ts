/**
 * The arguments of `valetkey token`, read by hand. The rule: a pure function from words to a request, strict like the
 * wire (an unknown, doubled or unfinished option is an error that names it), because the library that reads every other
 * command's arguments takes longer to load than a token takes to fetch.
 */
import type { Interaction, TokenRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'

export interface TokenArguments {
  readonly request: TokenRequest & { readonly account: string }
  readonly header: boolean
  /** The token inside what a mail server is sent. */
  readonly sasl?: Sasl
  readonly json: boolean
  /** The paired client to ask as, whose token is in `VALETKEY_CLIENT_TOKEN`. */
  readonly as?: string
}

/** Who signs in to a mail server, and by which SASL mechanism. */
export interface Sasl {
  readonly mechanism: 'xoauth2' | 'oauthbearer'
  readonly user: string
}

interface Option {
  readonly name: string
  /** What stands after the option; without it the option is a switch. */
  readonly value?: string
  readonly help: string
}

/** Also what `valetkey token --help` lists. */
export const tokenOptions: readonly Option[] = [
  { name: 'scope', value: 'SCOPE', help: 'only these of the scopes the account was granted, space separated' },
  { name: 'resource', value: 'URI', help: 'the API the token is for (RFC 8707)' },
  { name: 'audience', value: 'NAME', help: 'the audience the token is for, where the provider wants one' },
  { name: 'min-valid', value: 'SECONDS', help: 'how long the token should still be good' },
  { name: 'force-refresh', help: 'get a new one although there is a good one' },
  { name: 'interaction', value: 'never|notify|prompt', help: 'whether the person may be asked; prompt unless told' },
  { name: 'timeout', value: 'SECONDS', help: 'how long to wait for the person and the provider' },
  { name: 'reason', value: 'TEXT', help: 'why, shown to the person' },
  { name: 'header', help: 'print a whole Authorization header line' },
  { name: 'xoauth2', value: 'USER', help: 'print what XOAUTH2 sends a mail server for this user, base64' },
  { name: 'oauthbearer', value: 'USER', help: 'the same for OAUTHBEARER (RFC 7628)' },
  { name: 'as', value: 'CLIENT', help: 'ask as this paired client, with its token in VALETKEY_CLIENT_TOKEN' },
  { name: 'json', help: 'print the whole answer as JSON, errors as JSON on stderr' },
]

/** Reads the words after `token`. Throws `invalid_request` naming what is wrong. */
export function parseTokenArguments(argv: readonly string[]): TokenArguments {
  const given = new Map<string, string>()
  const words: string[] = []
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? ''
    if (word === '--') {
      words.push(...argv.slice(i + 1))
      break
    }
    if (!word.startsWith('-') || word === '-') {
      words.push(word)
      continue
    }
    const equals = word.indexOf('=')
    const name = word.slice(2, equals === -1 ? undefined : equals)
    const option = word.startsWith('--') ? tokenOptions.find((known) => known.name === name) : undefined
    if (!option) throw usage(`There is no option ${JSON.stringify(equals === -1 ? word : word.slice(0, equals))}.`)
    if (given.has(name)) throw usage(`--${name} is given twice.`)
    if (option.value === undefined) {
      if (equals !== -1) throw usage(`--${name} takes no value.`)
      given.set(name, '')
    } else if (equals === -1) {
      const value = argv[++i]
      if (value === undefined) throw usage(`--${name} needs a value: ${option.value}.`)
      given.set(name, value)
    } else given.set(name, word.slice(equals + 1))
  }
  return toArguments(given, words)
}

/** Whether the words ask for JSON, also when they are otherwise wrong. */
export function wantsJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return argv.slice(0, end === -1 ? undefined : end).includes('--json')
}

function toArguments(given: ReadonlyMap<string, string>, words: readonly string[]): TokenArguments {
  const [account, extra] = words
  if (account === undefined || account === '')
    throw usage('Which account? Name it by its label, its id or its provider.')
  if (extra !== undefined) throw usage(`${JSON.stringify(extra)} is one word too many; quote a label that has spaces.`)
  const json = given.has('json')
  const header = given.has('header')
  const forms = ['json', 'header', 'xoauth2', 'oauthbearer'].filter((name) => given.has(name))
  if (forms.length > 1) throw usage(`Choose one of ${forms.map((name) => `--${name}`).join(' and ')}.`)
  const sasl = saslOf(given)
  const text = <const Name extends string>(option: string, name: Name): { readonly [N in Name]?: string } => {
    const value = given.get(option)
    return (value === undefined ? {} : { [name]: value }) as { readonly [N in Name]?: string }
  }
  const min_valid_period = seconds(given, 'min-valid', 31_536_000)
  const timeout = seconds(given, 'timeout', 600)
  const interaction = interactionOf(given.get('interaction'))
  return {
    request: {
      account,
      ...text('scope', 'scope'),
      ...text('resource', 'resource'),
      ...text('audience', 'audience'),
      ...text('reason', 'reason'),
      ...(min_valid_period !== undefined && { min_valid_period }),
      ...(timeout !== undefined && { timeout }),
      ...(interaction !== undefined && { interaction }),
      ...(given.has('force-refresh') && { force_refresh: true }),
    },
    header,
    ...(sasl && { sasl }),
    json,
    ...text('as', 'as'),
  }
}

function saslOf(given: ReadonlyMap<string, string>): Sasl | undefined {
  const mechanism = (['xoauth2', 'oauthbearer'] as const).find((name) => given.has(name))
  const user = given.get(mechanism ?? '')
  if (mechanism === undefined || user === undefined) return undefined
  // A control character would end the user's name and begin another field.
  if (/^[^\p{Cc}]{1,256}$/u.test(user)) return { mechanism, user }
  throw usage(`--${mechanism} takes the name that the mail server knows the user by.`)
}

function interactionOf(value: string | undefined): Interaction | undefined {
  if (value === undefined || value === 'never' || value === 'notify' || value === 'prompt') return value
  throw usage('--interaction is never, notify or prompt.')
}

function seconds(given: ReadonlyMap<string, string>, name: string, most: number): number | undefined {
  const value = given.get(name)
  if (value === undefined) return undefined
  if (/^\d{1,9}$/u.test(value) && Number(value) <= most) return Number(value)
  throw usage(`--${name} takes whole seconds from 0 to ${String(most)}.`)
}

function usage(sentence: string): BrokerError {
  return new BrokerError('invalid_request', sentence, { resolve: { command: 'valetkey token --help' } })
}
