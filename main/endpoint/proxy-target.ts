/**
 * Where a proxied call may go. The rules: only to an address of the provider's API that was sealed with the account, by
 * scheme, host, port and path; what is sent is what was written, byte for byte, and so whatever a server could read as
 * another path than the one that was looked at (dot segments in any encoding, backslashes, empty segments, a user in front
 * of the host) is refused and not repaired; and a token crosses no network in the clear.
 */
import type { Connection } from '../broker/ports.ts'
import { proxyRoute } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'

/** What the target of a proxied call says. */
export interface ProxyTarget {
  /** An id, a label, or a provider's id. */
  readonly account: string
  /** Everything behind `proxy/`, query included, as it came. */
  readonly rest: string
}

/** An address of the API that a call goes to. */
export interface Aim {
  readonly secure: boolean
  /** Without the brackets of an IPv6 literal. */
  readonly hostname: string
  readonly port: number
  /** As it stands in `Host` (RFC 9112 section 3.2). */
  readonly host: string
  /** Path and query. */
  readonly path: string
  readonly url: string
}

const [prefix = '', middle = ''] = proxyRoute.path.split(/\{id\}|\{path\}/u)
const door = middle.slice(0, -1)

/** `undefined`: this target is no proxied call. Throws `invalid_request` for an account that does not decode. */
export function proxyTarget(target: string): ProxyTarget | undefined {
  if (!target.startsWith(prefix)) return undefined
  const end = target.indexOf('/', prefix.length)
  const account = target.slice(prefix.length, end === -1 ? undefined : end)
  const rest = end === -1 ? '' : target.slice(end)
  if (account === '' || account.includes('?') || (rest !== door && !rest.startsWith(middle))) return undefined
  try {
    return { account: decodeURIComponent(account), rest: rest.slice(middle.length) }
  } catch {
    throw invalid('The account in the path must be percent-encoded UTF-8.')
  }
}

/**
 * The address that a destination means, among the API's: behind the first of them, or, when it is absolute, the one it lies
 * in. Throws `invalid_request` where there is none, `access_denied` for what lies in none of them.
 */
export function aimAt({ origin, path, query }: Destination, api: Pick<Connection, 'api_base_urls' | 'provider'>): Aim {
  const places = api.api_base_urls.flatMap(placeOf)
  const [first] = places
  if (!first)
    throw new BrokerError(
      'invalid_request',
      api.api_base_urls.length === 0
        ? 'No API address is known for this account, so its token is sent nowhere; link it again with that address (--param).'
        : 'The API of this account is reached in the clear, and its token is not sent that way.',
      { resolve: { command: `valetkey providers show ${api.provider}` } },
    )
  if (origin === undefined) return aimOf(first, path === '' ? first.path : `${first.folder}${path}`, query)
  const named = path === '' ? '/' : path
  const place = places.find((one) => one.origin === origin && (named === one.path || named.startsWith(one.folder)))
  if (!place)
    throw new BrokerError(
      'access_denied',
      `The token of this account goes to ${places.map((one) => `${one.origin}${one.path}`).join(', ')} and nowhere else.`,
    )
  return aimOf(place, named, query)
}

/** A destination with one reading; whether a token may go there is not said yet. */
export interface Destination {
  /** Absent: relative. */
  readonly origin?: string
  readonly path: string
  readonly query: string
}

/** What stands behind `proxy/`. Throws `invalid_request` for what is not plainly a path or an address. */
export function destinationOf(rest: string): Destination {
  const at = rest.indexOf('?')
  const address = at === -1 ? rest : rest.slice(0, at)
  const query = at === -1 ? '' : rest.slice(at)
  if (!/^[\x21\x22\x24-\x7e]*$/u.test(query)) throw invalid('The query must be percent-encoded.')
  const absolute = /^(https?):\/\/([^/]*)(.*)$/isu.exec(address)
  if (!absolute) {
    if (/^https?:/iu.test(address)) throw invalid('Write the whole address, https://host/path, or a path.')
    checkPath(address)
    return { path: address, query }
  }
  const [, scheme = '', authority = '', path = ''] = absolute
  // Names, IPv4, IPv6 literals and a port; no user, no percent sign, nothing a resolver could read another way.
  if (!/^(?:[a-z\d](?:[a-z\d.-]*[a-z\d])?|\[[\da-f:.]+\])(?::\d{1,5})?$/iu.test(authority))
    throw invalid('The host must be a plain host name, with a port if need be.')
  checkPath(path.slice(1))
  const origin = `${scheme.toLowerCase()}://${authority.toLowerCase()}`
  if (!URL.canParse(origin)) throw invalid('The host must be a plain host name, with a port if need be.')
  return { origin: new URL(origin).origin, path, query }
}

/** The characters of RFC 3986 section 3.3, and whole escapes. */
const wellFormed = /^(?:[\w\-.~!$&'()*+,;=:@/]|%[\da-f]{2})*$/iu
/** Servers that decode twice are known, and proxies in front of them that decode once more. */
const decodings = 3

/** `path` without its first slash. Throws `invalid_request` unless every reading of it stays where it is written. */
function checkPath(path: string): void {
  if (!wellFormed.test(path)) throw invalid('The path must be percent-encoded (RFC 3986 section 3.3).')
  let reading = path
  for (let decoded = 0; decoded <= decodings; decoded++) {
    if (strays(reading))
      throw invalid(
        'The path must have no empty and no dot segments, no backslash and no control character, encoded or not.',
      )
    const next = reading.replaceAll(/%([\da-f]{2})/giu, (_, digits: string) =>
      String.fromCharCode(Number.parseInt(digits, 16)),
    )
    if (next === reading) return
    reading = next
  }
  throw invalid('The path is encoded over and over.')
}

function strays(path: string): boolean {
  // An encoded dot means nothing that a dot does not, but to whoever looks for dots.
  if (/\\|%2e/iu.test(path) || Buffer.from(path, 'latin1').some((byte) => byte < 0x20 || byte === 0x7f)) return true
  const segments = path.split('/')
  return segments.some((segment, index) => {
    // Servlet containers cut a segment at its first semicolon before they look at it.
    const name = segment.split(';', 1)[0] ?? ''
    if (name === '.' || name === '..') return true
    return segment === '' && index < segments.length - 1
  })
}

interface Place extends Pick<Aim, 'secure' | 'hostname' | 'port' | 'host'> {
  readonly origin: string
  readonly path: string
  /** The path with a slash at its end. */
  readonly folder: string
}

/** Nothing for an address that a token must not be sent to. */
function placeOf(base: string): readonly Place[] {
  if (!URL.canParse(base)) return []
  const { protocol, hostname, port, host, pathname, origin, username, password, search, hash } = new URL(base)
  const secure = protocol === 'https:'
  const isLocal = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/u.test(hostname)
  if (!secure && !(protocol === 'http:' && isLocal)) return []
  if (`${username}${password}${search}${hash}` !== '') return []
  return [
    {
      ...{ secure, host, origin },
      hostname: hostname.replace(/^\[|\]$/gu, ''),
      port: port === '' ? (secure ? 443 : 80) : Number(port),
      path: pathname,
      folder: pathname.endsWith('/') ? pathname : `${pathname}/`,
    },
  ]
}

function aimOf({ secure, hostname, port, host, origin }: Place, pathname: string, query: string): Aim {
  const path = `${pathname}${query}`
  return { secure, hostname, port, host, path, url: `${origin}${path}` }
}

const invalid = (description: string): BrokerError => new BrokerError('invalid_request', description)
