/**
 * The rolling set of backups: copies of the vault as it is, sealed like it. The rule: a backup counts once it was read
 * back and synchronised under its final name; one per day is kept, for three days with changes.
 */
import { closeSync, fsyncSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { backup } from 'node:sqlite'
import { Damage, openForReading } from './database.ts'
import { createPrivateFile, syncFolder } from './home.ts'
import { checkTables, FORMAT, formatOf } from './migrations.ts'
import { Store } from './store.ts'

const KEPT = 3
const NAME = /^vault-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-(\d\d)-(\d{3})Z\.db$/u

export interface Backup {
  readonly path: string
  /** Milliseconds since the epoch. */
  readonly taken_at: number
}

/** The time as part of a file name. */
export function stamp(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replaceAll(/[:.]/gu, '-')
}

/** Newest first. */
export function listBackups(folder: string): readonly Backup[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const [, day, hour, minute, second, ms] = NAME.exec(name) ?? []
      if (day === undefined) return []
      const taken_at = Date.parse(`${day}T${hour ?? ''}:${minute ?? ''}:${second ?? ''}.${ms ?? ''}Z`)
      return [{ path: join(folder, name), taken_at }]
    })
    .toSorted((a, b) => b.taken_at - a.taken_at)
}

/** Throws `Damage` (or SQLite's error) when the backup could not stand in for the vault. Reads all of it. */
export function checkBackup(path: string): void {
  const db = openForReading(path, true)
  try {
    const format = formatOf(db)
    if (format > FORMAT) throw new Damage('a backup of a later format')
    if (format === FORMAT) checkTables(db)
    const store = new Store(db)
    const problem = store.structuralProblem()
    if (problem !== undefined) throw new Damage(problem)
    store.header()
  } finally {
    db.close()
  }
}

/** What `read` finds in the newest backup that has it; `null` when none has. A backup that cannot be read has nothing. */
export function searchBackups<T>(folder: string, read: (store: Store) => T | null): T | null {
  for (const { path } of listBackups(folder)) {
    let db
    try {
      db = openForReading(path, true)
      const found = read(new Store(db))
      if (found !== null) return found
    } catch {
      continue
    } finally {
      db?.close()
    }
  }
  return null
}

/** Copies the vault at `source`, as last committed. `now` in milliseconds. Throws when it could not be made or read back. */
export async function takeBackup(source: string, folder: string, now: number): Promise<void> {
  const final = join(folder, `vault-${stamp(now)}.db`)
  const unfinished = `${final}.tmp`
  sweep(folder)
  createPrivateFile(unfinished)
  try {
    // Its own connection: a copy through the vault's would hold what is not committed yet.
    const db = openForReading(source, false)
    try {
      // All pages in one step, off this thread: a copy in several steps would begin again at every commit.
      await backup(db, unfinished, { rate: 2 ** 31 - 1 })
    } finally {
      db.close()
    }
    checkBackup(unfinished)
    const fd = openSync(unfinished, 'r+')
    try {
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
    renameSync(unfinished, final)
    syncFolder(folder)
  } catch (thrown) {
    rmSync(unfinished, { force: true })
    throw thrown
  }
  for (const { path } of superfluous(listBackups(folder))) rmSync(path, { force: true })
}

/** Of each day all but the newest, and of the days all but the last three. */
export function superfluous(backups: readonly Backup[]): readonly Backup[] {
  const days = new Set<number>()
  return backups.filter(({ taken_at }) => {
    const day = Math.floor(taken_at / 86_400_000)
    if (days.has(day) || days.size === KEPT) return true
    days.add(day)
    return false
  })
}

/** Removes what an interrupted backup left. */
function sweep(folder: string): void {
  for (const name of readdirSync(folder)) if (name.endsWith('.db.tmp')) rmSync(join(folder, name), { force: true })
}
