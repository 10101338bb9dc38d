/**
 * A broker on ports without disk, network or waiting, with a paired script, and the small moves the tests make: ask,
 * approve, be refused, hang up.
 */
import { Broker } from '../../../main/broker/broker.ts'
import type { Line } from '../../../main/broker/doors.ts'
import type { ClientRecord } from '../../../main/broker/ports.ts'
import type { WindowApi } from '../../../main/contract/window-api.ts'
import { createRig, settled, type Rig } from '../../fakes/broker-ports.ts'

export interface TestLine extends Line {
  readonly asked: { request_id: string; code: string }[]
  hangUp(): void
}

export function line(): TestLine {
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

/** The code of a refusal, or `answered`. */
export async function refusal(answer: Promise<unknown>): Promise<unknown> {
  return answer.then(
    () => 'answered',
    (thrown: unknown) => (thrown as { code?: string }).code ?? thrown,
  )
}

export class Desk {
  readonly rig: Rig = createRig()
  readonly broker = new Broker(this.rig.ports, { version: '0.0.0', host: 'daemon', home: '/home/x' })
  readonly person: WindowApi = this.broker.deciding.on('window')
  readonly terminal: WindowApi = this.broker.deciding.on('terminal')

  async pairAs(name: string, kind: 'script' | 'agent' = 'script'): Promise<ClientRecord> {
    const on = line()
    const pairing = this.broker.asking.pair({ name, kind }, on)
    await settled()
    await this.person.approve({ id: on.asked[0]?.request_id ?? '' })
    const { client_token } = await pairing
    const client = this.broker.asking.authenticate(client_token)
    if (!client) throw new Error('a paired client must be known')
    return client
  }

  /** The client asks for everything the account has, and the person says yes. */
  async consent(client: ClientRecord, account: string, forHow: 'always' | 'once' | '1h' = 'always'): Promise<void> {
    const on = line()
    const asking = this.broker.asking.token(client, { account, interaction: 'prompt' }, on)
    await settled()
    await this.person.approve({ id: on.asked[0]?.request_id ?? '', for: forHow, right: 'read' })
    await asking
  }
}
