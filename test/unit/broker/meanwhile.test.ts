/**
 * What the person and others do while something waits: lock, revoke, unlink, sign in again, say no. Whatever was true
 * before the waiting is judged again after it, and no refresh token is lost to it.
 */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../../main/broker/broker.ts'
import type { ClientRecord, SignInOutcome } from '../../../main/broker/ports.ts'
import { Secret } from '../../../main/broker/secret.ts'
import type { WindowApi } from '../../../main/contract/window-api.ts'
import { connection, plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

let desk: Desk
let rig: Rig
let broker: Broker
let person: WindowApi
let script: ClientRecord

beforeEach(async () => {
  desk = new Desk()
  ;({ rig, broker, person } = desk)
  await broker.open()
  script = await desk.pairAs('backup')
})

const ask = (account: string, more: object = {}): Promise<unknown> =>
  broker.asking.token(script, { account, interaction: 'never', ...more }, line())

const signedIn = (subject: string | undefined, issuer = 'https://op.example'): SignInOutcome => ({
  kind: 'signed-in',
  provider_name: 'Example',
  scope: 'openid mail files',
  identity: { issuer, ...(subject !== undefined && { subject }) },
  material: { connection, refresh_token: new Secret('rt-again'), access: null },
})

describe('while a refresh is under way', () => {
  beforeEach(async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
  })

  it('locking refuses everybody at once and still keeps the refresh token that comes', async () => {
    const asking = refusal(ask('a', { force_refresh: true }))
    await settled()
    expect((await person.lock()).vault.state).toBe('locked')
    expect(await refusal(ask('a'))).toBe('locked')
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    expect(await asking).toBe('locked')
    await settled()
    expect(rig.vault.current).toBe('locked')
    expect(rig.vault.rows.get('a')?.material.refresh_token?.reveal()).toBe('rt-2')
    await person.unlock({})
    expect(await ask('a')).toMatchObject({ access_token: 'at-2' })
    expect(rig.servers.sent).toHaveLength(1)
  })

  it('a vault locked by other means keeps the new token in memory until it opens', async () => {
    const asking = refusal(ask('a', { force_refresh: true }))
    await settled()
    rig.vault.current = 'locked'
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    await asking
    rig.vault.current = 'unlocked'
    await rig.clock.pass(5000)
    expect(rig.vault.rows.get('a')?.material.refresh_token?.reveal()).toBe('rt-2')
  })

  it.each([
    ['revoking the program', 'invalid_client', () => person.revokeClient({ client: 'backup' })],
    [
      'taking the consent back',
      'consent_required',
      async () => person.revokeGrant({ id: [...rig.vault.grantRecords.keys()][0] ?? '' }),
    ],
    ['pausing', 'temporarily_unavailable', () => person.setPaused({ paused: true })],
  ] as const)('%s counts for who waits already', async (_name, code, act) => {
    const asking = refusal(ask('a', { force_refresh: true }))
    await settled()
    await act()
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    expect(await asking).toBe(code)
    expect((await rig.vault.grant('a'))?.material.refresh_token?.reveal()).toBe('rt-2')
  })

  it('a revoked program does not come back with its last use', async () => {
    const asking = refusal(ask('a', { force_refresh: true }))
    await settled()
    await person.revokeClient({ client: 'backup' })
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    await asking
    await rig.clock.pass(120_000)
    expect([...rig.vault.clientRecords.values()].some(({ name }) => name === 'backup')).toBe(false)
  })

  it.each(['final', 'interaction-needed', 'client-configuration'] as const)(
    'a new sign-in is not ended by what the old token is told (%s)',
    async (kind) => {
      void refusal(ask('a', { force_refresh: true }))
      await settled()
      const again = await person.link({ provider: 'generic-oidc', account: 'a' })
      rig.servers.signIns[0]?.end(signedIn('a'))
      await person.awaitSignIn({ id: again.id, timeout: 5 })
      await person.rename({ account: 'a', label: 'renamed' })
      rig.servers.sent[0]?.answer({ kind, detail: 'about the old one' })
      await settled()
      rig.servers.sent[1]?.answer(refreshed(rig, 'at-2', 'rt-again-2'))
      await settled()
      expect(rig.vault.records.get('a')).toMatchObject({ standing: 'connected', label: 'renamed' })
    },
  )

  it('nothing an unlinked account is told brings it back, and what it was given last is revoked', async () => {
    void refusal(ask('a', { force_refresh: true }))
    await settled()
    const unlinking = person.unlink({ account: 'a' })
    await settled()
    expect(await refusal(ask('a', { force_refresh: true }))).toBe('temporarily_unavailable')
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-2', 'rt-2'))
    expect(await unlinking).toMatchObject({ remote: 'revoked' })
    expect(rig.servers.revoked).toEqual(['rt-2'])
    expect(rig.vault.records.has('a')).toBe(false)
    expect((await person.snapshot()).accounts).toEqual([])
  })
})

