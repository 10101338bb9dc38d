/** Asking without waiting: `requestAccess`, and watching what becomes of the question. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { AccessAnswer, AccessWish } from '../../../main/contract/client-api.ts'
import { plant, settled } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

let desk: Desk
let agent: ClientRecord

beforeEach(async () => {
  desk = new Desk()
  await desk.broker.open()
  agent = await desk.pairAs('scribe', 'agent')
  await plant(desk.rig, 'a')
})

const request = (wish: AccessWish): Promise<AccessAnswer> => desk.broker.asking.requestAccess(agent, wish, line())

describe('requestAccess', () => {
  it('leaves one question, to use, and says what the person can do', async () => {
    const answer = await request({ account: 'a', reason: 'to file the tickets' })
    expect(answer).toMatchObject({ state: 'pending', right: 'use' })
    expect(answer.resolve).toEqual({ command: `valetkey approve ${answer.id ?? ''}`, code: answer.code })
    expect(await request({ account: 'a' })).toMatchObject({ id: answer.id })
    const { requests } = await desk.person.snapshot()
    expect(requests).toMatchObject([{ id: answer.id, right: 'use', scope: 'openid mail files', waiting: 0 }])
    expect(await desk.broker.asking.request(agent, answer.id ?? '')).toMatchObject({ state: 'pending', right: 'use' })
  })

  it('asks nothing where it is allowed already, and only for what is new where it is not', async () => {
    const answer = await request({ account: 'a', scope: 'mail' })
    await desk.person.approve({ id: answer.id ?? '', for: 'always' })
    expect(await request({ account: 'a', scope: 'mail' })).toEqual({
      state: 'approved',
      right: 'use',
      account: { id: 'a', label: 'a@example' },
    })
    expect((await desk.person.snapshot()).requests).toEqual([])
    await request({ account: 'a', scope: 'mail files' })
    expect((await desk.person.snapshot()).requests).toMatchObject([{ scope: 'files' }])
  })

  it('may ask to read, which using does not include; a plain yes still means use, and the asker can see that', async () => {
    const answer = await request({ account: 'a', right: 'read' })
    await desk.person.approve({ id: answer.id ?? '', for: 'always' })
    expect(await desk.broker.asking.request(agent, answer.id ?? '')).toMatchObject({ state: 'approved', right: 'use' })
    expect(await request({ account: 'a' })).toMatchObject({ state: 'approved' })
    expect(await request({ account: 'a', right: 'read' })).toMatchObject({ state: 'pending' })
  })

  it('names no account to a client that has no consent for it', async () => {
    expect(await request({ provider: 'generic-oidc' })).not.toHaveProperty('account')
  })

  it.each<readonly [string, AccessWish, string]>([
    ['no such account', { account: 'nobody' }, 'not_found'],
    ['no such provider linked', { provider: 'github' }, 'login_required'],
  ])('refuses: %s', async (_name, wish, code) => {
    expect(await refusal(request(wish))).toBe(code)
  })

  it('refuses while locked or paused, and after a no', async () => {
    const answer = await request({ account: 'a' })
    await desk.person.deny({ id: answer.id ?? '' })
    expect(await refusal(request({ account: 'a' }))).toBe('access_denied')
    await desk.person.setPaused({ paused: true })
    expect(await refusal(request({ account: 'a' }))).toBe('temporarily_unavailable')
    await desk.person.lock()
    expect(await refusal(request({ account: 'a' }))).toBe('locked')
  })

  it('refuses what the account itself lacks, to a client that knows it', async () => {
    const answer = await request({ account: 'a', scope: 'mail' })
    await desk.person.approve({ id: answer.id ?? '', for: 'always' })
    expect(await refusal(request({ account: 'a', scope: 'mail admin' }))).toBe('invalid_scope')
  })
})

describe('waiting for the answer', () => {
  it('ends with it, and says how it was answered', async () => {
    const { id = '' } = await request({ account: 'a' })
    let state: string | undefined
    const waiting = desk.broker.asking.request(agent, id, 60, line()).then((answer) => (state = answer.state))
    await desk.rig.clock.pass(30_000)
    expect(state).toBeUndefined()
    await desk.person.approve({ id, for: '1h' })
    await waiting
    expect(state).toBe('approved')
    expect(await desk.broker.asking.request(agent, id, 60, line())).toMatchObject({ state: 'approved' })
  })

  it('ends with the wait, the question still pending', async () => {
    const { id = '' } = await request({ account: 'a' })
    const waiting = desk.broker.asking.request(agent, id, 20, line())
    await desk.rig.clock.pass(20_000)
    expect(await waiting).toMatchObject({ state: 'pending' })
  })

  it('is nobody else’s', async () => {
    const { id = '' } = await request({ account: 'a' })
    const other = await desk.pairAs('other')
    expect(await refusal(desk.broker.asking.request(other, id, 60, line()))).toBe('not_found')
  })

  it('ends when the caller goes, and the question stays', async () => {
    const { id = '' } = await request({ account: 'a' })
    const on = line()
    const waiting = desk.broker.asking.request(agent, id, 60, on)
    on.hangUp()
    await settled()
    expect(await waiting).toMatchObject({ state: 'pending' })
  })
})

it('who asks is looked up once per question, and held until it is known, with the question on the screen', async () => {
  let lookups = 0
  const { promise, resolve } = Promise.withResolvers<{
    verified: boolean
    pid: number
    executable: string
    uid: number
  }>()
  const on = {
    ...line(),
    peer: () => {
      lookups++
      return promise
    },
  }
  let answered = false
  const first = desk.broker.asking.requestAccess(agent, { account: 'a' }, on).then(() => (answered = true))
  await settled()
  await desk.broker.asking.requestAccess(agent, { account: 'a' }, on)
  expect(answered).toBe(false)
  expect((await desk.person.snapshot()).requests[0]?.peer).toBeUndefined()
  resolve({ verified: true, pid: 7, executable: '/usr/bin/node', uid: 1000 })
  await first
  expect((await desk.terminal.snapshot()).requests[0]?.peer).toEqual({
    verified: true,
    pid: 7,
    executable: '/usr/bin/node',
    uid: 1000,
  })
  expect(lookups).toBe(1)
})
