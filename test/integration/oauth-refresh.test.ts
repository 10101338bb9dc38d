/** Refreshing and revoking at a real OpenID provider: rotation, reuse, grace, and what introspection says afterwards. */
import { afterEach, describe, expect, it } from 'vitest'
import type { GrantMaterial } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import {
  startIdentityProvider,
  visit,
  type IdentityProvider,
  type IdentityProviderOptions,
} from '../fakes/identity-provider.ts'
import { everythingVisible, realServers, signedIn } from '../fakes/real-servers.ts'
import { startTokenServer } from '../fakes/token-server.ts'

const servers = realServers()
const started: IdentityProvider[] = []

afterEach(async () => {
  await Promise.all(started.splice(0).map((provider) => provider.stop()))
})

interface Linked {
  readonly provider: IdentityProvider
  readonly material: GrantMaterial
  readonly token: Secret
}

async function link(options: IdentityProviderOptions = {}, scope?: string): Promise<Linked> {
  const provider = await startIdentityProvider(options)
  started.push(provider)
  const running = await servers.begin(provider.issuer, scope === undefined ? {} : { scope })
  await fetch(await visit(running.authorization_url, { login: 'alice' }))
  const { material } = signedIn(await running.done)
  return { provider, material, token: material.refresh_token ?? new Secret('') }
}

/** Refreshes and answers the new material. Throws when it was not refreshed. */
async function refreshed({
  material,
  token,
}: Pick<Linked, 'material' | 'token'>): Promise<{ readonly access: Secret; readonly token: Secret }> {
  const outcome = await servers.refresh(material.connection, token, {})
  if (outcome.kind !== 'refreshed') throw new Error(outcome.detail)
  return { access: outcome.access.value, token: outcome.refresh_token ?? token }
}

describe('refresh', () => {
  it('rotates, one generation after the other', async () => {
    const linked = await link()
    let { token } = linked
    for (let generation = 0; generation < 3; generation++) {
      const next = await refreshed({ material: linked.material, token })
      expect(next.token.equals(token)).toBe(false)
      expect(await linked.provider.isActive(next.access.reveal())).toBe(true)
      token = next.token
    }
    expect((await linked.provider.events()).counts['refresh_token.consumed']).toBe(3)
  })

  it('a refresh token that was replaced is final, and takes the whole grant with it', async () => {
    const linked = await link()
    const { token } = await refreshed(linked)
    expect(await servers.refresh(linked.material.connection, linked.token, {})).toMatchObject({ kind: 'final' })
    expect(await servers.refresh(linked.material.connection, token, {})).toMatchObject({ kind: 'final' })
    expect(await linked.provider.isActive(token.reveal())).toBe(false)
  })

  it('within a grace period it works again', async () => {
    const linked = await link({ grace: 30 })
    await refreshed(linked)
    expect((await refreshed(linked)).token.equals(linked.token)).toBe(false)
  })

  it('without rotation the old one is kept', async () => {
    const linked = await link({ rotate: false })
    const first = await refreshed(linked)
    expect((await refreshed({ ...linked, token: first.token })).access.equals(first.access)).toBe(false)
    expect(await linked.provider.isActive(linked.token.reveal())).toBe(true)
  })

  it('asks for less than was granted, and says what it got', async () => {
    const { material, token } = await link({}, 'openid offline_access api:read api:write')
    const outcome = await servers.refresh(material.connection, token, { scope: 'api:read' })
    expect(outcome).toMatchObject({ kind: 'refreshed', access: { scope: 'api:read' } })
  })

  it('asks again without the scope that is refused', async () => {
    const { provider, material, token } = await link({}, 'openid offline_access api:read')
    const before = (await provider.events()).token_requests
    const outcome = await servers.refresh(material.connection, token, { scope: 'api:write' })
    expect(outcome).toMatchObject({ kind: 'refreshed', access: { scope: 'openid offline_access api:read' } })
    expect((await provider.events()).token_requests).toBe(before + 2)
  })

  it('an administrator who ends every session is final', async () => {
    const { provider, material, token } = await link()
    await provider.revokeAll()
    expect((await servers.refresh(material.connection, token, {})).kind).toBe('final')
  })

  it.each([
    ['reset-before', 'ambiguous'],
    ['reset-after', 'ambiguous'],
    ['unavailable', 'transient'],
  ] as const)('a provider that is %s is %s', async (token_endpoint, kind) => {
    const { provider, material, token } = await link()
    const before = (await provider.events()).token_requests
    await provider.set({ token_endpoint })
    expect((await servers.refresh(material.connection, token, {})).kind).toBe(kind)
    expect((await provider.events()).token_requests).toBe(before + 1)
    await provider.set({ token_endpoint: 'normal' })
    expect((await servers.refresh(material.connection, token, {})).kind).toBe(
      token_endpoint === 'reset-after' ? 'final' : 'refreshed',
    )
  })

  it('a provider that thinks for longer than an idle connection lives is waited for', async () => {
    const { provider, material, token } = await link()
    await provider.set({ delay: 5_000 })
    expect((await servers.refresh(material.connection, token, {})).kind).toBe('refreshed')
  })

  it('a connection that would need plain http elsewhere is not used at all', async () => {
    const { provider, material, token } = await link()
    const before = (await provider.events()).token_requests
    const outcome = await servers.refresh({ ...material.connection, insecure_loopback: false }, token, {})
    expect(outcome.kind).toBe('client-configuration')
    expect((await provider.events()).token_requests).toBe(before)
  })
})

