/**
 * Writes that need not be durable at once. The rule: they reach the disk in the order they were made, together, before
 * any later durable write and in the same commit with it, and none is forgotten until it is committed.
 */
import type { GenerationRow } from './tally.ts'

export class LazyWrites {
  /** Key to latest write; a Map keeps the order. */
  readonly #writes = new Map<string, () => void>()
  #generations: readonly GenerationRow[] = []
  #count = 0

  get waiting(): boolean {
    return this.#writes.size > 0
  }

  /** The last write under the same key is the one that is made. */
  add(key: string, write: () => void): void {
    this.#writes.delete(key)
    this.#writes.set(key, write)
  }

  /** Every generation is written, because each keeps the one before it. */
  addGeneration(row: GenerationRow, write: () => void): void {
    this.#generations = [row, ...this.#generations]
    this.#count++
    this.#writes.set(`generation ${String(this.#count)}`, write)
  }

  /** Newest first. */
  generations(accountId: string): readonly GenerationRow[] {
    return this.#generations.filter((row) => row.account_id === accountId)
  }

  /** Makes every write, inside the caller's transaction. */
  apply(): void {
    for (const write of this.#writes.values()) write()
  }

  /** They are committed, or the key they need is forgotten. */
  clear(): void {
    this.#writes.clear()
    this.#generations = []
  }
}
