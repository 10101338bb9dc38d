/**
 * The API's host where only the sign-in tells it (definition key `resource.base_url_from`: Salesforce's `instance_url`). The
 * rule: a host the provider names is believed only under a domain that the definition names, and once: it is frozen with
 * the connection, and no later answer moves it.
 */
import { isIP } from 'node:net'
import { BrokerError } from '../contract/errors.ts'
import type { Connection } from '../broker/ports.ts'
import { isLoopback } from './endpoints.ts'
import { plainText } from './plain-text.ts'
import { rulesOf, type BaseUrlFrom } from './rules.ts'

/** Name under which the value goes through openid-client, which keeps members it does not know. */
export const CAPTURED = 'valetkey:captured'

/**
 * The connection with the host that the sign-in told, ahead of the others. `told` as it came; nothing told leaves the
 * connection as it is. Throws `provider_error` for a host that is not one of the provider's.
 */
export function withApiBase(connection: Connection, told: unknown): Connection {
  const { base_url_from: from } = rulesOf(connection)
  if (!from || told === undefined || told === null || told === '') return connection
  const url = typeof told === 'string' ? apiBase(told, from, connection.insecure_loopback) : undefined
  if (url === undefined)
    throw new BrokerError(
      'provider_error',
      `The provider names an API host that is none of its own (${plainText(told, 80) || typeof told}). Nothing of the sign-in was used.`,
    )
  return { ...connection, api_base_urls: [url, ...connection.api_base_urls.filter((other) => other !== url)] }
}

/** As an address that ends in a slash, so that no longer host begins with it; `undefined` when it may not be used. */
function apiBase(told: string, { under }: BaseUrlFrom, insecureLoopback: boolean): string | undefined {
  if (told.length > 2048 || !/^https?:\/\/[^\s/\\?#@]+(?:\/[A-Za-z0-9._~/-]*)?$/u.test(told) || !URL.canParse(told))
    return undefined
  const url = new URL(told)
  if (url.protocol === 'http:' && !(insecureLoopback && isLoopback(url))) return undefined
  // A port of its own is another server, but on this machine, where every server has one.
  const host = isLoopback(url) ? url.hostname : url.host
  const isUnder = (domain: string): boolean => host === domain || (isIP(host) === 0 && host.endsWith(`.${domain}`))
  if (!under.some(isUnder)) return undefined
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}
