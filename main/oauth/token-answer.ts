/**
 * What a token endpoint answered, brought into one form (RFC 6749 sections 5.1 and 5.2). The rule: a good token is never
 * lost to a server's sloppiness, an error code is found wherever the server put it, and nothing malformed is stored. Where
 * a definition says that a provider's answers look otherwise, that is where things are looked for, and nowhere else.
 */
import type { TokenError, TokenResponse } from '../providers/provider.ts'
import type { HttpAnswer } from './http.ts'
import { lifetimeOf, secondsOfUnit, secondsUntil } from './lifetimes.ts'
import { atPointer, firstAt, holds } from './pointer.ts'

export interface TokenMembers {
  readonly access_token: string
  /** Seconds; `null`: the provider names no end. */
  readonly expires_in: number | null
  /** `null`: none was sent, or what was sent cannot be one (then `alarm` says so). */
  readonly refresh_token: string | null
  /** It is bound to the key that was shown when it was asked for (RFC 9449 section 5). */
  readonly bound?: true
  readonly id_token?: string
  readonly scope?: string
  readonly alarm?: string
  /** What `Reading.capture` points at, as it came. */
  readonly captured?: unknown
}

export type TokenAnswer =
  | ({ readonly kind: 'token' } & TokenMembers)
  | {
      readonly kind: 'error'
      readonly error: string
      readonly suberror?: string
      readonly description?: string
      /** Only the status said so: of a `page`, and a proxy's page has one too, or of an `answer` that a program wrote. */
      readonly by_status?: 'page' | 'answer'
    }
  /** A token of a type we do not understand, which RFC 6749 section 7.1 forbids to use. */
  | { readonly kind: 'unsupported-type'; readonly token_type: string; readonly wanted?: 'DPoP' }
  /** `foreign`: not a token endpoint's answer at all (a captive portal's page). `cut`: JSON that ends too soon. */
  | { readonly kind: 'foreign' | 'cut' | 'empty' | 'oversized' | 'no-token' }

/** Characters; far above any real token, far below anything that hurts. */
const LONGEST_TOKEN = 32_768
/** RFC 6749 appendix A.12 and A.17: `1*VSCHAR`. No space here, because an access token travels in a header. */
const isToken = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= LONGEST_TOKEN && /^[\x21-\x7e]+$/u.test(value)

/** How a provider's answers differ, as its definition says. */
export interface Reading {
  readonly response?: TokenResponse | undefined
  readonly error?: TokenError | undefined
  /** A key was shown (RFC 9449): `required`: a token that is not bound to it is none; `supported`: either is one. */
  readonly dpop?: 'required' | 'supported' | undefined
  /** A member to hand on beside the token. */
  readonly capture?: string | undefined
}

/**
 * Reads the answer. An `error` speaks for itself under any status; a token is believed under any 2xx. `now` in
 * milliseconds since the epoch, for providers that name the moment a token ends instead of its lifetime.
 */
export function readTokenAnswer(answer: HttpAnswer, reading: Reading = {}, now = Date.now()): TokenAnswer {
  if (answer.body === null) return { kind: 'oversized' }
  const text = answer.body.trim()
  const members = text === '' ? {} : parseMembers(text, answer.headers['content-type'] ?? '')
  const succeeded = answer.status >= 200 && answer.status <= 299
  const isPage = members === 'foreign' || members === 'cut'
  const otherwise = succeeded ? undefined : (challengeError(answer) ?? statusError(answer, isPage, reading.error))
  if (members === 'foreign' || members === 'cut') return otherwise ?? { kind: members }
  const error = errorOf(members, reading.error) ?? otherwise
  if (error) return error
  if (text === '') return { kind: 'empty' }
  if (!succeeded) return { kind: 'no-token' }
  if (!(reading.response?.success_when ?? []).every((predicate) => holds(predicate, answer, members)))
    return { kind: 'no-token' }
  // By the provider's own clock where it names it, because it is the one that ends the token.
  const clock = Date.parse(answer.headers['date'] ?? '')
  const token = tokenOf(members, reading.response ?? {}, Number.isNaN(clock) ? now : clock, reading.dpop)
  if (token.kind !== 'token' || reading.capture === undefined) return token
  return { ...token, captured: atPointer(members, reading.capture) }
}

type Members = Readonly<Record<string, unknown>>

