/** An extension that asks over HTTP: what the person is shown of where it comes from, and what is kept of it. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { PairRequest } from '../../../main/contract/client-api.ts'
import { settled } from '../../fakes/broker-ports.ts'
import { Desk, line, refusal } from './desk.ts'

const origin = 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'
const request: PairRequest = { name: 'Sample', kind: 'extension' }
let desk: Desk

beforeEach(async () => {
  desk = new Desk()
  await desk.broker.open()
})

describe('pairing from an extension’s origin', () => {
  it('shows the origin on every surface, keeps it with the client, and shows it there', async () => {
    const on = { ...line(), origin }
    const pairing = desk.broker.asking.pair(request, on)
    await settled()
    for (const surface of [desk.person, desk.terminal])
      expect((await surface.snapshot()).requests[0]?.client).toEqual({ ...request, origin })
    await desk.person.approve({ id: on.asked[0]?.request_id ?? '' })
    const { client_token } = await pairing
    expect(desk.broker.asking.authenticate(client_token)).toMatchObject({ kind: 'extension', origin })
    expect([...desk.rig.vault.clientRecords.values()]).toContainEqual(expect.objectContaining({ origin }))
    expect((await desk.person.snapshot()).clients).toContainEqual(expect.objectContaining({ origin }))
  })

  it('is for extensions only, and asks nobody otherwise', async () => {
    for (const kind of ['cli', 'script', 'agent'] as const)
      expect(await refusal(desk.broker.asking.pair({ ...request, kind }, { ...line(), origin }))).toBe(
        'invalid_request',
      )
    expect((await desk.person.snapshot()).requests).toEqual([])
  })

  it('is not what makes an extension: without one there is none', async () => {
    const on = line()
    const pairing = desk.broker.asking.pair(request, on)
    await settled()
    await desk.person.approve({ id: on.asked[0]?.request_id ?? '' })
    const client = desk.broker.asking.authenticate((await pairing).client_token)
    expect(client).toMatchObject({ kind: 'extension' })
    expect(client).not.toHaveProperty('origin')
  })
})
