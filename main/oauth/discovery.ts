/**
 * From a definition and the person's values to checked metadata (OpenID Connect Discovery 1.0, RFC 8414). The rule: the
 * issuer that answers is the issuer that was asked for, character for character but for a final slash, and every endpoint
 * has passed `checkEndpoints` before anything is sent to it.
 */
import type { Configuration, ServerMetadata } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { fill, type Values } from '../providers/template.ts'
import { plainHttp, type OpenidClient } from './configuration.ts'
import { checkEndpoints, endpointNames, isLoopback, parseEndpoint, type Resolve } from './endpoints.ts'
import { HttpFault } from './http.ts'
import type { TokenFetch } from './token-fetch.ts'

export interface Discovered {
  readonly metadata: ServerMetadata
  /** `undefined`: the definition names none, and `metadata.issuer` is only a stand-in the library wants. */
  readonly issuer: string | undefined
  readonly insecure_loopback: boolean
}

/** Seconds. */
const PATIENCE = 20

/** Throws `provider_error` when what is found cannot be used, `temporarily_unavailable` when nothing is found just now. */
export async function discover(
  oc: OpenidClient,
  fetch: TokenFetch,
  resolve: Resolve,
  definition: ProviderDefinition,
  values: Values,
): Promise<Discovered> {
  const given = serverOf(definition, values)
  const metadata =
    definition.discovery.type === 'none'
      ? syntheticMetadata(definition, given, values)
      : await fetchMetadata(oc, fetch, definition, given)
  if (typeof metadata.token_endpoint !== 'string')
    throw new BrokerError('provider_error', `${definition.display_name} names no token endpoint.`)
  const issuer = definition.discovery.type === 'none' && given['issuer'] === undefined ? undefined : metadata.issuer
  // Without an issuer the token endpoint, which the definition names, stands for it.
  const home = issuer ?? metadata.token_endpoint
  const named = Object.fromEntries(
    // Whether a client may be registered there is judged when one is: nobody else need stumble over it.
    endpointNames.flatMap((name) =>
      metadata[name] === undefined || name === 'registration_endpoint' ? [] : [[name, metadata[name]]],
    ),
  )
  return { metadata, issuer, ...(await checkEndpoints(home, named, resolve)) }
}

function serverOf(definition: ProviderDefinition, values: Values): Readonly<Record<string, unknown>> {
  const filled = Object.entries(definition.server).map(
    ([key, value]) => [key, typeof value === 'string' ? place(value, values) : value] as const,
  )
  return Object.fromEntries(filled.filter(([, value]) => value !== undefined))
}

/** A URL of a definition, filled in. A host of the person's that is this machine is spoken to without TLS. */
export function place(template: string, values: Values): string | undefined {
  const url = fill(template, values)
  return url !== undefined && template.startsWith('https://${') && URL.canParse(url) && isLoopback(new URL(url))
    ? url.replace('https:', 'http:')
    : url
}

/**
 * Metadata without a document. Where the definition names no issuer, one is made up for it; of a provider with variables
 * each tenant is an issuer of its own, because their accounts number alike and are not the same.
 */
function syntheticMetadata(
  definition: ProviderDefinition,
  given: Readonly<Record<string, unknown>>,
  values: Values,
): ServerMetadata {
  const own = Object.values(definition.grants ?? {}).map(({ endpoint }) => endpoint && place(endpoint, values))
  const token_endpoint = given['token_endpoint'] ?? own.find((url) => url !== undefined)
  const tenant =
    definition.variables && typeof token_endpoint === 'string' && URL.canParse(token_endpoint)
      ? `:${new URL(token_endpoint).host}`
      : ''
  return {
    issuer: `urn:valetkey:provider:${definition.id}${tenant}`,
    ...given,
    ...(typeof token_endpoint === 'string' && { token_endpoint }),
  }
}

async function fetchMetadata(
  oc: OpenidClient,
  fetch: TokenFetch,
  definition: ProviderDefinition,
  given: Readonly<Record<string, unknown>>,
): Promise<ServerMetadata> {
  const issuer = parseIssuer(given['issuer'])
  let config: Configuration
  try {
    config = await oc.discovery(issuer, 'discovery', undefined, oc.None(), {
      algorithm: definition.discovery.type === 'oauth2' ? 'oauth2' : 'oidc',
      timeout: PATIENCE,
      [oc.customFetch]: fetch,
      ...(isLoopback(issuer) && { execute: [plainHttp(oc)] }),
    })
  } catch (thrown) {
    throw discoveryError(issuer, thrown)
  }
  const found: ServerMetadata = config.serverMetadata()
  return { ...found, ...given, issuer: found.issuer }
}

/** RFC 8414 section 2: https, no query, no fragment. Throws `invalid_request`: it is the person's value. */
function parseIssuer(value: unknown): URL {
  let url: URL
  try {
    url = parseEndpoint('issuer', value)
  } catch (cause) {
    throw new BrokerError('invalid_request', 'The issuer must be an https URL.', { cause })
  }
  if (url.search !== '' || url.pathname.includes('/.well-known/'))
    throw new BrokerError('invalid_request', 'The issuer is the part before /.well-known/, without a query.')
  if (url.protocol === 'http:' && !isLoopback(url))
    throw new BrokerError('invalid_request', 'The issuer must be an https URL; plain http is for this machine only.')
  return url
}

function discoveryError(issuer: URL, thrown: unknown): BrokerError {
  const at = `${issuer.host} `
  for (let error = thrown, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth++)
    if (error instanceof HttpFault)
      return new BrokerError('temporarily_unavailable', `${at}cannot be asked for its metadata: ${error.message}.`)
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
    return new BrokerError(
      'provider_error',
      `${at}says it is another issuer than the one asked for. Check the issuer URL.`,
    )
  if (code === 'OAUTH_RESPONSE_IS_NOT_CONFORM')
    return new BrokerError(
      'provider_error',
      `${at}publishes no metadata at the place the standard names. Check the issuer URL.`,
    )
  return new BrokerError('provider_error', `${at}does not publish metadata that can be used.`)
}
