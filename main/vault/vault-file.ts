/**
 * The vault's file as it is open now: its connection, its key, and the discipline of writing to it. The rule: every write
 * is one transaction that first makes the lazy writes before it; when it fails, the last commit is in force and nothing
 * that was waiting is forgotten.
 */
import { basename, join } from 'node:path'
import { StorageFault, type Cancel, type Clock, type Log, type Randomness } from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import { BrokerError } from '../contract/errors.ts'
import type { HomePaths } from '../contract/home.ts'
import type { KeySlotKind } from '../contract/window-api.ts'
import { adoptAccounts, predatesAuthentication } from './account-rows.ts'
import type { ClosedKey, OpenKey } from './data-key.ts'
import { asStorageFault, isDamage, transaction, unsynchronised } from './database.ts'
import { findKey, type FoundKey } from './find-key.ts'
import { putTally } from './generations.ts'
import { LazyWrites } from './lazy-writes.ts'
import { settlePermissions } from './permissions.ts'
import { markSuspect, openFile, replaceByBackup, type DamagedFile, type OpenFile } from './recovery.ts'
import { salvage } from './salvage.ts'
import type { DataKey } from './seal.ts'
import type { KeySlot } from './slots/slot.ts'
import type { PermissionRow, PermissionTable, Store } from './store.ts'
import { EMPTY_TALLY } from './tally.ts'

export interface VaultOptions {
  readonly paths: Pick<HomePaths, 'home' | 'run' | 'vault' | 'backups'>
  /** In order of preference: a new vault is protected by the first, an existing one by those it has. */
  readonly slots: readonly KeySlot[]
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
  /** This run of the operating system (see boot.ts); `undefined` where it has no name. */
  readonly boot: string | undefined
}

/** Milliseconds a lazy write may wait for company. */
const LAZY_DELAY = 75
/** Milliseconds until lazy writes that failed are tried again. */
const LAZY_RETRY = 5000

export class VaultFile {
  readonly options: VaultOptions
  readonly lazy = new LazyWrites()
  #file: OpenFile | DamagedFile
  #key: OpenKey | undefined
  #closed: ClosedKey | undefined
  #unlocking: Promise<unknown> = Promise.resolve()
  #timer: Cancel | undefined
  #isClosed = false
  readonly #notices = new Set<string>()
  #predates = false
  /** Rows this process wrote while the vault was locked, as `table id record`. */
  readonly #vouched = new Set<string>()
  #servedWhileLocked = false
  /** Forged rows were served before there was a key to tell: whoever read them still believes them. */
  #misled = false

  constructor(options: VaultOptions) {
    this.options = options
    const { paths, randomness, clock } = options
    this.#file = openFile(paths, Buffer.from(randomness.bytes(12)).toString('hex'), clock.now())
    this.#announce()
  }

  get damaged(): string | undefined {
    return this.#file.kind === 'damaged' ? this.#file.notice : undefined
  }

  get readOnly(): string | undefined {
    return this.#file.kind === 'open' ? this.#file.readOnly : undefined
  }

