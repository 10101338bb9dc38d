/**
 * Opening the vault's file, whatever has become of it. The rule (R5): what was there is never overwritten and never taken
 * for nothing. A damaged file is moved aside under a name that says so; a backup that verifies takes its place; without
 * one the vault stays closed until a person has looked.
 */
import {
  closeSync,
  copyFileSync,
  constants,
  fsyncSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { HomePaths } from '../contract/home.ts'
import { checkBackup, listBackups, stamp, type Backup } from './backups.ts'
import { asStorageFault, Damage, errorNumber, isDamage, openDatabase, openForReading, SQLITE } from './database.ts'
import { checkPrivateFile, createPrivateFile, inspect, syncFolder } from './home.ts'
import { APPLICATION_ID, checkTables, FORMAT, formatOf, initialise, migrate } from './migrations.ts'
import { Store } from './store.ts'

type Paths = Pick<HomePaths, 'home' | 'vault' | 'backups'>

export interface OpenFile {
  readonly kind: 'open'
  readonly store: Store
  /** Why it may only be read, as a sentence. */
  readonly readOnly?: string
  /** What became of the file that was there, as a sentence. */
  readonly notice?: string
}

export interface DamagedFile {
  readonly kind: 'damaged'
  readonly notice: string
}

/** Bytes up to which a file is read through and checked before it is used; a larger one is checked afterwards. */
const CHECKED_AT_OPEN = 4 * 1024 * 1024

/**
 * Opens, creates or restores the vault. `vaultId` names a new one; `now` in milliseconds. Throws `StorageFault` when the
 * disk is at fault, `invalid_request` when something else lies in the vault's place.
 */
export function openFile(paths: Paths, vaultId: string, now: number): OpenFile | DamagedFile {
  rmSync(unfinished(paths), { force: true })
  try {
    if (!inspect(paths.vault)) return openMissing(paths, vaultId, now)
    checkPrivateFile(paths.vault)
    try {
      return openExisting(paths)
    } catch (thrown) {
      // Statements of ours that do not fit: the tables are not what they were.
      if (!isDamage(thrown) && errorNumber(thrown) !== SQLITE.ERROR) throw thrown
      return replaceByBackup(paths, now, 'The vault file was damaged', listBackups(paths.backups))
    }
  } catch (thrown) {
    throw asStorageFault(thrown)
  }
}

/** Asks the next start to check the whole file, however large. */
export function markSuspect(paths: Paths): void {
  if (!inspect(suspect(paths))) createPrivateFile(suspect(paths))
}

/**
 * Moves the vault aside and puts the newest of `backups` that verifies in its place. `because` begins the sentence the
 * person reads.
 */
export function replaceByBackup(
  paths: Paths,
  now: number,
  because: string,
  backups: readonly Backup[],
): OpenFile | DamagedFile {
  const aside = moveAside(paths, now)
  rmSync(suspect(paths), { force: true })
  const kept = aside === undefined ? '' : ` The old file is kept as ${aside}.`
  const chosen = backups.find(({ path }) => isWhole(path))
  if (!chosen) return { kind: 'damaged', notice: `${because}, and no backup of it verifies.${kept} ${mend(paths)}` }
  copyFileSync(chosen.path, unfinished(paths), constants.COPYFILE_EXCL)
  checkPrivateFile(unfinished(paths))
  syncFile(unfinished(paths))
  renameSync(unfinished(paths), paths.vault)
  syncFolder(dirname(paths.vault))
  const opened = openExisting(paths)
  if (opened.readOnly === undefined) {
    if (aside !== undefined) opened.store.setSalvage(aside)
    // They say what was in force when the backup was made.
    opened.store.endRestingIntents()
  }
  const date = new Date(chosen.taken_at).toISOString().slice(0, 16).replace('T', ' ')
  return {
    ...opened,
    notice: `${because}; the backup of ${date} UTC has taken its place.${kept} An account that was renewed since may have to sign in again.`,
  }
}

function openMissing(paths: Paths, vaultId: string, now: number): OpenFile | DamagedFile {
  const backups = listBackups(paths.backups)
  const names = readdirSync(paths.home)
  const wasThere = names.some(
    (name) => name.startsWith(`${basename(paths.vault)}.damaged-`) || name === `${basename(paths.vault)}-wal`,
  )
  if (backups.length > 0 || wasThere) return replaceByBackup(paths, now, 'The vault file was gone', backups)
  // Built under another name, so that a start that is cut short leaves no vault rather than an empty one.
  createPrivateFile(unfinished(paths))
  const db = openDatabase(unfinished(paths), true)
  try {
    initialise(db, vaultId)
  } finally {
    db.close()
  }
  syncFile(unfinished(paths))
  renameSync(unfinished(paths), paths.vault)
  syncFolder(dirname(paths.vault))
  return openExisting(paths)
}

function openExisting(paths: Paths): OpenFile {
  if (checkHeader(paths.vault) > FORMAT) return openNewer(paths.vault)
  const { db, readOnly } = connect(paths.vault)
  try {
    const written = formatOf(db)
    if (written > FORMAT) {
      db.close()
      return openNewer(paths.vault)
    }
    const store = new Store(db)
    const flagged = inspect(suspect(paths)) !== undefined
    if (flagged || (inspect(paths.vault)?.size ?? 0) <= CHECKED_AT_OPEN) {
      const problem = store.structuralProblem()
      if (problem !== undefined) throw new Damage(problem)
      // It was found damaged while it was in use, whatever the check says now; without a backup it is still the best.
      if (flagged && listBackups(paths.backups).length > 0) throw new Damage('found damaged while in use')
    }
    if (flagged) rmSync(suspect(paths), { force: true })
    if (readOnly === undefined) migrate(db, written)
    if (readOnly === undefined || written === FORMAT) checkTables(db)
    store.header()
    return { kind: 'open', store, ...(readOnly !== undefined && { readOnly }) }
  } catch (thrown) {
    if (db.isOpen) db.close()
    throw thrown
  }
}

/** Not even a companion file is written beside it. */
function openNewer(path: string): OpenFile {
  const db = openForReading(path, true)
  let format: number
  try {
    format = formatOf(db)
  } catch (thrown) {
    db.close()
    throw thrown
  }
  return {
    kind: 'open',
    store: new Store(db),
    readOnly: `The vault was written by a newer Valetkey (format ${String(format)}, this one knows ${String(FORMAT)}); it is only read. Install the newer version to use it fully.`,
  }
}

/** For writing, or where the system says no, for reading. */
function connect(path: string): { readonly db: DatabaseSync; readonly readOnly?: string } {
  try {
    return { db: openDatabase(path, true) }
  } catch (thrown) {
    const number = errorNumber(thrown)
    if (number !== SQLITE.READONLY && number !== SQLITE.CANTOPEN && number !== SQLITE.PERM) throw thrown
    const readOnly = `The vault cannot be written: check the permissions of ${dirname(path)} and its files.`
    return { db: openForReading(path, true), readOnly }
  }
}

/**
 * What can be told from the first page without opening the file, so that opening does not alter what is no vault: the
 * magic, our application id, and (where no write-ahead log completes it) the length. Answers the format, as it was when the
 * first page was last written. https://sqlite.org/fileformat.html
 */
function checkHeader(path: string): number {
  const header = Buffer.alloc(100)
  const fd = openSync(path, 'r')
  try {
    if (readSync(fd, header, 0, 100, 0) < 100) throw new Damage('shorter than a header')
  } finally {
    closeSync(fd)
  }
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0') throw new Damage('not a database')
  if (header.readUInt32BE(68) !== APPLICATION_ID) throw new Damage('not a vault')
  const pageSize = header.readUInt16BE(16) === 1 ? 65_536 : header.readUInt16BE(16)
  const complete = (inspect(path)?.size ?? 0) >= pageSize * header.readUInt32BE(28)
  if (!complete && !(inspect(`${path}-wal`)?.size ?? 0)) throw new Damage('truncated')
  return header.readUInt32BE(60)
}

/** Renames the vault and its companions; answers the new name, `undefined` when there was nothing. */
function moveAside(paths: Paths, now: number): string | undefined {
  const name = `${basename(paths.vault)}.damaged-${stamp(now)}`
  let moved = false
  for (const suffix of ['', '-wal', '-shm']) {
    const from = `${paths.vault}${suffix}`
    if (!inspect(from)) continue
    renameSync(from, join(dirname(paths.vault), `${name}${suffix}`))
    moved = true
  }
  syncFolder(dirname(paths.vault))
  return moved ? name : undefined
}

function isWhole(path: string): boolean {
  try {
    checkBackup(path)
    return true
  } catch {
    return false
  }
}

const unfinished = (paths: Paths): string => `${paths.vault}.new`
const suspect = (paths: Paths): string => `${paths.vault}.suspect`
const mend = (paths: Paths): string =>
  `Put a copy of the vault back as ${paths.vault}, or move every file that begins with ${basename(paths.vault)}.damaged out of ${paths.home} to begin anew.`

function syncFile(path: string): void {
  const fd = openSync(path, 'r+')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
