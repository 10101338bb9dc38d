/**
 * The chain that runs through the record of what happened, so that a row that was changed, slipped in or taken out later
 * shows. The rule: each group of rows written together extends the digest of everything before it; a stretch of groups is
 * one link, whose seal also says which rows it holds and how young the youngest is; and rows may be missing only where
 * their link is older than the record is kept, whole. Whoever can write the file can make the whole chain anew: against
 * that helps a head that was noted elsewhere (`head`), which a chain made anew no longer passes through.
 */
import { createHash } from 'node:crypto'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { ActivityVerdict } from '../contract/model.ts'

export const LINK_TABLE = `
  CREATE TABLE link (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    newest INTEGER NOT NULL,
    parts BLOB NOT NULL,
    before BLOB NOT NULL,
    digest BLOB NOT NULL
  ) STRICT`

/** Rows and groups after which a link ends: it is what is forgotten at once, and what one step of a check reads. */
const ROWS = 256
const GROUPS = 256
/** Links one step looks at. */
const STEP = 16

/** Rows written together, numbered from `first` without a gap. */
export interface Group {
  readonly first: number
  /** For each row: seconds, the place of its text in `said`, and milliseconds or -1. */
  readonly numbers: readonly number[]
  /** The distinct texts in the order in which the rows first say them. */
  readonly said: readonly string[]
}

interface Link {
  readonly first: number
  readonly last: number
  /** The latest second of a row. */
  readonly newest: number
  /** How many rows each group has, two bytes each. */
  readonly parts: Uint8Array
  /** The seal of the link before, and the digest after the last group. */
  readonly before: Uint8Array
  readonly digest: Uint8Array
}

const BEGINNING = new Uint8Array(32)

/** The digest after one more group. */
function extended(digest: Uint8Array, { first, numbers, said }: Group): Buffer {
  return createHash('sha256')
    .update(digest)
    .update(new Float64Array([first, ...numbers]))
    .update(JSON.stringify(said))
    .digest()
}

const begunWith = (seal: Uint8Array): Pick<Link, 'before' | 'digest'> => ({ before: seal, digest: seal })

/** What the next link begins with. */
function sealOf({ first, last, newest, digest }: Link): Buffer {
  return createHash('sha256')
    .update(digest)
    .update(new Float64Array([first, last, newest]))
    .digest()
}

/** The chain of an open database. Throws what SQLite throws. */
export class ActivityChain {
  readonly #db: DatabaseSync
  readonly #save: StatementSync
  #tail: Link | undefined
  /** The last link takes no more: its rows are forgotten. */
  #isOver = false

