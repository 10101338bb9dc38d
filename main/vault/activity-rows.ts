/**
 * How the record of what happened lies on the disk. The rule: a row is three small numbers, because a busy script makes
 * millions of them that say the same; what they say (who, what, whose, how it ended) is written down once beside them.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { ActivityEntry } from '../contract/model.ts'
import { type Batch, type Said, UNTIMED } from './activity-batch.ts'
import { openDatabase, transaction } from './database.ts'

const APPLICATION_ID = 0x56_4b_41_43
const FORMAT = 2
/** Rows one statement writes; what is fewer is written one by one. Most of what a row costs is the call. */
const AT_ONCE = 64
/** Texts of which the number is kept in memory. */
const KNOWN = 4096
/** Texts from which on those that no row says are looked for. */
const MANY = 1000

const INSERT = 'INSERT INTO activity (at, matter, took_ms) VALUES'
const ROW = '(?, ?, ?)'
const SELECT = `
  SELECT activity.id, at, action, outcome, client_id, account_id, scope, detail, took_ms
  FROM activity JOIN matter ON matter.id = activity.matter`

/** An open record. Everything here throws what SQLite throws. */
export class ActivityRows {
  readonly #db: DatabaseSync
  readonly #many: StatementSync
  readonly #one: StatementSync
  readonly #matters = new Map<string, number>()

  /** Opens or makes the tables of the file at `path`, which exists. */
  constructor(path: string) {
    this.#db = openDatabase(path, false)
    try {
      if (this.#db.prepare('PRAGMA user_version').get()?.['user_version'] === 0) create(this.#db)
      this.#db.prepare(`${SELECT} LIMIT 1`).get()
      this.#many = this.#db.prepare(`${INSERT} ${Array<string>(AT_ONCE).fill(ROW).join(', ')}`)
      this.#one = this.#db.prepare(`${INSERT} ${ROW}`)
    } catch (thrown) {
      this.#db.close()
      throw thrown
    }
  }

  /** Adds all of them or none, numbered in this order. */
  add({ numbers, said }: Batch): void {
    try {
      transaction(this.#db, () => {
        const matters = said.map((text) => this.#matterOf(text))
        let values: (number | null)[] = []
        for (let i = 0; i < numbers.length; i += 3) {
          const [at = 0, text = 0, took = UNTIMED] = [numbers[i], numbers[i + 1], numbers[i + 2]]
          values.push(at, matters[text] ?? null, took === UNTIMED ? null : took)
          if (values.length < AT_ONCE * 3) continue
          this.#many.run(...values)
          values = []
        }
        for (let i = 0; i < values.length; i += 3) this.#one.run(...values.slice(i, i + 3))
      })
    } catch (thrown) {
      // What was numbered in there is not, and its numbers will be given to others.
      this.#matters.clear()
      throw thrown
    }
  }

  /** The `limit` rows next below `before` newest first, or next above `after`, newest first too. */
  list(before: number, after: number | undefined, limit: number): readonly ActivityEntry[] {
    // Who follows gets the rows next to the newest they have, so that none is skipped when many came at once.
    const order = after === undefined ? 'DESC' : 'ASC'
    const rows = this.#db
      .prepare(`${SELECT} WHERE activity.id < ? AND activity.id > ? ORDER BY activity.id ${order} LIMIT ?`)
      .all(before, after ?? 0, limit)
      .map(asEntry)
    return after === undefined ? rows : rows.toReversed()
  }

  /**
   * Deletes what is older than `oldest` among the next `batch` rows after number `after`. Answers the number to go on
   * after, or `undefined` when no older row is to be expected behind them: rows are in the order of their time, except that
   * a clock may have been wrong once, so one from the future (of `now`; all in seconds since the epoch) ends no search.
   */
  prune(after: number, oldest: number, now: number, batch: number): number | undefined {
    const { last, looked, ahead } = this.#db.prepare(NEXT).get(now, after, batch) ?? {}
    if (typeof last !== 'number') return undefined
    const { changes } = this.#db
      .prepare('DELETE FROM activity WHERE id > ? AND id <= ? AND at < ?')
      .run(after, last, oldest)
    return looked === batch && (changes > 0 || ahead !== 0) ? last : undefined
  }

  /** Forgets what no row says any more, once there is much of it; reading every row for a few words would hold up others. */
  sweep(): void {
    const count = this.#db.prepare('SELECT count(*) AS count FROM matter').get()?.['count']
    if (typeof count !== 'number' || count < MANY) return
    this.#db.exec('DELETE FROM matter WHERE id NOT IN (SELECT matter FROM activity)')
    this.#matters.clear()
  }

  close(): void {
    this.#db.close()
  }

  /** The number of what this says; something new is written down. */
  #matterOf({ action, outcome, client_id, account_id, scope, detail }: Said): number {
    const said = [action, outcome, ...[client_id, account_id, scope, detail].map((text) => text ?? null)]
    const key = JSON.stringify(said)
    const known = this.#matters.get(key)
    if (known !== undefined) return known
    const matter = Number(this.#db.prepare(MATTER).get(key, ...said)?.['id'])
    if (this.#matters.size >= KNOWN) this.#matters.clear()
    this.#matters.set(key, matter)
    return matter
  }
}

const NEXT = `
  SELECT max(id) AS last, count(*) AS looked, sum(at > ?) AS ahead
  FROM (SELECT id, at FROM activity WHERE id > ? ORDER BY id LIMIT ?)`
/** The update changes nothing; without it the number of a text that is there would not be answered. */
const MATTER = `
  INSERT INTO matter (said, action, outcome, client_id, account_id, scope, detail) VALUES (?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (said) DO UPDATE SET said = said RETURNING id`

function create(db: DatabaseSync): void {
  transaction(db, () => {
    db.exec(`
      PRAGMA application_id = ${String(APPLICATION_ID)};
      CREATE TABLE matter (
        id INTEGER PRIMARY KEY,
        said TEXT NOT NULL UNIQUE,
        action TEXT NOT NULL,
        outcome TEXT NOT NULL,
        client_id TEXT,
        account_id TEXT,
        scope TEXT,
        detail TEXT
      ) STRICT;
      CREATE TABLE activity (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        matter INTEGER NOT NULL,
        took_ms INTEGER
      ) STRICT;
      PRAGMA user_version = ${String(FORMAT)};
    `)
  })
}

function asEntry(row: Readonly<Record<string, SQLOutputValue>>): ActivityEntry {
  const filled = Object.entries(row).filter(([, value]) => value !== null)
  // The tables are STRICT and written by `add` alone.
  return Object.fromEntries(filled) as unknown as ActivityEntry
}
