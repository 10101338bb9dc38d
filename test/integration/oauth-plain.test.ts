/** Providers without OpenID Connect: RFC 8414 metadata, or endpoints from the definition alone. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProviderDefinition } from '../../main/providers/provider.ts'
import { Secret } from '../../main/broker/secret.ts'
import { realServers, signedIn, type RealServers } from '../fakes/real-servers.ts'
import { replyWith, startTokenServer, type TokenServer } from '../fakes/token-server.ts'

let server: TokenServer
beforeAll(async () => {
  server = await startTokenServer()
})
afterAll(async () => {
  await server.stop()
})

/** One provider, `plain`, at our server. */
function plain(change: Partial<ProviderDefinition>): RealServers {
  const definition: ProviderDefinition = {
    schema_version: 1,
    id: 'plain',
    display_name: 'Plain',
    discovery: { type: 'none' },
    server: {
      authorization_endpoint: `${server.issuer}/authorize`,
      token_endpoint: `${server.issuer}/token`,
      revocation_endpoint: `${server.issuer}/revoke`,
    },
    client: { token_endpoint_auth_method: 'none' },
    redirect: { methods: ['loopback'] },
    scope: { default: ['read'], required: ['offline'] },
    authorization_request: { params: { access_type: 'offline' } },
    lifecycle: { rotation: 'always' },
    resource: {
      base_urls: [`${server.issuer}/api/`],
      authorization: { in: 'header', name: 'Authorization', template: 'token ${access_token}' },
    },
    ...change,
  }
  return realServers({
    providers: {
      list: () => Promise.resolve([definition]),
      find: (id) => Promise.resolve(id === 'plain' ? definition : undefined),
    },
  })
}

async function signInAt(
  servers: RealServers,
  plan: Parameters<RealServers['begin']>[1] = {},
): Promise<ReturnType<typeof signedIn>> {
  const running = await servers.begin(server.issuer, { provider: 'plain', params: {}, ...plan })
  await fetch(running.authorization_url)
  return signedIn(await running.done)
}

describe('without discovery', () => {
  it('signs in at the endpoints of the definition, with its scopes and parameters', async () => {
    const servers = plain({})
    const running = await servers.begin(server.issuer, { provider: 'plain', params: {} })
    const params = new URL(running.authorization_url).searchParams
    expect([params.get('scope'), params.get('access_type'), params.get('nonce')]).toEqual([
      'offline read',
      'offline',
      null,
    ])
    expect(new URL(params.get('redirect_uri') ?? '').pathname).toBe('/callback/plain')
    await fetch(running.authorization_url)
    const { material, scope } = signedIn(await running.done)
    expect(scope).toBe('offline read')
    expect(material.connection).toMatchObject({
      provider: 'plain',
      issuer: 'urn:valetkey:provider:plain',
      rotation: 'always',
      authorization_template: 'token ${access_token}',
      api_base_urls: [`${server.issuer}/api/`],
    })
    expect((await servers.refresh(material.connection, material.refresh_token ?? new Secret(''), {})).kind).toBe(
      'refreshed',
    )
    expect(await servers.revoke(material)).toEqual({ kind: 'revoked' })
    expect(server.isActive(material.refresh_token?.reveal() ?? '')).toBe(false)
  })

  it("an ID token of an issuer it does not know is nobody's business", async () => {
    server.reply(replyWith({ id_token: 'garbage' }))
    expect((await signInAt(plain({}), { scope: 'openid' })).scope).toBe('offline openid')
  })

  it('finds the account where the definition says, in the scheme the definition says', async () => {
    let token = ''
    server.serve('/api/me', () => `token ${token}`, { data: { 'user/id': 42, login: 'octo' } })
    server.reply((exchange) => {
      const { status, body } = exchange.act()
      token = String(body['access_token'])
      exchange.response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    const servers = plain({
      identity: { url: `${server.issuer}/api/me`, subject: '/data/user~1id', label: '/data/login' },
    })
    expect((await signInAt(servers)).identity).toEqual({
      issuer: 'urn:valetkey:provider:plain',
      subject: '42',
      label: 'octo',
    })
  })

  it('an account that cannot be named is still signed in', async () => {
    const servers = plain({ identity: { url: `${server.issuer}/api/missing`, label: '/login' } })
    expect((await signInAt(servers)).identity).toEqual({ issuer: 'urn:valetkey:provider:plain' })
  })

  it('an identity URL elsewhere over plain http is refused', async () => {
    const servers = plain({ identity: { url: 'http://api.example.com/me' } })
    await expect(signInAt(servers)).rejects.toMatchObject({ code: 'provider_error' })
  })
})

describe('with RFC 8414 metadata', () => {
  it('finds the endpoints, asks UserInfo for the name, and compares iss', async () => {
    let token = ''
    server.metadata({ userinfo_endpoint: `${server.issuer}/userinfo` })
    server.serve('/userinfo', () => `Bearer ${token}`, { sub: 'u1', email: 'u1@example.test' })
    server.reply((exchange) => {
      const { status, body } = exchange.act()
      token = String(body['access_token'])
      exchange.response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    })
    const { identity, material } = await signInAt(
      plain({ discovery: { type: 'oauth2' }, server: { issuer: server.issuer } }),
    )
    expect(identity).toEqual({ issuer: server.issuer, subject: 'u1', label: 'u1@example.test' })
    expect(material.connection).toMatchObject({ issuer: server.issuer, userinfo_endpoint: `${server.issuer}/userinfo` })
    server.metadata({})
  })
})

describe('clients', () => {
  const confidential = { token_endpoint_auth_method: 'client_secret_post', client_type: 'confidential' } as const

  it('a confidential one sends its secret the way the definition says', async () => {
    const client_secret = new Secret('s e/c+r')
    await signInAt(plain({ client: confidential }), { client_secret })
    expect(server.requests.at(-1)?.form).toMatchObject({ client_id: 'valetkey', client_secret: 's e/c+r' })
  })

  it('or, where that is left open, the way the metadata says', async () => {
    const either = { token_endpoint_auth_method: 'none', client_type: 'either' } as const
    const servers = plain({
      client: either,
      server: {
        authorization_endpoint: `${server.issuer}/authorize`,
        token_endpoint: `${server.issuer}/token`,
        token_endpoint_auth_methods_supported: ['client_secret_post'],
      },
    })
    await signInAt(servers, { client_secret: new Secret('s') })
    expect(server.requests.at(-1)?.form['client_secret']).toBe('s')
    await signInAt(plain({ client: either }), { client_secret: new Secret('s e') })
    // RFC 6749 section 2.3.1: form-encoded before it is Base64.
    expect(server.requests.at(-1)?.headers.authorization).toBe(
      `Basic ${Buffer.from('valetkey:s+e').toString('base64')}`,
    )
  })

  it('a missing secret, or one too many, is said before anything is sent', async () => {
    const before = server.requests.length
    await expect(signInAt(plain({ client: confidential }))).rejects.toMatchObject({ code: 'invalid_request' })
    await expect(signInAt(plain({}), { client_secret: new Secret('s') })).rejects.toMatchObject({
      code: 'invalid_request',
    })
    expect(server.requests.length).toBe(before)
  })
})
