/** The right to use an account: what is asked, what it gives and what it never gives, and the row a call leaves. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../../main/broker/broker.ts'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { Use } from '../../../main/broker/use.ts'
import type { WindowApi } from '../../../main/contract/window-api.ts'
import { plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

let desk: Desk
let rig: Rig
let broker: Broker
let person: WindowApi
let agent: ClientRecord

beforeEach(async () => {
  desk = new Desk()
  ;({ rig, broker, person } = desk)
  await broker.open()
  agent = await desk.pairAs('helper', 'agent')
  await plant(rig, 'a', { label: 'work' })
})

const never = { interaction: 'never' } as const
const use = (client = agent): Promise<Use> =>
  broker.asking.use(client, { account: 'work', method: 'GET', ...never }, line())

/** Asks, and has the person answer. */
async function allowed(answer: { for?: 'once' | '1h' | 'always'; right?: 'use' | 'read' } = {}): Promise<Use> {
  const on = line()
  const asking = broker.asking.use(agent, { account: 'work', method: 'GET', reason: 'the mail' }, on)
  await settled()
  await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always', ...answer })
  return asking
}

describe('the right to use', () => {
  it('is asked for as such, and gives what one call needs', async () => {
    const on = line()
    const asking = broker.asking.use(agent, { account: 'work', method: 'GET' }, on)
    await settled()
    const [request] = (await person.snapshot()).requests
    expect(request).toMatchObject({ kind: 'access', right: 'use', account: { id: 'a' } })
    await person.approve({ id: request?.id ?? '', for: '1h' })
    const given = await asking
    expect(given.connection.api_base_urls).toEqual(['https://api.op.example/'])
    expect(await given.headers({ method: 'GET', url: 'https://api.op.example/x' })).toEqual({
      Authorization: 'Bearer at-a-1',
    })
    expect(JSON.stringify(given)).not.toContain('at-a-1')
    expect((await person.snapshot()).grants).toMatchObject([{ right: 'use', client_id: agent.id, account_id: 'a' }])
  })

  it('cannot be widened by the answer', async () => {
    const on = line()
    const asking = refusal(broker.asking.use(agent, { account: 'work', method: 'GET' }, on))
    await settled()
    const id = on.asked[0]?.request_id ?? ''
    expect(await refusal(person.approve({ id, right: 'read' }))).toBe('invalid_request')
    await person.deny({ id })
    expect(await asking).toBe('access_denied')
  })

  it('gives no token, by no call, and asking for one asks for more', async () => {
    await allowed()
    expect(broker.asking.ready(agent, { account: 'a' })).toBeUndefined()
    expect(await refusal(broker.asking.token(agent, { account: 'a', ...never }, line()))).toBe('consent_required')
    const { token_id } = await use()
    expect(await refusal(broker.asking.invalidate(agent, { account: 'a', token_id }, line()))).toBe('consent_required')
    expect((await broker.asking.accounts(agent)).accounts).toMatchObject([{ id: 'a', rights: ['use'] }])
    const on = line()
    const asking = refusal(broker.asking.token(agent, { account: 'a' }, on))
    await settled()
    expect((await person.snapshot()).requests).toMatchObject([{ right: 'read', scope: 'openid mail files' }])
    await person.deny({ id: on.asked[0]?.request_id ?? '' })
    expect(await asking).toBe('access_denied')
  })

  it('is what a question for a token can be narrowed to, and then the program is told how to go on', async () => {
    const on = line()
    const asking = broker.asking.token(agent, { account: 'a' }, on)
    await settled()
    await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always', right: 'use' })
    await expect(asking).rejects.toMatchObject({
      code: 'access_denied',
      message: expect.stringContaining('proxy') as string,
      resolve: { command: 'valetkey fetch a PATH' },
    })
    expect((await use()).token_id).not.toBe('')
    expect(await refusal(broker.asking.token(agent, { account: 'a', ...never }, line()))).toBe('consent_required')
  })

  it('is part of the right to read', async () => {
    await desk.consent(agent, 'a')
    expect((await use()).account.id).toBe('a')
  })

  it('is not asked for where the person is not to be disturbed, and not had for an account nobody knows', async () => {
    expect(await refusal(use())).toBe('consent_required')
    const nobody = broker.asking.use(agent, { account: 'nobody', method: 'GET' }, line())
    expect(await refusal(nobody)).toBe('not_found')
  })

  it('is another program’s own', async () => {
    await allowed()
    const other = await desk.pairAs('other')
    expect(await refusal(use(other))).toBe('consent_required')
  })

  it('given for once is spent by one call, and covers all of it', async () => {
    const given = await allowed({ for: 'once' })
    expect(await refusal(use())).toBe('consent_required')
    rig.servers.reply = () => refreshed(rig, 'at-a-2', 'rt-a-2')
    const renewed = await given.renew(1000)
    expect(await renewed.headers({ method: 'GET', url: 'https://x/' })).toEqual({ Authorization: 'Bearer at-a-2' })
    expect(await refusal(use())).toBe('consent_required')
    expect(rig.vault.grantRecords.size).toBe(0)
  })

  it('ends while the token is being fetched when the person takes it back', async () => {
    const given = await allowed()
    const renewing = refusal(given.renew(1000))
    await settled()
    await person.revokeGrant({ id: (await person.snapshot()).grants[0]?.id ?? '' })
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-a-2', 'rt-a-2'))
    expect(await renewing).toBe('consent_required')
  })

  it('gives nothing while everything is paused or locked', async () => {
    await allowed()
    await person.setPaused({ paused: true })
    expect(await refusal(use())).toBe('temporarily_unavailable')
    await person.setPaused({ paused: false })
    await person.lock()
    expect(await refusal(use())).toBe('locked')
  })

  it('is for the scopes it was given for: a token good for more is not put on', async () => {
    const on = line()
    const asking = refusal(broker.asking.use(agent, { account: 'a', method: 'GET', scope: 'mail' }, on))
    await settled()
    await person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always' })
    await settled()
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-wide', null, 3600, 'openid mail files'))
    expect(await asking).toBe('invalid_scope')
  })
})