  get locked(): boolean {
    return this.#key === undefined
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Its account rows carry no authentication and cannot be given one: a vault of format 1 that may only be read. */
  get predatesAuthentication(): boolean {
    return this.#predates
  }

  /** What needs saying, newest last. */
  get notices(): readonly string[] {
    const why = this.#key ? [] : this.#closed ? [this.#closed.fault.message] : []
    return [...(this.damaged === undefined ? [] : [this.damaged]), ...why, ...this.#notices]
  }

  say(sentence: string): void {
    this.#notices.add(sentence)
  }

  protection(): KeySlotKind | null {
    if (this.#key) return this.#key.slot
    if (this.#file.kind === 'damaged') return null
    const recorded = this.#file.store.header().slots
    return this.options.slots.find(({ kind }) => recorded.some((slot) => slot.kind === kind))?.kind ?? null
  }

  /** Throws `locked`. */
  key(): DataKey {
    if (this.#key) return this.#key.key
    throw this.#refusal()
  }

  keyIfOpen(): DataKey | null {
    return this.#key?.key ?? null
  }

  /** Reads. `empty` is the answer of a vault that is damaged beyond reading. Throws `StorageFault`. */
  read<T>(empty: T, work: (store: Store) => T): T {
    if (this.#file.kind === 'damaged') return empty
    try {
      return work(this.#file.store)
    } catch (thrown) {
      throw this.#fault(thrown)
    }
  }

  /** Writes, durable when this returns. Throws `StorageFault`, or `locked` when the file is damaged: nothing was changed. */
  write<T>(work: (store: Store) => T): T {
    return this.#write(this.#writable(), work)
  }

  /**
   * Writes what has to outlive this process, however it ends, and not a power cut: committed, and synchronised by the next
   * durable write. Throws like `write`.
   */
  writeCommitted<T>(work: (store: Store) => T): T {
    const store = this.#writable()
    try {
      return unsynchronised(store.db, () => this.#write(store, work))
    } catch (thrown) {
      throw this.#fault(thrown)
    }
  }

  #write<T>(store: Store, work: (store: Store) => T): T {
    try {
      const answer = transaction(store.db, () => {
        this.lazy.apply()
        return work(store)
      })
      this.lazy.clear()
      return answer
    } catch (thrown) {
      throw this.#fault(thrown)
    }
  }

  /** Plans a lazy write with `plan`; it is made soon, or with the next durable one. Throws `StorageFault` when read-only. */
  writeSoon(plan: (lazy: LazyWrites, store: Store) => void): void {
    plan(this.lazy, this.#writable())
    this.#timer ??= this.options.clock.after(LAZY_DELAY, () => {
      this.#flushLater()
    })
  }

  /** Writes what is waiting. Answers whether nothing waits any more; never throws. */
  flush(): boolean {
    if (!this.lazy.waiting) return true
    try {
      this.write(() => undefined)
      return true
    } catch (thrown) {
      this.options.log('warn', 'vault.unsaved', { code: thrown instanceof StorageFault ? 'disk' : 'fault' })
      return false
    }
  }

  /**
   * Tries the slots, one attempt after the other. `patience` in milliseconds per slot. Throws `locked`, `access_denied`
   * for a wrong passphrase, `invalid_request` for one too short to choose, `StorageFault` when a new key cannot be kept.
   */
  unlock(passphrase: Secret | undefined, patience: number): Promise<void> {
    const attempt = this.#unlocking.then(() => this.#unlock(passphrase, patience))
    this.#unlocking = attempt.catch(() => undefined)
    return attempt
  }

  lock(): void {
    // What cannot be written now could not be written without the key either. It holds no new refresh token.
    if (!this.flush()) this.lazy.clear()
    this.#key = undefined
    this.#closed = undefined
  }

  close(): void {
    if (this.#isClosed) return
    this.flush()
    this.#isClosed = true
    this.#timer?.()
    this.#key = undefined
    if (this.#file.kind === 'open') this.#file.store.db.close()
  }

  /** Notes that a row was written by us while its table could not be authenticated. */
  vouch(table: PermissionTable, row: Pick<PermissionRow, 'id' | 'record'>): void {
    this.#vouched.add(vouching(table, row))
  }

  /** Whether a locked vault may show this row: authenticated (to be checked when it is unlocked) or written by us. */
  shownWhileLocked(table: PermissionTable, row: PermissionRow): boolean {
    this.#servedWhileLocked = true
    return row.mac !== null || this.#vouched.has(vouching(table, row)) || this.#isVirgin()
  }

  #isVirgin(): boolean {
    return this.#file.kind === 'open' && this.#file.store.header().virgin
  }

  async #unlock(passphrase: Secret | undefined, patience: number): Promise<void> {
    if (this.#isClosed) throw new BrokerError('locked', 'Valetkey is stopping.')
    if (this.#file.kind === 'damaged') throw new BrokerError('locked', this.#file.notice, doctor)
    if (this.#misled) throw new BrokerError('locked', MISLED, doctor)
    if (this.#key) return
    const header = this.read(null, (store) => store.header())
    if (!header) return
    const { slots, paths, randomness } = this.options
    const found = await findKey(header, { slots, passphrase, patience, randomness, backups: paths.backups })
    if (this.#isClosed) throw new BrokerError('locked', 'Valetkey is stopping.')
    if (found.kind === 'closed') {
      this.#closed = found
      this.options.log('warn', 'vault.locked', { slot: found.slot, state: found.fault.problem })
      throw found.fault.asBrokerError(found.slot)
    }
    this.#settle(found, header.virgin)
  }

  /** With the key at hand: puts in order what could not be judged without it. */
  #settle(found: Extract<FoundKey, { kind: 'open' }>, virgin: boolean): void {
    const { paths, clock, log } = this.options
    if (found.from && !found.from.same) {
      if (this.#file.kind === 'open') this.#file.store.db.close()
      const because = 'The vault file belongs to another key than the one kept here'
      this.#file = replaceByBackup(paths, clock.now(), because, [found.from.backup])
      this.#announce()
    }
    if (this.readOnly === undefined) {
      this.write((store) => {
        this.#adopt(store, found, virgin)
      })
    } else if (virgin) throw new BrokerError('locked', this.readOnly, doctor)
    this.#predates = this.read(false, (store) => predatesAuthentication(store, found.key))
    if (this.#misled) throw new BrokerError('locked', MISLED, doctor)
    this.#key = found
    this.#closed = undefined
    log('info', 'vault.unlocked', { slot: found.slot })
  }

  #adopt(store: Store, found: Extract<FoundKey, { kind: 'open' }>, virgin: boolean): void {
    const { paths, clock, log } = this.options
    const { key, record } = found
    if (record) store.putSlot(record)
    if (found.from?.same) this.say('A key slot of the vault was damaged and has been repaired from a backup.')
    if (virgin) {
      store.putKeyId(key.id)
      putTally(store, key, EMPTY_TALLY)
    }
    adoptAccounts(store, key)
    const aside = store.header().salvage
    if (aside !== null) {
      const count = salvage(store, key, join(paths.home, basename(aside)), clock.now())
      store.setSalvage(null)
      if (count > 0) this.say(`${String(count)} of its accounts were newer in the old file and have been taken over.`)
    }
    const dropped = settlePermissions(store, key, (table, row) => virgin || this.#vouched.has(vouching(table, row)))
    this.#vouched.clear()
    if (dropped.length === 0) return
    // Rows without an authentication were not shown while locked; the others were.
    this.#misled = this.#servedWhileLocked && dropped.some(({ row }) => row.mac !== null)
    log('warn', 'vault.foreign-permissions', { count: dropped.length })
    this.say('Programs or consents that Valetkey did not write itself were found in the vault and removed.')
  }

  #flushLater(): void {
    this.#timer = undefined
    if (this.#isClosed || this.flush()) return
    this.#timer = this.options.clock.after(LAZY_RETRY, () => {
      this.#flushLater()
    })
  }

  #writable(): Store {
    if (this.#file.kind === 'damaged') throw new BrokerError('locked', this.#file.notice, doctor)
    if (this.#isClosed) throw new StorageFault('The vault is closed.', undefined)
    if (this.#file.readOnly !== undefined) throw new StorageFault(this.#file.readOnly, undefined)
    return this.#file.store
  }

  #refusal(): BrokerError {
    if (this.#file.kind === 'damaged') return new BrokerError('locked', this.#file.notice, doctor)
    return new BrokerError('locked', this.#closed?.fault.message ?? 'The vault is locked.', {
      resolve: this.#closed?.fault.resolve ?? { command: 'valetkey unlock' },
    })
  }

  #fault(thrown: unknown): unknown {
    if (isDamage(thrown)) {
      this.say('Part of the vault file cannot be read; restart Valetkey to restore it from a backup.')
      try {
        markSuspect(this.options.paths)
      } catch {
        // A disk that takes no mark is said by the fault itself.
      }
    }
    return asStorageFault(thrown)
  }

  #announce(): void {
    const { log } = this.options
    if (this.#file.kind === 'damaged') log('error', 'vault.damaged')
    else {
      if (this.#file.readOnly !== undefined) {
        log('warn', 'vault.read-only')
        this.say(this.#file.readOnly)
      }
      if (this.#file.notice !== undefined) {
        log('warn', 'vault.restored')
        this.say(this.#file.notice)
      }
    }
  }
}

const MISLED =
  'Somebody changed the list of programs or consents in the vault file. The changes were removed; restart Valetkey to go on.'
const doctor = { resolve: { command: 'valetkey doctor' } } as const

const vouching = (table: PermissionTable, { id, record }: Pick<PermissionRow, 'id' | 'record'>): string =>
  `${table} ${id} ${record}`
