/**
 * What the vault does for itself when nobody is waiting: reading itself through, and keeping backups. The rule: a backup
 * is taken only of a vault that was just found whole, so that a damaged one never pushes out a good one.
 */
import type { Cancel } from '../broker/ports.ts'
import { listBackups, takeBackup } from './backups.ts'
import { putTally } from './generations.ts'
import { markSuspect } from './recovery.ts'
import type { VaultFile } from './vault-file.ts'
import { computeTally, verify, type Verification } from './verification.ts'

/** Milliseconds. */
const FIRST_LOOK = 3000
const AFTER_A_CHANGE = 30_000
const DAY = 86_400_000

export class Upkeep {
  readonly #file: VaultFile
  #timer: Cancel | undefined
  #running: Promise<void> | undefined
  #lastFailure: string | undefined

  constructor(file: VaultFile) {
    this.#file = file
    this.#schedule(FIRST_LOOK)
  }

  /** Why the last backup could not be taken. */
  get lastFailure(): string | undefined {
    return this.#lastFailure
  }

  /** An account came or went: a backup is due soon. */
  changed(): void {
    this.#schedule(AFTER_A_CHANGE)
  }

  stop(): void {
    this.#timer?.()
  }

  /** Reads the vault through; takes a backup if one is due and nothing was found wrong. Never rejects. */
  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  /** Reads the vault through and says what is wrong. Throws what SQLite throws. */
  async look(): Promise<Verification> {
    const { options } = this.#file
    this.#file.flush()
    const still = this.#file.readOnly !== undefined
    const found = await verify(options.paths.vault, this.#file.keyIfOpen(), still, nextTurn)
    if (found.structure !== undefined) {
      options.log('error', 'vault.structure')
      markSuspect(options.paths)
      this.#file.say('Part of the vault file is damaged; restart Valetkey to restore it from a backup.')
    }
    for (const id of found.fallen_back) options.log('warn', 'vault.fallback', { account: id })
    for (const id of found.unreadable) options.log('error', 'vault.unreadable', { account: id })
    if (found.unreadable.length > 0)
      this.#file.say(`The sign-ins of ${String(found.unreadable.length)} accounts cannot be read; see valetkey doctor.`)
    if (found.tally !== 'matches') this.#replaceTally()
    return found
  }

  async #run(): Promise<void> {
    const { paths, clock, log } = this.#file.options
    try {
      if (this.#file.isClosed || this.#file.damaged !== undefined) return
      const found = await this.look()
      const whole = found.structure === undefined && found.unreadable.length + found.fallen_back.length === 0
      if (!whole || this.#file.isClosed || this.#file.readOnly !== undefined || !this.#isBackupDue()) return
      // Cleared first: what changes while the copy is made is due again.
      this.#file.write((store) => {
        store.setBackupDue(false)
      })
      await takeBackup(paths.vault, paths.backups, clock.now())
      this.#lastFailure = undefined
    } catch (thrown) {
      if (this.#file.isClosed) return
      this.#lastFailure = String(thrown)
      log('warn', 'vault.backup-failed')
    } finally {
      if (!this.#file.isClosed) this.#schedule(DAY)
    }
  }

  #isBackupDue(): boolean {
    const { paths, clock } = this.#file.options
    const header = this.#file.read(null, (store) => store.header())
    if (!header || header.virgin) return false
    const [newest] = listBackups(paths.backups)
    return header.backup_due || !newest || Math.abs(clock.now() - newest.taken_at) >= DAY
  }

  /** Says it once, and counts from what is there. */
  #replaceTally(): void {
    const key = this.#file.keyIfOpen()
    if (!key || this.#file.isClosed) return
    this.#file.options.log('error', 'vault.tally')
    this.#file.say(
      'A sign-in in the vault was removed or replaced by an older one, not by Valetkey; if an account asks to sign in again, that is why.',
    )
    if (this.#file.readOnly !== undefined) return
    this.#file.write((store) => {
      putTally(store, key, computeTally(store, key))
    })
  }

  #schedule(delay: number): void {
    this.#timer?.()
    this.#timer = this.#file.options.clock.after(delay, () => void this.run())
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
