/**
 * An authorization request as its provider wants it (definition key `authorization_request`): parameters left out, then
 * renamed. The rule: in the address and pushed ahead of it (RFC 9126) alike, and nothing but the names changes.
 */
import type { ProviderDefinition } from '../providers/provider.ts'
import type { TokenFetch } from './token-fetch.ts'

type AuthorizationRequest = NonNullable<ProviderDefinition['authorization_request']>

/** Changes `params` in place, in the order of the schema. */
export function shapeAuthorization(params: URLSearchParams, { omit = [], rename = {} }: AuthorizationRequest): void {
  for (const name of omit) params.delete(name)
  for (const [from, to] of Object.entries(rename)) {
    const value = params.get(from)
    if (value === null) continue
    params.delete(from)
    params.set(to, value)
  }
}

/** The seam for a sign-in whose request may be pushed to `endpoint`; every other request passes as it is. */
export function pushingFetch(
  fetch: TokenFetch,
  endpoint: string | undefined,
  request: AuthorizationRequest | undefined,
): TokenFetch {
  if (endpoint === undefined || (!request?.omit && !request?.rename)) return fetch
  const { href } = new URL(endpoint)
  return (url, options) => {
    if (url !== href || !(options.body instanceof URLSearchParams)) return fetch(url, options)
    const body = new URLSearchParams(options.body)
    shapeAuthorization(body, request)
    return fetch(url, { ...options, body })
  }
}
