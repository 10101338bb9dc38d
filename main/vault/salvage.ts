/**
 * What can still be read of a damaged vault, taken over into the backup that replaced it. The rule: only what verifies
 * with the data key is taken, and nothing is replaced by something older.
 */
import { openForReading } from './database.ts'
import { openGeneration, putGeneration } from './generations.ts'
import { accountRow, retellAccount } from './account-rows.ts'
import { isAuthentic } from './permissions.ts'
import type { DataKey } from './seal.ts'
import { Store, type AccountRow } from './store.ts'
import type { GenerationRow } from './tally.ts'

/** Inside the caller's transaction on `store`; `now` in milliseconds. Answers how many accounts became newer. Never throws because of `path`. */
export function salvage(store: Store, key: DataKey, path: string, now: number): number {
  let db
  try {
    db = openForReading(path, true)
  } catch {
    return 0
  }
  try {
    const damaged = new Store(db)
    const records = new Map(readable<AccountRow>(() => damaged.accounts()).map((row) => [row.id, row]))
    const ids = new Set([...records.keys(), ...store.accounts().map(({ id }) => id)])
    let taken = 0
    for (const id of ids) if (salvageAccount(store, damaged, key, id, records.get(id), now)) taken++
    salvagePermissions(store, damaged, key)
    return taken
  } finally {
    db.close()
  }
}

function salvageAccount(
  store: Store,
  damaged: Store,
  key: DataKey,
  id: string,
  account: AccountRow | undefined,
  now: number,
): boolean {
  const verified = (rows: readonly GenerationRow[]): readonly GenerationRow[] =>
    rows.filter((row) => openGeneration(key, row) !== null)
  const theirs = verified(readable(() => damaged.generations(id)))
  const [newest] = theirs
  const ours = verified(store.generations(id))[0]?.generation ?? 0
  if (!newest || newest.generation <= ours) return false
  if (account && isAuthentic(key, 'accounts', account)) store.putAccount(account)
  else if (store.account(id) === undefined) {
    const record = retellAccount(key, id, theirs, null, now)
    if (record) store.putAccount(accountRow(key, record))
  }
  for (const generation of theirs.toReversed()) putGeneration(store, key, generation)
  return true
}

/** Where a table can be read to its end it says what was paired and revoked since the backup. */
function salvagePermissions(store: Store, damaged: Store, key: DataKey): void {
  for (const table of ['clients', 'grants'] as const) {
    try {
      const rows = damaged.permissions(table)
      if (rows.some((row) => !isAuthentic(key, table, row))) continue
      for (const { id } of store.permissions(table)) store.removePermission(table, id)
      for (const row of rows) store.putPermission(table, row)
    } catch {
      // It stays as the backup has it.
    }
  }
}

function readable<T>(read: () => readonly T[]): readonly T[] {
  try {
    return read()
  } catch {
    return []
  }
}
