/**
 * The record of what happened, in a database of its own. The rule: writing it down never delays, fails or outlives the
 * request it is about; rows are gathered in memory and written together, so a crash may cost the last tenth of a second
 * and a damaged file only the history, never a sign-in.
 */
import { existsSync, renameSync } from 'node:fs'
import type { DatabaseSync, SQLOutputValue } from 'node:sqlite'
import type { ActivityLog, Cancel, Clock, Log } from '../broker/ports.ts'
import type { ActivityEntry } from '../contract/model.ts'
import { stamp } from './backups.ts'
import { errorNumber, isDamage, openDatabase, SQLITE, transaction } from './database.ts'
import { createPrivateFile, inspect } from './home.ts'

export interface ActivityOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
  /** Days after which a row is deleted. */
  readonly retention?: number
}

type Unnumbered = Omit<ActivityEntry, 'id'>

const APPLICATION_ID = 0x56_4b_41_43
const FORMAT = 1
const RETENTION = 30
const DAY = 86_400
/** Milliseconds rows are gathered, and how many of them are enough to write at once. */
const GATHER = 100
const ENOUGH = 256
/** Rows kept in memory; while the disk takes none the oldest are dropped and counted. */
const MOST_WAITING = 10_000
/** Rows deleted at a time. */
const BATCH = 2000
/** Milliseconds between two batches, and until the disk is asked again after a failure. */
const BETWEEN_BATCHES = 50
const RETRY = 5000

/**
 * Opens the record. A file that is damaged or not ours is moved aside (said through `log`) and a new one begun; if there
 * can be none, rows stay in memory and the disk is tried again. Never throws.
 */
export function openActivity(options: ActivityOptions): SqliteActivity {
  return new SqliteActivity(options)
}

export class SqliteActivity implements ActivityLog {
  readonly #options: ActivityOptions
  #db: DatabaseSync | undefined
  #waiting: Unnumbered[] = []
  #timer: Cancel | undefined
  #prompted = false
  #pruning: Cancel | undefined
  #dropped = 0
  #failing = false
  #closed = false

  constructor(options: ActivityOptions) {
    this.#options = options
    this.#connect()
    this.#prune(BETWEEN_BATCHES)
  }

