/**
 * A definition with the person's values filled in. The rule: a value is checked by its format before it is put into a URL,
 * so that no value can move a URL to another host, and a text without all of its values is never used.
 */
import { BrokerError } from '../contract/errors.ts'
import type { ProviderDefinition, Variable } from './provider.ts'

export type Values = Readonly<Record<string, string>>

const PLACE = /\$\{([a-z][a-z0-9_]*)\}/gu

/**
 * The values of a definition's variables from what the person gave. Throws `invalid_request` that names the variable which
 * is unknown, missing or malformed, and says what it should look like.
 */
export function valuesOf(definition: ProviderDefinition, params: Values): Values {
  const variables = definition.variables ?? {}
  for (const name of Object.keys(params))
    if (!Object.hasOwn(variables, name))
      throw new BrokerError(
        'invalid_request',
        `${definition.display_name} has no parameter ${JSON.stringify(name.slice(0, 64))}.`,
      )
  const values: Record<string, string> = {}
  for (const [name, variable] of Object.entries(variables)) {
    const value = Object.hasOwn(params, name) ? params[name] : variable.default
    if (value === undefined || value === '') {
      if (variable.optional) continue
      const example = variable.example ?? `<${variable.title}>`
      throw new BrokerError('invalid_request', `${definition.display_name} needs ${name} (${variable.title}).`, {
        resolve: { command: `valetkey link ${definition.id} --param ${name}=${example}` },
      })
    }
    values[name] = checked(name, variable, value)
  }
  return values
}

function checked(name: string, variable: Variable, value: string): string {
  const wants = misfitOf(variable, value)
  if (wants !== undefined)
    throw new BrokerError(
      'invalid_request',
      `${name} must be ${wants}${variable.example === undefined ? '' : `, for example ${variable.example}`}.`,
    )
  return variable.format === 'hostname' ? value.toLowerCase() : value
}

/** What a value of this variable has to be, when this one is not; the value itself is in no sentence, it may be a secret. */
export function misfitOf(variable: Variable, value: string): string | undefined {
  if (variable.enum && !variable.enum.includes(value)) return `one of ${variable.enum.join(', ')}`
  switch (variable.format) {
    case 'hostname':
      if (!isHostname(value)) return 'a host name and nothing else'
      return variable.under === undefined || isUnder(value.toLowerCase(), variable.under)
        ? undefined
        : `${variable.under} or a name under it`
    case 'slug':
      return /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?$/u.test(value) && !value.includes('..')
        ? undefined
        : 'letters, digits, dots and dashes'
    case 'text':
      return /^[\x20-\x7e]{1,2048}$/u.test(value) ? undefined : 'plain printable text'
    case 'uri':
      return isPlainUrl(value) ? undefined : 'an http(s) URL without user, query or fragment'
  }
}

/** RFC 1123 labels, with a port where one is needed; ASCII only, so that look-alikes show as the `xn--` they are. */
function isHostname(value: string): boolean {
  const [host = '', port, ...more] = value.split(':')
  return (
    host.length <= 253 &&
    more.length === 0 &&
    (port === undefined || (/^[1-9]\d{0,4}$/u.test(port) && Number(port) <= 65_535)) &&
    host.split('.').every((label) => /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/iu.test(label))
  )
}

/** The host itself, or one that ends in it after a dot. A host with a port is neither. */
const isUnder = (host: string, domain: string): boolean => host === domain || host.endsWith(`.${domain}`)

/** The parser drops or rewrites what it does not like (tabs, backslashes, dots), so the text itself is checked first. */
function isPlainUrl(value: string): boolean {
  return (
    /^https?:\/\/[^\s/\\?#@]+(\/[^\s\\?#@]*)?$/u.test(value) && /^[\x21-\x7e]+$/u.test(value) && URL.canParse(value)
  )
}

/** The names of the variables in a text, in order. */
export function placesIn(template: string): readonly string[] {
  return [...template.matchAll(PLACE)].map((match) => match[1] ?? '')
}

/** `undefined` where an optional value is missing. */
export function fill(template: string, values: Values): string | undefined {
  if (placesIn(template).some((name) => !Object.hasOwn(values, name))) return undefined
  return template.replaceAll(PLACE, (_, name: string) => values[name] ?? '')
}
