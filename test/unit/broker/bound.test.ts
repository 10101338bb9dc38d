/** Accounts whose tokens are bound to a key: used through the broker, never handed out, whoever asks and however. */
import { beforeEach, describe, expect, it } from 'vitest'
import { Broker } from '../../../main/broker/broker.ts'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { Grant } from '../../../main/contract/model.ts'
import { Secret } from '../../../main/broker/secret.ts'
import { connection, plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

let rig: Rig
let broker: Broker
let script: ClientRecord
const dpop_key = new Secret('{"kty":"EC","d":"private"}')

beforeEach(async () => {
  const desk = new Desk()
  ;({ rig, broker } = desk)
  await broker.open()
  script = await desk.pairAs('backup')
})

/** An account with bound tokens, a consent to read it, and a broker that has just been started over both. */
async function plantBound(marked: boolean, consent: Partial<Grant> | null = {}): Promise<void> {
  const record = await plant(rig, 'a', { connection: { dpop_key } })
  if (marked) await rig.vault.saveAccount({ ...record, use_only: true })
  const whole = { client_id: script.id, account_id: 'a', scope: '', right: 'read', granted_at: 0, until: null } as const
  if (consent) await rig.vault.saveGrant({ id: 'g', ...whole, ...consent })
  broker = new Broker(rig.ports, { version: '0.0.0', host: 'daemon', home: '/home/x' })
  await broker.open()
  rig.servers.reply = () => refreshed(rig, 'at-2', null)
}

describe('a bound token', () => {
  it.each([true, false])('is given to nobody, with the account marked (%s)', async (marked) => {
    await plantBound(marked)
    for (const more of [{}, { force_refresh: true }, { interaction: 'never' as const }, { min_valid_period: 5 }]) {
      const thrown: unknown = await broker.asking
        .token(script, { account: 'a', ...more }, line())
        .catch((error: unknown) => error)
      expect(thrown).toMatchObject({
        code: 'access_denied',
        message: expect.stringContaining('valetkey fetch') as string,
        resolve: { command: 'valetkey fetch a URL' },
      })
    }
    // Only where nothing says so before is the provider asked, and in vain.
    expect(rig.servers.sent).toHaveLength(marked ? 0 : 1)
    expect(broker.asking.ready(script, { account: 'a' })).toBeUndefined()
    expect(await refusal(broker.asking.invalidate(script, { account: 'a', token_id: 'x' }, line()))).toBe(
      'access_denied',
    )
  })

  it('is not asked of the person, who could not give it', async () => {
    await plantBound(true, null)
    const on = line()
    expect(await refusal(broker.asking.token(script, { account: 'a' }, on))).toBe('access_denied')
    expect(on.asked).toEqual([])
  })

  it('leaves a consent for one use unspent', async () => {
    await plantBound(false, { once: true })
    expect(await refusal(broker.asking.token(script, { account: 'a' }, line()))).toBe('access_denied')
    expect((await rig.vault.grants()).map(({ id }) => id)).toContain('g')
  })

  it('shows as a right to use, on an account that is marked; the key is in no view', async () => {
    await plantBound(true)
    expect((await broker.asking.accounts(script)).accounts[0]?.rights).toEqual(['use'])
    const snapshot = await broker.deciding.snapshot('window')
    expect(snapshot.accounts[0]).toMatchObject({ id: 'a', use_only: true })
    expect(JSON.stringify(snapshot)).not.toContain('private')
  })

  it('marks the account that a sign-in brings, and the terminal’s own tool may use it', async () => {
    const desk = new Desk()
    await desk.broker.open()
    await desk.broker.adoptCommandLine(undefined)
    const starting = desk.terminal.link({
      provider: 'generic-oidc',
      client_id: 'x',
      params: { issuer: 'https://op.example' },
    })
    await settled()
    desk.rig.servers.signIns[0]?.end({
      kind: 'signed-in',
      material: { connection: { ...connection, dpop_key }, refresh_token: new Secret('rt'), access: null },
      identity: { issuer: 'https://op.example', subject: 'ada', label: 'ada' },
      scope: 'openid',
      provider_name: 'Example',
    })
    await starting
    await settled()
    const { accounts, grants } = await desk.broker.deciding.snapshot('window')
    expect(accounts).toMatchObject([{ label: 'ada', use_only: true }])
    expect(grants).toMatchObject([{ client_id: 'cli', right: 'use' }])
  })
})
