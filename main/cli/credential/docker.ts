/**
 * What Docker and its credential helpers exchange (github.com/docker/docker-credential-helpers, package credentials). The
 * rule: pure text in and out; the two sentences that Docker compares are exactly those it compares; and the user name
 * `<token>`, by which Docker means a refresh token of the registry's own, is never given.
 */
import { BrokerError } from '../../contract/errors.ts'
import { isLoopback, type Server } from './account.ts'

/** Docker goes on without credentials when it reads this, and fails at anything else. */
export const notFound = 'credentials not found in native keychain'
const noServer = 'no credentials server URL'

export interface DockerCredential {
  readonly ServerURL: string
  readonly Username: string
  readonly Secret: string
}

/** The registry a helper is asked about: an address, or a host as image names begin with one. Throws `invalid_request`. */
export function parseServer(text: string): Server & { readonly url: string } {
  const url = text.trim()
  if (url === '') throw new BrokerError('invalid_request', noServer)
  const isAddress = /^https?:\/\//u.test(url)
  const address = isAddress ? url : `https://${url}`
  if (!/^[\x21-\x7e]+$/u.test(url) || !URL.canParse(address))
    throw new BrokerError('invalid_request', `${JSON.stringify(url.slice(0, 64))} is not a registry.`)
  const { origin, hostname, host } = new URL(address)
  // Docker itself speaks http to a registry on this machine.
  return { url, origins: !isAddress && isLoopback(hostname) ? [origin, new URL(`http://${host}`).origin] : [origin] }
}

/** What Docker wants kept. Throws `invalid_request`. */
export function parseStored(text: string): DockerCredential {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // Dropped: the engine's error quotes the text, which holds a password.
  }
  const { ServerURL, Username, Secret } = (value ?? {}) as Readonly<Record<string, unknown>>
  if (typeof ServerURL === 'string' && typeof Username === 'string' && typeof Secret === 'string')
    return { ServerURL, Username, Secret }
  throw new BrokerError('invalid_request', 'This is not what Docker says to a credential helper.')
}
