/** Client tokens for a client's subprocesses: what they may, whose name they act under, and everything that ends them. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { SessionAnswer, SessionRequest } from '../../../main/contract/client-api.ts'
import { plant, refreshed, settled } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

let desk: Desk
let agent: ClientRecord

beforeEach(async () => {
  desk = new Desk()
  await desk.broker.open()
  agent = await desk.pairAs('scribe', 'agent')
})

const start = (request: Partial<SessionRequest> = {}): Promise<SessionAnswer> =>
  desk.broker.asking.startSession(agent, { name: 'build 7', ...request })
const clientOf = (answer: SessionAnswer): ClientRecord | null => desk.broker.asking.authenticate(answer.client_token)

function required(answer: SessionAnswer): ClientRecord {
  const client = clientOf(answer)
  if (!client) throw new Error('the session must be good')
  return client
}

/** The agent may read the account's tokens. */
async function allowReading(account: string): Promise<void> {
  const on = line()
  const asking = desk.broker.asking.token(agent, { account }, on)
  await settled()
  await desk.person.approve({ id: on.asked[0]?.request_id ?? '', for: 'always', right: 'read' })
  await asking
}

describe('what a session may', () => {
  it('is what its client may, less reading, and under its client’s id', async () => {
    await plant(desk.rig, 'a')
    await allowReading('a')
    const child = required(await start())
    expect(child.id).toBe(agent.id)
    expect((await desk.broker.asking.accounts(child)).accounts).toMatchObject([{ id: 'a', rights: ['use'] }])
    expect((await desk.broker.asking.accounts(agent)).accounts).toMatchObject([{ rights: ['use', 'read'] }])
    expect(desk.broker.asking.ready(child, { account: 'a' })).toBeUndefined()
    expect(await refusal(desk.broker.asking.token(child, { account: 'a' }, line()))).toBe('access_denied')
    expect(await refusal(desk.broker.asking.invalidate(child, { account: 'a', token_id: 'x' }, line()))).toBe(
      'access_denied',
    )
    expect((await desk.person.snapshot()).requests).toEqual([])
  })

  it('R6: is reading only where its client may read, and said so when it starts', async () => {
    await plant(desk.rig, 'a')
    expect(await refusal(start({ right: 'read' }))).toBe('consent_required')
    await allowReading('a')
    const child = required(await start({ right: 'read' }))
    const answer = await desk.broker.asking.token(child, { account: 'a' }, line())
    expect(answer.access_token).toBe('at-a-1')
    expect(desk.rig.rows.at(-1)).toMatchObject({ client_id: agent.id, detail: 'session “build 7”' })
    const [grant] = (await desk.person.snapshot()).grants
    await desk.person.revokeGrant({ id: grant?.id ?? '' })
    expect(await refusal(desk.broker.asking.token(child, { account: 'a', interaction: 'never' }, line()))).toBe(
      'consent_required',
    )
  })

  it('is one question, however many sessions and calls there are', async () => {
    await plant(desk.rig, 'a')
    const children = [required(await start()), required(await start())]
    for (const child of [agent, ...children, ...children])
      expect(await desk.broker.asking.requestAccess(child, { account: 'a' }, line())).toMatchObject({
        state: 'pending',
      })
    const { requests } = await desk.person.snapshot()
    expect(requests).toHaveLength(1)
    await desk.person.approve({ id: requests[0]?.id ?? '', for: '8h' })
    for (const child of [agent, ...children])
      expect(await desk.broker.asking.requestAccess(child, { account: 'a' }, line())).toMatchObject({
        state: 'approved',
      })
  })

  it('is not starting another, and not ending another', async () => {
    const [first, second] = [await start(), await start()]
    const child = required(first)
    expect(await refusal(desk.broker.asking.startSession(child, { name: 'x' }))).toBe('access_denied')
    expect(await desk.broker.asking.endSession(child, second.session_id)).toEqual({ ended: false })
    expect(clientOf(second)).not.toBeNull()
    expect(await desk.broker.asking.endSession(child, undefined)).toEqual({ ended: true })
    expect(clientOf(first)).toBeNull()
  })

  it('is refused to a client that has enough of them', async () => {
    for (let i = 0; i < 32; i++) await start()
    expect(await refusal(start())).toBe('slow_down')
    await desk.rig.clock.pass(28_800_000)
    expect(await refusal(start())).toBe('answered')
  })
})

describe('what ends a session', () => {
  it.each<readonly [string, () => Promise<unknown>]>([
    ['its time', () => desk.rig.clock.pass(60_000)],
    [
      'the wall clock, while timers slept',
      () => {
        desk.rig.clock.jump(60_000)
        return Promise.resolve()
      },
    ],
    ['the removal of its client', () => desk.person.revokeClient({ client: agent.id })],
    ['a lock', () => desk.person.lock()],
    ['the broker’s end', () => desk.broker.stop()],
  ])('is %s', async (_name, end) => {
    const answer = await start({ lifetime: 60 })
    const child = required(answer)
    expect(answer.expires_at).toBe(Math.floor(desk.rig.clock.now() / 1000) + 60)
    await end()
    expect(clientOf(answer)).toBeNull()
    expect(desk.broker.asking.still(child)).toBeNull()
  })

  it('is the person, who sees it under its client', async () => {
    const answer = await start()
    const [shown] = (await desk.person.snapshot()).clients.flatMap(({ sessions = [] }) => sessions)
    expect(shown).toEqual({ id: answer.session_id, name: 'build 7', right: 'use', expires_at: answer.expires_at })
    await desk.person.stopSession({ id: answer.session_id })
    expect(clientOf(answer)).toBeNull()
    expect(await refusal(desk.person.stopSession({ id: answer.session_id }))).toBe('not_found')
    expect(desk.broker.asking.still(agent)).not.toBeNull()
  })

  it('is another’s word only where it is that client’s', async () => {
    const answer = await start()
    const other = await desk.pairAs('other')
    expect(await desk.broker.asking.endSession(other, answer.session_id)).toEqual({ ended: false })
    expect(clientOf(answer)).not.toBeNull()
    expect(await desk.broker.asking.endSession(agent, answer.session_id)).toEqual({ ended: true })
  })

  it('R7: ends before a token leaves that was under way for it', async () => {
    await plant(desk.rig, 'a', { lifetime: 1 })
    await allowReading('a')
    const answer = await start({ right: 'read' })
    await desk.rig.clock.pass(2000)
    const asking = refusal(desk.broker.asking.token(required(answer), { account: 'a' }, line()))
    await settled()
    await desk.person.stopSession({ id: answer.session_id })
    desk.rig.servers.sent.at(-1)?.answer(refreshed(desk.rig, 'at-new', 'rt-new'))
    expect(await asking).toBe('invalid_client')
  })
})

it('R8: neither the vault nor a snapshot holds a session’s token', async () => {
  const { client_token } = await start()
  expect(client_token).toMatch(/^vkc_/u)
  expect(JSON.stringify([...desk.rig.vault.clientRecords.values(), desk.rig.rows])).not.toContain(client_token)
  expect(JSON.stringify(await desk.person.snapshot())).not.toContain(client_token)
  expect(desk.rig.vault.clientRecords.size).toBe(1)
})
