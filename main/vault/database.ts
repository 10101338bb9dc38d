/**
 * How SQLite is opened, and what its errors mean. The rule: a database that cannot be read for a passing reason (full
 * disk, no permission, I/O error, busy) is never taken for a damaged one, because a damaged one is moved aside.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { StorageFault } from '../broker/ports.ts'
import { checkPrivateFile, inspect } from './home.ts'

/** Primary result codes; https://sqlite.org/rescode.html. */
export const SQLITE = {
  ERROR: 1,
  PERM: 3,
  BUSY: 5,
  LOCKED: 6,
  NOMEM: 7,
  READONLY: 8,
  IOERR: 10,
  CORRUPT: 11,
  FULL: 13,
  CANTOPEN: 14,
  NOTADB: 26,
} as const

/** Milliseconds to wait for a lock of another connection. */
const BUSY_TIMEOUT = 1000

/** Opens an existing file for reading and writing. `durable`: every commit is synchronised before it returns. */
export function openDatabase(path: string, durable: boolean): DatabaseSync {
  checkPrivateFile(path)
  const db = new DatabaseSync(path, { timeout: BUSY_TIMEOUT, defensive: true })
  try {
    db.exec(`
      PRAGMA trusted_schema = OFF;
      PRAGMA cell_size_check = ON;
      PRAGMA secure_delete = ON;
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = ${durable ? 'FULL' : 'NORMAL'};
      PRAGMA fullfsync = ON;
      PRAGMA checkpoint_fullfsync = ON;
    `)
    return db
  } catch (thrown) {
    db.close()
    throw thrown
  }
}

/**
 * Opens a file for reading only. `still`: nobody writes it (a backup, a damaged file), so nothing is created beside it;
 * this needs its write-ahead log to be empty, because it is not read.
 */
export function openForReading(path: string, still: boolean): DatabaseSync {
  const immutable = still && !(inspect(`${path}-wal`)?.size ?? 0)
  const url = pathToFileURL(path)
  if (immutable) url.searchParams.set('immutable', '1')
  const db = new DatabaseSync(url, { readOnly: true, timeout: BUSY_TIMEOUT, defensive: true })
  try {
    db.exec('PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON')
    return db
  } catch (thrown) {
    db.close()
    throw thrown
  }
}

interface Brackets {
  readonly begin: StatementSync
  readonly commit: StatementSync
}

/** Prepared once per connection: they are part of every durable update. */
const brackets = new WeakMap<DatabaseSync, Brackets>()

/** Runs `work` as one transaction. When it throws, or the commit does, nothing of it has happened. */
export function transaction<T>(db: DatabaseSync, work: () => T): T {
  const known = brackets.get(db)
  const { begin, commit } = known ?? { begin: db.prepare('BEGIN IMMEDIATE'), commit: db.prepare('COMMIT') }
  if (!known) brackets.set(db, { begin, commit })
  begin.run()
  try {
    const answer = work()
    commit.run()
    return answer
  } catch (thrown) {
    if (db.isTransaction) db.exec('ROLLBACK')
    throw thrown
  }
}

/** Runs `work`, whose commits survive the end of this process and not that of the system (https://sqlite.org/pragma.html#pragma_synchronous). */
export function unsynchronised<T>(db: DatabaseSync, work: () => T): T {
  db.exec('PRAGMA synchronous = NORMAL')
  try {
    return work()
  } finally {
    db.exec('PRAGMA synchronous = FULL')
  }
}

/** The primary result code of an error of SQLite; `undefined` of any other. */
export function errorNumber(thrown: unknown): number | undefined {
  const { code, errcode } = thrown as { readonly code?: unknown; readonly errcode?: unknown }
  return code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' ? errcode & 0xff : undefined
}

/** The file's content is wrong, as opposed to being out of reach. */
export class Damage extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause })
    this.name = 'Damage'
  }
}

export function isDamage(thrown: unknown): boolean {
  const number = errorNumber(thrown)
  return thrown instanceof Damage || number === SQLITE.CORRUPT || number === SQLITE.NOTADB
}

const sentences: Readonly<Record<number, string>> = {
  [SQLITE.PERM]: 'The vault may not be written: check the permissions of its folder.',
  [SQLITE.BUSY]: 'Another program holds the vault.',
  [SQLITE.LOCKED]: 'Another program holds the vault.',
  [SQLITE.NOMEM]: 'There is not enough memory to write the vault.',
  [SQLITE.READONLY]: 'The vault is read-only: check the permissions of its folder.',
  [SQLITE.IOERR]: 'The disk reports an error while the vault is written.',
  [SQLITE.CORRUPT]: 'The vault file is damaged; restart Valetkey to restore it.',
  [SQLITE.FULL]: 'The disk is full: the vault cannot be written. Make room.',
  [SQLITE.CANTOPEN]: 'The vault cannot be opened: check the permissions of its folder and the space on its disk.',
  [SQLITE.NOTADB]: 'The vault file is damaged; restart Valetkey to restore it.',
}

/** A failed read or write as a `StorageFault` with a sentence; what is not the disk's fault comes back as it is. */
export function asStorageFault(thrown: unknown): unknown {
  const number = errorNumber(thrown)
  const sentence = number === undefined ? undefined : sentences[number]
  return sentence === undefined ? thrown : new StorageFault(sentence, thrown)
}
