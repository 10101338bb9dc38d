/**
 * What an authorization server may answer where a key was shown (rows P4 and P8): a token is bound or it is none, a nonce is
 * asked for once, and a refusal of the proof ends no grant.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { RefreshOutcome } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { newDpopKey } from '../../main/oauth/dpop.ts'
import { everythingVisible, realServers } from '../fakes/real-servers.ts'
import {
  replyJson,
  replyReset,
  replyWith,
  startTokenServer,
  type Reply,
  type TokenServer,
} from '../fakes/token-server.ts'

let server: TokenServer
const servers = realServers()

beforeAll(async () => {
  server = await startTokenServer()
})
afterAll(async () => {
  await server.stop()
})

async function refreshed(replies: readonly Reply[]): Promise<{
  readonly outcome: RefreshOutcome
  readonly proofs: readonly (string | undefined)[]
  readonly sent: string
}> {
  const before = server.requests.length
  const sent = server.issue().refresh_token
  const dpop_key = newDpopKey()
  server.reply(...replies)
  const outcome = await servers.refresh(server.connection({ dpop_key }), new Secret(sent), {})
  const { d } = JSON.parse(dpop_key.reveal()) as { d: string }
  expect(everythingVisible(outcome) + servers.logged.join('\n')).not.toContain(d)
  const proofs = server.requests.slice(before).map(({ headers }) => headers['dpop'] as string | undefined)
  return { outcome, proofs, sent }
}

const nonceIn = (proof: string | undefined): unknown =>
  (JSON.parse(Buffer.from(proof?.split('.')[1] ?? '', 'base64url').toString()) as { nonce?: unknown }).nonce
const wants = (nonce: string, status = 400): Reply =>
  replyJson(status, { error: 'use_dpop_nonce' }, { 'dpop-nonce': nonce })
const bound = replyWith({ token_type: 'DPoP' })

describe('P4: token_type where a key was shown', () => {
  it.each(['DPoP', 'dpop', ' DPOP '])('P4: %j is the bound token that was asked for', async (token_type) => {
    const { outcome } = await refreshed([replyWith({ token_type })])
    expect(outcome).toMatchObject({ kind: 'refreshed', access: { token_type: 'DPoP' } })
  })

  it.each(['Bearer', 'bearer', undefined, null, '', 'mac', 'DPoP x'])('P4: %j is not used', async (token_type) => {
    const { outcome } = await refreshed([replyWith({ token_type })])
    expect(outcome).toMatchObject({
      kind: 'client-configuration',
      detail: expect.stringContaining('only tokens bound to its key (DPoP)') as string,
    })
  })

  it('P4: a DPoP token nobody asked for with a key is refused as before', async () => {
    server.reply(bound)
    const outcome = await servers.refresh(server.connection(), new Secret(server.issue().refresh_token), {})
    expect(outcome).toMatchObject({
      kind: 'client-configuration',
      detail: expect.stringContaining('only Bearer is understood') as string,
    })
  })
})

describe('P8: nonces', () => {
  it.each([400, 401])('P8: one that is asked for (%i) is sent, with the refresh token once more', async (status) => {
    const { outcome, proofs } = await refreshed([wants('n-1', status), bound])
    expect(outcome.kind).toBe('refreshed')
    expect(proofs.map(nonceIn)).toEqual([undefined, 'n-1'])
  })

  it('P8: a server that is never content is asked twice and no more', async () => {
    const { outcome, proofs, sent } = await refreshed([wants('n-1'), wants('n-2'), wants('n-3')])
    server.reply()
    expect(outcome.kind).toBe('transient')
    expect(proofs).toHaveLength(2)
    expect(server.isActive(sent)).toBe(true)
    // What was prepared for a third request is nobody's.
    await refreshed([])
  })

  it.each<readonly [string, Reply]>([
    ['without a nonce', replyJson(400, { error: 'use_dpop_nonce' })],
    ['with one that is none', wants('two, fields')],
  ])('P8: asked for %s: one request, nothing ended', async (_, reply) => {
    const { outcome, proofs } = await refreshed([reply])
    expect([outcome.kind, proofs.length]).toEqual(['transient', 1])
  })

  it('P8: a server in trouble is not asked again for it', async () => {
    const { outcome, proofs } = await refreshed([wants('n-1', 503)])
    expect([outcome.kind, proofs.length]).toEqual(['transient', 1])
  })

  it('P8: to an account without a key it is an error like any other', async () => {
    const before = server.requests.length
    server.reply(wants('n-1'))
    const outcome = await servers.refresh(server.connection(), new Secret(server.issue().refresh_token), {})
    expect([outcome.kind, server.requests.length - before]).toEqual(['transient', 1])
  })

  it('P8: a nonce that arrives with the answer is in the next proof', async () => {
    const connection = server.connection({ dpop_key: newDpopKey() })
    const before = server.requests.length
    server.reply(replyWith({ token_type: 'DPoP' }, 200, { 'dpop-nonce': 'for-the-next' }), bound)
    const first = await servers.refresh(connection, new Secret(server.issue().refresh_token), {})
    expect(first.kind).toBe('refreshed')
    await servers.refresh(connection, new Secret(server.issue().refresh_token), {})
    expect(server.requests.slice(before).map(({ headers }) => nonceIn(headers['dpop'] as string))).toEqual([
      undefined,
      'for-the-next',
    ])
  })

  it('P8: an answer that is lost after the nonce is as open as any', async () => {
    const { outcome, proofs } = await refreshed([wants('n-1'), replyReset('after')])
    expect([outcome.kind, proofs.length]).toEqual(['ambiguous', 2])
  })

  it('P6: a proof that is refused ends no grant', async () => {
    const { outcome } = await refreshed([replyJson(400, { error: 'invalid_dpop_proof' })])
    expect(outcome.kind).toBe('transient')
  })
})
