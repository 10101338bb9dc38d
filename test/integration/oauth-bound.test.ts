/**
 * Tokens bound to an account's key at a real OpenID provider that demands a nonce in every proof (RFC 9449), and the
 * resource they are for (RFC 8707).
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Connection, GrantMaterial, SignInPlan } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { dpopHeaders, dpopNonce, newDpopKey } from '../../main/oauth/dpop.ts'
import { boundDefinition, RESOURCE, startBoundProvider, type BoundProvider } from '../fakes/bound-provider.ts'
import { visit } from '../fakes/identity-provider.ts'
import { everythingVisible, realServers, signedIn, type RealServers, type SignedIn } from '../fakes/real-servers.ts'
import type { ProviderDefinition } from '../../main/providers/provider.ts'

let provider: BoundProvider
const all: RealServers[] = []

beforeAll(async () => {
  provider = await startBoundProvider()
})
afterAll(async () => {
  await provider.stop()
})

function serversOf(definition: ProviderDefinition): RealServers {
  const servers = realServers({
    providers: { list: () => Promise.resolve([definition]), find: () => Promise.resolve(definition) },
  })
  all.push(servers)
  return servers
}

async function link(
  definition: ProviderDefinition,
  plan: Partial<SignInPlan> = {},
  at = provider,
): Promise<SignedIn & { readonly servers: RealServers; readonly url: URL }> {
  const servers = serversOf(definition)
  const running = await servers.begin(at.issuer, { provider: 'bound', client_id: 'native', ...plan })
  await fetch(await visit(running.authorization_url, { login: 'ada' }))
  return { ...signedIn(await running.done), servers, url: new URL(running.authorization_url) }
}

const required = boundDefinition({ dpop: 'required' })

/** A call of the provider's UserInfo endpoint with these fields: its status, and the nonce it names. */
async function userinfo(
  headers: Readonly<Record<string, string>>,
): Promise<{ readonly status: number; readonly nonce: string | undefined; readonly body: string }> {
  const answer = await fetch(`${provider.issuer}/me`, { headers })
  return { status: answer.status, nonce: dpopNonce(Object.fromEntries(answer.headers)), body: await answer.text() }
}

function held(material: GrantMaterial): { access: NonNullable<GrantMaterial['access']>; connection: Connection } {
  if (!material.access) throw new Error('no token')
  return { access: material.access, connection: material.connection }
}

