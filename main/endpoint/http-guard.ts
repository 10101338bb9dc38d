/**
 * What a request must look like before anybody reads it for meaning: one protocol version, one Host, one raw path, no
 * web page behind it. The rule: everything here is a pure function of the raw request line and the raw headers, nothing
 * is normalised, and what is not plainly right is refused. Node accepts two Host headers, HTTP/1.0, absolute-form and
 * `//host` targets, and hands WebSocket upgrades to the ordinary handler; none of that gets past this file.
 */
import { BrokerError } from '../contract/errors.ts'

/** Which requests a listener takes. */
export interface GuardPolicy {
  /** The only `Host` that means us (DNS rebinding), or `null` where `Host` says nothing: on a socket file. */
  readonly host: string | null
  /** Origins that may call from a browser, exact; every other `Origin` is refused. */
  readonly origins: ReadonlySet<string>
  /** Values of `Sec-Fetch-Site` that may pass besides `none`; a console on the same origin allows `same-origin`. */
  readonly sites: ReadonlySet<string>
  /** The Origin of a browser extension passes, to be held against the client that it was paired as. */
  readonly extensions?: boolean
}

/** A request nobody may read, and the headers its refusal needs beside the usual ones (RFC 9110 sections 15.5.6, 15.5.22). */
export interface Refusal {
  readonly kind: 'refusal'
  readonly error: BrokerError
  readonly headers: readonly string[]
}

/** What the later steps need to know of a request that passed. */
export interface RequestHead {
  readonly kind: 'request'
  readonly method: string
  /** The request target exactly as it was sent: an origin-form path and perhaps a query. */
  readonly target: string
  /** The value of the single `Authorization`; `null` when there was none or more than one. */
  readonly authorization: string | null
  /** The body is declared as JSON in UTF-8 and as nothing else. */
  readonly json: boolean
  /** Bytes the body has by its own account; `chunked` when it does not say. */
  readonly length: number | 'chunked'
  /** The extension a browser says this comes from; any other program can say so as well. */
  readonly extension: string | undefined
}

const refuse = (error: BrokerError, headers: readonly string[] = []): Refusal => ({ kind: 'refusal', error, headers })
const invalid = (description: string, status?: number): BrokerError =>
  new BrokerError('invalid_request', description, status === undefined ? {} : { status })

const wrongVersion = refuse(invalid('Speak HTTP/1.1.'))
const wrongTarget = refuse(invalid('The request target must be a path that begins with one slash.'))
const wrongHosts = refuse(invalid('Send exactly one Host header.'))
const foreignHost = refuse(new BrokerError('access_denied', 'This Host is not served here.'))
const foreignOrigin = refuse(new BrokerError('access_denied', 'Web pages may not ask here.'))
const upgrade = refuse(invalid('Only HTTP/1.1 is spoken here; no WebSocket and no other upgrade passes.', 426), [
  'Upgrade',
  'HTTP/1.1',
])

/** The most a request body may have, in bytes. */
export const bodyLimit = 65_536

export const methodNotAllowed = (allowed: string): Refusal =>
  refuse(invalid(`Use ${allowed}.`, 405), ['Allow', allowed])

/**
 * Looks at a request line and its raw headers (name, value, name, value, ...) once.
 *
 * Refuses with 400: another version than 1.1, a target that is not origin-form, no Host or two; 403: a Host, Origin or
 * `Sec-Fetch-Site` the policy does not name; 405: `OPTIONS`, so that no preflight can succeed; 426: an upgrade.
 */
export function guardRequest(
  policy: GuardPolicy,
  version: string,
  method: string,
  target: string,
  raw: readonly string[],
): RequestHead | Refusal {
  if (version !== '1.1') return wrongVersion
  if (method === 'OPTIONS') return methodNotAllowed('GET, POST')
  if (target.charCodeAt(0) !== 47 || target.charCodeAt(1) === 47) return wrongTarget
  let hosts = 0
  let host = ''
  let origins = 0
  let origin = ''
  let site = 'none'
  let authorizations = 0
  let authorization = ''
  let types = 0
  let type = ''
  let encoded = false
  let length: number | 'chunked' = 0
  for (let i = 0; i < raw.length; i += 2) {
    const value = raw[i + 1] ?? ''
    switch ((raw[i] ?? '').toLowerCase()) {
      case 'host':
        hosts++
        host = value
        break
      case 'origin':
        origins++
        origin = value
        break
      case 'sec-fetch-site':
        // Two that differ cannot both be true; neither is believed.
        site = site === 'none' || site === value ? value : 'ambiguous'
        break
      case 'authorization':
        authorizations++
        authorization = value
        break
      case 'content-type':
        types++
        type = value
        break
      case 'content-encoding':
        encoded = true
        break
      case 'content-length':
        // The parser has refused anything but one decimal number, and one beside Transfer-Encoding.
        length = Number(value)
        break
      case 'transfer-encoding':
        length = 'chunked'
        break
      case 'upgrade':
        return upgrade
    }
  }
  if (hosts !== 1) return wrongHosts
  if (policy.host !== null && host !== policy.host) return foreignHost
  const extension = policy.extensions === true && isExtension(origin)
  if (origins > 1 || (origins === 1 && !extension && !policy.origins.has(origin))) return foreignOrigin
  // A named origin may be cross-site: an extension always is.
  if (origins === 0 && site !== 'none' && !policy.sites.has(site)) return foreignOrigin
  return {
    kind: 'request',
    method,
    target,
    authorization: authorizations === 1 ? authorization : null,
    json: types === 1 && !encoded && isJson(type),
    length,
    extension: extension ? origin : undefined,
  }
}

/** The origin of an extension of Chrome and its kin; Firefox makes one up per installation, and asks its person first. */
const isExtension = (origin: string): boolean => /^chrome-extension:\/\/[a-p]{32}$/u.test(origin)

/** `application/json`, alone or with `charset=utf-8` (RFC 8259 section 8.1 allows no other). */
export function isJson(type: string): boolean {
  if (type === 'application/json') return true
  const [media, ...parameters] = type.toLowerCase().split(';')
  if (media?.trim() !== 'application/json') return false
  return parameters.every((parameter) => ['charset=utf-8', 'charset="utf-8"', ''].includes(parameter.trim()))
}

/** The token of a `Bearer` credential (RFC 6750 section 2.1), or `null`. The scheme is taken in this spelling only. */
export function bearerToken(authorization: string | null): string | null {
  if (authorization === null || authorization.length > 519 || !authorization.startsWith('Bearer ')) return null
  const token = authorization.slice(7)
  return /^[\w.~+/=-]+$/u.test(token) ? token : null
}