describe('while a question waits', () => {
  beforeEach(async () => {
    await plant(rig, 'a')
  })

  it('a challenge for less, answered just once, gives everybody less', async () => {
    const challenge = { interaction: 'prompt', www_authenticate: 'Bearer scope="mail"' } as const
    const on = [line(), line()]
    const asking = on.map((each) => broker.asking.token(script, { account: 'a', ...challenge }, each))
    await settled()
    rig.servers.reply = () => refreshed(rig, 'at-mail', null, 3600, 'mail')
    await person.approve({ id: on[0]?.asked[0]?.request_id ?? '', for: 'once' })
    expect((await Promise.all(asking)).map(({ scope }) => scope)).toEqual(['mail', 'mail'])
  })

  it('a consent taken back meanwhile is not revived by the answer to the rest', async () => {
    const first = line()
    const mail = broker.asking.token(script, { account: 'a', scope: 'mail' }, first)
    await settled()
    rig.servers.reply = () => refreshed(rig, 'at', null, 3600, 'mail')
    await person.approve({ id: first.asked[0]?.request_id ?? '', for: 'always' })
    await mail
    const second = line()
    const both = refusal(broker.asking.token(script, { account: 'a', scope: 'mail files' }, second))
    await settled()
    await person.revokeGrant({ id: [...rig.vault.grantRecords.keys()][0] ?? '' })
    await person.approve({ id: second.asked[0]?.request_id ?? '', for: 'always' })
    expect(await both).toBe('access_denied')
  })

  it("a revoked program's question goes with it, and no consent is written for it", async () => {
    const on = line()
    const asking = refusal(broker.asking.token(script, { account: 'a' }, on))
    await settled()
    await person.revokeClient({ client: 'backup' })
    expect(await asking).toBe('timeout')
    expect((await person.snapshot()).requests).toEqual([])
    expect(await refusal(person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always' }))).toBe('not_found')
    expect(rig.vault.grantRecords.size).toBe(0)
  })

  it('a no that comes while the yes is being written down comes too late, and says so', async () => {
    const on = line()
    const asking = broker.asking.token(script, { account: 'a' }, on)
    await settled()
    const id = on.asked[0]?.request_id ?? ''
    const approving = person.approve({ id, for: '1h' })
    await expect(person.deny({ id })).rejects.toMatchObject({ code: 'not_found' })
    expect(await approving).toMatchObject({ state: 'approved' })
    expect(await asking).toMatchObject({ access_token: 'at-a-1' })
  })
})

describe('wider than allowed', () => {
  it('a provider that would not narrow, and does not say so, is not believed', async () => {
    await plant(rig, 'a')
    const on = line()
    const asking = refusal(broker.asking.token(script, { account: 'a', scope: 'mail' }, on))
    await settled()
    rig.servers.reply = () => ({ ...refreshed(rig, 'at-whole', null), scope_dropped: true }) as never
    await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always' })
    expect(await asking).toBe('invalid_scope')
  })

  it('a "just once" whose token was too wide is not spent', async () => {
    await plant(rig, 'a')
    const on = line()
    const asking = refusal(broker.asking.token(script, { account: 'a', scope: 'mail' }, on))
    await settled()
    rig.servers.reply = () => refreshed(rig, 'at-wide', null, 3600, 'mail files')
    await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'once' })
    expect(await asking).toBe('invalid_scope')
    rig.servers.reply = () => refreshed(rig, 'at-mail', null, 3600, 'mail')
    await rig.clock.pass(400_000)
    expect(await refusal(ask('a', { scope: 'mail', force_refresh: true }))).toBe('answered')
  })

  it('an account whose scope nobody said still gives a consent for less only less', async () => {
    await plant(rig, 'a', { scope: '' })
    const on = line()
    const asking = broker.asking.token(script, { account: 'a', scope: 'mail.read' }, on)
    await settled()
    rig.servers.reply = () => refreshed(rig, 'at-narrow', null)
    await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always' })
    expect(await asking).toMatchObject({ access_token: 'at-narrow', scope: 'mail.read' })
    expect(rig.servers.sent.at(-1)?.variant).toEqual({ scope: 'mail.read' })
  })

  it('a stranger learns nothing of an account by asking for more than it has', async () => {
    await plant(rig, 'a')
    const beyond: unknown = await ask('a', { scope: 'admin' }).catch((error: unknown) => (error as Error).message)
    const within: unknown = await ask('a', { scope: 'mail' }).catch((error: unknown) => (error as Error).message)
    expect(beyond).toBe(within)
  })
})

