/** The short way to a token. The rule: it gives nothing that the long way would not give at the same moment. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { Broker } from '../../../main/broker/broker.ts'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { TokenAnswer, TokenRequest } from '../../../main/contract/client-api.ts'
import { plant, refreshed, type Rig } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

let desk: Desk
let rig: Rig
let broker: Broker
let script: ClientRecord

const ready = (request: TokenRequest): TokenAnswer | undefined => broker.asking.ready(script, request)
const long = (request: TokenRequest): Promise<TokenAnswer> =>
  broker.asking.token(script, { interaction: 'never', ...request }, line())

beforeEach(async () => {
  desk = new Desk()
  ;({ rig, broker } = desk)
  await broker.open()
  script = await desk.pairAs('backup')
  await plant(rig, 'a', { label: 'work' })
  await desk.consent(script, 'a')
})

describe('a token that is allowed, held and fresh', () => {
  it('is the same as by the long way, and leaves the same row', async () => {
    const answer = ready({ account: 'work' })
    expect(answer).toEqual(await long({ account: 'work' }))
    const [second, first] = await rig.ports.activity.list({ limit: 2 })
    expect(first).toMatchObject({ action: 'token', outcome: 'ok', client_id: script.id, account_id: 'a' })
    expect({ ...second, id: 0, at: 0 }).toEqual({ ...first, id: 0, at: 0 })
  })

  it('is one and the same frozen answer within a second', () => {
    const answer = ready({ account: 'a' })
    expect(Object.isFrozen(answer)).toBe(true)
    expect(ready({ account: 'work' })).toBe(answer)
  })
})

describe('the long way is taken', () => {
  it('by the first caller after a start', async () => {
    await broker.stop()
    const again = new Desk()
    await again.broker.open()
    const other = await again.pairAs('other')
    await plant(again.rig, 'a')
    expect(again.broker.asking.ready(other, { account: 'a' })).toBeUndefined()
  })

  it.each<[string, TokenRequest]>([
    ['an account nobody knows', { account: 'nobody' }],
    ['a refresh that is forced', { account: 'a', force_refresh: true }],
    ['a scope nobody got yet', { account: 'a', scope: 'mail' }],
    ['a scope the account lacks', { account: 'a', scope: 'mail admin' }],
    ['another resource', { account: 'a', resource: 'https://api.example/' }],
    ['another audience', { account: 'a', audience: 'api' }],
    ['a challenge that names a scope', { account: 'a', www_authenticate: 'Bearer scope="admin"' }],
  ])('for %s', (_what, request) => {
    expect(ready(request)).toBeUndefined()
  })

  it('for more validity than is left', async () => {
    rig.servers.reply = () => ({ kind: 'offline', detail: 'no network' })
    await rig.clock.pass(1_800_000)
    expect(ready({ account: 'a', min_valid_period: 1700 })).toBeDefined()
    expect(ready({ account: 'a', min_valid_period: 1900 })).toBeUndefined()
    await rig.clock.pass(1_800_000)
    expect(ready({ account: 'a', min_valid_period: 0 })).toBeUndefined()
  })

  it('where several accounts fit', async () => {
    expect(ready({ provider: 'generic-oidc' })).toBeDefined()
    await plant(rig, 'b')
    await desk.person.lock()
    await desk.person.unlock({})
    expect(await refusal(long({ account: 'b' }))).toBe('consent_required')
    expect(ready({ provider: 'generic-oidc' })).toBeUndefined()
  })

  it('while the person has paused all access', async () => {
    await desk.person.setPaused({ paused: true })
    expect(ready({ account: 'a' })).toBeUndefined()
    expect(await refusal(long({ account: 'a' }))).toBe('temporarily_unavailable')
  })

  it('while the vault is locked', async () => {
    await desk.person.lock()
    expect(ready({ account: 'a' })).toBeUndefined()
    expect(await refusal(long({ account: 'a' }))).toBe('locked')
  })

  it('once the consent is taken back, and once the program is no longer paired', async () => {
    const [grant] = (await broker.deciding.snapshot('window')).grants
    await desk.person.revokeGrant({ id: grant?.id ?? '' })
    expect(ready({ account: 'a' })).toBeUndefined()
    await desk.consent(script, 'a')
    expect(ready({ account: 'a' })).toBeDefined()
    expect(broker.asking.still(script)?.id).toBe(script.id)
    await desk.person.revokeClient({ client: script.id })
    expect(ready({ account: 'a' })).toBeUndefined()
    expect(broker.asking.still(script)).toBeNull()
  })

  it('once the consent is over', async () => {
    const other = await desk.pairAs('other')
    await desk.consent(other, 'a', '1h')
    expect(broker.asking.ready(other, { account: 'a' })).toBeDefined()
    await rig.clock.pass(3_600_000)
    expect(broker.asking.ready(other, { account: 'a', min_valid_period: 0 })).toBeUndefined()
  })

  it('where a consent for one use is to be spent, which it leaves alone', async () => {
    const other = await desk.pairAs('other')
    await rig.ports.vault.saveGrant({
      ...{ id: 'g', client_id: other.id, account_id: 'a', scope: '', right: 'read', granted_at: 1 },
      ...{ until: null, once: true },
    })
    await broker.open()
    expect(broker.asking.ready(other, { account: 'a' })).toBeUndefined()
    const waiting = { account: 'a', interaction: 'never' } as const
    expect(await refusal(broker.asking.token(other, waiting, line()))).toBe('answered')
    expect(await refusal(broker.asking.token(other, waiting, line()))).toBe('consent_required')
  })

  it('once the account is unlinked', async () => {
    rig.servers.reply = () => refreshed(rig, 'at-2', null)
    await desk.person.unlink({ account: 'a' })
    expect(ready({ account: 'a' })).toBeUndefined()
  })
})
