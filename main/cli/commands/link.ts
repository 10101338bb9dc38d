/**
 * `link`: a sign-in watched from a terminal. The rule: the sign-in that was started here ends here; if the person gives
 * up, so does the broker, and no browser tab is left that could still bring something.
 */
import { readFileSync } from 'node:fs'
import { BrokerError, isErrorCode } from '../../contract/errors.ts'
import type { Flow, Redirect, SignIn } from '../../contract/model.ts'
import type { LinkRequest } from '../../contract/window-api.ts'
import { openBrowser } from '../browser.ts'
import type { ValueOf } from '../control-call.ts'
import { neutralise, print, printJson, say, sayPlain, fail } from '../output.ts'
import type { Session } from './session.ts'

export interface LinkOptions {
  readonly scope?: string
  readonly flow?: Flow
  readonly redirect?: Redirect
  readonly username?: string
  readonly browser: boolean
  /** Show the address of another device as a QR code where that can be. */
  readonly qr: boolean
  readonly clientId?: string
  readonly clientSecretStdin?: boolean
  readonly clientKeyFile?: string
  readonly register?: boolean
  readonly resource?: string
  readonly param?: readonly string[]
  readonly label?: string
  readonly profile?: string
  readonly account?: string
  /** Seconds. */
  readonly timeout?: number
}

type End = ValueOf<'awaitSignIn'>

/** Seconds one wait for the browser lasts before it is asked for again. */
const round = 25

/** Links an account at `provider`. Throws what the sign-in failed with. */
export async function linkAccount(session: Session, provider: string, options: LinkOptions): Promise<void> {
  const secret = options.clientSecretStdin ? await session.input.secret('client secret: ') : undefined
  const key = options.clientKeyFile === undefined ? undefined : readKeyFile(options.clientKeyFile)
  const secrets = await askSecrets(session, provider, options)
  const person = options.flow === 'password' ? await askPerson(session, provider, options) : undefined
  const started = await session.decide('link', {
    ...toRequest(provider, options, secret, secrets),
    ...(key !== undefined && { client_key: key }),
    ...person,
  })
  const release = cancelOnSignal(session, started)
  try {
    await present(session, started, options)
    const end = await settle(session, started, options.timeout)
    report(session, end)
  } finally {
    release()
    session.input.close()
  }
}

/** Characters; several times the longest key that is in use. */
const LONGEST_KEY = 16_384

/** A private key as it lies in its file; what it is, is judged where it is used. Throws `invalid_request`. */
function readKeyFile(file: string): string {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw new BrokerError('invalid_request', `${JSON.stringify(file)} cannot be read.`, { cause })
  }
  if (text.length > LONGEST_KEY)
    throw new BrokerError('invalid_request', `${JSON.stringify(file)} is larger than any private key.`)
  return text
}

/**
 * The provider's parameters that are secrets: asked for, or the next lines of a pipe, and never taken from the arguments,
 * which every program on the machine can read. Throws `invalid_request`.
 */
async function askSecrets(
  session: Session,
  provider: string,
  { param = [], account }: LinkOptions,
): Promise<Readonly<Record<string, string>>> {
  const { variables } = await session.decide('describeProvider', { id: provider })
  const secrets = variables.filter(({ secret }) => secret)
  const shown = secrets.find(({ name }) => param.some((word) => word.startsWith(`${name}=`)))
  if (shown)
    throw new BrokerError(
      'invalid_request',
      `${shown.name} is a secret, and arguments can be read by others; leave it out and it is asked for, or read from stdin.`,
    )
  const given: Record<string, string> = {}
  // An account that is signed in to again has its own.
  for (const { name, title, required } of account === undefined ? secrets : []) {
    const value = await session.input.next(`${neutralise(title)}${required ? '' : ' (may be empty)'}: `, {
      secret: true,
    })
    if (value) given[name] = value
  }
  return given
}

/** Who signs in, where the provider itself takes email and password. The password is sent once and kept nowhere. */
async function askPerson(
  session: Session,
  provider: string,
  { username }: LinkOptions,
): Promise<{ readonly username: string; readonly password: string }> {
  say(`${neutralise(provider)} exchanges your email and password for a token; Valetkey does not keep the password`)
  const name = username ?? (await session.input.next('email: '))?.trim() ?? ''
  const password = await session.input.secret('password: ')
  if (name === '' || password === '')
    throw new BrokerError('invalid_request', 'An email and a password are needed for this flow.')
  return { username: name, password }
}

/** The words of the command line as a request. Throws `invalid_request` for a `--param` that is not `name=value`. */
function toRequest(
  provider: string,
  options: LinkOptions,
  secret: string | undefined,
  secrets: Readonly<Record<string, string>>,
): LinkRequest {
  const shown = Object.fromEntries(
    (options.param ?? []).map((word) => {
      const equals = word.indexOf('=')
      if (equals < 1)
        throw new BrokerError('invalid_request', `--param takes name=value, not ${JSON.stringify(word.slice(0, 64))}.`)
      return [word.slice(0, equals), word.slice(equals + 1)]
    }),
  )
  const params = { ...shown, ...secrets }
  return {
    provider,
    ...(options.scope !== undefined && { scope: options.scope }),
    ...(options.flow !== undefined && { flow: options.flow }),
    ...(options.redirect !== undefined && { redirect: options.redirect }),
    ...(options.clientId !== undefined && { client_id: options.clientId }),
    ...(secret !== undefined && { client_secret: secret }),
    ...(options.register && { register: true }),
    ...(options.resource !== undefined && { resource: options.resource }),
    ...(Object.keys(params).length > 0 && { params }),
    ...(options.label !== undefined && { label: options.label }),
    ...(options.profile !== undefined && { profile: options.profile }),
    ...(options.account !== undefined && { account: options.account }),
    open_browser: false,
  }
}

