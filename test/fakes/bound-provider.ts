/**
 * A real OpenID provider (oidc-provider, certified) with what binds tokens and clients switched on: DPoP with or without
 * nonces (RFC 9449), private_key_jwt (RFC 7523), dynamic registration (RFC 7591), resource indicators (RFC 8707), pushed
 * authorization requests (RFC 9126). The rule: every check is oidc-provider's own; nothing here is a stand-in for one.
 */
import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair } from 'jose'
import { errors, Provider, type ClientMetadata, type KoaContextWithOIDC } from 'oidc-provider'
import type { ProviderDefinition } from '../../main/providers/provider.ts'
import { MapAdapter } from './map-adapter.ts'

export interface BoundProviderOptions {
  /** Whether every proof needs a nonce of the provider's; it does unless told. */
  readonly nonce?: boolean
  /** Whom a client may be registered by: whoever holds this. Absent: anybody. */
  readonly initial_access_token?: string
  /** Authorization requests have to be pushed ahead. */
  readonly pushed?: boolean
}

/** A request that an endpoint answered well, as oidc-provider read it. */
export interface Asked {
  readonly event: string
  readonly params: Readonly<Record<string, unknown>>
  readonly dpop: string
}

export interface BoundProvider {
  readonly issuer: string
  /** Public, native. */
  readonly client_id: string
  /** With `private_key_jwt`: the first key of two, in the forms a person may have it. */
  readonly keyed: { readonly client_id: string; readonly jwk: string; readonly pem: string; readonly other: string }
  /** As `keyed`, for itself. */
  readonly machine: string
  readonly asked: readonly Asked[]
  /** Errors the provider answered with, by their code. */
  readonly refused: readonly string[]
  readonly registered: readonly Readonly<ClientMetadata>[]
  stop(): Promise<void>
}

export const RESOURCE = 'https://api.example/tickets'

/** How such a provider is described; `changes` replace whole members. */
export const boundDefinition = (changes: Partial<ProviderDefinition> = {}): ProviderDefinition => ({
  schema_version: 1,
  id: 'bound',
  display_name: 'Bound',
  variables: { issuer: { title: 'Issuer', format: 'uri' } },
  discovery: { type: 'oidc' },
  server: { issuer: '${issuer}' },
  client: { token_endpoint_auth_method: 'none', client_type: 'either' },
  redirect: { methods: ['custom_scheme', 'loopback'] },
  scope: { default: ['openid', 'profile', 'offline_access'] },
  authorization_request: { params: { prompt: 'consent' } },
  resource: {
    base_urls: ['${issuer}'],
    authorization: { in: 'header', name: 'Authorization', template: 'Bearer ${access_token}' },
  },
  ...changes,
})

/** Starts the provider in this process, on loopback. */
export async function startBoundProvider(options: BoundProviderOptions = {}): Promise<BoundProvider> {
  // It greets everybody with warnings about its development settings.
  console.info = console.warn = () => undefined
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const keys = [newKey('first'), newKey('second')]
  const redirect_uris = ['http://127.0.0.1/callback/bound', 'app.valetkey:/callback/bound']
  const native = {
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris,
  } satisfies Partial<ClientMetadata>
  const keyed = {
    token_endpoint_auth_method: 'private_key_jwt',
    token_endpoint_auth_signing_alg: 'ES256',
    jwks: { keys: keys.map(({ publicJwk }) => publicJwk) },
  } satisfies Partial<ClientMetadata>
  const provider = new Provider(issuer, {
    adapter: MapAdapter,
    clients: [
      { ...native, client_id: 'native', token_endpoint_auth_method: 'none' },
      { ...native, ...keyed, client_id: 'keyed' },
      { ...keyed, client_id: 'machine', grant_types: ['client_credentials'], response_types: [], redirect_uris: [] },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'fake', use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['a-cookie-key-of-the-fake-provider'] },
    scopes: ['openid', 'offline_access', 'profile', 'tickets:read'],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'] },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      clientCredentials: { enabled: true },
      pushedAuthorizationRequests: { enabled: true, requirePushedAuthorizationRequests: options.pushed === true },
      dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 7), requireNonce: () => options.nonce !== false },
      registration: {
        enabled: true,
        initialAccessToken: options.initial_access_token ?? false,
        issueRegistrationAccessToken: true,
      },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => true,
        getResourceServerInfo: (_, resource) => {
          if (resource !== RESOURCE) throw new errors.InvalidTarget()
          return { scope: 'tickets:read', accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }
        },
      },
    },
    ttl: { AccessToken: 60, ClientCredentials: 60, AuthorizationCode: 60, IdToken: 300, RefreshToken: 3600 },
    rotateRefreshToken: true,
    issueRefreshToken: (_, _client, code) => Promise.resolve(code.scopes.has('offline_access')),
    findAccount: (_, id) => ({
      accountId: id,
      claims: () => Promise.resolve({ sub: id, name: `User ${id}`, preferred_username: id }),
    }),
  })
  const asked: Asked[] = []
  const refused: string[] = []
  const registered: Readonly<ClientMetadata>[] = []
  const note =
    (event: string) =>
    (ctx: KoaContextWithOIDC): void => {
      asked.push({ event, params: { ...ctx.oidc.params, ...ctx.oidc.body }, dpop: ctx.get('dpop') })
    }
  provider.on('grant.success', note('token'))
  provider.on('authorization.accepted', note('authorization'))
  provider.on('pushed_authorization_request.success', note('pushed'))
  provider.on('registration_create.success', (_, client) => void registered.push(client.metadata()))
  const refuse = (_: unknown, error: errors.OIDCProviderError): void => void refused.push(error.error)
  provider.on('grant.error', refuse).on('userinfo.error', refuse)
  provider.on('authorization.error', refuse).on('pushed_authorization_request.error', refuse)
  const callback = provider.callback()
  server.on('request', (request, response) => void callback(request, response))
  return {
    issuer,
    client_id: 'native',
    keyed: { client_id: 'keyed', jwk: keys[0]?.jwk ?? '', pem: keys[0]?.pem ?? '', other: newKey('first').jwk },
    machine: 'machine',
    asked,
    refused,
    registered,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      if (server.listening) await once(server, 'close')
    },
  }
}

interface Key {
  readonly jwk: string
  readonly pem: string
  readonly publicJwk: JsonWebKey & { readonly kid: string }
}

function newKey(kid: string): Key {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    jwk: JSON.stringify({ ...privateKey.export({ format: 'jwk' }), kid }),
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicJwk: { ...publicKey.export({ format: 'jwk' }), kid },
  }
}
