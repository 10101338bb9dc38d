/**
 * The vault: sealed grant material, accounts, clients and consents in one SQLite database. The rule: a durable write has
 * reached the disk when it resolves, or has changed nothing and throws; what was sealed is opened, never guessed, and
 * never replaced by something emptier than itself.
 */
import { readdirSync, statfsSync } from 'node:fs'
import { basename } from 'node:path'
import {
  GenerationConflict,
  StorageFault,
  type AccountRecord,
  type ClientRecord,
  type GrantMaterial,
  type Intent,
  type StoredGrant,
  type Vault,
} from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import type { Grant, VaultState } from '../contract/model.ts'
import type { Finding, KeySlotKind } from '../contract/window-api.ts'
import { believableAccounts, olderAccount } from './account-list.ts'
import { accountRow } from './account-rows.ts'
import { listBackups, searchBackups } from './backups.ts'
import { isDamage } from './database.ts'
import { findings } from './findings.ts'
import { offered, openGeneration, putGeneration, removeGenerations, sealGeneration } from './generations.ts'
import { prepareHome } from './home.ts'
import { Intents } from './intents.ts'
import { isAuthentic, rowMac, textMac } from './permissions.ts'
import { accountCodec, clientCodec, grantCodec, type Codec } from './records.ts'
import type { PermissionRow, PermissionTable, Store } from './store.ts'
import type { GenerationRow } from './tally.ts'
import { Upkeep } from './upkeep.ts'
import { VaultFile, type VaultOptions } from './vault-file.ts'

interface Laziness {
  readonly lazy?: boolean
}

/** Milliseconds a slot may take at the start, where nobody is there to answer a prompt, and when the person asked. */
const PATIENCE_AT_START = 5000
const PATIENCE_WHEN_ASKED = 90_000

/**
 * Opens the vault in its home, or makes one where there never was one, and unlocks it if that needs no passphrase. A vault
 * that cannot be unlocked or is damaged is answered too, and says so through `state()` and `notice()`. Throws
 * `invalid_request` when the home is not safe to use, `StorageFault` when the disk is at fault.
 */
export async function openVault(options: VaultOptions): Promise<SqliteVault> {
  prepareHome(options.paths)
  const file = new VaultFile(options)
  // Why it stays locked is kept in the file's notices.
  await file.unlock(undefined, PATIENCE_AT_START).catch((thrown: unknown) => {
    options.log('debug', 'vault.not-unlocked', { code: thrown instanceof Error ? thrown.name : 'unknown' })
  })
  return new SqliteVault(file)
}

export class SqliteVault implements Vault {
  readonly #file: VaultFile
  readonly #upkeep: Upkeep
  /** Generations that did not verify, as `account generation`: they are passed over when a newer one is stored. */
  readonly #unreadable = new Set<string>()
  readonly #intents: Intents

  constructor(file: VaultFile) {
    this.#file = file
    this.#upkeep = new Upkeep(file)
    this.#intents = new Intents(file, file.options.boot)
  }