async function present(session: Session, started: SignIn, { browser, qr }: LinkOptions): Promise<void> {
  const url = started.authorization_url
  const name = neutralise(started.provider_name)
  if (url === '') {
    say(`asking ${name}`)
    return
  }
  if (started.user_code !== undefined) {
    if (!session.json) print(neutralise(started.user_code))
    say(`enter this code at ${name}, on any device: ${neutralise(url)}`)
    if (qr && !session.json) {
      const { showQr } = await import('../qr.ts')
      await showQr(url, session.env)
    }
  }
  if (!browser) {
    if (session.json) printJson(started)
    else print(neutralise(url))
    say(`open this address to sign in to ${name}`)
  } else {
    say(`opening your browser to sign in to ${name}`)
    if (!(await openBrowser(url, session.env, process.platform))) {
      say('no browser could be opened here; open this address yourself')
      sayPlain(`open: ${neutralise(url)}`)
    }
  }
  say(isPasted(started) ? pasteWords(started) : 'waiting for you to finish there (Ctrl-C cancels)')
}

const isPasted = ({ flow, redirect }: SignIn): boolean =>
  flow === 'browser' && (redirect === 'paste' || redirect === 'oob')
const pasteWords = ({ redirect, lands_on }: SignIn): string =>
  redirect === 'oob'
    ? 'then paste the code you are shown'
    : lands_on === undefined
      ? 'then paste the address you are sent to'
      : `then paste the whole address you are sent to; it begins with ${neutralise(lands_on)}`

/** Waits for the end, and for pasted addresses where the browser cannot come back by itself. */
async function settle(session: Session, started: SignIn, timeout: number | undefined): Promise<End> {
  const over = new AbortController()
  const ended = waitForEnd(session, started.id, timeout).finally(() => {
    over.abort()
  })
  if (!isPasted(started)) return ended
  const pasting = submitPasted(session, started, over.signal)
  return Promise.race([ended, pasting.then(() => ended)])
}

/** `timeout` in seconds; the broker gives up by itself where nobody says. */
async function waitForEnd(session: Session, id: string, timeout = Infinity): Promise<End> {
  const giveUp = performance.now() + timeout * 1000
  for (;;) {
    const left = Math.max(0, Math.ceil((giveUp - performance.now()) / 1000))
    const end = await session.decide('awaitSignIn', { id, timeout: Math.min(round, left) }, round + 15)
    if (end.sign_in.state !== 'waiting' && end.sign_in.state !== 'finishing') return end
    if (left > 0 || end.sign_in.state === 'finishing') continue
    await session.decide('cancelSignIn', { id })
    throw new BrokerError('timeout', 'The sign-in was not finished in time and is cancelled. Nothing was changed.')
  }
}

/** Hands every line to the broker until one fits. On a terminal a wrong one is another try, in a pipe it is the end. */
async function submitPasted(session: Session, { id, redirect }: SignIn, over: AbortSignal): Promise<void> {
  const what = redirect === 'oob' ? 'code' : 'address'
  for (;;) {
    const line = await session.input.next(`${what}: `, { signal: over })
    if (over.aborted) return
    if (line === null) {
      await session.decide('cancelSignIn', { id })
      throw new BrokerError('invalid_request', `No ${what} was pasted; the sign-in is cancelled.`)
    }
    const url = line.trim()
    if (url === '') continue
    try {
      await session.decide('submitRedirect', { id, url })
      return
    } catch (thrown) {
      if (over.aborted) return
      if (!session.input.isTerminal || !(thrown instanceof BrokerError) || thrown.code !== 'invalid_request') {
        await session.decide('cancelSignIn', { id }).catch(() => undefined)
        throw thrown
      }
      fail(thrown, false)
    }
  }
}

function report(session: Session, { sign_in, account }: End): void {
  if (sign_in.state === 'cancelled')
    throw new BrokerError('access_denied', 'The sign-in was cancelled. Nothing was changed.')
  if (sign_in.state === 'failed' || !account) {
    const { code, description } = sign_in.error ?? { code: 'server_error', description: 'The sign-in failed.' }
    throw new BrokerError(isErrorCode(code) ? code : 'provider_error', description)
  }
  if (session.json) printJson({ sign_in, account })
  else {
    say(`linked ${neutralise(account.label)} at ${neutralise(account.provider_name)}`)
    print([account.label, account.id, account.scope].map((text) => neutralise(text) || '-').join('  '))
  }
}

/** Ctrl-C and a friendly kill end the sign-in too; the exit status is the shell's for that signal. */
function cancelOnSignal(session: Session, { id }: SignIn): () => void {
  const statuses = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const
  const release = Object.entries(statuses).map(([signal, status]) => {
    const cancel = (): void => {
      void session
        .decide('cancelSignIn', { id }, 5)
        .then(
          () => {
            say('cancelled')
          },
          () => {
            say('could not tell the broker; it gives up by itself')
          },
        )
        .then(() => process.exit(status))
    }
    process.once(signal, cancel)
    return () => process.off(signal, cancel)
  })
  return () => {
    for (const off of release) off()
  }
}

/**
 * Hands an address of our scheme to the broker, as the operating system does where no desktop app is there to take it. Any
 * page can cause one, so an address no sign-in waits for changes nothing; it is said here and nowhere else.
 */
export async function deliverCallback(session: Session, url: string): Promise<void> {
  const { taken } = await session.decide('deliverRedirect', { url })
  if (!taken) throw new BrokerError('not_found', 'No sign-in is waiting for this address. Nothing was changed.')
  if (session.json) printJson({ taken })
  else say('the sign-in goes on')
}