  append(entry: Unnumbered): void {
    const { length } = this.#waiting
    if (length >= MOST_WAITING && !this.#failing) this.#flush()
    if (length >= MOST_WAITING && this.#failing) {
      this.#waiting.shift()
      this.#dropped++
    }
    this.#waiting.push(entry)
    if (length === 0 && !this.#timer) this.#plan(GATHER)
    else if (length >= ENOUGH && !this.#prompted && !this.#failing) {
      this.#prompted = true
      this.#plan(0)
    }
  }

  async list(query: {
    readonly before?: number
    readonly after?: number
    readonly limit: number
  }): Promise<readonly ActivityEntry[]> {
    this.#flush()
    if (!this.#db) return []
    const { before = Number.MAX_SAFE_INTEGER, after, limit } = query
    // Who follows gets the rows next to the newest they have, so that none is skipped when many came at once.
    const order = after === undefined ? 'DESC' : 'ASC'
    const rows = this.#db
      .prepare(`SELECT * FROM activity WHERE id < ? AND id > ? ORDER BY id ${order} LIMIT ?`)
      .all(before, after ?? 0, limit)
      .map(asEntry)
    return after === undefined ? rows : rows.toReversed()
  }

  /** Writes what is waiting and closes. */
  close(): void {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    this.#timer?.()
    this.#pruning?.()
    this.#db?.close()
    this.#db = undefined
  }

  #plan(delay: number): void {
    this.#timer?.()
    this.#timer = this.#options.clock.after(delay, () => {
      this.#timer = undefined
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#waiting.length === 0 || this.#closed) return
    this.#timer?.()
    this.#timer = undefined
    this.#prompted = false
    try {
      if (!this.#db) this.#connect()
      if (!this.#db) throw new Error('no activity database')
      insert(this.#db, this.#waiting)
      this.#waiting = []
      if (this.#dropped > 0) this.#options.log('warn', 'activity.dropped', { count: this.#dropped })
      this.#dropped = 0
      this.#failing = false
    } catch (thrown) {
      if (!this.#failing) this.#options.log('warn', 'activity.unsaved')
      this.#failing = true
      if (isDamage(thrown)) this.#restart()
      this.#plan(RETRY)
    }
  }

  #connect(): void {
    const { path, log } = this.#options
    try {
      if (!inspect(path)) createPrivateFile(path)
      this.#db = open(path)
    } catch (thrown) {
      if (isDamage(thrown) || errorNumber(thrown) === SQLITE.ERROR) this.#restart()
      else log('warn', 'activity.unavailable')
    }
  }

  /** A damaged history is kept under another name; a new one begins. */
  #restart(): void {
    const { path, clock, log } = this.#options
    try {
      this.#db?.close()
      this.#db = undefined
      const aside = `${path}.damaged-${stamp(clock.now())}`
      for (const suffix of ['', '-wal', '-shm'])
        if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`)
      createPrivateFile(path)
      this.#db = open(path)
      log('warn', 'activity.damaged')
    } catch {
      log('warn', 'activity.unavailable')
    }
  }

  /** Deletes a batch of what is too old, then the next; once a day it looks again. */
  #prune(delay: number): void {
    const { clock, retention = RETENTION } = this.#options
    this.#pruning = clock.after(delay, () => {
      const oldest = clock.now() / 1000 - retention * DAY
      let deleted = 0
      try {
        deleted = Number(this.#db?.prepare(PRUNE).run(oldest, BATCH).changes ?? 0)
      } catch {
        this.#options.log('warn', 'activity.unpruned')
      }
      this.#prune(deleted === BATCH ? BETWEEN_BATCHES : DAY * 1000)
    })
  }
}

const PRUNE = 'DELETE FROM activity WHERE id IN (SELECT id FROM activity WHERE at < ? ORDER BY id LIMIT ?)'

/** Throws what SQLite throws for a file that is no database of ours. */
function open(path: string): DatabaseSync {
  const db = openDatabase(path, false)
  try {
    const version = db.prepare('PRAGMA user_version').get()?.['user_version']
    if (version === 0) create(db)
    db.prepare(
      'SELECT id, at, action, outcome, client_id, account_id, scope, detail, took_ms FROM activity LIMIT 1',
    ).get()
    return db
  } catch (thrown) {
    db.close()
    throw thrown
  }
}

function create(db: DatabaseSync): void {
  transaction(db, () => {
    db.exec(`
      PRAGMA application_id = ${String(APPLICATION_ID)};
      CREATE TABLE activity (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        action TEXT NOT NULL,
        outcome TEXT NOT NULL,
        client_id TEXT,
        account_id TEXT,
        scope TEXT,
        detail TEXT,
        took_ms INTEGER
      ) STRICT;
      CREATE INDEX activity_at ON activity (at);
      PRAGMA user_version = ${String(FORMAT)};
    `)
  })
}

function insert(db: DatabaseSync, entries: readonly Unnumbered[]): void {
  const statement = db.prepare(
    'INSERT INTO activity (at, action, outcome, client_id, account_id, scope, detail, took_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
  )
  transaction(db, () => {
    for (const { at, action, outcome, client_id, account_id, scope, detail, took_ms } of entries)
      statement.run(
        Math.floor(at),
        action,
        outcome,
        client_id ?? null,
        account_id ?? null,
        scope ?? null,
        detail ?? null,
        took_ms === undefined ? null : Math.round(took_ms),
      )
  })
}

function asEntry(row: Readonly<Record<string, SQLOutputValue>>): ActivityEntry {
  const filled = Object.entries(row).filter(([, value]) => value !== null)
  // The table is STRICT and written by `insert` alone.
  return Object.fromEntries(filled) as unknown as ActivityEntry
}
