/**
 * How a grant is ended where that is not RFC 7009: each provider's own request, on a real socket, by the definition that
 * comes with Valetkey; and what it comes to when the provider refuses.
 */
import { afterEach, describe, expect, it } from 'vitest'
import type { GrantMaterial } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { builtInProviders } from '../../main/providers/loader.ts'
import type { ProviderDefinition } from '../../main/providers/provider.ts'
import { everythingVisible, realServers, signedIn, type RealServers } from '../fakes/real-servers.ts'
import { serveDefinition, type Asked, type Served } from '../fakes/services/from-definition.ts'

const shipped = await builtInProviders().list()
const find = (id: string): ProviderDefinition => {
  const definition = shipped.find((one) => one.id === id)
  if (!definition) throw new Error(`there is no ${id}`)
  return definition
}

let served: Served | undefined
afterEach(async () => {
  await served?.stop()
  served = undefined
})

async function linked(
  id: string,
  change: Partial<ProviderDefinition> = {},
): Promise<{ readonly at: Served; readonly servers: RealServers; readonly material: GrantMaterial }> {
  const at = await serveDefinition(find(id), { change })
  served = at
  const servers = realServers({
    providers: { list: () => Promise.resolve([at.definition]), find: () => Promise.resolve(at.definition) },
  })
  const running = await servers.startSignIn({
    ...{ provider: at.definition.id, params: at.params, timeout: 20_000, redirect: 'paste' },
    ...{ client_id: at.client.client_id, client_secret: new Secret(at.client.client_secret) },
  })
  await running.submit(await at.browse(running.authorization_url))
  return { at, servers, material: signedIn(await running.done).material }
}

const basic = ({ client }: Served): string =>
  `Basic ${Buffer.from(`${client.client_id}:${client.client_secret}`).toString('base64')}`
const bearer = ({ access }: GrantMaterial): string => `Bearer ${access?.value.reveal() ?? ''}`