  constructor(db: DatabaseSync) {
    this.#db = db
    this.#save = db.prepare(
      'INSERT OR REPLACE INTO link (first, last, newest, parts, before, digest) VALUES (?, ?, ?, ?, ?, ?)',
    )
    this.reread()
  }

  /** After a transaction that came to nothing: what the file says. */
  reread(): void {
    this.#tail = this.#db.prepare('SELECT * FROM link ORDER BY first DESC LIMIT 1').get() as unknown as Link | undefined
    this.#isOver = this.#tail !== undefined && !this.#isThere('id = ?', this.#tail.last)
  }

  /** Adds a group, in the transaction that writes its rows. */
  extend(group: Group): void {
    const count = group.numbers.length / 3
    const tail = this.#tail
    const goesOn =
      tail !== undefined &&
      !this.#isOver &&
      tail.last - tail.first + 1 + count <= ROWS &&
      tail.parts.length < GROUPS * 2 &&
      tail.last + 1 === group.first
    const begun: Link = goesOn
      ? tail
      : {
          first: group.first,
          last: 0,
          newest: 0,
          parts: new Uint8Array(),
          ...begunWith(tail ? sealOf(tail) : BEGINNING),
        }
    const link: Link = {
      ...begun,
      last: group.first + count - 1,
      newest: group.numbers.reduce((most, value, at) => (at % 3 === 0 ? Math.max(most, value) : most), begun.newest),
      parts: Buffer.concat([begun.parts, Uint8Array.of(count & 255, count >> 8)]),
      digest: extended(begun.digest, group),
    }
    this.#isOver = false
    this.#save.run(link.first, link.last, link.newest, link.parts, link.before, link.digest)
    this.#tail = link
  }

  /**
   * The links after the one with number `after` whose rows are all older than `oldest` (seconds since the epoch), as ranges
   * of rows, and the number to go on after. A link that is over and has nothing kept before it goes with its rows.
   */
  forget(after: number, oldest: number): { readonly next: number | undefined; readonly rows: readonly Link[] } {
    const links = this.#after(after)
    const rows = links.filter(({ newest }) => newest < oldest)
    if (rows.some(({ first }) => first === this.#tail?.first)) this.#isOver = true
    return { next: links.length === STEP ? links.at(-1)?.first : undefined, rows }
  }

  /** Lets go of the links at the beginning that have no rows any more; what follows begins with their last seal. */
  dropForgotten(): void {
    this.#db.exec(
      'DELETE FROM link WHERE last < (SELECT coalesce(min(id), (SELECT max(last) FROM link)) FROM activity)',
    )
  }

  /** Chains the rows of a record that was kept without one. */
  adopt(): void {
    for (let after = 0; ;) {
      const rows = this.#rows('activity.id > ? ORDER BY activity.id LIMIT ?', after, ROWS)
      if (rows.length === 0) break
      // A gap from rows that were forgotten ends a group.
      const gap = rows.findIndex(({ id }, place) => id !== (rows[0]?.id ?? 0) + place)
      const group = gap < 0 ? rows : rows.slice(0, gap)
      this.extend(groupOf(group))
      after = group.at(-1)?.id ?? Number.MAX_SAFE_INTEGER
    }
    // All of it forgotten: how far it had come is where the chain begins.
    const last = this.#numbered()
    if (!this.#tail && last > 0)
      this.#keep({ first: last, last, newest: 0, parts: new Uint8Array(), ...begunWith(BEGINNING) })
  }

  #keep(link: Link): void {
    this.#save.run(link.first, link.last, link.newest, link.parts, link.before, link.digest)
    this.reread()
  }

  #after(first: number): readonly Link[] {
    return this.#db
      .prepare('SELECT * FROM link WHERE first > ? ORDER BY first LIMIT ?')
      .all(first, STEP) as unknown as readonly Link[]
  }

  /**
   * Reads the whole record through, a few links at each step of the generator. `oldest`: what is younger may not be missing
   * (seconds since the epoch); `expected`: a head noted earlier.
   */
  *verify(oldest: number, expected?: string): Generator<undefined, ActivityVerdict> {
    const seen = new Set<string>()
    const note = (link: Link): string => sealOf(link).toString('hex')
    let rows = 0
    let since: number | undefined
    let previous: Link | undefined
    const broken = (after: number, what: string): ActivityVerdict => ({
      intact: false,
      rows,
      head: this.#tail ? note(this.#tail) : '',
      problem: { after_id: after, what },
    })
    for (;;) {
      const links = this.#after(previous?.first ?? -1)
      for (const link of links) {
        const before = previous?.last ?? 0
        if (previous && Buffer.compare(link.before, sealOf(previous)) !== 0)
          return broken(before, 'what is written here does not follow from what was written before it')
        if (this.#isThere('id > ? AND id < ?', previous?.last ?? Number.MIN_SAFE_INTEGER, link.first))
          return broken(before, strange)
        const found = this.#rows('activity.id BETWEEN ? AND ? ORDER BY activity.id', link.first, link.last)
        // At the beginning nobody can tell how much was there before; what is kept for the chain's sake has no rows.
        const isForgotten = found.length === 0 && (previous === undefined || link.newest < oldest)
        const states = isForgotten ? [link] : replay(link, found)
        if (states === undefined) return broken(before, 'rows were changed, added or taken out here')
        for (const state of states) seen.add(note(state))
        rows += found.length
        since ??= found[0]?.at
        previous = link
      }
      // The last link may grow while others have their turn, so what is left is done in this one.
      if (links.length < STEP || previous?.first === this.#tail?.first) break
      yield
    }
    const end = previous?.last ?? 0
    if (this.#isThere('id > ?', end)) return broken(end, strange)
    if (this.#numbered() > end) return broken(end, 'the newest rows are missing')
    return {
      intact: true,
      rows,
      head: previous ? note(previous) : '',
      ...(since !== undefined && { since }),
      ...(expected !== undefined && { passes_expected: seen.has(expected) }),
    }
  }

  #isThere(where: string, ...values: readonly number[]): boolean {
    return this.#db.prepare(`SELECT 1 FROM activity WHERE ${where} LIMIT 1`).get(...values) !== undefined
  }

  /** The highest number a row ever had. */
  #numbered(): number {
    return Number(this.#db.prepare("SELECT seq FROM sqlite_sequence WHERE name = 'activity'").get()?.['seq'] ?? 0)
  }

  #rows(where: string, ...values: readonly number[]): readonly Row[] {
    return this.#db
      .prepare(
        `SELECT activity.id, at, took_ms, said, ${COLUMNS} FROM activity JOIN matter ON matter.id = activity.matter WHERE ${where}`,
      )
      .all(...values) as unknown as readonly Row[]
  }
}

const COLUMNS = 'action, outcome, client_id, account_id, scope, detail'

type Columns = Readonly<Record<'action' | 'outcome' | 'client_id' | 'account_id' | 'scope' | 'detail', string | null>>

const strange = 'there are rows here that the chain does not know'

interface Row extends Columns {
  readonly id: number
  readonly at: number
  readonly took_ms: number | null
  readonly said: string
}

/** What a row says, as one text; the columns beside it are the same again, for whoever looks for one of them. */
export function saidText({ action, outcome, client_id, account_id, scope, detail }: Columns): string {
  return JSON.stringify([action, outcome, client_id, account_id, scope, detail])
}

/** The link as it stood after each of its groups; `undefined` when these rows do not make it. */
function replay(link: Link, rows: readonly Row[]): readonly Link[] | undefined {
  if (rows.length !== link.last - link.first + 1 || rows.some((row) => saidText(row) !== row.said)) return undefined
  const states: Link[] = []
  let at = 0
  let digest: Uint8Array = link.before
  let newest = 0
  for (let part = 0; part + 1 < link.parts.length; part += 2) {
    const count = (link.parts[part] ?? 0) + ((link.parts[part + 1] ?? 0) << 8)
    const group = rows.slice(at, at + count)
    if (group.length !== count || count === 0) return undefined
    digest = extended(digest, groupOf(group))
    newest = group.reduce((most, row) => Math.max(most, row.at), newest)
    at += count
    states.push({ ...link, last: link.first + at - 1, newest, digest })
  }
  const end = states.at(-1)
  const isWhole = at === rows.length && end && newest === link.newest && Buffer.compare(end.digest, link.digest) === 0
  return isWhole ? states : undefined
}

function groupOf(rows: readonly Row[]): Group {
  const said: string[] = []
  const numbers = rows.flatMap((row) => {
    const known = said.indexOf(row.said)
    const place = known >= 0 ? known : said.push(row.said) - 1
    return [row.at, place, row.took_ms ?? -1]
  })
  return { first: rows[0]?.id ?? 0, numbers, said }
}
