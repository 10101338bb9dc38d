/**
 * The shape of the vault database, step by step. The rule: a step is never changed once released; a file of a later
 * format is never written to.
 */
import { DatabaseSync } from 'node:sqlite'
import { Damage, transaction } from './database.ts'

/** `VKEY`: tells our file from any other database. */
export const APPLICATION_ID = 0x56_4b_45_59

/**
 * `vault`: the one row about the vault itself; `key_id` names the data key without being it, `tally` is explained in
 * tally.ts, `backup_due` says that an account came or went since the last backup, `salvage` names the damaged file that
 * this one replaces while its newer records are still to be taken over. `generations`: two places per account, even and
 * odd, so that a new generation overwrites the last but one in place. `mac`: NULL for what was written while locked; of
 * an account (format 2), for what was written before accounts were authenticated (see account-rows.ts). `boot` and
 * `resting` (format 3) are explained in intents.ts.
 */
const steps: readonly string[] = [
  `CREATE TABLE vault (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    vault_id TEXT NOT NULL,
    key_id BLOB,
    tally BLOB,
    backup_due INTEGER NOT NULL DEFAULT 0,
    salvage TEXT
  ) STRICT;
  CREATE TABLE key_slots (kind TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE accounts (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE generations (
    account_id TEXT NOT NULL,
    place INTEGER NOT NULL CHECK (place = generation % 2),
    generation INTEGER NOT NULL CHECK (generation > 0),
    quarantined INTEGER NOT NULL DEFAULT 0 CHECK (quarantined IN (0, 1)),
    sealed BLOB NOT NULL,
    PRIMARY KEY (account_id, place)
  ) STRICT;
  CREATE TABLE intents (
    account_id TEXT PRIMARY KEY,
    generation INTEGER NOT NULL,
    started_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE clients (id TEXT PRIMARY KEY, record TEXT NOT NULL, mac BLOB) STRICT, WITHOUT ROWID;
  CREATE TABLE grants (id TEXT PRIMARY KEY, record TEXT NOT NULL, mac BLOB) STRICT, WITHOUT ROWID;`,
  'ALTER TABLE accounts ADD COLUMN mac BLOB',
  `ALTER TABLE intents ADD COLUMN boot TEXT;
  ALTER TABLE intents ADD COLUMN resting INTEGER NOT NULL DEFAULT 0 CHECK (resting IN (0, 1));`,
  // Accounts may say their profile, which an older program would take for damage.
  '',
]

/** The format this program reads and writes. */
export const FORMAT = steps.length

/** A number beyond this is no later format but a damaged header. */
const PLAUSIBLE = 1000

/** The format of a database of ours. Throws `Damage` for a file that is not one, an empty file included. */
export function formatOf(db: DatabaseSync): number {
  const id = db.prepare('PRAGMA application_id').get()?.['application_id']
  const format = db.prepare('PRAGMA user_version').get()?.['user_version']
  if (id !== APPLICATION_ID || typeof format !== 'number' || format < 1 || format > PLAUSIBLE)
    throw new Damage('not a vault')
  return format
}

/** Makes an empty database a vault. */
export function initialise(db: DatabaseSync, vaultId: string): void {
  transaction(db, () => {
    db.exec(`PRAGMA application_id = ${String(APPLICATION_ID)}`)
    advance(db, 0)
    db.prepare('INSERT INTO vault (id, vault_id) VALUES (1, ?)').run(vaultId)
  })
}

/** Brings an older vault to `FORMAT`, in one transaction. */
export function migrate(db: DatabaseSync, from: number): void {
  if (from >= FORMAT) return
  transaction(db, () => {
    advance(db, from)
  })
}

/**
 * Compares the tables with what the steps make. Throws `Damage` when they differ: a bit flipped in a definition is not
 * what SQLite calls corrupt, it is another table.
 */
export function checkTables(db: DatabaseSync): void {
  const model = new DatabaseSync(':memory:')
  try {
    advance(model, 0)
    if (definitions(db) !== definitions(model)) throw new Damage('the tables are not those of a vault')
  } finally {
    model.close()
  }
}

function definitions(db: DatabaseSync): string {
  return JSON.stringify(db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all())
}

function advance(db: DatabaseSync, from: number): void {
  for (const step of steps.slice(from)) db.exec(step)
  db.exec(`PRAGMA user_version = ${String(FORMAT)}`)
}