describe('DPoP', () => {
  it('binds the tokens of a new account to a key of its own, with the nonce the provider wants', async () => {
    const refusals = provider.refused.length
    const { material, identity, url } = await link(required)
    expect(material.access?.token_type).toBe('DPoP')
    expect(material.connection.dpop_key?.reveal()).toContain('"d":')
    expect(url.searchParams.get('dpop_jkt')).toMatch(/^[\w-]{43}$/u)
    expect(identity).toMatchObject({ subject: 'ada', label: 'ada' })
    // The one that asked for a nonce, and no other.
    expect(provider.refused.slice(refusals).filter((error) => error === 'use_dpop_nonce')).toHaveLength(1)
    const another = await link(required)
    expect(another.material.connection.dpop_key?.reveal()).not.toBe(material.connection.dpop_key?.reveal())
  })

  it('finds the name at UserInfo with a proof, where there is no ID token', async () => {
    const plain = { ...required, scope: { default: ['profile', 'offline_access'] } }
    const own = { ...plain, identity: { url: '${issuer}/me', subject: '/sub', label: '/preferred_username' } }
    for (const definition of [{ ...required, scope: { default: ['openid', 'offline_access'] } }, own]) {
      const { servers } = await link(definition, { scope: 'openid offline_access' })
      expect(servers.logged.join('\n')).toContain('signed-in')
    }
    expect(provider.refused).not.toContain('invalid_dpop_proof')
  })

  it('renews with the same key, and remembers the nonce from one renewal to the next', async () => {
    const { material, servers } = await link(required)
    const refusals = provider.refused.length
    let { refresh_token } = material
    for (let generation = 0; generation < 3; generation++) {
      const outcome = await servers.refresh(material.connection, refresh_token, {})
      if (outcome.kind !== 'refreshed') throw new Error(outcome.detail)
      expect(outcome.access.token_type).toBe('DPoP')
      refresh_token = outcome.refresh_token ?? refresh_token
    }
    expect(provider.refused.slice(refusals)).toEqual([])
    // As after a restart: the key comes from the vault, and with it no nonce.
    const dpop_key = new Secret(material.connection.dpop_key?.reveal() ?? '')
    const outcome = await servers.refresh({ ...material.connection, dpop_key }, refresh_token, {})
    expect(outcome.kind).toBe('refreshed')
    expect(provider.refused.slice(refusals)).toEqual(['use_dpop_nonce'])
  })

  it('a refresh token is worth nothing with another key, or with none', async () => {
    const { material, servers } = await link(required)
    const other = { ...material.connection, dpop_key: newDpopKey() }
    expect(await servers.refresh(other, material.refresh_token, {})).toMatchObject({ kind: 'final' })
    const again = await link(required)
    const { dpop_key: _, ...keyless } = again.material.connection
    expect((await again.servers.refresh(keyless, again.material.refresh_token, {})).kind).not.toBe('refreshed')
  })

  it('an access token is worth nothing without a proof by its key for this very call', async () => {
    const { material } = await link(required)
    const { access, connection } = held(material)
    const url = `${provider.issuer}/me`
    const token = access.value.reveal()
    expect((await userinfo({ authorization: `Bearer ${token}` })).status).toBe(401)
    // oidc-provider calls this one a bad request.
    expect((await userinfo({ authorization: `DPoP ${token}` })).status).toBe(400)
    const request = { url: `${url}?a=1#b`, method: 'get' }
    const { status, nonce } = await userinfo(await dpopHeaders(connection, access, request))
    expect(status).toBe(401)
    expect(nonce).toMatch(/^[\w-]+$/u)
    const good = await dpopHeaders(connection, access, { ...request, nonce })
    expect(await userinfo(good)).toMatchObject({ status: 200, body: expect.stringContaining('"sub":"ada"') as string })
    // Again, and then made for another key, token, address and method.
    expect((await userinfo(good)).status).toBe(401)
    const wrong = [
      dpopHeaders({ dpop_key: newDpopKey() }, access, { ...request, nonce }),
      dpopHeaders(connection, { ...access, value: new Secret('other') }, { ...request, nonce }),
      dpopHeaders(connection, access, { ...request, url: `${url}/x`, nonce }),
      dpopHeaders(connection, access, { ...request, method: 'POST', nonce }),
    ]
    for (const fields of wrong)
      expect((await userinfo({ ...(await fields), authorization: `DPoP ${token}` })).status).toBe(401)
  })

  it('where the provider does not publish it: supported goes without, required does not start', async () => {
    const { startTokenServer } = await import('../fakes/token-server.ts')
    const server = await startTokenServer()
    try {
      const begin = (dpop: 'supported' | 'required') =>
        serversOf(boundDefinition({ dpop, scope: { default: [] } })).begin(server.issuer, { provider: 'bound' })
      const running = await begin('supported')
      await fetch(running.authorization_url)
      const { material } = signedIn(await running.done)
      expect([material.access?.token_type, material.connection.dpop_key]).toEqual(['Bearer', undefined])
      await expect(begin('required')).rejects.toMatchObject({
        code: 'provider_error',
        message: expect.stringContaining('does not publish that it can') as string,
      })
      // Published, and then nothing is bound: none of the key is kept.
      server.metadata({ dpop_signing_alg_values_supported: ['ES256'] })
      const unbound = await begin('supported')
      await fetch(unbound.authorization_url)
      const outcome = signedIn(await unbound.done)
      expect(server.requests.at(-1)?.headers['dpop']).toMatch(/^eyJ/u)
      expect(outcome.material.connection.dpop_key).toBeUndefined()
      const downgraded = await begin('required')
      await fetch(downgraded.authorization_url)
      expect(await downgraded.done).toMatchObject({
        kind: 'refused',
        error: { message: expect.stringContaining('only tokens bound to its key (DPoP)') as string },
      })
    } finally {
      await server.stop()
    }
  })

  it('ends at the provider like any other', async () => {
    const { material, servers } = await link(required)
    expect(await servers.revoke(material)).toEqual({ kind: 'revoked' })
    expect((await servers.refresh(material.connection, material.refresh_token, {})).kind).toBe('final')
  })

  it('goes with a pushed request and one without a nonce too', async () => {
    const lenient = await startBoundProvider({ nonce: false, pushed: true })
    try {
      const { material, url } = await link(required, {}, lenient)
      expect(material.access?.token_type).toBe('DPoP')
      expect(url.searchParams.has('dpop_jkt')).toBe(false)
      const pushed = lenient.asked.find(({ event }) => event === 'pushed')
      expect(pushed?.params['dpop_jkt']).toMatch(/^[\w-]{43}$/u)
      expect(pushed?.dpop).toMatch(/^eyJ/u)
    } finally {
      await lenient.stop()
    }
  })

  it('the key is in no outcome, error or log line as text', async () => {
    const outcome = await link(required)
    const { d } = JSON.parse(outcome.material.connection.dpop_key?.reveal() ?? '') as { d: string }
    expect(d).toMatch(/^[\w-]{43}$/u)
    const { servers, ...rest } = outcome
    expect(everythingVisible(rest)).not.toContain(d)
    expect(all.flatMap(({ logged }) => logged).join('\n')).not.toContain(d)
    expect(servers.logged).not.toHaveLength(0)
  })
})

