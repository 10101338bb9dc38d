/** The account list while it is read, which may take many turns. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { AccountRecord } from '../../../main/broker/ports.ts'
import { plant, refreshed, settled, type Rig } from '../../fakes/broker-ports.ts'
import { Desk, line } from './desk.ts'

let desk: Desk
let rig: Rig
let record: AccountRecord

beforeEach(async () => {
  desk = new Desk()
  ;({ rig } = desk)
  await desk.broker.open()
  record = await plant(rig, 'a', { label: 'work' })
})

/** From now on every reading of the list waits until `go`, and then answers as `records` say. */
function slowly(records: () => readonly AccountRecord[]): { readonly go: () => void } {
  const gate = Promise.withResolvers<undefined>()
  rig.vault.accounts = async () => {
    await gate.promise
    return records()
  }
  return {
    go: () => {
      gate.resolve(undefined)
    },
  }
}

describe('the account list', () => {
  it('does not go while it is read again: a refresh under way still knows its account', async () => {
    const script = await desk.pairAs('backup')
    await desk.consent(script, 'a')
    const reply = Promise.withResolvers<undefined>()
    const late = async (): Promise<unknown> => {
      await reply.promise
      return refreshed(rig, 'at-2', null)
    }
    rig.servers.reply = late as unknown as typeof rig.servers.reply
    const answer = desk.broker.asking.token(script, { account: 'a', force_refresh: true }, line())
    await settled()
    const again = slowly(() => [record])
    const unlocked = desk.person.unlock({})
    await settled()
    reply.resolve(undefined)
    await settled()
    again.go()
    await unlocked
    expect(await answer).toMatchObject({ access_token: 'at-2', scope: record.scope, account: { id: 'a' } })
  })
})
