/**
 * A client of the person's own, registered where the provider lets anybody (RFC 7591). The rules: only when the person
 * asks, only at the endpoint that was checked, only as the least that the sign-in needs; what comes back is frozen with the
 * account. The registration access token (RFC 7592) is dropped: nothing here would use it, so nothing here can lose it.
 */
import type { ClientMetadata, CustomFetch, ServerMetadata } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { Flow } from '../contract/model.ts'
import type { Connection } from '../broker/ports.ts'
import { Secret } from '../broker/secret.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { plainHttp, type OpenidClient } from './configuration.ts'
import { checkEndpoints, type Resolve } from './endpoints.ts'
import { HttpFault, type Http } from './http.ts'
import { quoted } from './plain-text.ts'
import { callbackPath, ladder, OUT_OF_BAND, redirectUri } from './redirects.ts'

export interface RegisteredClient {
  readonly client_id: string
  readonly client_secret?: Secret
  readonly token_endpoint_auth_method: Connection['token_endpoint_auth_method']
}

export interface RegistrationStart {
  readonly oc: OpenidClient
  readonly http: Http
  readonly resolve: Resolve
  /** Goes into the User-Agent field. */
  readonly agent: string
  readonly definition: ProviderDefinition
  readonly flow: Flow
  /** What discovery found and checked. */
  readonly metadata: ServerMetadata
}

/** Bytes, milliseconds. */
const LARGEST = 65_536
const PATIENCE = 30_000

const grants: Readonly<Partial<Record<Flow, string>>> = {
  browser: 'authorization_code',
  device: 'urn:ietf:params:oauth:grant-type:device_code',
}

/** Registers a native client (RFC 8252). Throws `invalid_request`, `provider_error`, `temporarily_unavailable`. */
export async function registerClient(start: RegistrationStart): Promise<RegisteredClient> {
  const { oc, definition, metadata } = start
  const name = definition.display_name
  const endpoint = metadata.registration_endpoint
  if (typeof endpoint !== 'string')
    throw new BrokerError('provider_error', `${name} names no registration endpoint. ${yourself(definition)}`)
  const asked = clientMetadata(definition, start.flow)
  const token_endpoint = metadata.token_endpoint ?? ''
  const { insecure_loopback } = await checkEndpoints(
    /^https?:/u.test(metadata.issuer) ? metadata.issuer : token_endpoint,
    { token_endpoint, registration_endpoint: endpoint },
    start.resolve,
  )
  try {
    // A metadata document by its address, which our fetch answers with what was checked: nothing is looked up anew.
    const document = new URL('/.well-known/oauth-authorization-server', endpoint)
    const config = await oc.dynamicClientRegistration(document, asked, oc.None(), {
      [oc.customFetch]: fetchFor(start),
      ...(insecure_loopback && { execute: [plainHttp(oc)] }),
    })
    return readAnswer(name, config.clientMetadata())
  } catch (thrown) {
    throw problem(oc, definition, asked, thrown)
  }
}

/** Only what the sign-in needs (RFC 7591 section 2). Throws `invalid_request` for a flow that no such client may have. */
function clientMetadata({ client, display_name, redirect, id, dpop }: ProviderDefinition, flow: Flow) {
  const grant = grants[flow]
  const method = client.token_endpoint_auth_method
  if (grant === undefined || method === 'private_key_jwt')
    throw new BrokerError(
      'invalid_request',
      `A client registered for you at ${display_name} cannot sign in this way; register one yourself.`,
    )
  return {
    client_name: 'Valetkey',
    application_type: 'native',
    token_endpoint_auth_method: client.client_type === 'public' || client.client_type === 'either' ? 'none' : method,
    grant_types: [grant, 'refresh_token'],
    response_types: flow === 'browser' ? ['code'] : [],
    redirect_uris: flow === 'browser' && redirect ? redirectUris(id, redirect) : [],
    ...(dpop === 'required' && { dpop_bound_access_tokens: true }),
  } satisfies Partial<ClientMetadata>
}

