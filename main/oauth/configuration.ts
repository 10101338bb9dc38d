/**
 * openid-client, loaded when first needed and never before, and its view of one connection. The rule: what a refresh may
 * talk to comes from the frozen `Connection` alone, never from a definition or a metadata document read later (R1).
 */
import type * as openidClient from 'openid-client'
import type { ClientAuth, Configuration } from 'openid-client'
import type { Connection } from '../broker/ports.ts'
import { privateKeyJwt } from './client-key.ts'
import { rulesOf } from './rules.ts'
import type { TokenFetch } from './token-fetch.ts'

export type OpenidClient = typeof openidClient

let loading: Promise<OpenidClient> | undefined

/** The library, once per process: a program that only serves valid tokens never pays for it. */
export function loadOpenidClient(): Promise<OpenidClient> {
  loading ??= import('openid-client')
  return loading
}

/** RFC 6749 section 2.3.1, RFC 8414 names. */
export type AuthMethod = Connection['token_endpoint_auth_method']

/** `basic: raw` is for servers that never decode what RFC 6749 section 2.3.1 has encoded. */
export function clientAuthentication(oc: OpenidClient, connection: Connection): ClientAuth {
  const { token_endpoint_auth_method: method, client_secret: secret, client_key: key } = connection
  const { basic, assertion_audience: audience } = rulesOf(connection)
  // A provider that has no issuer is known by its token endpoint (RFC 7523 section 3).
  const byEndpoint = audience === 'token_endpoint' || !/^https?:/u.test(connection.issuer)
  if (method === 'private_key_jwt' && key)
    return privateKeyJwt(oc, key, byEndpoint ? connection.token_endpoint : undefined)
  if (method === 'none' || !secret) return oc.None()
  if (method === 'client_secret_basic' && basic === 'raw')
    return (_server, client, _body, headers) => {
      headers.set('authorization', `Basic ${Buffer.from(`${client.client_id}:${secret.reveal()}`).toString('base64')}`)
    }
  return method === 'client_secret_basic' ? oc.ClientSecretBasic(secret.reveal()) : oc.ClientSecretPost(secret.reveal())
}

/** Marked deprecated by the library only so that it stands out; here it is what a loopback provider needs, and no other gets it. */
// oxlint-disable-next-line typescript/no-deprecated -- see above
export const plainHttp = (oc: OpenidClient): ((config: Configuration) => void) => oc.allowInsecureRequests

/** The seam in place, its limits of time instead of the library's, and http only where it was allowed. */
export function prepare(
  oc: OpenidClient,
  config: Configuration,
  fetch: TokenFetch,
  insecureLoopback: boolean,
): Configuration {
  config[oc.customFetch] = fetch
  // The seam keeps its own time; the library's timers would run for nobody.
  config.timeout = 0
  if (insecureLoopback) plainHttp(oc)(config)
  return config
}

export function configurationOf(oc: OpenidClient, connection: Connection, fetch: TokenFetch): Configuration {
  const server = {
    issuer: connection.issuer,
    token_endpoint: connection.token_endpoint,
    ...(connection.revocation_endpoint !== undefined && { revocation_endpoint: connection.revocation_endpoint }),
  }
  const auth = clientAuthentication(oc, connection)
  return prepare(
    oc,
    new oc.Configuration(server, connection.client_id, undefined, auth),
    fetch,
    connection.insecure_loopback,
  )
}