describe('a token the API refused', () => {
  it('is replaced by a refresh, once for all who report it', async () => {
    const [first, second] = [await allowed(), await use()]
    const renewing = [first.renew(1000), second.renew(1000)]
    await settled()
    expect(rig.servers.sent).toHaveLength(1)
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-a-2', 'rt-a-2'))
    const [one, two] = await Promise.all(renewing)
    expect(one?.token_id).toBe(two?.token_id)
    expect(one?.token_id).not.toBe(first.token_id)
    expect(await (await first.renew(1000)).headers({ method: 'GET', url: 'https://x/' })).toEqual({
      Authorization: 'Bearer at-a-2',
    })
    expect(rig.servers.sent).toHaveLength(1)
  })

  it('is one report, however many make it at once', async () => {
    const uses = [await allowed(), ...(await Promise.all(Array.from({ length: 20 }, () => use())))]
    const renewing = uses.map((given) => given.renew(1000))
    await settled()
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-a-2', 'rt-a-2'))
    expect(new Set((await Promise.all(renewing)).map(({ token_id }) => token_id)).size).toBe(1)
    expect(rig.servers.sent).toHaveLength(1)
  })

  it('is replaced out of the budget that invalidating has', async () => {
    let count = 1
    rig.servers.reply = () => refreshed(rig, `at-a-${String(++count)}`, null)
    let given = await allowed()
    const codes: unknown[] = []
    for (let i = 0; i < 6; i++)
      codes.push(
        await refusal(
          given.renew(1000).then((next) => {
            given = next
          }),
        ),
      )
    expect(codes).toEqual([...Array<string>(5).fill('answered'), 'slow_down'])
  })

  it('brings no browser tab: the caller is told to have the person sign in', async () => {
    const given = await allowed()
    rig.servers.reply = () => ({ kind: 'final', detail: 'the provider ended the session' })
    expect(await refusal(given.renew(1000))).toBe('login_required')
    expect(rig.opened).toEqual([])
  })
})

describe('a call under way', () => {
  const revoke = async (): Promise<void> => {
    await person.revokeGrant({ id: (await person.snapshot()).grants[0]?.id ?? '' })
  }

  it.each([
    ['the consent', revoke],
    ['the pairing', () => person.revokeClient({ client: agent.id })],
    ['the account', () => person.unlink({ account: 'a', keep_remote: true })],
  ])('ends when the person takes back %s', async (_what, take) => {
    const given = await allowed()
    const other = await desk.pairAs('other')
    await desk.consent(other, 'a')
    const others = await use(other)
    expect(given.signal.aborted).toBe(false)
    await take()
    expect(given.signal.aborted).toBe(true)
    expect(others.signal.aborted).toBe((await person.snapshot()).accounts.length === 0)
  })

  it('goes on while another consent still allows it, and is forgotten when it is closed', async () => {
    const given = await allowed()
    await desk.consent(agent, 'a')
    await revoke()
    expect(given.signal.aborted).toBe(false)
    const closed = await use()
    closed.close()
    await revoke()
    expect([given.signal.aborted, closed.signal.aborted]).toEqual([true, false])
  })

  it('goes on when its time is over and the person allows the program anew', async () => {
    const given = await allowed({ for: '1h' })
    rig.servers.reply = () => refreshed(rig, 'at-a-2', 'rt-a-2')
    await rig.clock.pass(3_600_001)
    expect(await refusal(use())).toBe('consent_required')
    await allowed()
    expect(given.signal.aborted).toBe(false)
  })
})

describe('the row of a call', () => {
  it('is one, and has method, host and status', async () => {
    const given = await allowed()
    rig.servers.reply = () => refreshed(rig, 'at-a-2', 'rt-a-2')
    const before = rig.rows.length
    const renewed = await given.renew(1000)
    renewed.ended({ outcome: 'ok', host: 'api.op.example', status: 201 })
    given.ended({ outcome: 'provider_error', detail: 'late' })
    const rows = rig.rows.slice(before).filter(({ action }) => action === 'proxy')
    expect(rows).toMatchObject([
      { outcome: 'ok', client_id: agent.id, account_id: 'a', detail: 'GET api.op.example 201' },
    ])
  })

  it('is left by a refusal too', async () => {
    await refusal(use())
    expect(rig.rows.at(-1)).toMatchObject({ action: 'proxy', outcome: 'consent_required', account_id: 'a' })
  })
})
