/** Accounts, sign-ins, locking and invalidation as clients and the person meet them. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../../main/broker/broker.ts'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { WindowApi } from '../../../main/contract/window-api.ts'
import { Secret } from '../../../main/broker/secret.ts'
import { connection, plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'
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

describe('which account', () => {
  it('is never guessed: candidates are what the client may see', async () => {
    await plant(rig, 'a', { label: 'work' })
    await plant(rig, 'b', { label: 'home' })
    await desk.consent(script, 'a')
    expect(
      (await broker.asking.token(script, { provider: 'generic-oidc', interaction: 'never' }, line())).account.id,
    ).toBe('a')
    await desk.consent(script, 'b')
    const thrown: unknown = await broker.asking
      .token(script, { account: 'generic-oidc' }, line())
      .catch((error: unknown) => error)
    expect(thrown).toMatchObject({
      code: 'account_selection_required',
      candidates: [
        { id: 'a', label: 'work' },
        { id: 'b', label: 'home' },
      ],
    })
    expect((await broker.asking.token(script, { account: 'home', interaction: 'never' }, line())).account.id).toBe('b')
  })

  it('is chosen by the person where several fit and none is allowed yet', async () => {
    await plant(rig, 'a')
    await plant(rig, 'b')
    const on = line()
    const asking = broker.asking.token(script, { provider: 'generic-oidc' }, on)
    await settled()
    const id = on.asked[0]?.request_id ?? ''
    expect(await refusal(person.approve({ id, for: 'always' }))).toBe('account_selection_required')
    await person.approve({ id, for: 'always', account: 'b' })
    expect((await asking).account.id).toBe('b')
  })

  it('nothing linked says how to link', async () => {
    expect(await refusal(broker.asking.token(script, { provider: 'generic-oidc' }, line()))).toBe('login_required')
  })

  it('a scope beyond the account says how to widen it', async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
    const thrown: unknown = await broker.asking
      .token(script, { account: 'a', scope: 'mail admin' }, line())
      .catch((error: unknown) => error)
    expect(thrown).toMatchObject({
      code: 'invalid_scope',
      resolve: { command: expect.stringContaining('openid mail files admin') as string },
    })
  })

  it("understands a resource server's challenge", async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
    rig.servers.reply = () => refreshed(rig, 'at-mail', null)
    await broker.asking.token(
      script,
      { account: 'a', www_authenticate: 'Bearer error="insufficient_scope", scope="mail"' },
      line(),
    )
    expect(rig.servers.sent.at(-1)?.variant).toEqual({ scope: 'mail' })
  })
})

describe('signing in', () => {
  const signedIn = (subject: string) =>
    ({
      kind: 'signed-in',
      provider_name: 'Example',
      scope: 'openid mail files',
      identity: { issuer: 'https://op.example', subject, label: `${subject}@example` },
      material: { connection, refresh_token: new Secret(`rt-${subject}-9`), access: null },
    }) as const

  it('is one tab for any number of tools that need it', async () => {
    await plant(rig, 'a', { lifetime: 1 })
    await desk.consent(script, 'a')
    rig.servers.reply = () => ({ kind: 'final', detail: 'invalid_grant' })
    await rig.clock.pass(2000)
    const asking = Array.from({ length: 20 }, () => broker.asking.token(script, { account: 'a' }, line()))
    await settled()
    expect(rig.opened).toHaveLength(1)
    expect((await person.snapshot()).accounts[0]?.state).toBe('signing-in')
    rig.servers.reply = () => refreshed(rig, 'at-a-9', 'rt-a-10')
    rig.servers.signIns[0]?.end(signedIn('a'))
    expect(new Set((await Promise.all(asking)).map((answer) => answer.access_token))).toEqual(new Set(['at-a-9']))
  })

  it('that came to nothing opens no further tab for a minute', async () => {
    await plant(rig, 'a', { lifetime: 1 })
    await desk.consent(script, 'a')
    rig.servers.reply = () => ({ kind: 'final', detail: 'invalid_grant' })
    await rig.clock.pass(2000)
    const asking = refusal(broker.asking.token(script, { account: 'a' }, line()))
    await settled()
    rig.servers.signIns[0]?.end({ kind: 'expired' })
    expect(await asking).toBe('login_required')
    expect(await refusal(broker.asking.token(script, { account: 'a' }, line()))).toBe('login_required')
    expect(rig.opened).toHaveLength(1)
  })

  it('from a terminal lets the command line read; from a window it does not', async () => {
    const cli = await broker.adoptCommandLine(undefined)
    const client = broker.asking.authenticate(cli.reveal())
    if (!client) throw new Error('the command line must be known')
    const started = await person.link({ provider: 'generic-oidc', params: { issuer: 'https://op.example' } })
    rig.servers.signIns[0]?.end(signedIn('a'))
    const windowEnd = await person.awaitSignIn({ id: started.id, timeout: 5 })
    expect(
      await refusal(
        broker.asking.token(client, { account: windowEnd.account?.id ?? '', interaction: 'never' }, line()),
      ),
    ).toBe('consent_required')
    const again = await terminal.link({ provider: 'generic-oidc', params: { issuer: 'https://op.example' } })
    rig.servers.signIns[1]?.end(signedIn('a'))
    const terminalEnd = await terminal.awaitSignIn({ id: again.id, timeout: 5 })
    expect(terminalEnd.account?.id).toBe(windowEnd.account?.id)
    rig.servers.reply = () => refreshed(rig, 'at-a-2', 'rt-a-10')
    expect(
      (await broker.asking.token(client, { account: 'a@example', interaction: 'never' }, line())).access_token,
    ).toBe('at-a-2')
    expect(await broker.adoptCommandLine(cli)).toBe(cli)
  })

  it('P10: as somebody else changes nothing', async () => {
    await plant(rig, 'a')
    const started = await person.link({ provider: 'generic-oidc', account: 'a' })
    rig.servers.signIns[0]?.end(signedIn('mallory'))
    const end = await person.awaitSignIn({ id: started.id, timeout: 5 })
    expect(end.sign_in).toMatchObject({ state: 'failed', error: { code: 'access_denied' } })
    expect((await rig.vault.grant('a'))?.material.refresh_token?.reveal()).toBe('rt-a-1')
  })
})

describe('locking', () => {
  it('refuses everything, forgets the tokens, and the person can undo it', async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
    const on = line()
    void refusal(broker.asking.token(script, { account: 'a', scope: 'mail' }, on))
    expect((await person.lock()).accounts[0]).toMatchObject({ state: 'locked' })
    expect(await refusal(broker.asking.token(script, { account: 'a' }, line()))).toBe('locked')
    expect(await refusal(broker.asking.pair({ name: 'x', kind: 'agent' }, line()))).toBe('locked')
    expect(await refusal(person.link({ provider: 'generic-oidc' }))).toBe('locked')
    await person.unlock({})
    expect((await broker.asking.token(script, { account: 'a', interaction: 'never' }, line())).access_token).toBe(
      'at-a-1',
    )
  })
})

describe('invalidate', () => {
  it('refreshes the current token once, answers the newer one after, and is rate-limited', async () => {
    await plant(rig, 'a')
    await desk.consent(script, 'a')
    const first = await broker.asking.token(script, { account: 'a' }, line())
    rig.servers.reply = (sent) => refreshed(rig, `at-after-${sent}`, `${sent}+`)
    const reports = await Promise.all(
      [1, 2, 3].map(() => broker.asking.invalidate(script, { account: 'a', token_id: first.token_id }, line())),
    )
    expect(new Set(reports.map((answer) => answer.access_token))).toEqual(new Set(['at-after-rt-a-1']))
    expect(rig.servers.sent).toHaveLength(1)
    const stale = await broker.asking.invalidate(script, { account: 'a', token_id: first.token_id }, line())
    expect(stale.access_token).toBe('at-after-rt-a-1')
    expect(rig.servers.sent).toHaveLength(1)
    let current = stale
    const codes: unknown[] = []
    for (let i = 0; i < 6; i++) {
      const answer = broker.asking.invalidate(script, { account: 'a', token_id: current.token_id }, line())
      codes.push(await refusal(answer))
      if (codes.at(-1) === 'answered') current = await answer
    }
    expect(codes).toContain('slow_down')
  })
})

describe('activity', () => {
  it('has one row per request, whichever way it ended, and no token in any', async () => {
    await plant(rig, 'a')
    await refusal(broker.asking.token(script, { account: 'a', interaction: 'never' }, line()))
    await desk.consent(script, 'a')
    const rows = rig.rows.filter((row) => row.action === 'token')
    expect(rows.map((row) => row.outcome)).toEqual(['consent_required', 'ok'])
    expect(rows[1]).toMatchObject({ client_id: script.id, account_id: 'a', scope: 'openid mail files' })
    expect(JSON.stringify(rig.rows)).not.toMatch(/at-a-1|rt-a-1|vkc_/u)
  })
})

describe('changes', () => {
  it('are announced once per turn, however many there were', async () => {
    let heard = 0
    const stop = broker.deciding.onChange(() => {
      heard++
    })
    await plant(rig, 'a')
    const on = [line(), line()]
    for (const each of on)
      void refusal(broker.asking.token(script, { account: 'a', scope: each === on[0] ? 'mail' : 'files' }, each))
    await rig.clock.pass(0)
    expect(heard).toBe(1)
    stop()
    await person.lock()
    await rig.clock.pass(0)
    expect(heard).toBe(1)
  })
})
