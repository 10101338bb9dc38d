/**
 * The handful of parsers every boundary uses. The rule: a value from outside is unknown until a parser has named every
 * member of it; unknown members are refused with their path, so a misspelt option is an error and not a default.
 */
import { BrokerError } from './errors.ts'

/** Turns an unknown value into a `T`, or throws `invalid_request` naming the path that is wrong. */
export type Parser<T> = (value: unknown, path: string) => T

/**
 * One parser per method of an API interface. A method without a parser does not compile, and neither does a parser whose
 * result is not that method's argument. Methods without an argument take `nothing`.
 */
export type Calls<Api> = {
  readonly [Method in keyof Api]: Api[Method] extends () => unknown
    ? Parser<undefined>
    : Api[Method] extends (argument: infer Argument) => unknown
      ? Parser<Argument>
      : never
}

const fail = (path: string, wants: string): never => {
  throw new BrokerError('invalid_request', `${path || 'The request'} must be ${wants}.`)
}

/** No argument at all: `undefined`, `null` or an empty object. */
export const nothing: Parser<undefined> = (value, path) => {
  if (value === undefined || value === null) return undefined
  if (typeof value === 'object' && !Array.isArray(value) && Object.keys(value).length === 0) return undefined
  return fail(path, 'empty')
}

/** Line and control characters, and the controls that reverse what is shown after them: no name, id or scope has any. */
const UNSEEN = /[\p{Cc}\u2028\u2029\u202A-\u202E\u2066-\u2069]/u

/** A string of `min` to `max` UTF-16 units without characters that act instead of being seen. */
export function text(max = 1024, min = 1): Parser<string> {
  return (value, path) => {
    if (typeof value !== 'string' || value.length < min || value.length > max)
      return fail(path, `a text of ${String(min)} to ${String(max)} characters`)
    if (UNSEEN.test(value)) return fail(path, 'a text without control characters')
    return value
  }
}

/** RFC 4648 section 5, without padding, `min` to `max` characters long. */
export function base64url(max: number, min = max): Parser<string> {
  return (value, path) =>
    typeof value === 'string' && value.length >= min && value.length <= max && /^[\w-]+$/u.test(value)
      ? value
      : fail(path, `base64url of ${min === max ? '' : `${String(min)} to `}${String(max)} characters`)
}

/** A text that arrives whole and may hold anything but NUL (an answer to paste, a reason). */
export function anyText(max: number): Parser<string> {
  return (value, path) =>
    typeof value === 'string' && value.length <= max && !value.includes('\0')
      ? value
      : fail(path, `a text of at most ${String(max)} characters`)
}

export const boolean: Parser<boolean> = (value, path) =>
  typeof value === 'boolean' ? value : fail(path, 'true or false')

/** A finite whole number of `min` to `max`. Numbers as strings are refused. */
export function integer(min: number, max: number): Parser<number> {
  return (value, path) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : fail(path, `a whole number from ${String(min)} to ${String(max)}`)
}

export function oneOf<const T extends string>(...choices: readonly T[]): Parser<T> {
  return (value, path) => choices.find((choice) => choice === value) ?? fail(path, `one of ${choices.join(', ')}`)
}

export function list<T>(item: Parser<T>, max: number): Parser<readonly T[]> {
  return (value, path) => {
    if (!Array.isArray(value) || value.length > max) return fail(path, `a list of at most ${String(max)}`)
    // Array.from meets holes, which map would pass over.
    return Array.from(value as readonly unknown[], (entry, index) => item(entry, `${path}[${String(index)}]`))
  }
}

/** A map of text to text with at most `max` entries. The answer has no prototype. */
export function record<T>(item: Parser<T>, max: number): Parser<Readonly<Record<string, T>>> {
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(path, 'an object')
    const entries = Object.entries(value)
    if (entries.length > max) return fail(path, `an object of at most ${String(max)} members`)
    const answer: Record<string, T> = Object.create(null) as Record<string, T>
    for (const [key, entry] of entries) answer[key] = item(entry, join(path, key))
    return answer
  }
}

interface Optional<T> {
  readonly optional: Parser<T>
}

/** Marks a member that may be absent. `null` is not absence. */
export function optional<T>(parser: Parser<T>): Optional<T> {
  return { optional: parser }
}

type Shape = Readonly<Record<string, Parser<unknown> | Optional<unknown>>>
type Simplify<T> = { readonly [K in keyof T]: T[K] }
type Parsed<S extends Shape> = Simplify<
  {
    readonly [K in keyof S as S[K] extends Optional<unknown> ? never : K]: S[K] extends Parser<infer T> ? T : never
  } & {
    readonly [K in keyof S as S[K] extends Optional<unknown> ? K : never]?: S[K] extends Optional<infer T> ? T : never
  }
>

/** An object with exactly these members. */
export function object<S extends Shape>(shape: S): Parser<Parsed<S>> {
  const members = Object.entries(shape)
  return (value, path) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return fail(path, 'an object')
    const given = value as Record<string, unknown>
    for (const key of Object.keys(given))
      if (!Object.hasOwn(shape, key))
        throw new BrokerError('invalid_request', `${join(path, key)} is not a known member.`)
    const answer: Record<string, unknown> = {}
    for (const [key, parser] of members) {
      // Our own names need no escaping, and a token request passes here every time.
      const at = path === '' ? key : `${path}.${key}`
      const present = Object.hasOwn(given, key) && given[key] !== undefined
      if (typeof parser === 'function') {
        if (!present) throw new BrokerError('invalid_request', `${at} is missing.`)
        answer[key] = parser(given[key], at)
      } else if (present) answer[key] = parser.optional(given[key], at)
    }
    return answer as Parsed<S>
  }
}

function join(path: string, key: string): string {
  const shown = JSON.stringify(key.length > 64 ? `${key.slice(0, 64)}…` : key).slice(1, -1)
  return path === '' ? shown : `${path}.${shown}`
}
