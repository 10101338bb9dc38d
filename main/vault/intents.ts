/**
 * The records of refreshes that may have been sent (R4). The rule: an intent that is on the disk covers a refresh before it
 * is sent. An account's first refresh in a run waits for its intent to be synchronised. At its end the intent is not taken
 * away but rests, so the next refresh is covered by it already and only marks it as under way. That mark is committed and
 * not synchronised: it outlives this process, however that ends, and where the system itself went down, which takes such
 * marks with it, every intent counts, resting or not. A vault that is closed leaves no resting ones.
 */
import type { Intent } from '../broker/ports.ts'
import type { Store } from './store.ts'
import type { VaultFile } from './vault-file.ts'

export class Intents {
  readonly #file: VaultFile
  readonly #boot: string | undefined
  /** Accounts whose intent this process has seen to the disk. */
  readonly #covered = new Set<string>()

  /** `boot` as `bootName` gives it: without one nothing rests, and every intent is synchronised. */
  constructor(file: VaultFile, boot: string | undefined) {
    this.#file = file
    this.#boot = boot
  }

  /** What may have been sent by a process that ended, or by one whose system went down. */
  found(): readonly Intent[] {
    return this.#file
      .read([], (store) => store.intents())
      .filter(({ resting, boot }) => !resting || boot !== this.#boot)
      .map(({ account_id, generation, started_at }) => ({ account_id, generation, started_at }))
  }

  /** Before a refresh of `generation` is sent. Throws `StorageFault`: then nothing may be sent. */
  begin(intent: Intent): void {
    const { account_id } = intent
    const put = (store: Store): void => {
      store.putIntent({ ...intent, boot: this.#boot ?? null })
    }
    if (this.#covered.has(account_id)) {
      this.#file.writeCommitted(put)
      return
    }
    this.#file.write(put)
    if (this.#boot !== undefined) this.#covered.add(account_id)
  }

  /** Whether the account's intent says that a refresh may be under way. */
  isUnderWay(account_id: string): boolean {
    const intent = this.#file.read(undefined, (store) => store.intent(account_id))
    return intent !== undefined && (!intent.resting || intent.boot !== this.#boot)
  }

  /** In the commit that stores `generation`, or that says that the refresh brought none and this one is still in force. */
  rest(store: Store, account_id: string, generation?: number): void {
    if (this.#boot === undefined) store.endIntent(account_id)
    else store.restIntent(account_id, this.#boot, generation)
  }

  /** In a commit after which there is nothing to refresh, or something that no refresh brought. */
  end(store: Store, account_id: string): void {
    this.#covered.delete(account_id)
    store.endIntent(account_id)
  }

  /** Before the vault is closed. Never throws: what stays costs a refresh, and only if the system goes down as well. */
  close(): void {
    this.#covered.clear()
    const boot = this.#boot
    if (boot === undefined) return
    try {
      const rests = this.#file.read([], (store) => store.intents()).some((row) => row.resting && row.boot === boot)
      if (!rests) return
      this.#file.write((store) => {
        store.endRestingIntents(boot)
      })
    } catch {
      // Said above.
    }
  }

  /** The file may be another one from now on. */
  forget(): void {
    this.#covered.clear()
  }
}
