/**
 * What a token endpoint answered, brought into one form (RFC 6749 sections 5.1 and 5.2). The rule: a good token is never
 * lost to a server's sloppiness, an error code is found wherever the server put it, and nothing malformed is stored.
 */
import type { HttpAnswer } from './http.ts'
import { lifetimeOf } from './lifetimes.ts'

export interface TokenMembers {
  readonly access_token: string
  /** Seconds; `null`: the provider names no end. */
  readonly expires_in: number | null
  /** `null`: none was sent, or what was sent cannot be one (then `alarm` says so). */
  readonly refresh_token: string | null
  readonly id_token?: string
  readonly scope?: string
  readonly alarm?: string
}

export type TokenAnswer =
  | ({ readonly kind: 'token' } & TokenMembers)
  | { readonly kind: 'error'; readonly error: string; readonly suberror?: string; readonly description?: string }
  /** A token of a type we do not understand, which RFC 6749 section 7.1 forbids to use. */
  | { readonly kind: 'unsupported-type'; readonly token_type: string }
  /** `foreign`: not a token endpoint's answer at all (a captive portal's page). `cut`: JSON that ends too soon. */
  | { readonly kind: 'foreign' | 'cut' | 'empty' | 'oversized' | 'no-token' }

/** Characters; far above any real token, far below anything that hurts. */
const LONGEST_TOKEN = 32_768
/** RFC 6749 appendix A.12 and A.17: `1*VSCHAR`. No space here, because an access token travels in a header. */
const isToken = (value: unknown): value is string =>
  typeof value === 'string' && value.length <= LONGEST_TOKEN && /^[\x21-\x7e]+$/u.test(value)

/** Reads the answer. An `error` speaks for itself under any status; a token is believed under any 2xx. */
export function readTokenAnswer(answer: HttpAnswer): TokenAnswer {
  if (answer.body === null) return { kind: 'oversized' }
  const text = answer.body.trim()
  const members = text === '' ? {} : parseMembers(text, answer.headers['content-type'] ?? '')
  const succeeded = answer.status >= 200 && answer.status <= 299
  const challenge = succeeded ? undefined : challengeError(answer)
  if (members === 'foreign' || members === 'cut') return challenge ?? { kind: members }
  const error = errorOf(members) ?? challenge
  if (error) return error
  if (text === '') return { kind: 'empty' }
  return succeeded ? tokenOf(members) : { kind: 'no-token' }
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

function errorOf(members: Members): Extract<TokenAnswer, { kind: 'error' }> | undefined {
  const error = own(members, 'error')
  if (typeof error !== 'string' || error === '') return undefined
  // `error_subtype` is Google's name for it, `suberror` Microsoft's.
  const suberror = own(members, 'suberror') ?? own(members, 'error_subtype')
  const description = own(members, 'error_description')
  return {
    kind: 'error',
    error,
    ...(typeof suberror === 'string' && suberror !== '' && { suberror }),
    ...(typeof description === 'string' && { description }),
  }
}

/** RFC 6750 section 3: the code in a challenge, for servers that put it nowhere else. */
function challengeError(answer: HttpAnswer): Extract<TokenAnswer, { kind: 'error' }> | undefined {
  const error = /\berror="([^"\\]{1,64})"/u.exec(answer.headers['www-authenticate'] ?? '')?.[1]
  return error === undefined ? undefined : { kind: 'error', error }
}

function tokenOf(members: Members): TokenAnswer {
  const access_token = own(members, 'access_token')
  if (!isToken(access_token)) return { kind: 'no-token' }
  const type = own(members, 'token_type')
  // REQUIRED by RFC 6749, forgotten by many; a type that was named must be the one we understand.
  if (typeof type === 'string' && type.trim() !== '' && type.trim().toLowerCase() !== 'bearer')
    return { kind: 'unsupported-type', token_type: type }
  const refresh = own(members, 'refresh_token')
  const scope = scopeOf(own(members, 'scope'))
  const id_token = own(members, 'id_token')
  return {
    kind: 'token',
    access_token,
    expires_in: lifetimeOf(own(members, 'expires_in')),
    refresh_token: isToken(refresh) ? refresh : null,
    ...(refresh !== undefined &&
      !isToken(refresh) && {
        alarm: `The provider sent a refresh_token that is ${shapeOf(refresh)}; the old one is kept.`,
      }),
    ...(isToken(id_token) && { id_token }),
    ...(scope !== undefined && { scope }),
  }
}

/** RFC 6749 appendix A.4, forgiving a list; absent when nothing usable was sent. */
function scopeOf(value: unknown): string | undefined {
  const words = (Array.isArray(value) ? value : [value]).filter((word) => typeof word === 'string').join(' ')
  const scope = words.split(/\s+/u).filter((word) => /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/u.test(word))
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
