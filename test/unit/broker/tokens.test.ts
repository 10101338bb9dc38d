/** Refreshing: one at a time, durable first, and what each outcome leads to. */
import { beforeEach, describe, expect, it } from 'vitest'
import { advance } from '../../../main/broker/accounts.ts'
import { backoff, isFreshEnough, renewalTime } from '../../../main/broker/freshness.ts'
import type { AccountRecord } from '../../../main/broker/ports.ts'
import { Secret } from '../../../main/broker/secret.ts'
import { Tokens } from '../../../main/broker/tokens.ts'
import type { Fresh } from '../../../main/broker/refresher.ts'
import type { Want } from '../../../main/broker/variants.ts'
import { createRig, plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'

let rig: Rig
let tokens: Tokens
let outcomes: string[]
const want: Want = { variant: {}, min_valid_period: undefined, force_refresh: false, timeout: 30_000 }
const forced: Want = { ...want, force_refresh: true }

beforeEach(() => {
  rig = createRig()
  outcomes = []
  tokens = new Tokens(rig.ports, {
    record: (id) => rig.vault.records.get(id),
    settled: (record: AccountRecord) => void rig.vault.records.set(record.id, record),
    changed: () => undefined,
    refreshed: (_id, outcome) => void outcomes.push(outcome),
  })
})

const shown = (fresh: Fresh): string =>
  fresh.kind === 'token' ? fresh.access.value.reveal() : fresh.kind === 'unavailable' ? fresh.error.code : fresh.kind

describe('freshness', () => {
  const token = (obtained_at: number, expires_at: number | null) => ({
    value: new Secret('x'),
    token_type: 'Bearer',
    scope: '',
    obtained_at,
    expires_at,
  })

  it.each([
    ['never expires', token(0, null), 9999, 100, true],
    ['a minute left is enough by default', token(0, 3600), undefined, 3540, true],
    ['less is not', token(0, 3600), undefined, 3541, false],
    ['a short token is good for its first half', token(0, 60), undefined, 30, true],
    ['and not for its second', token(0, 60), undefined, 31, false],
    ['an explicit wish is met exactly', token(0, 3600), 1800, 1800, true],
    ['and no less', token(0, 3600), 1800, 1801, false],
    ['zero seconds takes anything that is not over', token(0, 60), 0, 59.5, true],
    ['but not what is over', token(0, 60), 0, 60, false],
    ['a wish longer than the life is good for the first half', token(0, 60), 3600, 30, true],
    ['and refreshes in the second', token(0, 60), 3600, 31, false],
    ['a clock that went back says nothing', token(10_000, 13_600), undefined, 9000, false],
  ])('%s', (_name, access, minValid, now, expected) => {
    expect(isFreshEnough(access, minValid, now)).toBe(expected)
  })

  it('renews a fifth before the end, at most five minutes, give or take a tenth of that', () => {
    expect(renewalTime(token(0, 100), 0.5)).toBeCloseTo(80)
    expect(renewalTime(token(0, 36_000), 0.5)).toBeCloseTo(35_700)
    expect(renewalTime(token(0, 36_000), 0)).toBeCloseTo(35_730)
    expect(renewalTime(token(0, null), 0.5)).toBeNull()
  })

  it('backs off from a second to five minutes', () => {
    expect([1, 2, 3, 20, 1000].map((attempt) => backoff(attempt, 0.5))).toEqual([1000, 2000, 4000, 300_000, 300_000])
  })
})

describe('one refresh at a time', () => {
  it('fifty callers on an expired token are one request and fifty equal answers', async () => {
    await plant(rig, 'a', { lifetime: 60 })
    await rig.clock.pass(61_000)
    const callers = Array.from({ length: 50 }, () => tokens.fresh('a', want))
    await settled()
    expect(rig.servers.sent).toHaveLength(1)
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    expect(new Set((await Promise.all(callers)).map(shown))).toEqual(new Set(['at-2']))
  })

  it('asking for more validity than there is, is one request, also one after the other', async () => {
    await plant(rig, 'a', { lifetime: 60 })
    rig.servers.reply = () => refreshed(rig, 'at-2', 'rt-2', 60)
    const greedy = { ...want, min_valid_period: 3600 }
    await rig.clock.pass(40_000)
    await Promise.all(Array.from({ length: 50 }, () => tokens.fresh('a', greedy)))
    for (let i = 0; i < 10; i++) await tokens.fresh('a', greedy)
    expect(rig.servers.sent).toHaveLength(1)
  })

  it('another variant waits its turn and is not answered with the wrong token', async () => {
    await plant(rig, 'a')
    const whole = tokens.fresh('a', forced)
    const narrow = tokens.fresh('a', { ...want, variant: { scope: 'mail' } })
    await settled()
    expect(rig.servers.sent).toHaveLength(1)
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-whole', 'rt-2'))
    await settled()
    expect(rig.servers.sent[1]).toMatchObject({ refresh_token: 'rt-2', variant: { scope: 'mail' } })
    rig.servers.sent[1]?.answer(refreshed(rig, 'at-narrow', 'rt-3'))
    expect([shown(await whole), shown(await narrow)]).toEqual(['at-whole', 'at-narrow'])
    expect(shown(await tokens.fresh('a', { ...want, variant: { scope: 'mail' } }))).toBe('at-narrow')
    expect(shown(await tokens.fresh('a', want))).toBe('at-whole')
  })

  it("a provider that hangs holds up nobody else's token", async () => {
    await plant(rig, 'slow', { lifetime: 1 })
    await plant(rig, 'quick')
    await rig.clock.pass(2000)
    void tokens.fresh('slow', want)
    await settled()
    expect(shown(await tokens.fresh('quick', want))).toBe('at-quick-1')
  })

  it('a caller who gives up does not end the refresh', async () => {
    await plant(rig, 'a', { lifetime: 1 })
    await rig.clock.pass(2000)
    const caller = tokens.fresh('a', { ...want, timeout: 1000 })
    await rig.clock.pass(1000)
    expect(shown(await caller)).toBe('timeout')
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    await settled()
    expect(shown(await tokens.fresh('a', want))).toBe('at-2')
    expect(rig.servers.sent).toHaveLength(1)
  })
})

describe('durability (R4)', () => {
  it('writes the intent before sending and the result before releasing', async () => {
    await plant(rig, 'a')
    rig.vault.calls.length = 0
    rig.servers.reply = () => refreshed(rig, 'at-2', 'rt-2')
    await tokens.fresh('a', forced)
    expect(rig.vault.calls).toEqual(['beginRefresh', 'commitRefresh'])
    expect(rig.faults).toEqual(['beforeSend', 'afterReceive', 'beforeCommit', 'afterCommit'])
    expect(rig.vault.rows.get('a')?.previous?.material.refresh_token?.reveal()).toBe('rt-a-1')
  })

  it('puts no refresh token at risk while the disk is full', async () => {
    await plant(rig, 'a', { lifetime: 1 })
    await rig.clock.pass(2000)
    rig.vault.full = true
    expect(shown(await tokens.fresh('a', want))).toBe('temporarily_unavailable')
    expect(rig.servers.sent).toHaveLength(0)
  })

  it('keeps a token the disk would not take, serves it, does not refresh again, and saves it when it can', async () => {
    await plant(rig, 'a')
    const asking = tokens.fresh('a', forced)
    await settled()
    rig.vault.full = true
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    expect(shown(await asking)).toBe('at-2')
    expect(tokens.isUnsaved('a')).toBe(true)
    expect(outcomes).toEqual(['unsaved'])
    expect(shown(await tokens.fresh('a', forced))).toBe('temporarily_unavailable')
    expect(rig.servers.sent).toHaveLength(1)
    rig.vault.full = false
    await rig.clock.pass(5000)
    expect(tokens.isUnsaved('a')).toBe(false)
    expect((await rig.vault.grant('a'))?.material.refresh_token?.reveal()).toBe('rt-2')
  })

  it('an intent left by a dead process is tried at once, with the same token', async () => {
    await plant(rig, 'a')
    await rig.vault.beginRefresh('a', 1)
    rig.servers.reply = () => refreshed(rig, 'at-2', 'rt-2')
    await tokens.recover()
    await settled()
    expect(rig.servers.sent.map((sent) => sent.refresh_token)).toEqual(['rt-a-1'])
    expect(await rig.vault.intents()).toEqual([])
  })

  it('a newer sign-in beats a refresh that was under way', async () => {
    const record = await plant(rig, 'a')
    const asking = tokens.fresh('a', forced)
    await settled()
    const stored = await rig.vault.grant('a')
    if (stored)
      tokens.adopt(
        'a',
        await rig.vault.link(record, {
          ...stored.material,
          refresh_token: new Secret('rt-new'),
          access: stored.material.access,
        }),
      )
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-old', 'rt-old'))
    expect(shown(await asking)).toBe('temporarily_unavailable')
    expect((await rig.vault.grant('a'))?.material.refresh_token?.reveal()).toBe('rt-new')
  })
})

describe('outcomes', () => {
  it.each([
    ['offline', { kind: 'offline', detail: 'no network' }, 'temporarily_unavailable'],
    ['transient', { kind: 'transient', detail: 'HTTP 503' }, 'temporarily_unavailable'],
    ['throttled', { kind: 'throttled', detail: 'HTTP 429', retry_after: 120 }, 'temporarily_unavailable'],
    ['client configuration', { kind: 'client-configuration', detail: 'invalid_client' }, 'provider_error'],
    ['interaction needed', { kind: 'interaction-needed', detail: 'mfa' }, 'sign-in-needed'],
    ['final', { kind: 'final', detail: 'invalid_grant' }, 'sign-in-needed'],
  ] as const)('%s never deletes the refresh token', async (_name, outcome, expected) => {
    await plant(rig, 'a', { lifetime: 1 })
    await rig.clock.pass(2000)
    rig.servers.reply = () => outcome
    expect(shown(await tokens.fresh('a', want))).toBe(expected)
    expect(rig.vault.rows.get('a')?.material.refresh_token?.reveal()).toBe('rt-a-1')
  })

  it.each(['offline', 'transient', 'throttled'] as const)('%s still serves a token that is good', async (kind) => {
    await plant(rig, 'a', { lifetime: 3600 })
    rig.servers.reply = () => (kind === 'throttled' ? { kind, detail: 'x', retry_after: 9 } : { kind, detail: 'x' })
    await rig.clock.pass(3_580_000)
    expect(shown(await tokens.fresh('a', want))).toBe('at-a-1')
    expect(tokens.offline('a')).toBe('x')
  })

  it('final ends the account, quarantines the token, and is not asked again', async () => {
    await plant(rig, 'a')
    rig.servers.reply = () => ({ kind: 'final', detail: 'invalid_grant' })
    expect(shown(await tokens.fresh('a', forced))).toBe('sign-in-needed')
    expect(rig.vault.records.get('a')).toMatchObject({ standing: 'needs-sign-in', problem: 'invalid_grant' })
    expect(rig.vault.rows.get('a')?.quarantined).toBe(true)
    expect(shown(await tokens.fresh('a', forced))).toBe('sign-in-needed')
    expect(rig.servers.sent).toHaveLength(1)
  })

  it('P6: invalid_grant is believed only after re-reading the vault', async () => {
    const record = await plant(rig, 'a')
    const asking = tokens.fresh('a', forced)
    await settled()
    const stored = await rig.vault.grant('a')
    if (stored) await rig.vault.link(record, { ...stored.material, refresh_token: new Secret('rt-other') })
    rig.servers.sent[0]?.answer({ kind: 'final', detail: 'invalid_grant' })
    await settled()
    expect(rig.servers.sent[1]?.refresh_token).toBe('rt-other')
    rig.servers.sent[1]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    expect(shown(await asking)).toBe('at-2')
  })

  it('P8: ambiguous is asked once more soon, while a grace period may still hold, and then not in a loop', async () => {
    await plant(rig, 'a')
    const asking = tokens.fresh('a', forced)
    await settled()
    rig.servers.sent[0]?.answer({ kind: 'ambiguous', detail: 'connection reset' })
    await rig.clock.pass(1000)
    rig.servers.sent[1]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    expect(shown(await asking)).toBe('at-2')
    const second = tokens.fresh('a', forced)
    await settled()
    rig.servers.sent[2]?.answer({ kind: 'ambiguous', detail: 'connection reset' })
    await rig.clock.pass(1000)
    rig.servers.sent[3]?.answer({ kind: 'final', detail: 'invalid_grant' })
    expect(shown(await second)).toBe('sign-in-needed')
    await rig.clock.pass(600_000)
    expect(rig.servers.sent).toHaveLength(4)
  })

  it('a provider that names its time is not hurried; a passing failure is, after a second', async () => {
    await plant(rig, 'a', { lifetime: 1 })
    await rig.clock.pass(2000)
    rig.servers.reply = () => ({ kind: 'throttled', detail: 'HTTP 429', retry_after: 120 })
    await tokens.fresh('a', want)
    await rig.clock.pass(60_000)
    await tokens.fresh('a', want)
    expect(rig.servers.sent).toHaveLength(1)
    rig.servers.reply = () => ({ kind: 'offline', detail: 'no network' })
    await rig.clock.pass(60_000)
    expect(rig.servers.sent).toHaveLength(2)
    expect(shown(await tokens.fresh('a', want))).toBe('temporarily_unavailable')
    expect(rig.servers.sent).toHaveLength(2)
    await rig.clock.pass(800)
    expect(rig.servers.sent).toHaveLength(2)
    await rig.clock.pass(201)
    rig.servers.reply = () => refreshed(rig, 'at-2', 'rt-2')
    expect(shown(await tokens.fresh('a', want))).toBe('at-2')
  })

  it('a client that is refused keeps the grant and recovers when it is mended', async () => {
    await plant(rig, 'a', { lifetime: 1 })
    await rig.clock.pass(2000)
    rig.servers.reply = () => ({ kind: 'client-configuration', detail: 'invalid_client' })
    await tokens.fresh('a', want)
    expect(rig.vault.records.get('a')?.standing).toBe('misconfigured')
    await rig.clock.pass(2000)
    rig.servers.reply = () => refreshed(rig, 'at-2', 'rt-2')
    expect(shown(await tokens.fresh('a', want))).toBe('at-2')
    expect(rig.vault.records.get('a')?.standing).toBe('connected')
  })
})

describe('renewal ahead of time', () => {
  it('happens for a token in use and not for one nobody asks for', async () => {
    await plant(rig, 'used', { lifetime: 1000 })
    await plant(rig, 'idle', { lifetime: 1000 })
    rig.servers.reply = (sent) => refreshed(rig, `at-${sent}`, `${sent}+`, 1000)
    await tokens.fresh('used', want)
    tokens.adopt(
      'idle',
      (await rig.vault.grant('idle')) ?? {
        generation: 0,
        material: { connection: {} as never, refresh_token: null, access: null },
      },
    )
    await rig.clock.pass(900_000)
    expect(rig.servers.sent.map((sent) => sent.refresh_token)).toEqual(['rt-used-1'])
  })

  it('a token that says it lives for a month makes no storm', async () => {
    await plant(rig, 'a', { lifetime: 2_592_000 })
    rig.servers.reply = () => refreshed(rig, 'at-2', 'rt-2', 2_592_000)
    await tokens.fresh('a', want)
    await rig.clock.pass(86_400_000)
    expect(rig.servers.sent).toHaveLength(0)
    expect(Math.max(...rig.clock.waiting)).toBeGreaterThan(2_000_000_000)
  })

  it('stops with the host', async () => {
    await plant(rig, 'a')
    await tokens.fresh('a', want)
    await tokens.stop()
    expect(rig.clock.waiting).toEqual([])
    expect(shown(await tokens.fresh('a', forced))).toBe('temporarily_unavailable')
  })
})

describe('transitions', () => {
  it('a provider can end an account, and only a sign-in brings it back', async () => {
    const record = await plant(rig, 'a')
    const ended = advance(record, 'ended-by-provider', 'why')
    expect(ended).toMatchObject({ standing: 'needs-sign-in', problem: 'why' })
    expect(() => advance(ended, 'refreshed')).toThrow(/cannot be refreshed/u)
    expect(advance(ended, 'linked')).not.toHaveProperty('problem')
  })
})
