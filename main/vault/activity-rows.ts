/**
 * How the record of what happened lies on the disk. The rule: a row is three small numbers, because a busy script makes
 * millions of them that say the same; what they say (who, what, whose, how it ended) is written down once beside them.
 */
import type { DatabaseSync, SQLOutputValue, StatementSync } from 'node:sqlite'
import type { ActivityEntry } from '../contract/model.ts'
import { type Batch, type Said, UNTIMED } from './activity-batch.ts'
import { ActivityChain, LINK_TABLE, saidText } from './activity-chain.ts'
import { openDatabase, transaction } from './database.ts'

const APPLICATION_ID = 0x56_4b_41_43
/** 2 had no chain. */
const FORMAT = 3
/** Rows that are chained together at most. */
const GROUP = 256
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
  readonly chain: ActivityChain

  /** Opens or makes the tables of the file at `path`, which exists. */
  constructor(path: string) {
    this.#db = openDatabase(path, false)
    try {
      const format = this.#db.prepare('PRAGMA user_version').get()?.['user_version']
      if (format === 0) create(this.#db)
      this.#db.prepare(`${SELECT} LIMIT 1`).get()
      if (format === 2) addChain(this.#db)
      this.chain = new ActivityChain(this.#db)
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
        const texts = said.map(textOf)
        const matters = said.map((one, place) => this.#matterOf(one, texts[place] ?? ''))
        let values: (number | null)[] = []
        let last: number | bigint = 0
        for (let i = 0; i < numbers.length; i += 3) {
          const [at = 0, text = 0, took = UNTIMED] = [numbers[i], numbers[i + 1], numbers[i + 2]]
          values.push(at, matters[text] ?? null, took === UNTIMED ? null : took)
          if (values.length < AT_ONCE * 3) continue
          last = this.#many.run(...values).lastInsertRowid
          values = []
        }
        for (let i = 0; i < values.length; i += 3) last = this.#one.run(...values.slice(i, i + 3)).lastInsertRowid
        const first = Number(last) - numbers.length / 3 + 1
        for (let i = 0; i < numbers.length; i += GROUP * 3)
          this.chain.extend({ first: first + i / 3, ...ordered(numbers.slice(i, i + GROUP * 3), texts) })
      })
    } catch (thrown) {
      // What was numbered in there is not, and its numbers will be given to others.
      this.#matters.clear()
      this.chain.reread()
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
   * Deletes rows older than `oldest` (seconds since the epoch) from number `after` on, a link of the chain at a time: where
   * one of its rows is younger, all of them stay. Answers the number to go on after, or `undefined` at the end.
   */
  prune(after: number, oldest: number): number | undefined {
    return transaction(this.#db, () => {
      const { next, rows } = this.chain.forget(after, oldest)
      for (const { first, last } of rows)
        this.#db.prepare('DELETE FROM activity WHERE id BETWEEN ? AND ?').run(first, last)
      if (rows.length > 0) this.chain.dropForgotten()
      return next
    })
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
  #matterOf({ action, outcome, client_id, account_id, scope, detail }: Said, key: string): number {
    const said = [action, outcome, ...[client_id, account_id, scope, detail].map((text) => text ?? null)]
    const known = this.#matters.get(key)
    if (known !== undefined) return known
    const matter = Number(this.#db.prepare(MATTER).get(key, ...said)?.['id'])
    if (this.#matters.size >= KNOWN) this.#matters.clear()
    this.#matters.set(key, matter)
    return matter
  }
}

const textOf = ({ action, outcome, client_id, account_id, scope, detail }: Said): string =>
  saidText({
    ...{ action, outcome, client_id: client_id ?? null, account_id: account_id ?? null },
    ...{ scope: scope ?? null, detail: detail ?? null },
  })

/** The rows with the places of their texts among `said`, which has each once, in the order in which the rows say them. */
function ordered(
  numbers: readonly number[],
  texts: readonly string[],
): { readonly numbers: readonly number[]; readonly said: readonly string[] } {
  const places = new Map<string, number>()
  const placed = numbers.map((value, at) => {
    if (at % 3 !== 1) return value
    const text = texts[value] ?? ''
    const place = places.get(text) ?? places.size
    places.set(text, place)
    return place
  })
  return { numbers: placed, said: [...places.keys()] }
}

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
      ${LINK_TABLE};
      PRAGMA user_version = ${String(FORMAT)};
    `)
  })
}

/** A record that was kept without a chain gets one; what was changed before is part of it. */
function addChain(db: DatabaseSync): void {
  transaction(db, () => {
    db.exec(LINK_TABLE)
    new ActivityChain(db).adopt()
    db.exec(`PRAGMA user_version = ${String(FORMAT)}`)
  })
}

function asEntry(row: Readonly<Record<string, SQLOutputValue>>): ActivityEntry {
  const filled = Object.entries(row).filter(([, value]) => value !== null)
  // The tables are STRICT and written by `add` alone.
  return Object.fromEntries(filled) as unknown as ActivityEntry
}
