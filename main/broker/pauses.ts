/**
 * When not to ask a provider. The rule: a passing failure is retried at growing intervals, and a caller who waits may
 * hurry it after a second; a time the provider itself named is kept to the end.
 */
import { backoff } from './freshness.ts'
import type { Clock, Randomness } from './ports.ts'

interface Pause {
  readonly attempts: number
  /** Monotonic milliseconds. */
  readonly since: number
  readonly until: number
  readonly strict: boolean
  readonly detail: string
}

export class Pauses {
  readonly #clock: Clock
  readonly #randomness: Randomness
  readonly #pauses = new Map<string, Pause>()

  constructor(clock: Clock, randomness: Randomness) {
    this.#clock = clock
    this.#randomness = randomness
  }

  /** A passing failure. */
  backOff(accountId: string, detail: string): void {
    const attempts = (this.#pauses.get(accountId)?.attempts ?? 0) + 1
    const chance = (this.#randomness.bytes(1)[0] ?? 0) / 256
    this.#set(accountId, attempts, backoff(attempts, chance), false, detail)
  }

  /** Wait `delay` milliseconds; `strict`: nobody may hurry it. */
  wait(accountId: string, delay: number, strict: boolean, detail: string): void {
    this.#set(accountId, (this.#pauses.get(accountId)?.attempts ?? 0) + 1, delay, strict, detail)
  }

  #set(accountId: string, attempts: number, delay: number, strict: boolean, detail: string): void {
    const since = this.#clock.monotonic()
    this.#pauses.set(accountId, { attempts, since, until: since + delay, strict, detail })
  }

  /** Why not to ask now, and the seconds until asking makes sense; `undefined`: ask. */
  holding(accountId: string): { readonly detail: string; readonly retry_after: number } | undefined {
    const pause = this.#pauses.get(accountId)
    if (!pause) return undefined
    const now = this.#clock.monotonic()
    const until = pause.strict ? pause.until : Math.min(pause.until, pause.since + 1000)
    return now < until ? { detail: pause.detail, retry_after: Math.ceil((pause.until - now) / 1000) } : undefined
  }

  /** Milliseconds until the next attempt of our own. */
  remaining(accountId: string): number {
    const pause = this.#pauses.get(accountId)
    return pause ? Math.max(0, pause.until - this.#clock.monotonic()) : 0
  }

  /** What is wrong at the moment, if anything. */
  detail(accountId: string): string | undefined {
    return this.#pauses.get(accountId)?.detail
  }

  hurry(accountId: string): void {
    if (this.#pauses.get(accountId)?.strict === false) this.#pauses.delete(accountId)
  }

  clear(accountId: string): void {
    this.#pauses.delete(accountId)
  }
}
