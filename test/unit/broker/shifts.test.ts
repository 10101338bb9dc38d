/** Profiles and the end of a shift: what is given until then, what becomes of it, and what is said about the rest. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../../main/broker/broker.ts'
import { type ClientRecord, StorageFault } from '../../../main/broker/ports.ts'
import type { WindowApi } from '../../../main/contract/window-api.ts'
import { plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

const HOUR = 3600
let desk: Desk
let rig: Rig
let broker: Broker
let person: WindowApi
let script: ClientRecord
const now = (): number => rig.clock.now() / 1000
const token = (account: string): Promise<unknown> =>
  refusal(broker.asking.token(script, { account, interaction: 'never' }, line()))
const labels = async (): Promise<readonly string[]> => (await person.snapshot()).accounts.map(({ id }) => id)

beforeEach(async () => {
  desk = new Desk()
  ;({ rig, broker, person } = desk)
  for (const id of ['a', 'b', 'c']) await plant(rig, id, { lifetime: 24 * HOUR })
  await broker.open()
  script = await desk.pairAs('backup')
  for (const id of ['a', 'b', 'c']) await desk.consent(script, id)
  for (const account of ['a', 'b']) await person.setProfile({ account, profile: 'desk' })
})

describe('a profile', () => {
  it('is shown on its accounts, outlives the program, and an account leaves it', async () => {
    const inDesk = (records: readonly { readonly id: string; readonly profile?: string }[]): readonly string[] =>
      records.flatMap(({ id, profile }) => (profile === 'desk' ? id : [])).toSorted()
    expect(inDesk((await person.snapshot()).accounts)).toEqual(['a', 'b'])
    expect(inDesk(await rig.vault.accounts())).toEqual(['a', 'b'])
    await person.setProfile({ account: 'b' })
    expect(inDesk((await person.snapshot()).accounts)).toEqual(['a'])
  })

  it('has one end for all, also for who comes later, and none in the past', async () => {
    const ends_at = now() + HOUR
    expect(await person.setShiftEnd({ profile: 'desk', ends_at })).toHaveLength(2)
    expect(await person.setProfile({ account: 'c', profile: 'desk' })).toMatchObject({ ends_at })
    expect(await refusal(person.setShiftEnd({ profile: 'desk', ends_at: now() }))).toBe('invalid_request')
    expect(await refusal(person.setShiftEnd({ profile: 'nobody', ends_at }))).toBe('not_found')
    for (const account of await person.setShiftEnd({ profile: 'desk' })) expect(account.ends_at).toBeUndefined()
  })
})

describe('the end of a shift', () => {
  it('revokes and unlinks what is in the profile, leaves the rest, and locks', async () => {
    const report = await person.endShift({ profile: 'desk' })
    expect(report).toEqual({
      profile: 'desk',
      locked: true,
      accounts: ['a', 'b'].map((id) => ({
        account_id: id,
        remote: 'revoked',
        label: `${id}@example`,
        provider_name: 'Example',
      })),
    })
    expect(rig.servers.revoked.toSorted()).toEqual(['rt-a-1', 'rt-b-1'])
    await settled()
    expect((await person.snapshot()).vault.state).toBe('locked')
    expect(await token('c')).toBe('locked')
    await person.unlock({})
    expect(await labels()).toEqual(['c'])
    expect((await person.snapshot()).grants.map(({ account_id }) => account_id)).toEqual(['c'])
    expect(await refusal(person.endShift({ profile: 'desk' }))).toBe('not_found')
  })

  it('comes by itself at its time, without locking what others use', async () => {
    await person.setShiftEnd({ profile: 'desk', ends_at: now() + 8 * HOUR })
    await rig.clock.pass(8 * HOUR * 1000 - 1000)
    expect(await token('a')).toBe('answered')
    await rig.clock.pass(1000)
    expect(await labels()).toEqual(['c'])
    expect(rig.servers.revoked).toHaveLength(2)
    expect(await token('c')).toBe('answered')
  })

  it('counts from its second, even where the timer stood still, and is caught up within a minute', async () => {
    await person.setShiftEnd({ profile: 'desk', ends_at: now() + 8 * HOUR })
    rig.clock.jump(9 * HOUR * 1000)
    expect(await token('a')).toBe('login_required')
    expect(broker.asking.ready(script, { account: 'a' })).toBeUndefined()
    expect(await token('c')).toBe('answered')
    await rig.clock.pass(60_000)
    expect(await labels()).toEqual(['c'])
  })

  it('waits for the vault to be unlocked', async () => {
    await person.setShiftEnd({ profile: 'desk', ends_at: now() + HOUR })
    await person.lock()
    await rig.clock.pass(2 * HOUR * 1000)
    expect(rig.servers.revoked).toEqual([])
    await person.unlock({})
    await settled()
    expect(await labels()).toEqual(['c'])
  })

  it('says what could not be revoked or removed, and gives nothing of it any more', async () => {
    rig.servers.revoke = (material) =>
      Promise.resolve(
        material.refresh_token?.reveal() === 'rt-a-1'
          ? { kind: 'failed', detail: 'the provider did not answer' }
          : { kind: 'unsupported' },
      )
    const unlink = rig.vault.unlink.bind(rig.vault)
    rig.vault.unlink = (id) =>
      id === 'b' ? Promise.reject(new StorageFault('The disk is full.', undefined)) : unlink(id)
    const { accounts, locked } = await person.endShift({ profile: 'desk', keep_unlocked: true })
    expect(locked).toBe(false)
    expect(accounts).toMatchObject([
      { account_id: 'a', remote: 'failed', detail: 'the provider did not answer' },
      { account_id: 'b', remote: 'failed', detail: 'The disk is full.', still_linked: true },
    ])
    expect(await token('b')).toBe('login_required')
    rig.vault.unlink = unlink
    await rig.clock.pass(60_000)
    expect(await labels()).toEqual(['c'])
  })

  it('leaves alone who was linked for the next shift while something of this one is still there', async () => {
    const unlink = rig.vault.unlink.bind(rig.vault)
    rig.vault.unlink = (id) =>
      id === 'b' ? Promise.reject(new StorageFault('The disk is full.', undefined)) : unlink(id)
    await person.endShift({ profile: 'desk', keep_unlocked: true })
    await person.setProfile({ account: 'c', profile: 'desk' })
    await settled()
    expect(await labels()).toEqual(expect.arrayContaining(['b', 'c']))
    expect(await token('c')).toBe('answered')
    expect((await rig.vault.accounts()).find(({ id }) => id === 'b')?.ends_at).toBeLessThanOrEqual(now())
    rig.vault.unlink = unlink
    await rig.clock.pass(60_000)
    expect(await labels()).toEqual(['c'])
  })

  it('ends a sign-in of the account as well, so that nothing comes back in its place', async () => {
    const { id } = await person.link({ provider: 'generic-oidc', account: 'a' })
    await person.unlink({ account: 'a' })
    await settled()
    expect((await person.snapshot()).sign_ins.find((one) => one.id === id)?.state).toBe('cancelled')
  })

  it('takes back a token that was on its way', async () => {
    rig.clock.jump(48 * HOUR * 1000)
    const asking = token('a')
    await settled()
    expect(rig.servers.sent).toHaveLength(1)
    const ending = person.endShift({ profile: 'desk', keep_unlocked: true })
    await settled()
    rig.servers.sent[0]?.answer(refreshed(rig, 'at-a-2', 'rt-a-2'))
    expect(await asking).not.toBe('answered')
    expect((await ending).accounts).toHaveLength(2)
    expect(rig.servers.revoked).toContain('rt-a-2')
  })
})
