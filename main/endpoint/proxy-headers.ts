/**
 * Which header fields pass the proxy, in either direction. The rule: what belongs to one connection stays on it (RFC 9110
 * section 7.6.1); what says who asks, or would make the API answer somebody else than the account, goes no further; and of
 * the API's answer nothing comes back that sets a cookie, speaks for us, or quotes the token. Pure: names, values and
 * order of the rest stay as they are.
 */
import { callerHeader, proofHeader, proxyHeaders, type UseRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'

/** Name, value, name, value, ..., as `rawHeaders` of node:http. */
export type Fields = readonly string[]

const words = (text: string): ReadonlySet<string> => new Set(text.split(' '))

/** RFC 9110 section 7.6.1, with the names that proxies before it were given. */
const connection = words(
  'connection keep-alive proxy-connection te trailer transfer-encoding upgrade http2-settings proxy-authenticate',
)
/** Who asks and from where, another's credential, and what is set anew for the API. */
const ofCaller = words(
  'host authorization cookie cookie2 origin referer forwarded via expect content-length accept-encoding dpop x-real-ip',
)
const ofCallerBy = /^(?:proxy-|sec-|x-forwarded-|access-control-|valetkey-)/u
/** Meant for a browser at the API's own origin, or said by us on every answer. */
const ofApi = words(
  'set-cookie set-cookie2 alt-svc strict-transport-security public-key-pins public-key-pins-report-only ' +
    'clear-site-data nel report-to reporting-endpoints refresh service-worker-allowed content-length ' +
    'cache-control pragma expires x-content-type-options cross-origin-resource-policy',
)
const ofApiBy = /^(?:proxy-|access-control-|valetkey-)/u

/** Each field by lower-case name, and its name and value as they came. */
function* each(fields: Fields): Generator<readonly [name: string, raw: string, value: string]> {
  for (let at = 0; at < fields.length; at += 2) {
    const raw = fields[at] ?? ''
    yield [raw.toLowerCase(), raw, fields[at + 1] ?? '']
  }
}

/** The names that `Connection` makes the connection's own. */
function named(fields: Fields): ReadonlySet<string> {
  const names = [...each(fields)].flatMap(([name, , value]) => (name === 'connection' ? value.split(',') : []))
  return new Set(names.map((name) => name.trim().toLowerCase()))
}

/** What of a request goes to the API. */
export function forwarded(fields: Fields): string[] {
  const own = named(fields)
  return [...each(fields)].flatMap(([name, raw, value]) =>
    connection.has(name) || own.has(name) || ofCaller.has(name) || ofCallerBy.test(name) ? [] : [raw, value],
  )
}

interface Credential {
  /** As `AuthorizationServers.apiHeaders` gives them. */
  readonly headers: Readonly<Record<string, string>>
  readonly host: string
  readonly method: string
  /** Bytes of the body; `chunked`: not known. */
  readonly length: number | 'chunked'
}

/** The whole head for the API: what of the request goes there, and what is put on it. */
export function credentialed(fields: Fields, { headers, host, method, length }: Credential): string[] {
  const rest = forwarded(fields)
  const given = new Set([...each(rest)].map(([name]) => name))
  // What a definition says is for callers who do not say; the credential never comes from one (see `forwarded`).
  const put = Object.entries(headers).filter(
    ([name]) => !given.has(name.toLowerCase()) && (length !== 0 || name.toLowerCase() !== 'content-type'),
  )
  return [
    ...['Host', host],
    ...rest,
    ...(given.has('user-agent') ? [] : ['User-Agent', 'valetkey']),
    // The answer is looked through, which an encoding would prevent.
    ...['Accept-Encoding', 'identity'],
    ...put.flat(),
    ...framing(method, length),
  ]
}

/** How the body's end is told (RFC 9112 section 6; RFC 9110 section 8.6 wants a length of 0 said where a body is usual). */
function framing(method: string, length: Credential['length']): readonly string[] {
  if (length === 'chunked') return ['Transfer-Encoding', 'chunked']
  return length === 0 && (method === 'GET' || method === 'HEAD') ? [] : ['Content-Length', String(length)]
}

/** What of an answer of the API goes back; `url` is where it came from, `quotes` tells what holds the token. */
export function returned(fields: Fields, url: string, quotes: (text: string) => boolean): string[] {
  const own = named(fields)
  return [...each(fields)].flatMap(([name, raw, value]) => {
    if (connection.has(name) || own.has(name) || ofApi.has(name) || ofApiBy.test(name)) return []
    const said = name === 'location' || name === 'content-location' ? placed(value, url) : value
    return said === undefined || quotes(`${name}: ${said}`) ? [] : [raw, said]
  })
}

const local = /^(?:localhost|.*\.localhost|127(?:\.\d{1,3}){3}|0\.0\.0\.0|\[::\]|\[::1\])\.?$/u

/** What every reader takes for the same address. */
const plainAddress = /^https?:\/\/[\w.-]+(?::\d+)?(?:[/?#][\x21-\x5b\x5d-\x7e]*)?$/iu

/**
 * An address of the API's as it meant it. A relative one would be read as one of ours, and so could lead a program that
 * follows it to another account; one that leads to this machine from elsewhere is left out for the same reason.
 */
function placed(value: string, url: string): string | undefined {
  if (!URL.canParse(value, url)) return undefined
  const there = new URL(value, url)
  if (local.test(there.hostname) && there.host !== new URL(url).host) return undefined
  return plainAddress.test(value) ? value : there.href
}

/** Whether a call may be sent a second time after a refusal of its token: it is safe, or its sender has said so. */
export function isRepeatable(method: string, fields: Fields): boolean {
  if (valueOf(fields, proxyHeaders.retry) !== undefined) return true
  const overrides = [...each(fields)].some(([name]) => /^x-(?:http-)?method(?:-override)?$/u.test(name))
  return (method === 'GET' || method === 'HEAD') && !overrides
}

/** What the fields for us say. Throws `invalid_request` for one that is unknown, doubled, or makes no sense. */
export function wishesOf(fields: Fields): Omit<Partial<Record<keyof UseRequest, unknown>>, 'account' | 'method'> {
  const known = new Set<string>([...Object.values(proxyHeaders), proofHeader, callerHeader])
  for (const [name, raw] of each(fields))
    if (name.startsWith('valetkey-') && (!known.has(name) || name === proxyHeaders.error))
      throw invalid(`${raw} is not a header field of ours.`)
  const retry = valueOf(fields, proxyHeaders.retry)
  if (retry !== undefined && retry !== 'allow') throw invalid('Valetkey-Retry can only be “allow”.')
  const timeout = valueOf(fields, proxyHeaders.timeout)
  const wishes = {
    interaction: valueOf(fields, proxyHeaders.interaction),
    scope: valueOf(fields, proxyHeaders.scope),
    reason: valueOf(fields, proxyHeaders.reason),
    timeout: timeout === undefined || !/^\d{1,9}$/u.test(timeout) ? timeout : Number(timeout),
  }
  return Object.fromEntries(Object.entries(wishes).filter(([, value]) => value !== undefined))
}

/** The value of the one field of this name. Bytes beyond ASCII are UTF-8. */
function valueOf(fields: Fields, wanted: string): string | undefined {
  const values = [...each(fields)].flatMap(([name, , value]) => (name === wanted ? [value] : []))
  if (values.length > 1) throw invalid(`Send ${wanted} once.`)
  return values[0] === undefined ? undefined : Buffer.from(values[0], 'latin1').toString('utf8')
}

const invalid = (description: string): BrokerError => new BrokerError('invalid_request', description)
