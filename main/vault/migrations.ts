/**
 * The shape of the vault database, step by step. The rule: a step is never changed once released; a file of a later
 * format is never written to.
 */
import type { DatabaseSync } from 'node:sqlite'
import { Damage, transaction } from './database.ts'

/** `VKEY`: tells our file from any other database. */
export const APPLICATION_ID = 0x56_4b_45_59

const steps: readonly string[] = [
  `
  -- The one row about the vault itself.
  CREATE TABLE vault (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    vault_id TEXT NOT NULL,
    -- Names the data key without being it; NULL until there is one.
    key_id BLOB,
    -- Sealed sum over every generation, see tally.ts.
    tally BLOB,
    -- An account was linked or unlinked since the last backup.
    backup_due INTEGER NOT NULL DEFAULT 0,
    -- The name of a damaged file that this one replaces and whose newer records are still to be taken over.
    salvage TEXT
  ) STRICT;
  CREATE TABLE key_slots (kind TEXT PRIMARY KEY, wrapped BLOB NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE accounts (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  -- Two places per account, even and odd: a new generation overwrites the last but one, in place.
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
  -- mac is NULL for what was written while the vault was locked.
  CREATE TABLE clients (id TEXT PRIMARY KEY, record TEXT NOT NULL, mac BLOB) STRICT, WITHOUT ROWID;
  CREATE TABLE grants (id TEXT PRIMARY KEY, record TEXT NOT NULL, mac BLOB) STRICT, WITHOUT ROWID;
  `,
]

/** The format this program reads and writes. */
export const FORMAT = steps.length

/** The format of a database of ours. Throws `Damage` for a file that is not one, an empty file included. */
export function formatOf(db: DatabaseSync): number {
  const id = db.prepare('PRAGMA application_id').get()?.['application_id']
  const format = db.prepare('PRAGMA user_version').get()?.['user_version']
  if (id !== APPLICATION_ID || typeof format !== 'number' || format < 1) throw new Damage('not a vault')
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

function advance(db: DatabaseSync, from: number): void {
  for (const step of steps.slice(from)) db.exec(step)
  db.exec(`PRAGMA user_version = ${String(FORMAT)}`)
}
