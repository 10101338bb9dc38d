/** Pairing under a name that is taken: the name proves nothing, the key does. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { PairRequest } from '../../../main/contract/client-api.ts'
import type { Namesake } from '../../../main/contract/model.ts'
import { plant, settled } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

const [first, second] = ['A'.repeat(43), 'B'.repeat(43)]
let desk: Desk

beforeEach(async () => {
  desk = new Desk()
  await desk.broker.open()
})

/** Pairs, as the endpoint lets it once possession is proved; answers what the person was told. */
async function pair(
  request: Omit<PairRequest, 'kind'>,
): Promise<{ readonly told: Namesake | undefined; readonly client: ClientRecord; readonly token: string }> {
  const on = line()
  const pairing = desk.broker.asking.pair({ kind: 'script', ...request }, on)
  await settled()
  const id = on.asked[0]?.request_id ?? ''
  const told = (await desk.person.snapshot()).requests.find((one) => one.id === id)?.namesake
  await desk.person.approve({ id })
  const { client_token } = await pairing
  const client = desk.broker.asking.authenticate(client_token)
  if (!client) throw new Error('a paired client must be known')
  return { told, client, token: client_token }
}

const mayRead = async (client: ClientRecord): Promise<unknown> =>
  refusal(desk.broker.asking.token(client, { account: 'a', interaction: 'never' }, line()))

describe('a pairing under a name that is taken', () => {
  it('with another key is a new program, which is said, and which may nothing', async () => {
    await plant(desk.rig, 'a')
    const old = await pair({ name: 'backup', public_key: first })
    expect(old.told).toBeUndefined()
    await desk.consent(old.client, 'a')
    const next = await pair({ name: 'backup', public_key: second })
    expect(next.told).toBe('key-changed')
    expect(next.client.id).not.toBe(old.client.id)
    expect(await mayRead(next.client)).toBe('consent_required')
    expect(await mayRead(old.client)).toBe('answered')
    expect(desk.rig.rows.filter(({ action }) => action === 'pair').at(-1)?.detail).toContain('another key')
    // Either can be taken back by its id; the name alone is not enough to tell them apart.
    expect(await refusal(desk.person.revokeClient({ client: 'backup' }))).toBe('account_selection_required')
    await desk.person.revokeClient({ client: next.client.id })
    expect(desk.broker.asking.still(next.client)).toBeNull()
    expect(desk.broker.asking.still(old.client)).not.toBeNull()
  })

  it('without the key it should have is no less a change', async () => {
    await pair({ name: 'backup', public_key: first })
    expect((await pair({ name: 'backup' })).told).toBe('key-changed')
  })

  it.each(['Backup', 'back-up', 'ｂackup', ' backup '])(
    'by a name that looks like it (%j) is said too',
    async (name) => {
      await pair({ name: 'backup', public_key: first })
      expect((await pair({ name, public_key: second })).told).toBe('key-changed')
    },
  )

  it('with the same key takes the place of the old one, whose token is over, and keeps what it may', async () => {
    await plant(desk.rig, 'a')
    const old = await pair({ name: 'backup', public_key: first })
    await desk.consent(old.client, 'a')
    const session = await desk.broker.asking.startSession(old.client, { name: 'x' })
    const next = await pair({ name: 'backup', public_key: first })
    expect(next.told).toBe('same-key')
    expect(next.client.id).toBe(old.client.id)
    expect(desk.broker.asking.still(old.client)).toBeNull()
    expect(desk.broker.asking.authenticate(old.token)).toBeNull()
    expect(desk.broker.asking.authenticate(session.client_token)).toBeNull()
    expect(await mayRead(next.client)).toBe('answered')
    expect((await desk.person.snapshot()).clients).toHaveLength(1)
  })

  it('with the same key after the person has removed the program begins at nothing', async () => {
    await plant(desk.rig, 'a')
    const old = await pair({ name: 'backup', public_key: first })
    await desk.consent(old.client, 'a')
    const on = line()
    const pairing = desk.broker.asking.pair({ name: 'backup', kind: 'script', public_key: first }, on)
    await settled()
    await desk.person.revokeClient({ client: old.client.id })
    await desk.person.approve({ id: on.asked[0]?.request_id ?? '' })
    const { client_id, client_token } = await pairing
    expect(client_id).not.toBe(old.client.id)
    const client = desk.broker.asking.authenticate(client_token)
    expect(client && (await mayRead(client))).toBe('consent_required')
  })

  it('without keys on either side is only said', async () => {
    const old = await pair({ name: 'backup' })
    const next = await pair({ name: 'backup' })
    expect(next.told).toBe('same-name')
    expect(next.client.id).not.toBe(old.client.id)
  })

  it('shows whether a program has a key, and the key to nobody', async () => {
    await pair({ name: 'backup', public_key: first })
    await pair({ name: 'other' })
    const { clients } = await desk.person.snapshot()
    expect(clients.map(({ keyed }) => keyed)).toEqual([true, undefined])
    expect(JSON.stringify(clients)).not.toContain(first)
  })
})
