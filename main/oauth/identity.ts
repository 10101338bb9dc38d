/**
 * Whose account this is: the subject that stays and the label people see (OpenID Connect Core section 5.1). The rule: the
 * subject comes from a checked ID token or from the provider's own API and nowhere else; the label is only ever shown.
 */
import type { Configuration, DPoPOptions } from 'openid-client'
import type { AccessToken, Connection, Identity } from '../broker/ports.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { CAPTURED } from './api-base.ts'
import type { OpenidClient } from './configuration.ts'
import { dpopHeaders, dpopNonce } from './dpop.ts'
import type { Http, HttpAnswer } from './http.ts'
import { plainText } from './plain-text.ts'
import { atPointer } from './pointer.ts'

export type Claims = Readonly<Record<string, unknown>>

/** Where to look when neither ID token nor UserInfo is there: the definition's `identity`, filled in and checked. */
export interface IdentityEndpoint {
  readonly url: string
  readonly method: 'GET' | 'POST'
  /** What this provider's API wants with every call. */
  readonly headers: Readonly<Record<string, string>>
  readonly subject?: string
  readonly label?: string
  readonly authorization: string
  /** JSON to send. */
  readonly body?: string
  /** A member to hand on (definition key `resource.base_url_from`). */
  readonly capture?: string
  /** Of a bound token: the fields that go with it instead, with what the server demanded (RFC 9449 section 7). */
  readonly prove?: (nonce: string | undefined) => Promise<Readonly<Record<string, string>>>
}

/** Whose account it is, and what else the answer was asked for. */
export type Identified = Identity & { readonly captured?: unknown }

const LABEL = 128

/** The first of the usual names that says something; the subject if none does. */
function labelOf(claims: Claims): string | undefined {
  for (const name of ['preferred_username', 'email', 'name', 'sub']) {
    const label = plainText(Object.hasOwn(claims, name) ? claims[name] : undefined, LABEL)
    if (label !== '') return label
  }
  return undefined
}

/**
 * The identity from what the sign-in brought. UserInfo is asked only when the ID token has no name in it; that it fails
 * costs the label, not the sign-in.
 */
export async function identify(
  oc: OpenidClient,
  config: Configuration,
  http: Http,
  found: {
    readonly access: AccessToken
    readonly claims: Claims | undefined
    readonly endpoint: IdentityEndpoint | undefined
    readonly proving: DPoPOptions
  },
): Promise<Identified> {
  const { issuer, userinfo_endpoint } = config.serverMetadata()
  const proving = found.access.token_type === 'DPoP' ? found.proving : {}
  const subject = textOf(found.claims?.['sub'])
  const named =
    found.claims && ['preferred_username', 'email', 'name'].some((name) => plainText(found.claims?.[name]) !== '')
  const more: Claims =
    (named && found.endpoint?.capture === undefined) || (userinfo_endpoint === undefined && !found.endpoint)
      ? {}
      : found.endpoint
        ? await askEndpoint(http, found.endpoint)
        : await askUserInfo(oc, config, found.access, subject, proving).catch(() => ({}))
  const claims = { ...more, ...found.claims }
  const label = labelOf(claims)
  const sub = subject ?? textOf(claims['sub'])
  return {
    issuer,
    ...(sub !== undefined && { subject: sub }),
    ...(label !== undefined && { label }),
    ...(more[CAPTURED] !== undefined && { captured: more[CAPTURED] }),
  }
}

function askUserInfo(
  oc: OpenidClient,
  config: Configuration,
  access: AccessToken,
  subject: string | undefined,
  proving: DPoPOptions,
): Promise<Claims> {
  // oxlint-disable-next-line typescript/no-deprecated -- without an ID token there is no subject to compare with yet
  return oc.fetchUserInfo(config, access.value.reveal(), subject ?? oc.skipSubjectCheck, proving)
}

async function askEndpoint(http: Http, endpoint: IdentityEndpoint): Promise<Claims> {
  const { url, method, body: sent } = endpoint
  const headers = {
    accept: 'application/json',
    ...endpoint.headers,
    'user-agent': 'valetkey',
    authorization: endpoint.authorization,
    ...(sent !== undefined && { 'content-type': 'application/json' }),
  }
  const ask = async (nonce?: string): Promise<HttpAnswer> =>
    http({
      ...{ url, method, max_bytes: 1_048_576, timeout: 10_000, ...(sent !== undefined && { body: sent }) },
      headers: { ...headers, ...(await endpoint.prove?.(nonce)) },
    })
  const first = await ask().catch(() => undefined)
  const nonce = endpoint.prove && first?.status === 401 ? dpopNonce(first.headers) : undefined
  const answer = nonce === undefined ? first : await ask(nonce).catch(() => undefined)
  if (answer?.status !== 200 || answer.body === null) return {}
  try {
    const body: unknown = JSON.parse(answer.body)
    const at = (pointer: string | undefined): string | undefined =>
      pointer === undefined ? undefined : textOf(atPointer(body, pointer))
    const captured = endpoint.capture === undefined ? undefined : atPointer(body, endpoint.capture)
    return { sub: at(endpoint.subject), preferred_username: at(endpoint.label), [CAPTURED]: captured }
  } catch {
    return {}
  }
}

/** Identifiers are texts or numbers; longer ones than any standard allows are none. */
function textOf(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value
  return typeof text === 'string' && text !== '' && text.length <= 512 ? text : undefined
}

/** As the proxy fills them in for every other call. */
const filledHeaders = (
  headers: Readonly<Record<string, string>> = {},
  { client_id }: Pick<Connection, 'client_id'>,
): Readonly<Record<string, string>> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, value.replaceAll('${client_id}', () => client_id)]),
  )

/** From the definition; `url` filled in and checked. `undefined`: it names none. */
export function identityEndpoint(
  { identity, resource }: ProviderDefinition,
  url: string | undefined,
  access: AccessToken,
  connection: Connection,
): IdentityEndpoint | undefined {
  if (!identity || url === undefined) return undefined
  const method = identity.method ?? 'GET'
  return {
    url,
    method,
    headers: filledHeaders(resource.headers, connection),
    ...(identity.subject !== undefined && { subject: identity.subject }),
    ...(identity.label !== undefined && { label: identity.label }),
    ...(identity.body !== undefined && { body: identity.body }),
    ...(resource.base_url_from?.in === 'identity' && { capture: resource.base_url_from.pointer }),
    authorization: resource.authorization.template.replace('${access_token}', () => access.value.reveal()),
    ...(access.token_type === 'DPoP' && {
      prove: (nonce: string | undefined) => dpopHeaders(connection, access, { url, method, nonce }),
    }),
  }
}