  state(): VaultState {
    if (this.#file.damaged !== undefined) return 'damaged'
    if (this.#file.locked) return 'locked'
    return this.#file.readOnly === undefined ? 'unlocked' : 'read-only'
  }

  protection(): KeySlotKind | null {
    return this.#file.protection()
  }

  notice(): string | undefined {
    const { notices } = this.#file
    return notices.length === 0 ? undefined : notices.join(' ')
  }

  /** A mark on `text` that nobody without the data key can make; `undefined` while that is locked. */
  attest(text: string): string | undefined {
    const key = this.#file.keyIfOpen()
    return key ? textMac(key, text) : undefined
  }

  unlock(passphrase?: Secret): Promise<void> {
    this.#intents.forget()
    return this.#file.unlock(passphrase, PATIENCE_WHEN_ASKED)
  }

  lock(): void {
    this.#file.lock()
  }

  close(): void {
    this.#upkeep.stop()
    this.#intents.close()
    this.#file.close()
  }

  async accounts(): Promise<readonly AccountRecord[]> {
    this.#file.flush()
    const older = (id: string): readonly AccountRecord[] => {
      const key = this.#file.keyIfOpen()
      const record = key && olderAccount(this.#file, key, id)
      return record ? [record] : []
    }
    const records: AccountRecord[] = []
    for await (const rows of believableAccounts(this.#file, (id) => this.#readableRows(id)))
      records.push(...this.#decoded(rows, accountCodec, older))
    return records
  }

  /** Only with the key: what was read of a locked vault nobody has authenticated, and it must not be as it is written. */
  async saveAccount(record: AccountRecord, options: Laziness = {}): Promise<void> {
    const row = accountRow(this.#file.key(), record)
    this.#save(`account ${record.id}`, options, (store) => {
      store.updateAccount(row)
    })
  }

  async link(record: AccountRecord, material: GrantMaterial): Promise<StoredGrant> {
    const key = this.#file.key()
    const account = accountRow(key, record)
    const generation = this.#file.write((store) => {
      const stored = store.generations(record.id)
      const next = (stored[0]?.generation ?? 0) + 1
      const row = sealGeneration(key, record.id, next, material)
      store.putAccount(account)
      putGeneration(store, key, row, stored)
      this.#intents.end(store, record.id)
      store.setBackupDue(true)
      return next
    })
    this.#unreadable.delete(passedOver(record.id, generation))
    this.#upkeep.changed()
    return { generation, material }
  }

  async unlink(account_id: string): Promise<void> {
    const key = this.#file.key()
    this.#file.write((store) => {
      removeGenerations(store, key, account_id)
      this.#intents.end(store, account_id)
      store.setBackupDue(true)
    })
    this.#upkeep.changed()
  }

  async grant(account_id: string): Promise<StoredGrant | null> {
    const key = this.#file.key()
    const waiting = this.#file.lazy.grant(account_id)
    if (waiting) return waiting
    const rows = this.#readableRows(account_id)
    let passed = false
    // Whether the older ones verify as well is for the examination to say (see verification.ts); here it would cost each refresh.
    for (const row of rows ?? []) {
      const material = openGeneration(key, row)
      if (material) {
        if (passed) this.#fellBack(account_id, 'the one before it is used')
        return offered(row, material)
      }
      passed = true
      this.#unreadable.add(passedOver(account_id, row.generation))
    }
    return rows?.length === 0 && !this.#isKnown(account_id) ? null : this.#fromBackup(account_id)
  }

  async beginRefresh(account_id: string, generation: number): Promise<void> {
    this.#intents.begin({ account_id, generation, started_at: Math.floor(this.#file.options.clock.now() / 1000) })
  }

  async commitRefresh(
    account_id: string,
    generation: number,
    material: GrantMaterial,
    options: Laziness = {},
  ): Promise<StoredGrant> {
    const key = this.#file.key()
    const requireInForce = (stored: readonly { readonly generation: number }[]): void => {
      const inForce = stored.find((other) => !this.#unreadable.has(passedOver(account_id, other.generation)))
      if (inForce?.generation !== generation) throw new GenerationConflict()
    }
    const next: StoredGrant = { generation: generation + 1, material }
    const put = (store: Store, stored: readonly GenerationRow[]): void => {
      putGeneration(store, key, sealGeneration(key, account_id, next.generation, material), stored)
      this.#intents.rest(store, account_id, next.generation)
    }
    if (options.lazy) {
      const waiting = this.#file.lazy.grant(account_id)
      requireInForce(waiting ? [waiting] : this.#rows(account_id))
      this.#file.writeSoon((lazy, store) => {
        lazy.addGrant(account_id, next, () => {
          put(store, store.generations(account_id))
        })
      })
    } else
      this.#file.write((store) => {
        const stored = store.generations(account_id)
        requireInForce(stored)
        put(store, stored)
      })
    this.#unreadable.delete(passedOver(account_id, next.generation))
    return next
  }

  /** Written down in time: an intent that outlives its refresh costs one refresh more, at the next start. */
  async endRefresh(account_id: string): Promise<void> {
    if (this.#file.isClosed || this.#file.readOnly !== undefined) return
    if (!this.#intents.isUnderWay(account_id)) return
    this.#save(`intent ${account_id}`, { lazy: true }, (store) => {
      this.#intents.rest(store, account_id)
    })
  }

  async intents(): Promise<readonly Intent[]> {
    this.#file.flush()
    return this.#intents.found()
  }

  async quarantine(record: AccountRecord, generation: number): Promise<void> {
    const key = this.#file.key()
    const account = accountRow(key, record)
    this.#file.write((store) => {
      const row = store.generations(record.id).find((other) => other.generation === generation)
      if (row) putGeneration(store, key, { ...row, quarantined: true })
      store.updateAccount(account)
      this.#intents.end(store, record.id)
    })
  }

  async clients(): Promise<readonly ClientRecord[]> {
    return this.#permissions('clients', clientCodec)
  }

  async saveClient(record: ClientRecord, options: Laziness = {}): Promise<void> {
    this.#savePermission('clients', record.id, clientCodec.encode(record), options)
  }

  async removeClient(client_id: string): Promise<void> {
    this.#file.write((store) => {
      store.removePermission('clients', client_id)
    })
  }

  async grants(): Promise<readonly Grant[]> {
    return this.#permissions('grants', grantCodec)
  }

  async saveGrant(grant: Grant): Promise<void> {
    this.#savePermission('grants', grant.id, grantCodec.encode(grant), {})
  }

  async removeGrant(grant_id: string): Promise<void> {
    this.#file.write((store) => {
      store.removePermission('grants', grant_id)
    })
  }

  async examine(): Promise<readonly Finding[]> {
    const { paths } = this.#file.options
    const readable = this.#file.damaged === undefined && !this.#file.isClosed
    const found = readable ? await this.#upkeep.look().catch(() => undefined) : undefined
    const backups = listBackups(paths.backups)
    const { bavail, bsize } = statfsSync(paths.home)
    return findings({
      notices: this.#file.notices,
      locked: this.#file.locked,
      protection: this.protection(),
      keyring: await this.#hasKeyring(),
      found,
      newest_backup: backups[0]?.taken_at,
      backups: backups.length,
      backup_failure: this.#upkeep.lastFailure,
      free: bavail * bsize,
      aside: readdirSync(paths.home).filter((name) => isAside(name, paths.vault)),
    })
  }

  /** Reads the vault through and takes a backup if one is due, as it does by itself from time to time. Never rejects. */
  tend(): Promise<void> {
    return this.#upkeep.run()
  }

  /** Asked only where the answer makes a difference: it takes a process. */
  async #hasKeyring(): Promise<boolean> {
    if (this.protection() !== 'key-file') return false
    const slot = this.#file.options.slots.find(({ kind }) => kind === 'os-keyring')
    return (await slot?.available()) ?? false
  }

  /** What is written, newest first. */
  #rows(accountId: string): readonly GenerationRow[] {
    return this.#file.read([], (store) => store.generations(accountId))
  }

  /** `undefined` when the file is damaged just there. Throws `StorageFault` when the disk is at fault. */
  #readableRows(accountId: string): readonly GenerationRow[] | undefined {
    try {
      return this.#rows(accountId)
    } catch (thrown) {
      if (thrown instanceof StorageFault && isDamage(thrown.cause)) return undefined
      throw thrown
    }
  }

  #isKnown(accountId: string): boolean {
    return this.#file.read(false, (store) => store.account(accountId) !== undefined)
  }

  /** No generation can be read although there should be one: the newest one a backup still has. */
  #fromBackup(accountId: string): StoredGrant | null {
    const key = this.#file.key()
    const { paths } = this.#file.options
    const found = searchBackups(paths.backups, (store) => {
      const row = store.generations(accountId).find((candidate) => openGeneration(key, candidate) !== null)
      const material = row && openGeneration(key, row)
      return row && material ? { row, material } : null
    })
    if (!found) {
      this.#file.say(`The sign-in of account ${accountId} cannot be read; sign it in again.`)
      return null
    }
    this.#fellBack(accountId, 'the one in the newest backup that has it is used')
    this.#unreadable.delete(passedOver(accountId, found.row.generation))
    try {
      this.#file.write((store) => {
        putGeneration(store, key, found.row)
      })
    } catch (thrown) {
      // It can be offered all the same; a refresh will say that it cannot be stored.
      if (!(thrown instanceof StorageFault)) throw thrown
    }
    return offered(found.row, found.material)
  }

  #fellBack(accountId: string, what: string): void {
    this.#file.options.log('warn', 'vault.fallback', { account: accountId })
    this.#file.say(`The newest sign-in of account ${accountId} cannot be read; ${what}.`)
  }

  #permissions<T>(table: PermissionTable, codec: Codec<T>): readonly T[] {
    this.#file.flush()
    const key = this.#file.keyIfOpen()
    const isShown = (row: PermissionRow): boolean =>
      key ? isAuthentic(key, table, row) : this.#file.shownWhileLocked(table, row)
    return this.#file.read([], (store) => this.#decoded(store.permissions(table).filter(isShown), codec))
  }

  #savePermission(table: PermissionTable, id: string, record: string, options: Laziness): void {
    const key = this.#file.keyIfOpen()
    const mac = key && rowMac(key, table, id, record)
    if (!mac) this.#file.vouch(table, { id, record })
    this.#save(`${table} ${id}`, options, (store) => {
      // What may be late may come after the row was removed, and must not bring it back.
      if (options.lazy) store.updatePermission(table, { id, record, mac })
      else store.putPermission(table, { id, record, mac })
    })
  }

  #save(name: string, { lazy }: Laziness, put: (store: Store) => void): void {
    if (lazy)
      this.#file.writeSoon((writes, store) => {
        writes.add(name, () => {
          put(store)
        })
      })
    else this.#file.write(put)
  }

  /** A record that cannot be read is said, and answered as `instead` has it; the others are answered. */
  #decoded<T>(
    rows: readonly { readonly id: string; readonly record: string }[],
    codec: Codec<T>,
    instead: (id: string) => readonly T[] = () => [],
  ): readonly T[] {
    return rows.flatMap(({ id, record }) => {
      try {
        return [codec.decode(record)]
      } catch {
        this.#file.options.log('error', 'vault.record', { account: id })
        this.#file.say(`The record ${id} in the vault cannot be read.`)
        return instead(id)
      }
    })
  }
}

const passedOver = (accountId: string, generation: number): string => `${accountId} ${String(generation)}`

const isAside = (name: string, vault: string): boolean =>
  name.startsWith(`${basename(vault)}.damaged-`) && !/-(?:wal|shm)$/u.test(name)
