/**
 * Rows in the clear: accounts, because a locked vault can still list them, clients and consents, because it must know
 * whom it is refusing; each authenticated by itself. The rule: a row that was not written by a broker holding the data
 * key gives nobody anything, so that editing the file pairs no program, consents to nothing and widens no consent.
 */
import { authenticate, type DataKey } from './seal.ts'
import type { ClearTable, PermissionRow, PermissionTable, Store } from './store.ts'

const tables = ['clients', 'grants'] as const

export function rowMac(key: DataKey, table: ClearTable, id: string, record: string): Uint8Array {
  return authenticate(key.authentication, [table, id, record])
}

/** A mark on a text that is kept elsewhere. */
export const textMac = (key: DataKey, text: string): string =>
  authenticate(key.authentication, ['text', text]).toString('base64url')

/** Whether a broker holding this key wrote the row, as it is, into this table. */
export function isAuthentic(key: DataKey, table: ClearTable, { id, record, mac }: PermissionRow): boolean {
  return mac !== null && Buffer.compare(mac, rowMac(key, table, id, record)) === 0
}

/**
 * Writes an authentication for each row `ours` vouches for and drops rows that have no valid one; inside the caller's
 * transaction. Answers what was dropped.
 */
export function settlePermissions(
  store: Store,
  key: DataKey,
  ours: (table: PermissionTable, row: PermissionRow) => boolean,
): readonly { readonly table: PermissionTable; readonly row: PermissionRow }[] {
  const dropped: { table: PermissionTable; row: PermissionRow }[] = []
  for (const table of tables)
    for (const row of store.permissions(table)) {
      if (isAuthentic(key, table, row)) continue
      if (ours(table, row)) store.putPermission(table, { ...row, mac: rowMac(key, table, row.id, row.record) })
      else {
        store.removePermission(table, row.id)
        dropped.push({ table, row })
      }
    }
  return dropped
}
