/**
 * New grant material the disk would not take. The rule (R4, R5): it stays in memory, in plain sight of the person, and is
 * offered to the vault again until it is durable; until then nobody refreshes that account, because the only copy of its
 * refresh token is here.
 */
import { GenerationConflict, type Clock, type StoredGrant, type Vault } from './ports.ts'

/** Milliseconds between attempts. */
const AGAIN_AFTER = 5000

export class Unsaved {
  readonly #clock: Clock
  readonly #vault: Vault
  readonly #saved: (accountId: string, grant: StoredGrant | null) => void
  readonly #waiting = new Map<string, StoredGrant>()
  #stopped = false

  /** `saved` hears of each grant that became durable after all, or of `null` where a newer one made it pointless. */
  constructor(clock: Clock, vault: Vault, saved: (accountId: string, grant: StoredGrant | null) => void) {
    this.#clock = clock
    this.#vault = vault
    this.#saved = saved
  }

  get(accountId: string): StoredGrant | undefined {
    return this.#waiting.get(accountId)
  }

  has(accountId: string): boolean {
    return this.#waiting.has(accountId)
  }

  /** `grant.generation` is the one still stored, which the material is to replace. */
  keep(accountId: string, grant: StoredGrant): void {
    this.#waiting.set(accountId, grant)
    this.#again(accountId)
  }

  /** Tries now. Answers whether nothing is waiting any more; never rejects. */
  async save(accountId: string): Promise<boolean> {
    const grant = this.#waiting.get(accountId)
    if (!grant) return true
    try {
      const stored = await this.#vault.commitRefresh(accountId, grant.generation, grant.material)
      if (this.#waiting.get(accountId) === grant) {
        this.#waiting.delete(accountId)
        this.#saved(accountId, stored)
      }
      return true
    } catch (thrown) {
      if (thrown instanceof GenerationConflict && this.#waiting.get(accountId) === grant) {
        this.#waiting.delete(accountId)
        this.#saved(accountId, null)
      }
      return !this.#waiting.has(accountId)
    }
  }

  forget(accountId: string): void {
    this.#waiting.delete(accountId)
  }

  /** One last attempt for each. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#waiting.keys()].map((id) => this.save(id)))
  }

  #again(accountId: string): void {
    this.#clock.after(AGAIN_AFTER, () => {
      void this.save(accountId).then((done) => {
        if (!done && !this.#stopped) this.#again(accountId)
      })
    })
  }
}
