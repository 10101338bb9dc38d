/**
 * The two durations a token endpoint names, `expires_in` and `Retry-After`, in all the forms servers send. The rule:
 * whatever arrives, the answer is a whole number of seconds within limits that no timer overflows and no loop spins on.
 */

/** Seconds; nothing is believed to live longer. */
const LONGEST = 31_536_000
/** Seconds a token is held whose lifetime the provider tried to name and failed: short, but no tight loop. */
export const UNKNOWN_LIFETIME = 60

/**
 * `expires_in` (RFC 6749 section 5.1) in seconds. `null`: absent, which means the provider names no end. Numbers as text,
 * with or without a unit of seconds, and fractions are understood; zero, negatives and garbage become `UNKNOWN_LIFETIME`.
 */
export function lifetimeOf(value: unknown): number | null {
  if (value === undefined || value === null) return null
  const seconds =
    typeof value === 'number'
      ? value
      : typeof value === 'string'
        ? Number(value.trim().replace(/s$/u, '') || Number.NaN)
        : Number.NaN
  if (Number.isNaN(seconds) || seconds <= 0) return UNKNOWN_LIFETIME
  return Math.max(1, Math.floor(Math.min(seconds, LONGEST)))
}

const unitSeconds = { s: 1, ms: 0.001, min: 60, h: 3600 } as const

/** A lifetime in another unit, in seconds; what is no number stays what it is. */
export function secondsOfUnit(value: unknown, unit: keyof typeof unitSeconds): unknown {
  if (unit === 's' || value === undefined || value === null || value === '') return value
  const number = Number(value)
  return Number.isNaN(number) ? value : number * unitSeconds[unit]
}

/** Beyond this a number of seconds since the epoch is one of milliseconds: the year 5138. */
const MILLISECONDS_FROM = 1e11

/**
 * From a moment to the seconds until it: seconds or milliseconds since the epoch, as number or text, or an ISO 8601 date.
 * `now` in milliseconds since the epoch. `undefined` stays so; a date that is none becomes one `lifetimeOf` refuses.
 */
export function secondsUntil(value: unknown, now: number): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' && typeof value !== 'number') return Number.NaN
  const number = Number(value)
  const at = Number.isNaN(number) ? Date.parse(`${value}`) : number >= MILLISECONDS_FROM ? number : number * 1000
  // Over already is no reason to think that it lives for ever.
  return Number.isNaN(at) ? Number.NaN : Math.max(1, (at - now) / 1000)
}

/** Seconds to wait when a server asks for patience without saying how much, and the limits of what it may ask for. */
const RETRY = { unnamed: 60, least: 1, most: 3600 } as const

/** `Retry-After` (RFC 9110 section 10.2.3), seconds or an HTTP-date, in seconds from `now` (milliseconds since the epoch). */
export function retryAfter(value: string | undefined, now: number): number {
  const text = value?.trim() ?? ''
  const seconds = /^[+-]?\d+(\.\d+)?$/u.test(text) ? Number(text) : (httpDate(text) - now) / 1000
  if (Number.isNaN(seconds)) return RETRY.unnamed
  return Math.min(RETRY.most, Math.max(RETRY.least, Math.ceil(seconds)))
}

/** The three date forms of RFC 9110 section 5.6.7; `Date.parse` alone would take `1e9` or `2` for years. */
function httpDate(text: string): number {
  return /^(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? /iu.test(text)
    ? Date.parse(/gmt$/iu.test(text) ? text : `${text} GMT`)
    : Number.NaN
}
