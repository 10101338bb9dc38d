/**
 * Every SQL statement of the vault, typed. The rule: nothing here decides, seals or commits; it reads and writes rows
 * inside whatever transaction the caller has open.
 */
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { Intent } from '../broker/ports.ts'
import type { KeyHeader, RecordedSlot } from './data-key.ts'
import { Damage } from './database.ts'
import type { GenerationRow } from './tally.ts'

/** The two tables of what programs may do. */
export type PermissionTable = 'clients' | 'grants'
/** The tables in the clear. */
export type ClearTable = PermissionTable | 'accounts'

export interface PermissionRow {
  readonly id: string
  readonly record: string
  readonly mac: Uint8Array | null
}

export type AccountRow = PermissionRow

/** See intents.ts. */
export interface IntentRow extends Intent {
  readonly boot: string | null
  readonly resting: boolean
}

export interface Header extends KeyHeader {
  readonly tally: Uint8Array | null
  readonly backup_due: boolean
  readonly salvage: string | null
}

type Row = Readonly<Record<string, SQLOutputValue>>

export class Store {
  readonly db: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()

  constructor(db: DatabaseSync) {
    this.db = db
  }

  header(): Header {
    const row = this.#get(`
      SELECT vault_id, key_id, tally, backup_due, salvage,
        NOT EXISTS (SELECT 1 FROM generations) AND key_id IS NULL AS virgin
      FROM vault WHERE id = 1`)
    if (!row) throw new Damage('the vault says nothing about itself')
    return {
      vault_id: text(row['vault_id']),
      key_id: bytesOrNull(row['key_id']),
      tally: bytesOrNull(row['tally']),
      backup_due: row['backup_due'] === 1,
      salvage: row['salvage'] === null ? null : text(row['salvage']),
      virgin: row['virgin'] === 1,
      slots: this.#all('SELECT kind, wrapped FROM key_slots').map((slot) => ({
        kind: text(slot['kind']),
        wrapped: bytes(slot['wrapped']),
      })),
    }
  }

  putSlot({ kind, wrapped }: RecordedSlot): void {
    this.#run('INSERT OR REPLACE INTO key_slots (kind, wrapped) VALUES (?, ?)', kind, wrapped)
  }

  putKeyId(id: Uint8Array): void {
    this.#run('UPDATE vault SET key_id = ?', id)
  }

  tally(): Uint8Array | null {
    return bytesOrNull(this.#get('SELECT tally FROM vault')?.['tally'] ?? null)
  }

  putTally(sealed: Uint8Array | null): void {
    this.#run('UPDATE vault SET tally = ?', sealed)
  }

  setBackupDue(due: boolean): void {
    this.#run('UPDATE vault SET backup_due = ?', Number(due))
  }

  setSalvage(file: string | null): void {
    this.#run('UPDATE vault SET salvage = ?', file)
  }

  accounts(): readonly AccountRow[] {
    return this.#all('SELECT * FROM accounts').map(clearRow)
  }

  /** The next `limit` rows in the order of their ids. */
  accountsAfter(id: string, limit: number): readonly AccountRow[] {
    return this.#all('SELECT * FROM accounts WHERE id > ? ORDER BY id LIMIT ?', id, limit).map(clearRow)
  }

  account(id: string): AccountRow | undefined {
    const row = this.#get('SELECT * FROM accounts WHERE id = ?', id)
    return row && clearRow(row)
  }

  putAccount(row: AccountRow): void {
    this.#put('accounts', row)
  }

  /** Writes over the account's row; does nothing when there is none (any more). */
  updateAccount(row: AccountRow): void {
    this.#update('accounts', row)
  }

  removeAccount(id: string): void {
    this.#run('DELETE FROM accounts WHERE id = ?', id)
    this.#run('DELETE FROM generations WHERE account_id = ?', id)
  }

  /** Newest first; at most two. */
  generations(accountId: string): readonly GenerationRow[] {
    return this.#all(
      'SELECT account_id, generation, quarantined, sealed FROM generations WHERE account_id = ?',
      accountId,
    )
      .map(generation)
      .toSorted((a, b) => b.generation - a.generation)
  }

  /** A page of every generation, in the order of account ids, beginning after account `after`; whole accounts only. */
  generationsAfter(after: string, accounts: number): readonly GenerationRow[] {
    return this.#all(
      `SELECT account_id, generation, quarantined, sealed FROM generations WHERE account_id IN
        (SELECT DISTINCT account_id FROM generations WHERE account_id > ? ORDER BY account_id LIMIT ?)
      ORDER BY account_id, generation DESC`,
      after,
      accounts,
    ).map(generation)
  }

  /** Takes the place of the last generation but one. */
  putGeneration(row: GenerationRow): void {
    this.#run(
      `INSERT INTO generations (account_id, place, generation, quarantined, sealed) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT DO UPDATE SET
        generation = excluded.generation, quarantined = excluded.quarantined, sealed = excluded.sealed`,
      row.account_id,
      placeOf(row),
      row.generation,
      Number(row.quarantined),
      row.sealed,
    )
  }

  intents(): readonly IntentRow[] {
    return this.#all('SELECT * FROM intents').map(intentRow)
  }

  intent(accountId: string): IntentRow | undefined {
    const row = this.#get('SELECT * FROM intents WHERE account_id = ?', accountId)
    return row && intentRow(row)
  }

  /** A refresh is under way from now on. */
  putIntent({ account_id, generation, started_at, boot }: Omit<IntentRow, 'resting'>): void {
    this.#run(
      'INSERT OR REPLACE INTO intents (account_id, generation, started_at, boot, resting) VALUES (?, ?, ?, ?, 0)',
      account_id,
      generation,
      started_at,
      boot,
    )
  }

  /** No refresh is under way any more, and `generation` is in force, if one is given; does nothing without an intent. */
  restIntent(accountId: string, boot: string, generation?: number): void {
    this.#run(
      'UPDATE intents SET resting = 1, boot = ?, generation = coalesce(?, generation) WHERE account_id = ?',
      boot,
      generation ?? null,
      accountId,
    )
  }

  endIntent(accountId: string): void {
    this.#run('DELETE FROM intents WHERE account_id = ?', accountId)
  }

  /** Those of one run of the system, or of every. */
  endRestingIntents(boot?: string): void {
    this.#run('DELETE FROM intents WHERE resting = 1 AND boot = coalesce(?, boot)', boot ?? null)
  }

  permissions(table: PermissionTable): readonly PermissionRow[] {
    return this.#all(`SELECT id, record, mac FROM ${table}`).map(clearRow)
  }

  putPermission(table: PermissionTable, row: PermissionRow): void {
    this.#put(table, row)
  }

  /** Writes over a row; does nothing when there is none (any more). */
  updatePermission(table: PermissionTable, row: PermissionRow): void {
    this.#update(table, row)
  }

  removePermission(table: PermissionTable, id: string): void {
    this.#run(`DELETE FROM ${table} WHERE id = ?`, id)
  }

  /** Answers what SQLite finds wrong with the file; `undefined` when it finds nothing. Reads the whole file. */
  structuralProblem(): string | undefined {
    const answer = this.#get('PRAGMA integrity_check(1)')?.['integrity_check']
    return answer === 'ok' ? undefined : String(answer)
  }

  #put(table: ClearTable, { id, record, mac }: PermissionRow): void {
    this.#run(
      `INSERT INTO ${table} (id, record, mac) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET record = excluded.record, mac = excluded.mac`,
      id,
      record,
      mac,
    )
  }

  #update(table: ClearTable, { id, record, mac }: PermissionRow): void {
    this.#run(`UPDATE ${table} SET record = ?, mac = ? WHERE id = ?`, record, mac, id)
  }

  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql)
    if (known) return known
    const statement = this.db.prepare(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  #get(sql: string, ...values: readonly SQLInputValue[]): Row | undefined {
    return this.#statement(sql).get(...values)
  }

  #all(sql: string, ...values: readonly SQLInputValue[]): readonly Row[] {
    return this.#statement(sql).all(...values)
  }

  #run(sql: string, ...values: readonly SQLInputValue[]): void {
    this.#statement(sql).run(...values)
  }
}

/** Even and odd generations take turns. */
export const placeOf = (row: GenerationRow): number => row.generation % 2

/** A vault of format 1 that may only be read has no `mac` for accounts. */
const clearRow = (row: Row): PermissionRow => ({
  id: text(row['id']),
  record: text(row['record']),
  mac: bytesOrNull(row['mac'] ?? null),
})

const generation = (row: Row): GenerationRow => ({
  account_id: text(row['account_id']),
  generation: number(row['generation']),
  quarantined: row['quarantined'] !== 0,
  sealed: bytes(row['sealed']),
})

/** A vault of format 2 that may only be read has no `boot` and nothing that rests. */
const intentRow = (row: Row): IntentRow => ({
  account_id: text(row['account_id']),
  generation: number(row['generation']),
  started_at: number(row['started_at']),
  boot: typeof row['boot'] === 'string' ? row['boot'] : null,
  resting: row['resting'] === 1,
})

function text(value: SQLOutputValue | undefined): string {
  if (typeof value !== 'string') throw new Damage('a text is missing in the vault')
  return value
}

function number(value: SQLOutputValue | undefined): number {
  if (typeof value !== 'number') throw new Damage('a number is missing in the vault')
  return value
}

function bytes(value: SQLOutputValue | undefined): Uint8Array {
  if (!(value instanceof Uint8Array)) throw new Damage('a sealed record is missing in the vault')
  return value
}

function bytesOrNull(value: SQLOutputValue | undefined): Uint8Array | null {
  return value === null ? null : bytes(value)
}
