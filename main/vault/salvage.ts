/**
 * What can still be read of a damaged vault, taken over into the backup that replaced it. The rule: only what verifies
 * with the data key is taken, and nothing is replaced by something older.
 */
import { openForReading } from './database.ts'
import { openGeneration, putGeneration } from './generations.ts'
import { permissionMac } from './permissions.ts'
import { accountCodec } from './records.ts'
import type { DataKey } from './seal.ts'
import { Store, type AccountRow } from './store.ts'
import type { GenerationRow } from './tally.ts'

/** Inside the caller's transaction on `store`. Answers how many accounts became newer. Never throws because of `path`. */
export function salvage(store: Store, key: DataKey, path: string): number {
  let db
  try {
    db = openForReading(path, true)
  } catch {
    return 0
  }
  try {
    const damaged = new Store(db)
    const records = new Map(readable<AccountRow>(() => damaged.accounts()).map((row) => [row.id, row.record]))
    const ids = new Set([...records.keys(), ...store.accounts().map(({ id }) => id)])
    let taken = 0
    for (const id of ids) if (salvageAccount(store, damaged, key, id, records.get(id))) taken++
    salvagePermissions(store, damaged, key)
    return taken
  } finally {
    db.close()
  }
}

function salvageAccount(store: Store, damaged: Store, key: DataKey, id: string, record: string | undefined): boolean {
  const verified = (rows: readonly GenerationRow[]): readonly GenerationRow[] =>
    rows.filter((row) => openGeneration(key, row) !== null)
  const theirs = verified(readable(() => damaged.generations(id)))
  const [newest] = theirs
  const ours = verified(store.generations(id))[0]?.generation ?? 0
  if (!newest || newest.generation <= ours) return false
  if (record !== undefined && isAccount(record)) store.putAccount(id, record)
  // Without its record an account could not be seen; it is not lost, the damaged file is kept.
  else if (store.account(id) === undefined) return false
  for (const row of theirs.toReversed()) putGeneration(store, key, row)
  return true
}

/** Where a table can be read to its end it says what was paired and revoked since the backup. */
function salvagePermissions(store: Store, damaged: Store, key: DataKey): void {
  for (const table of ['clients', 'grants'] as const) {
    try {
      const rows = damaged.permissions(table)
      if (rows.some(({ id, record, mac }) => !mac || Buffer.compare(mac, permissionMac(key, table, id, record)) !== 0))
        continue
      for (const { id } of store.permissions(table)) store.removePermission(table, id)
      for (const row of rows) store.putPermission(table, row)
    } catch {
      // It stays as the backup has it.
    }
  }
}

function isAccount(record: string): boolean {
  try {
    accountCodec.decode(record)
    return true
  } catch {
    return false
  }
}

function readable<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read()
  } catch {
    return []
  }
}