describe('resource', () => {
  const audience = (token: string | undefined): unknown =>
    (JSON.parse(Buffer.from(token?.split('.')[1] ?? '', 'base64url').toString()) as { aud: unknown }).aud
  const scope = 'openid offline_access tickets:read'
  const asked = (event: string, at = provider): unknown =>
    at.asked.findLast((one) => one.event === event)?.params['resource']

  it('is in the authorization request, the token request and every renewal, and in the tokens', async () => {
    const { material, servers, url } = await link(boundDefinition(), { resource: RESOURCE, scope })
    expect(url.searchParams.get('resource')).toBe(RESOURCE)
    expect(asked('token')).toBe(RESOURCE)
    expect(audience(material.access?.value.reveal())).toBe(RESOURCE)
    expect(material.connection.requested_resource).toBe(RESOURCE)
    const outcome = await servers.refresh(material.connection, material.refresh_token, {})
    expect(asked('token')).toBe(RESOURCE)
    expect(audience(outcome.kind === 'refreshed' ? outcome.access.value.reveal() : '')).toBe(RESOURCE)
  })

  it('gives way to the one that a program names, and an unserved one is that program’s mistake', async () => {
    const { material, servers } = await link(boundDefinition(), { resource: RESOURCE, scope })
    const resource = 'https://api.example/other'
    const outcome = await servers.refresh(material.connection, material.refresh_token, { resource })
    expect(outcome).toMatchObject({
      kind: 'request-refused',
      detail: expect.stringContaining('invalid_target') as string,
    })
  })

  it('comes from the definition where the person names none, pushed ahead and bound as well', async () => {
    const pushed = await startBoundProvider({ pushed: true })
    try {
      const { resource } = boundDefinition()
      const definition = boundDefinition({ dpop: 'required', resource: { ...resource, indicator: RESOURCE } })
      const { material } = await link(definition, { scope }, pushed)
      expect(asked('pushed', pushed)).toBe(RESOURCE)
      expect(audience(material.access?.value.reveal())).toBe(RESOURCE)
      expect(material.access?.token_type).toBe('DPoP')
    } finally {
      await pushed.stop()
    }
  })

  it('that the provider does not serve ends the sign-in with its word', async () => {
    const servers = serversOf(boundDefinition())
    const running = await servers.begin(provider.issuer, {
      ...{ provider: 'bound', client_id: 'native', redirect: 'paste', resource: 'https://api.example/other' },
    })
    await running.submit(await visit(running.authorization_url, { login: 'ada' }))
    expect(await running.done).toMatchObject({
      kind: 'refused',
      error: { message: expect.stringContaining('invalid_target') as string },
    })
  })

  it.each(['tickets', 'https://api.example/#part', 'https://api.example/a b', ''])(
    'that is no absolute URI is refused: %j',
    async (resource) => {
      const begin = serversOf(boundDefinition()).begin(provider.issuer, { provider: 'bound', resource })
      await expect(begin).rejects.toMatchObject({ code: 'invalid_request' })
    },
  )
})
