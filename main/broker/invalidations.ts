/**
 * How often "this token got a 401" may cause a refresh. The rule: a provider that refuses fresh tokens is not asked for
 * more of them as fast as a client can complain.
 */
import { BrokerError } from '../contract/errors.ts'
import type { Clock } from './ports.ts'

const BURST = 5
/** Seconds until the next one is earned. */
const EVERY = 10

export class Invalidations {
  readonly #clock: Clock
  readonly #buckets = new Map<string, { readonly left: number; readonly at: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Counts one for this account. Throws `slow_down` with the seconds to wait. */
  spend(accountId: string): void {
    const now = this.#clock.monotonic()
    const bucket = this.#buckets.get(accountId) ?? { left: BURST, at: now }
    const left = Math.min(BURST, bucket.left + (now - bucket.at) / 1000 / EVERY)
    if (left < 1)
      throw new BrokerError(
        'slow_down',
        'Several fresh tokens of this account were reported as refused; the fault is not their age.',
        { retry_after: Math.ceil((1 - left) * EVERY) },
      )
    this.#buckets.set(accountId, { left: left - 1, at: now })
  }
}
