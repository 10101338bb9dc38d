/** Pairing and consent: what is asked, of whom, how often, and what a yes or a no means. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../../main/broker/broker.ts'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { WindowApi } from '../../../main/contract/window-api.ts'
import { plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

let desk: Desk
let rig: Rig
let broker: Broker
let person: WindowApi
let terminal: WindowApi
let script: ClientRecord

beforeEach(async () => {
  desk = new Desk()
  ;({ rig, broker, person, terminal } = desk)
  await broker.open()
  script = await desk.pairAs('backup')
})

describe('pairing', () => {
  it('gives the token once and keeps only its hash', () => {
    const kept = [...rig.vault.clientRecords.values()].find((client) => client.name === 'backup')
    expect(kept?.token_hash).toMatch(/^[\w-]{43}$/u)
    expect(JSON.stringify([...rig.vault.clientRecords.values()])).not.toContain('vkc_')
  })

  it('shows one prompt for a hundred callers and tells the rest to slow down', async () => {
    const callers = Array.from({ length: 100 }, () =>
      refusal(broker.asking.pair({ name: 'flood', kind: 'script' }, line())),
    )
    await settled()
    const open = (await person.snapshot()).requests
    expect(open).toHaveLength(1)
    await person.deny({ id: open[0]?.id ?? '' })
    const codes = await Promise.all(callers)
    expect(codes.filter((code) => code === 'slow_down')).toHaveLength(99)
    expect(codes.filter((code) => code === 'access_denied')).toHaveLength(1)
  })

  it('needs the code that the asking program shows, on a terminal, and gives three tries', async () => {
    const on = line()
    const pairing = refusal(broker.asking.pair({ name: 'other', kind: 'script' }, on))
    await settled()
    const id = on.asked[0]?.request_id ?? ''
    expect((await terminal.snapshot()).requests[0]?.code).toBeUndefined()
    expect(await refusal(terminal.approve({ id }))).toBe('invalid_request')
    expect(await refusal(terminal.approve({ id, code: 'wrong' }))).toBe('access_denied')
    expect(await refusal(terminal.approve({ id, code: '1' }))).toBe('access_denied')
    expect(await refusal(terminal.approve({ id, code: '2' }))).toBe('access_denied')
    expect(await pairing).toBe('access_denied')
    expect(await refusal(terminal.approve({ id, code: on.asked[0]?.code ?? '' }))).toBe('not_found')
  })

  it('is withdrawn when the caller hangs up', async () => {
    const on = line()
    const pairing = refusal(broker.asking.pair({ name: 'other', kind: 'script' }, on))
    await settled()
    on.hangUp()
    expect(await pairing).toBe('timeout')
    expect((await person.snapshot()).requests).toHaveLength(0)
  })
})

describe('consent', () => {
  it('is asked for once, and equal questions are one prompt', async () => {
    await plant(rig, 'a')
    const lines = [line(), line(), line()]
    const answers = lines.map((on) => broker.asking.token(script, { account: 'a' }, on))
    await settled()
    const open = (await person.snapshot()).requests
    expect(open).toHaveLength(1)
    expect(open[0]).toMatchObject({ kind: 'access', right: 'read', scope: 'openid mail files', waiting: 3 })
    await person.approve({ id: open[0]?.id ?? '', for: 'once' })
    expect((await Promise.all(answers)).map((answer) => answer.access_token)).toEqual(['at-a-1', 'at-a-1', 'at-a-1'])
    expect(await refusal(broker.asking.token(script, { account: 'a', interaction: 'never' }, line()))).toBe(
      'consent_required',
    )
  })

  it('never is never asked, notify leaves a question, and the asker may watch it', async () => {
    await plant(rig, 'a')
    expect(await refusal(broker.asking.token(script, { account: 'a', interaction: 'never' }, line()))).toBe(
      'consent_required',
    )
    expect((await person.snapshot()).requests).toHaveLength(0)
    const thrown: unknown = await broker.asking
      .token(script, { account: 'a', interaction: 'notify' }, line())
      .catch((error: unknown) => error)
    const { request_id, resolve } = thrown as { request_id: string; resolve: { code: string; command: string } }
    expect(resolve.command).toBe(`valetkey approve ${request_id}`)
    expect(await broker.asking.request(script, request_id)).toMatchObject({ state: 'pending', code: resolve.code })
    await terminal.approve({ id: request_id, code: resolve.code, for: '1h' })
    expect(await broker.asking.request(script, request_id)).toMatchObject({ state: 'approved' })
    expect((await broker.asking.token(script, { account: 'a', interaction: 'never' }, line())).authorization).toBe(
      'Bearer at-a-1',
    )
    await rig.clock.pass(3_600_000)
    expect(await refusal(broker.asking.token(script, { account: 'a', interaction: 'never' }, line()))).toBe(
      'consent_required',
    )
  })

  it("hides one client's questions, accounts and consents from another", async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
    const other = await desk.pairAs('other')
    expect(await refusal(broker.asking.token(other, { account: 'a', interaction: 'never' }, line()))).toBe(
      'consent_required',
    )
    expect((await broker.asking.accounts(other)).accounts).toEqual([])
    expect(await refusal(broker.asking.invalidate(other, { account: 'a', token_id: 'x' }, line()))).toBe('not_found')
    const thrown: unknown = await broker.asking
      .token(other, { account: 'a', interaction: 'notify' }, line())
      .catch((error: unknown) => error)
    expect(await refusal(broker.asking.request(script, (thrown as { request_id: string }).request_id))).toBe(
      'not_found',
    )
  })

  it('asks only for what is new, and a consent for less gives less', async () => {
    await plant(rig, 'a')
    const first = line()
    const asking = broker.asking.token(script, { account: 'a', scope: 'mail' }, first)
    await settled()
    rig.servers.reply = () => refreshed(rig, 'at-narrow', null)
    await person.approve({ id: first.asked[0]?.request_id ?? '', for: 'always' })
    await asking
    expect(rig.servers.sent.at(-1)?.variant).toEqual({ scope: 'mail' })
    const second = line()
    void refusal(broker.asking.token(script, { account: 'a', scope: 'mail files' }, second))
    await settled()
    expect((await person.snapshot()).requests[0]?.scope).toBe('files')
    expect((await broker.asking.token(script, { account: 'a', interaction: 'never' }, line())).access_token).toBe(
      'at-narrow',
    )
    expect((await broker.asking.accounts(script)).accounts[0]?.scope).toBe('mail')
  })

  it('R6: a provider that cannot narrow does not widen what the person allowed', async () => {
    await plant(rig, 'a')
    const on = line()
    const asking = refusal(broker.asking.token(script, { account: 'a', scope: 'mail' }, on))
    await settled()
    rig.servers.reply = () => refreshed(rig, 'at-wide', null, 3600, 'openid mail files')
    await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always' })
    expect(await asking).toBe('invalid_scope')
    expect(await refusal(broker.asking.token(script, { account: 'a', interaction: 'never' }, line()))).toBe(
      'invalid_scope',
    )
  })

  it('denied cools the client down, longer each time', async () => {
    await plant(rig, 'a')
    for (const pause of [5000, 10_000]) {
      const on = line()
      const asking = refusal(broker.asking.token(script, { account: 'a' }, on))
      await settled()
      await person.deny({ id: on.asked[0]?.request_id ?? '' })
      expect(await asking).toBe('access_denied')
      expect(await refusal(broker.asking.token(script, { account: 'a' }, line()))).toBe('access_denied')
      await rig.clock.pass(pause)
    }
  })

  it('timing out is a refusal that leaves the question open; nobody answering ends it', async () => {
    await plant(rig, 'a')
    const asking = refusal(broker.asking.token(script, { account: 'a', timeout: 5 }, line()))
    await rig.clock.pass(5000)
    expect(await asking).toBe('timeout')
    expect((await person.snapshot()).requests).toHaveLength(1)
    await rig.clock.pass(600_000)
    expect((await person.snapshot()).requests).toHaveLength(0)
  })

  it('for use is not consent to read', async () => {
    await plant(rig, 'a')
    const on = line()
    const asking = refusal(broker.asking.token(script, { account: 'a' }, on))
    await settled()
    await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always', right: 'use' })
    expect(await asking).toBe('access_denied')
    expect((await broker.asking.accounts(script)).accounts[0]?.rights).toEqual(['use'])
    expect(await refusal(broker.asking.token(script, { account: 'a', interaction: 'never' }, line()))).toBe(
      'consent_required',
    )
  })

  it('ends with the client, and with the account', async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
    await person.revokeClient({ client: 'backup' })
    expect(rig.vault.grantRecords.size).toBe(0)
    script = await desk.pairAs('backup')
    await desk.consent(script, 'a')
    expect(await person.unlink({ account: 'a' })).toMatchObject({ remote: 'revoked' })
    expect(rig.servers.revoked).toEqual(['rt-a-1'])
    expect(rig.vault.grantRecords.size).toBe(0)
    expect(await refusal(broker.asking.token(script, { account: 'a' }, line()))).toBe('not_found')
  })

  it('a "once" whose refresh failed is not spent', async () => {
    await plant(rig, 'a', { lifetime: 1 })
    const on = line()
    const asking = refusal(broker.asking.token(script, { account: 'a' }, on))
    await settled()
    await rig.clock.pass(2000)
    rig.servers.reply = () => ({ kind: 'offline', detail: 'no network' })
    await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'once' })
    expect(await asking).toBe('temporarily_unavailable')
    await rig.clock.pass(2000)
    rig.servers.reply = () => refreshed(rig, 'at-new', 'rt-new')
    expect((await broker.asking.token(script, { account: 'a', interaction: 'never' }, line())).access_token).toBe(
      'at-new',
    )
    expect(await refusal(broker.asking.token(script, { account: 'a', interaction: 'never' }, line()))).toBe(
      'consent_required',
    )
  })
})
