/**
 * How many calls each client has under way. The rule: whoever asks, no client holds more than its share of what there is
 * to hold (connections, questions, memory), so that one that asks without end keeps nobody else out.
 */
import { BrokerError } from '../contract/errors.ts'

/** Above the crowd that may share one refresh, far below the connections there are. */
export const callLimit = 64

export const tooManyCalls = new BrokerError(
  'slow_down',
  `You have ${String(callLimit)} calls under way; wait for their answers before you ask again.`,
  { retry_after: 1 },
)

/** The calls of one client; whoever begins one adds it, and takes it off when it has come to an end. */
export interface Calls {
  count: number
}

/** One for all listeners. The share of those that are not paired yet is one too. */
export class CallsUnderWay {
  readonly #clients = new Map<string, Calls>()

  /** A client is kept once it has called: they are few, and each was let in by the person. */
  of(clientId: string): Calls {
    const known = this.#clients.get(clientId)
    if (known !== undefined) return known
    const calls = { count: 0 }
    this.#clients.set(clientId, calls)
    return calls
  }
}
