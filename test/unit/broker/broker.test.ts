/** The life of a token request and what the person decides, on ports without disk, network or waiting. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Broker } from '../../../main/broker/broker.ts'
import type { Line } from '../../../main/broker/doors.ts'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import { Secret } from '../../../main/broker/secret.ts'
import type { WindowApi } from '../../../main/contract/window-api.ts'
import { connection, createRig, plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'

let rig: Rig
let broker: Broker
let person: WindowApi
let terminal: WindowApi
let script: ClientRecord

interface TestLine extends Line {
  readonly asked: { request_id: string; code: string }[]
  hangUp(): void
}

function line(): TestLine {
  const controller = new AbortController()
  const asked: { request_id: string; code: string }[] = []
  return {
    signal: controller.signal,
    asked,
    pending: (question) => void asked.push(question),
    hangUp: () => {
      controller.abort()
    },
  }
}

async function pairAs(name: string, kind: 'script' | 'agent' = 'script'): Promise<ClientRecord> {
  const on = line()
  const pairing = broker.asking.pair({ name, kind }, on)
  await settled()
  await person.approve({ id: on.asked[0]?.request_id ?? '' })
  const { client_token } = await pairing
  const client = broker.asking.authenticate(client_token)
  if (!client) throw new Error('a paired client must be known')
  return client
}

/** Asks, and answers with the refusal's code. */
async function refusal(answer: Promise<unknown>): Promise<unknown> {
  return answer.then(
    () => 'answered',
    (thrown: unknown) => (thrown as { code?: string }).code ?? thrown,
  )
}

beforeEach(async () => {
  rig = createRig()
  broker = new Broker(rig.ports, { version: '0.0.0', host: 'daemon', home: '/home/x' })
  await broker.open()
  person = broker.deciding.on('window')
  terminal = broker.deciding.on('terminal')
  script = await pairAs('backup')
})

/** A script with an "always" consent for everything the account has. */
async function consented(accountId: string, forHow: 'always' | 'once' | '1h' = 'always'): Promise<void> {
  const on = line()
  const asking = broker.asking.token(script, { account: accountId, interaction: 'prompt' }, on)
  await settled()
  await person.approve({ id: on.asked[0]?.request_id ?? '', for: forHow })
  await asking
}

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
    await consented('a')
    const other = await pairAs('other')
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
    await consented('a')
    await person.revokeClient({ client: 'backup' })
    expect(rig.vault.grantRecords.size).toBe(0)
    script = await pairAs('backup')
    await consented('a')
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

describe('which account', () => {
  it('is never guessed: candidates are what the client may see', async () => {
    await plant(rig, 'a', { label: 'work' })
    await plant(rig, 'b', { label: 'home' })
    await consented('a')
    expect(
      (await broker.asking.token(script, { provider: 'generic-oidc', interaction: 'never' }, line())).account.id,
    ).toBe('a')
    await consented('b')
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
    await consented('a')
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
    await consented('a')
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
    await consented('a')
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
    await consented('a')
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
    await consented('a')
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
    await consented('a')
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
    await consented('a')
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