function parseMembers(text: string, contentType: string): Members | 'foreign' | 'cut' {
  if (/^[{[]/u.test(text)) {
    try {
      const value: unknown = JSON.parse(text)
      return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : {}
    } catch {
      return 'cut'
    }
  }
  // Some servers answer in the encoding they were asked in (GitHub without an Accept field does).
  if (/x-www-form-urlencoded/iu.test(contentType) || /^(access_token|error)=[^<\s]*$/u.test(text))
    return Object.fromEntries(new URLSearchParams(text))
  return /json/iu.test(contentType) && !text.startsWith('<') ? 'cut' : 'foreign'
}

type ErrorAnswer = Extract<TokenAnswer, { kind: 'error' }>

function errorOf(members: Members, reading: TokenError = {}): ErrorAnswer | undefined {
  const found = firstAt(members, reading.code ?? ['/error'])
  const description = firstAt(members, reading.description ?? ['/error_description'])
  const said = typeof description === 'string' ? description : undefined
  const error = codeOf(found, said, reading)
  if (error === undefined) return undefined
  // `error_subtype` is Google's name for it, `suberror` Microsoft's.
  const suberror = own(members, 'suberror') ?? own(members, 'error_subtype')
  return {
    kind: 'error',
    error,
    ...(typeof suberror === 'string' && suberror !== '' && { suberror }),
    ...(said !== undefined && { description: said }),
  }
}

/** The standard's code: by the description where the provider's own says too little, by its code, else as it came. */
function codeOf(found: unknown, description: string | undefined, reading: TokenError): string | undefined {
  if (typeof found !== 'string' && typeof found !== 'number' && typeof found !== 'boolean') return undefined
  if (reading.ok_codes?.some((ok) => ok === found)) return undefined
  // Without pointers of its own a provider is a standard one, whose codes are texts.
  if (reading.code === undefined && typeof found !== 'string') return undefined
  const words = description?.toLowerCase() ?? ''
  const meant = reading.description_map?.find(({ contains }) => words.includes(contains.toLowerCase()))
  return meant?.error ?? mapped(reading.code_map, String(found)) ?? String(found)
}

const mapped = (map: Readonly<Record<string, string>> | undefined, key: string): string | undefined =>
  map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined

/** For providers that refuse with a page of HTML: what the status alone says. */
function statusError(answer: HttpAnswer, isPage: boolean, reading: TokenError = {}): ErrorAnswer | undefined {
  const error = mapped(reading.by_status, String(answer.status))
  return error === undefined ? undefined : { kind: 'error', error, by_status: isPage ? 'page' : 'answer' }
}

/** RFC 6750 section 3: the code in a challenge, for servers that put it nowhere else. */
function challengeError(answer: HttpAnswer): Extract<TokenAnswer, { kind: 'error' }> | undefined {
  const error = /\berror="([^"\\]{1,64})"/u.exec(answer.headers['www-authenticate'] ?? '')?.[1]
  return error === undefined ? undefined : { kind: 'error', error }
}

function tokenOf(members: Members, reading: TokenResponse, now: number, dpop: Reading['dpop']): TokenAnswer {
  const access_token = withoutPrefix(firstAt(members, reading.access_token ?? ['/access_token']), reading)
  if (!isToken(access_token)) return { kind: 'no-token' }
  const type = own(members, 'token_type')
  const bound = dpop !== undefined && typeof type === 'string' && type.trim().toLowerCase() === 'dpop'
  if (dpop === 'required' && !bound)
    return { kind: 'unsupported-type', token_type: typeof type === 'string' ? type : '', wanted: 'DPoP' }
  // REQUIRED by RFC 6749, forgotten by many; a type that was named must be the one we understand.
  if (
    !bound &&
    reading.force_token_type === undefined &&
    typeof type === 'string' &&
    type.trim() !== '' &&
    type.trim().toLowerCase() !== 'bearer'
  )
    return { kind: 'unsupported-type', token_type: type }
  const refresh = reading.refresh_token ? firstAt(members, reading.refresh_token) : own(members, 'refresh_token')
  const scope = scopeOf(firstAt(members, reading.scope ?? ['/scope']), reading.scope_delimiter)
  const id_token = own(members, 'id_token')
  return {
    kind: 'token',
    access_token,
    expires_in: expiryOf(members, access_token, reading, now),
    refresh_token: isToken(refresh) ? refresh : null,
    ...(bound && { bound }),
    ...(refresh !== undefined &&
      !isToken(refresh) && {
        alarm: `The provider sent a refresh_token that is ${shapeOf(refresh)}; the old one is kept.`,
      }),
    ...(isToken(id_token) && { id_token }),
    ...(scope !== undefined && { scope }),
  }
}

function withoutPrefix(token: unknown, { access_token_strip_prefix: prefixes = [] }: TokenResponse): unknown {
  if (typeof token !== 'string') return token
  const prefix = prefixes.find((one) => token.slice(0, one.length).toLowerCase() === one.toLowerCase())
  return prefix === undefined ? token : token.slice(prefix.length).trim()
}

/** Seconds, from whatever says most: a lifetime, a moment, the token itself, the definition. `null`: nothing does. */
function expiryOf(members: Members, token: string, reading: TokenResponse, now: number): number | null {
  const relative = lifetimeOf(
    secondsOfUnit(firstAt(members, reading.expires_in ?? ['/expires_in']), reading.expires_in_unit ?? 's'),
  )
  if (relative !== null) return relative
  const moment = firstAt(members, reading.expires_at ?? []) ?? (reading.expires_from_jwt ? jwtExpiry(token) : undefined)
  return lifetimeOf(secondsUntil(moment, now)) ?? reading.default_expires_in ?? null
}

/** `exp` of a token that happens to be a JWT (RFC 7519 section 4.1.4): a hint, so nothing of it is verified. */
function jwtExpiry(token: string): unknown {
  try {
    const claims: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString('utf8'))
    return firstAt(claims, ['/exp'])
  } catch {
    return undefined
  }
}

/** RFC 6749 appendix A.4, forgiving a list; absent when nothing usable was sent. */
function scopeOf(value: unknown, delimiter: string | undefined): string | undefined {
  const words = (Array.isArray(value) ? value : [value]).filter((word) => typeof word === 'string').join(' ')
  const spaced = delimiter === undefined ? words : words.replaceAll(delimiter, ' ')
  const scope = spaced.split(/\s+/u).filter((word) => /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/u.test(word))
  return scope.length > 0 ? scope.join(' ') : undefined
}

function shapeOf(value: unknown): string {
  if (value === null) return 'null'
  if (value === '') return 'empty'
  if (typeof value !== 'string') return Array.isArray(value) ? 'a list' : `a ${typeof value}`
  return value.length > LONGEST_TOKEN ? 'far too long' : 'not printable'
}

/** Own members only: `__proto__` in a body is a name like any other. */
function own(members: Members, name: string): unknown {
  return Object.hasOwn(members, name) ? members[name] : undefined
}
