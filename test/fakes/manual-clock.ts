/** A clock that moves when it is told to, and then lets what waited for it happen. The rule: nothing here takes time. */
import type { Clock } from '../../main/broker/ports.ts'

/** Lets every promise that can settle, settle. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 300; i++) await Promise.resolve()
}

export class ManualClock implements Clock {
  #now = 1_800_000_000_000
  #mono = 0
  #timers: { due: number; task: () => void }[] = []

  now(): number {
    return this.#now
  }

  monotonic(): number {
    return this.#mono
  }

  after(delay: number, task: () => void): () => void {
    const timer = { due: this.#mono + Math.max(0, delay), task }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** The wall clock jumps; nothing else does. */
  jump(milliseconds: number): void {
    this.#now += milliseconds
  }

  get waiting(): readonly number[] {
    return this.#timers.map((timer) => timer.due - this.#mono)
  }

  /** Time passes, timers fire in order, promises settle in between. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#mono + milliseconds
    await settled()
    for (;;) {
      const next = this.#timers.toSorted((a, b) => a.due - b.due)[0]
      if (!next || next.due > end) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#now += next.due - this.#mono
      this.#mono = next.due
      next.task()
      await settled()
    }
    this.#now += end - this.#mono
    this.#mono = end
    await settled()
  }
}