describe('ending a grant', () => {
  it.each<readonly [string, string, string, (at: Served, material: GrantMaterial) => Partial<Asked>]>([
    ['slack-user', 'POST', '/api/auth.revoke', (_, material) => ({ headers: { authorization: bearer(material) } })],
    ['slack-bot', 'POST', '/api/auth.revoke', (_, material) => ({ headers: { authorization: bearer(material) } })],
    [
      'github',
      'DELETE',
      '/applications/Iv1.8a61f9b3/grant',
      (at, { access }) => ({
        headers: {
          authorization: basic(at),
          'content-type': 'application/json',
          accept: 'application/vnd.github+json',
        },
        body: JSON.stringify({ access_token: access?.value.reveal() }),
      }),
    ],
    [
      'github-app',
      'DELETE',
      '/applications/Iv1.8a61f9b3/grant',
      (at, { access }) => ({
        headers: { authorization: basic(at) },
        body: JSON.stringify({ access_token: access?.value.reveal() }),
      }),
    ],
    [
      'notion',
      'POST',
      '/v1/oauth/revoke',
      (at, { access }) => ({
        headers: { authorization: basic(at), 'notion-version': '2025-09-03' },
        body: JSON.stringify({ token: access?.value.reveal() }),
      }),
    ],
    ['linear', 'POST', '/oauth/revoke', (_, material) => ({ headers: { authorization: bearer(material) }, body: '' })],
    [
      'dropbox',
      'POST',
      '/2/auth/token/revoke',
      (_, material) => ({ headers: { authorization: bearer(material) }, body: '' }),
    ],
    [
      'zendesk',
      'DELETE',
      '/api/v2/oauth/tokens/current.json',
      (_, material) => ({ headers: { authorization: bearer(material) }, body: '' }),
    ],
  ])('at %s is %s %s, and nothing is good for anything afterwards', async (id, method, path, expected) => {
    const { at, servers, material } = await linked(id)
    const before = at.asked.length
    expect(await servers.revoke(material)).toEqual({ kind: 'revoked' })
    expect(at.asked.slice(before)).toMatchObject([{ method, path, ...expected(at, material) }])
    expect(at.emulator.anyGrant()).toBe(false)
    expect(at.emulator.complaints).toEqual([])
    // What has ended is not reported as ended by us.
    const again = await servers.revoke(material)
    expect(again.kind).toBe('failed')
    const shown = everythingVisible([again, servers.logged])
    const { access, refresh_token, connection } = material
    const secrets = [access?.value, refresh_token, connection.client_secret].flatMap((one) => one?.reveal() ?? [])
    expect(secrets.filter((one) => shown.includes(one))).toEqual([])
  })

  it('hands in both tokens as a form where a definition says so, the refresh token first', async () => {
    const { at, servers, material } = await linked('dropbox', {
      revocation: {
        url: 'https://${host}/end',
        auth: 'none',
        token: ['refresh_token', 'access_token'],
        params: { token: '${token}', kind: '${token_type_hint}', app: '${client_id}', key: '${client_secret}' },
      },
    })
    const before = at.asked.length
    expect(await servers.revoke(material)).toEqual({ kind: 'revoked' })
    const sent = at.asked.slice(before).map(({ body }) => Object.fromEntries(new URLSearchParams(body)))
    const { client_id: app, client_secret: key } = at.client
    expect(sent).toEqual([
      { token: material.refresh_token?.reveal(), kind: 'refresh_token', app, key },
      { token: material.access?.value.reveal(), kind: 'access_token', app, key },
    ])
  })

  it('takes a token that is good where the last one has ended', async () => {
    const { at, servers, material } = await linked('dropbox')
    const { access } = material
    const over = { ...material, access: access && { ...access, expires_at: Math.floor(Date.now() / 1000) - 1 } }
    const before = at.asked.length
    expect(await servers.revoke(over)).toEqual({ kind: 'revoked' })
    const [renewal, end] = at.asked.slice(before)
    expect([renewal?.path, end?.path]).toEqual(['/oauth2/token', '/2/auth/token/revoke'])
    expect(end?.headers.authorization).not.toBe(bearer(material))
  })

  it('is not claimed where the provider says no inside HTTP 200, and its words are said without the token', async () => {
    const { at, servers, material } = await linked('slack-user')
    const token = material.access?.value.reveal() ?? ''
    at.answer('/api/auth.revoke', 200, { ok: false, error: `invalid_auth ${token}` })
    const refused = await servers.revoke(material)
    expect(refused).toMatchObject({
      kind: 'failed',
      detail: expect.stringMatching(/"invalid_auth \[secret\]"/u) as string,
    })
    at.answer('/api/auth.revoke', 200, { ok: true, revoked: false })
    expect(await servers.revoke(material)).toMatchObject({ kind: 'failed' })
    at.answer('/api/auth.revoke', 503, 'a page')
    expect(await servers.revoke(material)).toMatchObject({
      kind: 'failed',
      detail: expect.stringMatching(/503/u) as string,
    })
    await at.stop()
    expect(await servers.revoke(material)).toMatchObject({
      kind: 'failed',
      detail: expect.stringMatching(/^The provider could not be asked: /u) as string,
    })
  })

  it('is not tried without the secret it needs', async () => {
    const { servers, material } = await linked('github')
    const { client_secret: _none, ...connection } = material.connection
    expect(await servers.revoke({ ...material, connection })).toMatchObject({
      kind: 'unsupported',
      detail: expect.stringMatching(/settings/u) as string,
    })
  })

  it('R1: goes where it was frozen to go, whatever became of the definition', async () => {
    const { at, servers, material } = await linked('zendesk')
    const elsewhere = realServers({
      providers: { list: () => Promise.resolve([]), find: () => Promise.resolve(undefined) },
    })
    expect(everythingVisible(servers.logged)).not.toContain(material.access?.value.reveal() ?? '-')
    expect(await elsewhere.revoke(material)).toEqual({ kind: 'revoked' })
    expect(at.asked.at(-1)).toMatchObject({ method: 'DELETE', path: '/api/v2/oauth/tokens/current.json' })
  })
})
