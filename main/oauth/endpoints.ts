/**
 * Which URLs a provider's secrets may be sent to. The rules: https, or http when every endpoint is on loopback; the text
 * is the URL it seems to be (no user, no fragment, no other scheme); and nobody reaches further in than they stand: the
 * metadata of a public issuer cannot point at an address of a private network or of this machine.
 */
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { BrokerError } from '../contract/errors.ts'

export const endpointNames = [
  'authorization_endpoint',
  'token_endpoint',
  'revocation_endpoint',
  'userinfo_endpoint',
  'device_authorization_endpoint',
  'pushed_authorization_request_endpoint',
  'registration_endpoint',
] as const
export type EndpointName = (typeof endpointNames)[number]
export type Endpoints = Readonly<Partial<Record<EndpointName, string>>>

/** From the world inwards. */
const reaches = ['public', 'private', 'loopback'] as const
type Reach = (typeof reaches)[number]

/** The addresses a name stands for; empty when it does not resolve. */
export type Resolve = (hostname: string) => Promise<readonly string[]>

export const resolveName: Resolve = async (hostname) => {
  const found = await lookup(hostname, { all: true }).catch(() => [])
  return found.map(({ address }) => address)
}

const loopback = new BlockList()
loopback.addSubnet('127.0.0.0', 8)
loopback.addAddress('::1', 'ipv6')

/** RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 and "this network": not reachable from the world. */
const inside = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  inside.addSubnet(net, prefix)
for (const [net, prefix] of [
  ['::', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  inside.addSubnet(net, prefix, 'ipv6')

/** Parses an endpoint or issuer. Throws `provider_error` with a sentence that names it. */
export function parseEndpoint(name: string, value: unknown): URL {
  const refuse = (why: string): never => {
    throw new BrokerError('provider_error', `The provider's ${name} cannot be used: it ${why}.`)
  }
  // The parser drops tabs and line ends and takes backslashes for slashes: the text is checked before it sees it.
  if (
    typeof value !== 'string' ||
    value.length > 2048 ||
    !/^[\x21-\x5b\x5d-\x7e]+$/u.test(value) ||
    !URL.canParse(value)
  )
    return refuse('is not a URL')
  const url = new URL(value)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return refuse('is neither https nor http')
  if (url.username !== '' || url.password !== '') return refuse('contains a user name')
  if (value.includes('#')) return refuse('contains a fragment')
  return url
}

/** A place to send access tokens to; plain http off this machine only where the definition says so. Throws `invalid_request`. */
export function checkApiBase(value: string, insecure = false): string {
  let url: URL
  try {
    url = parseEndpoint('API base URL', value)
  } catch (cause) {
    throw new BrokerError('invalid_request', 'The API base URL must be an https URL.', { cause })
  }
  if (url.protocol === 'http:' && !insecure && !isLoopback(url))
    throw new BrokerError(
      'invalid_request',
      'The API base URL must be an https URL; plain http is for this machine only.',
    )
  return value
}

/** By name or literal alone. `localhost` and what is under it is loopback by RFC 6761 section 6.3. */
export function isLoopback(url: URL): boolean {
  const host = hostOf(url)
  return host === 'localhost' || host.endsWith('.localhost') || (isIP(host) !== 0 && reachOf(host) === 'loopback')
}

/**
 * Checks what metadata and definition came to. `true`: everything is on loopback and may be plain http. Throws
 * `provider_error` with a sentence.
 */
export async function checkEndpoints(
  issuer: string,
  endpoints: Endpoints,
  resolve: Resolve,
): Promise<{ readonly insecure_loopback: boolean }> {
  const home = parseEndpoint('issuer', issuer)
  const urls = endpointNames.flatMap((name) =>
    endpoints[name] === undefined ? [] : [[name, parseEndpoint(name, endpoints[name])] as const],
  )
  const all = [['issuer', home] as const, ...urls]
  const allLoopback = all.every(([, url]) => isLoopback(url))
  const plain = all.filter(([, url]) => url.protocol === 'http:')
  const [culprit] = plain.find(([, url]) => !isLoopback(url)) ?? plain[0] ?? []
  if (culprit !== undefined && !allLoopback)
    throw new BrokerError('provider_error', `The provider's ${culprit} cannot be used: it is plain http.`)
  const limit = await reach(home, resolve)
  for (const [name, url] of urls) {
    if (url.host === home.host) continue
    if (reaches.indexOf(await reach(url, resolve)) > reaches.indexOf(limit))
      throw new BrokerError(
        'provider_error',
        `The provider's ${name} cannot be used: it points into a private network from a public issuer.`,
      )
  }
  return { insecure_loopback: plain.length > 0 }
}

/** The innermost place a URL leads to; a name that does not resolve leads nowhere, and connecting will say so. */
async function reach(url: URL, resolve: Resolve): Promise<Reach> {
  if (isLoopback(url)) return 'loopback'
  const host = hostOf(url)
  const addresses = isIP(host) === 0 ? await resolve(host) : [host]
  return addresses
    .map(reachOf)
    .reduce<Reach>((inner, next) => (reaches.indexOf(next) > reaches.indexOf(inner) ? next : inner), 'public')
}

function reachOf(address: string): Reach {
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4'
  // BlockList matches IPv4-mapped IPv6 addresses against its IPv4 rules by itself.
  if (loopback.check(address, family)) return 'loopback'
  return inside.check(address, family) ? 'private' : 'public'
}

/** Without the brackets of an IPv6 literal and without a final dot. */
const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/gu, '').replace(/\.$/u, '')
