/**
 * The record of what happened, in a database of its own. The rule: writing it down never delays, fails or outlives the
 * request it is about; rows are gathered in memory and written together, so a crash may cost the last tenth of a second
 * and a damaged file only the history, never a sign-in.
 */
import { existsSync, renameSync } from 'node:fs'
import { type ActivityLog, type Cancel, type Clock, type Log, StorageFault } from '../broker/ports.ts'
import { type ActivityEntry, type ActivityVerdict, defaultPreferences } from '../contract/model.ts'
import { Batch, type Unnumbered } from './activity-batch.ts'
import { ActivityRows } from './activity-rows.ts'
import { stamp } from './backups.ts'
import { errorNumber, isDamage, SQLITE } from './database.ts'
import { createPrivateFile, inspect } from './home.ts'

export interface ActivityOptions {
  readonly path: string
  readonly clock: Clock
  readonly log: Log
}

const DAY = 86_400
/** Milliseconds rows are gathered, and how many of them are enough to write at once. */
const GATHER = 100
const ENOUGH = 1024
/** Rows kept in memory; while the disk takes none the oldest are dropped and counted. */
const MOST_WAITING = 10_000
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
  #rows: ActivityRows | undefined
  #waiting = new Batch()
  #timer: Cancel | undefined
  #prompted = false
  #pruning: Cancel | undefined
  #dropped = 0
  #failing = false
  #closed = false
  /** Days after which a row is deleted; none before it is known how many. */
  #retention: number | undefined

  constructor(options: ActivityOptions) {
    this.#options = options
    this.#connect()
  }

  append(entry: Unnumbered): void {
    const { size } = this.#waiting
    if (size >= MOST_WAITING && !this.#failing) this.#flush()
    if (size >= MOST_WAITING && this.#failing) {
      this.#waiting.drop()
      this.#dropped++
    }
    this.#waiting.push(entry)
    if (size === 0 && !this.#timer) this.#plan(GATHER)
    else if (size >= ENOUGH && !this.#prompted && !this.#failing) {
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
    const { before = Number.MAX_SAFE_INTEGER, after, limit } = query
    return this.#rows?.list(before, after, limit) ?? []
  }

  retain(days: number): void {
    if (days === this.#retention) return
    this.#retention = days
    this.#pruning?.()
    if (!this.#closed) this.#prune(BETWEEN_BATCHES)
  }

  async verify(expected?: string): Promise<ActivityVerdict> {
    this.#flush()
    const steps = this.#rows?.chain.verify(this.#oldest(), expected)
    if (!steps) throw new StorageFault('The record of what happened cannot be read just now.', undefined)
    for (;;) {
      const step = steps.next()
      if (step.done) return step.value
      // Others have their turn between two looks.
      await new Promise<void>((resume) => this.#options.clock.after(0, resume))
    }
  }

  /** Writes what is waiting and closes. */
  close(): void {
    if (this.#closed) return
    this.#flush()
    this.#closed = true
    this.#timer?.()
    this.#pruning?.()
    this.#rows?.close()
    this.#rows = undefined
  }

  #plan(delay: number): void {
    this.#timer?.()
    this.#timer = this.#options.clock.after(delay, () => {
      this.#timer = undefined
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#waiting.size === 0 || this.#closed) return
    this.#timer?.()
    this.#timer = undefined
    this.#prompted = false
    try {
      if (!this.#rows) this.#connect()
      if (!this.#rows) throw new Error('no activity database')
      this.#rows.add(this.#waiting)
      this.#waiting = new Batch()
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
      this.#rows = new ActivityRows(path)
    } catch (thrown) {
      if (isDamage(thrown) || errorNumber(thrown) === SQLITE.ERROR) this.#restart()
      else log('warn', 'activity.unavailable')
    }
  }

  /** A damaged history is kept under another name; a new one begins. */
  #restart(): void {
    const { path, clock, log } = this.#options
    try {
      this.#rows?.close()
      this.#rows = undefined
      const aside = `${path}.damaged-${stamp(clock.now())}`
      for (const suffix of ['', '-wal', '-shm'])
        if (existsSync(`${path}${suffix}`)) renameSync(`${path}${suffix}`, `${aside}${suffix}`)
      createPrivateFile(path)
      this.#rows = new ActivityRows(path)
      log('warn', 'activity.damaged')
    } catch {
      log('warn', 'activity.unavailable')
    }
  }

  /** Seconds since the epoch; what is younger is kept. */
  #oldest(): number {
    return this.#options.clock.now() / 1000 - (this.#retention ?? defaultPreferences.activity_days) * DAY
  }

  /** Deletes a batch of what is too old, then the next; once a day it looks again. */
  #prune(delay: number, after = -1): void {
    this.#pruning = this.#options.clock.after(delay, () => {
      let next: number | undefined
      try {
        next = this.#rows?.prune(after, this.#oldest())
        if (next === undefined) this.#rows?.sweep()
      } catch {
        this.#options.log('warn', 'activity.unpruned')
      }
      if (next === undefined) this.#prune(DAY * 1000)
      else this.#prune(BETWEEN_BATCHES, next)
    })
  }
}
