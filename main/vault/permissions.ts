/**
 * Clients and consents: in the clear, because a locked vault must know whom it is refusing, and authenticated row by row.
 * The rule: a row that was not written by a broker holding the data key gives nobody anything, so that editing the file
 * pairs no program and consents to nothing.
 */
import { authenticate, type DataKey } from './seal.ts'
import type { PermissionRow, PermissionTable, Store } from './store.ts'

const tables = ['clients', 'grants'] as const

export function permissionMac(key: DataKey, table: PermissionTable, id: string, record: string): Uint8Array {
  return authenticate(key.authentication, [table, id, record])
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
      const mac = permissionMac(key, table, row.id, row.record)
      if (row.mac && Buffer.compare(row.mac, mac) === 0) continue
      if (ours(table, row)) store.putPermission(table, { ...row, mac })
      else {
        store.removePermission(table, row.id)
        dropped.push({ table, row })
      }
    }
  return dropped
}
