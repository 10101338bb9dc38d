/**
 * Clients beyond a name and a secret at a real OpenID provider: one with a key of its own (`private_key_jwt`, RFC 7523),
 * and one that the provider registers when asked (RFC 7591).
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { SignInPlan } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import type { ProviderDefinition } from '../../main/providers/provider.ts'
import { boundDefinition, startBoundProvider, type BoundProvider } from '../fakes/bound-provider.ts'
import { visit } from '../fakes/identity-provider.ts'
import { everythingVisible, realServers, signedIn, type RealServers, type SignedIn } from '../fakes/real-servers.ts'

let provider: BoundProvider

beforeAll(async () => {
  provider = await startBoundProvider()
})
afterAll(async () => {
  await provider.stop()
})

const serversOf = (definition: ProviderDefinition): RealServers =>
  realServers({ providers: { list: () => Promise.resolve([definition]), find: () => Promise.resolve(definition) } })

async function link(
  plan: Partial<SignInPlan>,
  definition = boundDefinition(),
  at = provider,
): Promise<SignedIn & { readonly servers: RealServers }> {
  const servers = serversOf(definition)
  const { client_id: _, ...defaults } = {
    client_id: '',
    provider: 'bound',
    params: { issuer: at.issuer },
    timeout: 20_000,
  }
  const running = await servers.startSignIn({ ...defaults, ...plan })
  if (running.authorization_url !== '') await fetch(await visit(running.authorization_url, { login: 'ada' }))
  return { ...signedIn(await running.done), servers }
}

const claimsOf = (jwt: unknown): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(String(jwt).split('.')[1] ?? '', 'base64url').toString()) as Readonly<Record<string, unknown>>

const keyed = boundDefinition({ client: { token_endpoint_auth_method: 'private_key_jwt' } })

describe('private_key_jwt', () => {
  it.each(['jwk', 'pem'] as const)('links, renews and revokes with a key given as %s', async (form) => {
    const { client_id } = provider.keyed
    const { material, servers } = await link({ client_id, client_key: new Secret(provider.keyed[form]) }, keyed)
    const { connection, refresh_token } = material
    expect(connection.token_endpoint_auth_method).toBe('private_key_jwt')
    const assertion = String(provider.asked.findLast(({ event }) => event === 'token')?.params['client_assertion'])
    const { iss, sub, aud, exp, iat, jti } = claimsOf(assertion)
    expect([iss, sub, aud]).toEqual([client_id, client_id, provider.issuer])
    expect(Number(exp) - Number(iat)).toBe(60)
    const header = JSON.parse(Buffer.from(assertion.split('.')[0] ?? '', 'base64url').toString()) as unknown
    expect(header).toEqual({ alg: 'ES256', ...(form === 'jwk' && { kid: 'first' }) })
    const outcome = await servers.refresh(connection, refresh_token, {})
    if (outcome.kind !== 'refreshed') throw new Error(outcome.detail)
    const next = provider.asked.findLast(({ event }) => event === 'token')
    expect(claimsOf(next?.params['client_assertion'])['jti']).not.toBe(jti)
    const last = { connection, refresh_token: outcome.refresh_token, access: outcome.access }
    expect(await servers.revoke(last)).toEqual({ kind: 'revoked' })
    expect((await servers.refresh(connection, outcome.refresh_token, {})).kind).toBe('final')
  })

  it('with a pushed request, and with a definition that leaves it open', async () => {
    const pushed = await startBoundProvider({ pushed: true })
    try {
      const plan = { client_id: 'keyed', client_key: new Secret(pushed.keyed.jwk) }
      const { material } = await link(plan, boundDefinition(), pushed)
      expect(material.connection.token_endpoint_auth_method).toBe('private_key_jwt')
      expect(pushed.asked.find(({ event }) => event === 'pushed')?.params['client_assertion']).toBeDefined()
    } finally {
      await pushed.stop()
    }
  })

  it('for the client itself, again and again, and bound to a key of the account', async () => {
    const grants = { client_credentials: {} }
    const definition: ProviderDefinition = { ...keyed, grants, dpop: 'required', scope: {} }
    const plan = {
      client_id: provider.machine,
      client_key: new Secret(provider.keyed.jwk),
      flow: 'client-credentials' as const,
    }
    const { material, servers } = await link(plan, definition)
    expect(material.access?.token_type).toBe('DPoP')
    expect(await servers.refresh(material.connection, null, {})).toMatchObject({
      kind: 'refreshed',
      access: { token_type: 'DPoP' },
    })
  })

  it('another key is refused, at the sign-in and at a renewal, and ends nothing', async () => {
    const { client_id, jwk, other } = provider.keyed
    const servers = serversOf(keyed)
    const running = await servers.begin(provider.issuer, {
      provider: 'bound',
      client_id,
      client_key: new Secret(other),
    })
    await fetch(await visit(running.authorization_url, { login: 'ada' }))
    expect(await running.done).toMatchObject({
      kind: 'refused',
      error: { message: expect.stringContaining('invalid_client') as string },
    })
    const { material } = await link({ client_id, client_key: new Secret(jwk) }, keyed)
    const connection = {
      ...material.connection,
      client_key: new Secret(JSON.stringify({ ...JSON.parse(other), alg: 'ES256' })),
    }
    expect((await servers.refresh(connection, material.refresh_token, {})).kind).toBe('client-configuration')
    expect((await servers.refresh(material.connection, material.refresh_token, {})).kind).toBe('refreshed')
  })

  it('the audience is the token endpoint where the definition says so', async () => {
    const client = { ...keyed.client, client_assertion_audience: 'token_endpoint' as const }
    await link({ client_id: 'keyed', client_key: new Secret(provider.keyed.jwk) }, { ...keyed, client })
    const assertion = provider.asked.findLast(({ event }) => event === 'token')?.params['client_assertion']
    expect(claimsOf(assertion)['aud']).toBe(`${provider.issuer}/token`)
  })

  it('the key is in no outcome and no log line, and goes nowhere but where it was given for', async () => {
    const { client_id, jwk } = provider.keyed
    const { servers, ...outcome } = await link({ client_id, client_key: new Secret(jwk) }, keyed)
    const { d } = JSON.parse(jwk) as { d: string }
    expect(outcome.material.connection.client_key?.reveal()).toContain(d)
    expect(everythingVisible(outcome) + servers.logged.join('\n')).not.toContain(d)
    const elsewhere = { ...outcome.material.connection, token_endpoint: 'https://op.example/token' }
    const plan = { client_id, client_key: new Secret(jwk), secret_of: elsewhere }
    await expect(servers.begin(provider.issuer, { provider: 'bound', ...plan })).rejects.toMatchObject({
      message: expect.stringContaining('--client-key-file') as string,
    })
  })

  it.each<readonly [string, Partial<SignInPlan>, ProviderDefinition, RegExp]>([
    ['none where one is needed', {}, keyed, /needs the private key/u],
    ['beside a secret', { client_key: new Secret('x'), client_secret: new Secret('y') }, keyed, /not with both/u],
    [
      'for a client that has none',
      { client_key: new Secret('x') },
      boundDefinition({ client: { token_endpoint_auth_method: 'none' } }),
      /takes no client key/u,
    ],
    ['that is none', { client_key: new Secret('hello') }, keyed, /neither PEM nor a JWK/u],
  ])('a key %s is said before anything is sent', async (_, plan, definition, words) => {
    const begin = serversOf(definition).begin(provider.issuer, { provider: 'bound', client_id: 'keyed', ...plan })
    await expect(begin).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(words) as string,
    })
  })
})

describe('registration', () => {
  it('registers a native client, signs in with it, and renews', async () => {
    const { material, servers } = await link({ register: true })
    const client = provider.registered.at(-1)
    expect(client).toMatchObject({
      client_name: 'Valetkey',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['app.valetkey:/callback/bound', 'http://127.0.0.1/callback/bound'],
    })
    const { connection, refresh_token } = material
    expect(connection).toMatchObject({
      client_id: client?.client_id,
      token_endpoint_auth_method: 'none',
      registered: true,
    })
    expect((await servers.refresh(connection, refresh_token, {})).kind).toBe('refreshed')
    // Signing in again takes the same client.
    const again = await link({ client_id: connection.client_id, registered_as: 'none' })
    expect(again.material.connection.client_id).toBe(connection.client_id)
    expect(everythingVisible(again)).not.toContain('registration_access_token')
  })

  it('nobody is registered for a sign-in that cannot begin', async () => {
    const before = provider.registered.length
    const plan = { provider: 'bound', params: { issuer: provider.issuer }, timeout: 1000, register: true }
    const begin = serversOf(boundDefinition()).startSignIn({ ...plan, resource: 'not a URI' })
    await expect(begin).rejects.toMatchObject({ code: 'invalid_request' })
    expect(provider.registered).toHaveLength(before)
  })

  it('a provider that registers for those it knows says so', async () => {
    const closed = await startBoundProvider({ initial_access_token: 'for-those-it-knows' })
    try {
      const begin = serversOf(boundDefinition()).startSignIn({
        ...{ provider: 'bound', params: { issuer: closed.issuer }, timeout: 20_000, register: true },
      })
      await expect(begin).rejects.toMatchObject({
        code: 'provider_error',
        message: expect.stringMatching(/only for those it has let in before.*--client-id ID/u) as string,
      })
    } finally {
      await closed.stop()
    }
  })

  it.each<readonly [string, number, unknown, RegExp]>([
    // RFC 7591 section 3.2.2, the first two from its examples.
    [
      'invalid_redirect_uri',
      400,
      {
        error: 'invalid_redirect_uri',
        error_description: 'The redirection URI http://sketchy.example.com is not allowed by this server.',
      },
      /does not accept where answers come back to \(app\.valetkey:.*is not allowed by this server\. Register a client there yourself/u,
    ],
    [
      'invalid_client_metadata',
      400,
      {
        error: 'invalid_client_metadata',
        error_description:
          "The grant type 'authorization_code' must be registered along with the response type 'code'.",
      },
      /registers no client of the kind that is needed here/u,
    ],
    [
      'an error of its own',
      400,
      { error: 'unapproved_software_statement' },
      /refused to register a client: "unapproved_/u,
    ],
    ['a bare 403', 403, {}, /only for those it has let in before/u],
    ['no client id', 201, { client_name: 'x' }, /cannot be used/u],
    ['a client id with a line end', 201, { client_id: 'a\nb' }, /cannot be used here/u],
    [
      'a method it never had',
      201,
      { client_id: 'a', token_endpoint_auth_method: 'tls_client_auth' },
      /cannot be used here/u,
    ],
  ])('%s is one sentence that says what to do', async (_, status, body, words) => {
    const server = await startRegistrar(status, body)
    try {
      const begin = serversOf(server.definition).startSignIn(server.plan)
      await expect(begin).rejects.toMatchObject({
        code: 'provider_error',
        message: expect.stringMatching(words) as string,
      })
      expect(server.asked).toHaveLength(1)
    } finally {
      await server.stop()
    }
  })

  it('a server that makes it a confidential client is taken at its word', async () => {
    const server = await startRegistrar(200, {
      ...{ client_id: 'made', client_secret: 'of-the-server', client_secret_expires_at: 0 },
      ...{ token_endpoint_auth_method: 'client_secret_post', registration_access_token: 'rat' },
    })
    try {
      const servers = serversOf(server.definition)
      const running = await servers.startSignIn({ ...server.plan, redirect: 'paste' })
      expect(new URL(running.authorization_url).searchParams.get('client_id')).toBe('made')
      const url = new URL(new URL(running.authorization_url).searchParams.get('redirect_uri') ?? '')
      url.search = new URLSearchParams({
        code: 'c',
        state: new URL(running.authorization_url).searchParams.get('state') ?? '',
      }).toString()
      await running.submit(url.href)
      const { material } = signedIn(await running.done)
      expect(server.asked.at(-1)).toMatchObject({ client_id: 'made', client_secret: 'of-the-server' })
      expect(material.connection).toMatchObject({ registered: true, token_endpoint_auth_method: 'client_secret_post' })
      expect(everythingVisible(material)).not.toContain('rat"')
    } finally {
      await server.stop()
    }
  })

  it.each(['http://192.0.2.1/register', 'https://user@op.example/register', 'http://op.example/register'])(
    'nothing is sent to %s',
    async (registration_endpoint) => {
      const server = await startRegistrar(201, { client_id: 'x' })
      try {
        const definition = { ...server.definition, server: { ...server.definition.server, registration_endpoint } }
        await expect(serversOf(definition).startSignIn(server.plan)).rejects.toMatchObject({
          code: 'provider_error',
          message: expect.stringContaining('registration_endpoint cannot be used') as string,
        })
        expect(server.asked).toHaveLength(0)
      } finally {
        await server.stop()
      }
    },
  )

  it('a provider without it, and a client that is named as well, are refused', async () => {
    const { registration_endpoint: _, ...rest } = (await startless()).server
    const definition = { ...(await startless()), server: rest }
    const plan = { provider: 'bound', params: {}, timeout: 1000, register: true }
    await expect(serversOf(definition).startSignIn(plan)).rejects.toMatchObject({
      message: expect.stringContaining('names no registration endpoint') as string,
    })
    await expect(serversOf(definition).startSignIn({ ...plan, client_id: 'x' })).rejects.toMatchObject({
      code: 'invalid_request',
    })
  })
})

const definitionAt = (issuer: string): ProviderDefinition => ({
  ...boundDefinition(),
  variables: {},
  discovery: { type: 'none' },
  server: {
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    registration_endpoint: `${issuer}/register`,
  },
  resource: { ...boundDefinition().resource, base_urls: [] },
})

const startless = (): Promise<ProviderDefinition> => Promise.resolve(definitionAt('https://op.example'))

/** A registration endpoint that gives one answer, and a token endpoint that gives a token. */
async function startRegistrar(status: number, body: unknown) {
  const asked: Readonly<Record<string, unknown>>[] = []
  const server = createServer((request, response) => {
    void read(request).then((text) => {
      const registers = request.url === '/register'
      asked.push(
        registers ? (JSON.parse(text) as Record<string, unknown>) : Object.fromEntries(new URLSearchParams(text)),
      )
      const answer = registers ? body : { access_token: 'at', token_type: 'Bearer', expires_in: 60 }
      response.writeHead(registers ? status : 200, { 'content-type': 'application/json' }).end(JSON.stringify(answer))
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    definition: definitionAt(`http://127.0.0.1:${String((server.address() as AddressInfo).port)}`),
    plan: { provider: 'bound', params: {}, timeout: 20_000, register: true },
    asked,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      if (server.listening) await once(server, 'close')
    },
  }
}

const read = async (request: IncomingMessage): Promise<string> => (await request.toArray()).join('')
