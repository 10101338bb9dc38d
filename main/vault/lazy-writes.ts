/**
 * Writes that need not be durable at once. The rule: they reach the disk in the order they were made, together, before
 * any later durable write and in the same commit with it, and none is forgotten until it is committed.
 */
import type { StoredGrant } from '../broker/ports.ts'

export class LazyWrites {
  /** Key to latest write; a Map keeps the order. */
  readonly #writes = new Map<string, () => void>()
  readonly #grants = new Map<string, StoredGrant>()

  get waiting(): boolean {
    return this.#writes.size > 0
  }

  /** The last write under the same key is the one that is made. */
  add(key: string, write: () => void): void {
    this.#writes.delete(key)
    this.#writes.set(key, write)
  }

  /**
   * A grant that differs from the one before it in nothing that could be lost: only the last two are written, one for each
   * of the two places, so that none takes the place of its own predecessor (R4).
   */
  addGrant(accountId: string, grant: StoredGrant, write: () => void): void {
    this.#grants.set(accountId, grant)
    this.add(`grant ${accountId} ${String(grant.generation % 2)}`, write)
  }

  /** The grant in force, if it is one that waits to be written. */
  grant(accountId: string): StoredGrant | undefined {
    return this.#grants.get(accountId)
  }

  /** Makes every write, inside the caller's transaction. */
  apply(): void {
    for (const write of this.#writes.values()) write()
  }

  /** They are committed, or the key they need is forgotten. */
  clear(): void {
    this.#writes.clear()
    this.#grants.clear()
  }
}
