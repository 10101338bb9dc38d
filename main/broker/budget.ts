/**
 * How often something may be asked of a provider on a client's word. The rule: a burst is free, after that it is earned
 * back at a steady pace, and whoever has spent theirs is told when to come again.
 */
import { BrokerError } from '../contract/errors.ts'
import type { Clock } from './ports.ts'

export interface Allowance {
  readonly burst: number
  /** Seconds until one more is earned. */
  readonly every: number
  /** What the caller is told. */
  readonly refusal: string
}

/** Purses kept; the oldest go first, and were full again long before. */
const KEPT = 10_000

export class Budget {
  readonly #clock: Clock
  readonly #allowance: Allowance
  readonly #purses = new Map<string, { readonly left: number; readonly at: number }>()

  constructor(clock: Clock, allowance: Allowance) {
    this.#clock = clock
    this.#allowance = allowance
  }

  /** Counts one for `key`. Throws `slow_down` with the seconds to wait. */
  spend(key: string): void {
    const { burst, every, refusal } = this.#allowance
    const now = this.#clock.monotonic()
    const purse = this.#purses.get(key) ?? { left: burst, at: now }
    const left = Math.min(burst, purse.left + (now - purse.at) / 1000 / every)
    if (left < 1) throw new BrokerError('slow_down', refusal, { retry_after: Math.ceil((1 - left) * every) })
    this.#purses.delete(key)
    this.#purses.set(key, { left: left - 1, at: now })
    if (this.#purses.size > KEPT) this.#purses.delete(this.#purses.keys().next().value ?? '')
  }

  /** Fills the purse of `key` again. */
  forgive(key: string): void {
    this.#purses.delete(key)
  }
}