describe('revoke', () => {
  it('ends the refresh token and the access token, as introspection confirms', async () => {
    const { provider, material, token } = await link()
    const access = material.access?.value.reveal() ?? ''
    expect([await provider.isActive(token.reveal()), await provider.isActive(access)]).toEqual([true, true])
    expect(await servers.revoke(material)).toEqual({ kind: 'revoked' })
    expect([await provider.isActive(token.reveal()), await provider.isActive(access)]).toEqual([false, false])
    expect((await servers.refresh(material.connection, token, {})).kind).toBe('final')
  })

  it('sends the refresh token first, then the access token, each as what it is', async () => {
    const server = await startTokenServer()
    const access = { value: new Secret('at'), token_type: 'Bearer', scope: '', obtained_at: 0, expires_at: null }
    expect(await servers.revoke({ connection: server.connection(), refresh_token: new Secret('rt'), access })).toEqual({
      kind: 'revoked',
    })
    expect(server.revocations).toEqual([
      { token: 'rt', token_type_hint: 'refresh_token', client_id: 'valetkey' },
      { token: 'at', token_type_hint: 'access_token', client_id: 'valetkey' },
    ])
    await server.stop()
  })

  it('ends the access token when there is no refresh token', async () => {
    const { provider, material } = await link()
    expect(await servers.revoke({ ...material, refresh_token: null })).toEqual({ kind: 'revoked' })
    expect(await provider.isActive(material.access?.value.reveal() ?? '')).toBe(false)
  })

  it('says so when the provider offers none', async () => {
    const { provider, material, token } = await link()
    const { revocation_endpoint: _, ...connection } = material.connection
    expect((await servers.revoke({ ...material, connection })).kind).toBe('unsupported')
    expect(await provider.isActive(token.reveal())).toBe(true)
  })

  it('says so when the provider refuses or is gone, without repeating a token', async () => {
    const { provider, material, token } = await link()
    const refused = await servers.revoke({ ...material, connection: { ...material.connection, client_id: 'nobody' } })
    expect(refused).toMatchObject({ kind: 'failed', detail: expect.stringContaining('invalid_client') as string })
    await provider.stop()
    const gone = await servers.revoke(material)
    expect(gone).toMatchObject({ kind: 'failed', detail: expect.stringContaining('could not be asked') as string })
    expect(everythingVisible([refused, gone])).not.toContain(token.reveal())
  })
})

describe('what is logged', () => {
  it('holds no token', async () => {
    const { material, token } = await link()
    const next = await refreshed({ material, token })
    await servers.revoke({ ...material, refresh_token: next.token })
    const text = servers.logged.join('\n')
    expect(text).toContain('sign-in.end')
    for (const secret of [token, next.token, next.access, material.access?.value])
      expect(text).not.toContain(secret?.reveal())
  })
})