/** Every address the ladder could use on any host of ours, so that the client is good for all of them. */
function redirectUris(id: string, redirect: NonNullable<ProviderDefinition['redirect']>): string[] {
  const { loopback, oob_uri = OUT_OF_BAND } = redirect
  const host = loopback?.host ?? '127.0.0.1'
  const path = callbackPath(id, loopback)
  return [
    ...new Set(
      ladder(redirect.methods, true).flatMap((rung) => {
        if (rung === 'oob') return [oob_uri]
        if (rung === 'custom-scheme') return [redirectUri(rung, id, 0, redirect)]
        // RFC 8252 section 7.3: on loopback any port is as good as the one that is registered.
        return loopback?.port?.map((port) => redirectUri(rung, id, port, redirect)) ?? [`http://${host}${path}`]
      }),
    ),
  ]
}

function fetchFor({ http, agent, metadata, definition }: RegistrationStart): CustomFetch {
  return async (url, { method, headers, body }) => {
    if (method === 'GET') return Response.json(metadata)
    const answer = await http({
      ...{ url, method: 'POST', headers: { ...headers, 'user-agent': agent } },
      ...(typeof body === 'string' && { body }),
      ...{ max_bytes: LARGEST, timeout: PATIENCE },
    })
    if (answer.body === null) throw new HttpFault(true, 'the answer is too large')
    // RFC 7591 section 3: an initial access token, which is given to developers and not to people.
    if (answer.status === 401 || answer.status === 403)
      throw refusal(definition, 'registers clients only for those it has let in before.')
    // RFC 7591 section 3.2.1 says 201; servers also say it with its neighbour.
    const status = answer.status === 200 ? 201 : answer.status >= 200 && answer.status <= 599 ? answer.status : 502
    return new Response([204, 205, 304].includes(status) ? null : answer.body, {
      status,
      headers: { 'content-type': answer.headers['content-type'] ?? '' },
    })
  }
}

/** RFC 7591 section 3.2.1. The server may have made another client of it than was asked for: then that is what it is. */
function readAnswer(name: string, answer: Readonly<ClientMetadata>): RegisteredClient {
  const { client_id, client_secret: secret } = answer
  const method = answer['token_endpoint_auth_method'] ?? (secret === undefined ? 'none' : 'client_secret_basic')
  const usable =
    method === 'none' || ((method === 'client_secret_basic' || method === 'client_secret_post') && secret !== undefined)
  if (!usable || !/^[\x20-\x7e]{1,512}$/u.test(client_id) || !/^[\x20-\x7e]{0,4096}$/u.test(secret ?? ''))
    throw new BrokerError('provider_error', `${name} registered a client that cannot be used here.`)
  return {
    client_id,
    token_endpoint_auth_method: method,
    ...(method !== 'none' && secret !== undefined && { client_secret: new Secret(secret) }),
  }
}

const yourself = ({ id }: ProviderDefinition): string =>
  `Register a client there yourself and give its id: valetkey link ${id} --client-id ID.`

const refusal = (definition: ProviderDefinition, why: string): BrokerError =>
  new BrokerError('provider_error', `${definition.display_name} ${why} ${yourself(definition)}`)

function problem(
  oc: OpenidClient,
  definition: ProviderDefinition,
  asked: ReturnType<typeof clientMetadata>,
  thrown: unknown,
): BrokerError {
  const name = definition.display_name
  for (let error = thrown; error instanceof Error; error = error.cause)
    if (error instanceof HttpFault)
      return new BrokerError('temporarily_unavailable', `${name} could not be asked for a client: ${error.message}.`)
    else if (error instanceof BrokerError) return error
  const refused = (why: string): BrokerError => refusal(definition, why)
  if (!(thrown instanceof oc.ResponseBodyError))
    return refused('answered the registration with something that cannot be used.')
  const said = quoted(thrown.error, thrown.error_description, [])
  if (thrown.error === 'invalid_redirect_uri')
    return refused(`does not accept where answers come back to (${asked.redirect_uris.join(', ')}): ${said}`)
  if (thrown.error === 'invalid_client_metadata')
    return refused(`registers no client of the kind that is needed here: ${said}`)
  return refused(`refused to register a client: ${said}`)
}