describe('P10: signing in again', () => {
  it.each([
    ['as somebody else', signedIn('mallory')],
    ['as nobody in particular', signedIn(undefined)],
    ['at another issuer', signedIn('a', 'https://evil.example')],
  ])('%s changes nothing', async (_name, outcome) => {
    await plant(rig, 'a')
    const started = await person.link({ provider: 'generic-oidc', account: 'a' })
    rig.servers.signIns[0]?.end(outcome)
    expect((await person.awaitSignIn({ id: started.id, timeout: 5 })).sign_in.state).toBe('failed')
    expect((await rig.vault.grant('a'))?.material.refresh_token?.reveal()).toBe('rt-a-1')
  })
})

describe('a disk that takes nothing', () => {
  it('does not keep a revoked program in', async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
    rig.vault.full = true
    expect(await refusal(person.revokeClient({ client: 'backup' }))).toBe('temporarily_unavailable')
    expect(broker.asking.authenticate('vkc_anything')).toBeNull()
    expect((await person.snapshot()).clients.some(({ name }) => name === 'backup')).toBe(false)
    expect((await person.snapshot()).grants).toEqual([])
  })

  it('does not keep back a token that is good, when the provider is away as well', async () => {
    await plant(rig, 'a', { connection: { rotation: 'never' } })
    await desk.consent(script, 'a')
    rig.servers.reply = () => ({ kind: 'offline', detail: 'no network' })
    rig.vault.full = true
    expect(await ask('a', { min_valid_period: 3600 })).toMatchObject({ access_token: 'at-a-1' })
  })
})

describe('time and haste', () => {
  it('a wall clock set back does not make an old token young', async () => {
    await plant(rig, 'a', { lifetime: 3600 })
    await desk.consent(script, 'a')
    await ask('a')
    rig.servers.reply = () => ({ kind: 'offline', detail: 'no network' })
    await rig.clock.pass(3_650_000)
    rig.clock.jump(-1_800_000)
    expect(await refusal(ask('a'))).toBe('temporarily_unavailable')
    await rig.clock.pass(2000)
    rig.servers.reply = () => refreshed(rig, 'at-new', 'rt-2')
    expect(await ask('a')).toMatchObject({ access_token: 'at-new' })
  })

  it('forcing refreshes without end is slowed down', async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
    rig.servers.reply = () => refreshed(rig, 'at', null)
    const codes = new Set<unknown>()
    for (let i = 0; i < 2005; i++) codes.add(await refusal(ask('a', { force_refresh: true })))
    expect(codes).toEqual(new Set(['answered', 'slow_down']))
  })

  it('many expired accounts of one provider are not all refreshed at once', async () => {
    for (let i = 0; i < 40; i++) await plant(rig, `n${String(i)}`)
    for (let i = 0; i < 40; i++) await rig.vault.beginRefresh(`n${String(i)}`, 1)
    await broker.settle()
    await settled()
    expect(rig.servers.sent).toHaveLength(16)
    rig.servers.reply = (sent) => refreshed(rig, `at-${sent}`, `${sent}+`)
    for (const sent of rig.servers.sent) sent.answer(refreshed(rig, 'at', null))
    await settled()
    expect(rig.servers.sent).toHaveLength(40)
  })
})
