/**
 * Account rows that are not as we wrote them. The rule: their text is not believed, and the account is not lost for it
 * (R5); it is told again from what is authenticated, which is its sealed material first and an older row of ours second.
 */
import type { AccountRecord } from '../broker/ports.ts'
import { openGeneration, putTally } from './generations.ts'
import { isAuthentic, rowMac } from './permissions.ts'
import { accountCodec } from './records.ts'
import type { DataKey } from './seal.ts'
import type { AccountRow, Store } from './store.ts'
import { unsealFormerTally, type GenerationRow } from './tally.ts'
import { computeTally } from './verification.ts'

/**
 * The account as its sealed material has it; `undefined` when there is none that verifies. What the material does not say
 * (label, subject, when it was linked) comes from `older`, an authentic row, or stays generic. `now` in milliseconds.
 */
export function retellAccount(
  key: DataKey,
  id: string,
  generations: readonly GenerationRow[],
  older: AccountRecord | null,
  now: number,
): AccountRecord | undefined {
  for (const row of generations) {
    const material = openGeneration(key, row)
    if (!material) continue
    const { connection, access, refresh_token } = material
    const granted = access?.scope ?? ''
    return {
      id,
      provider: connection.provider,
      provider_name: older?.provider_name ?? connection.provider,
      label: older?.label ?? `${connection.provider} (${id})`,
      issuer: connection.issuer,
      ...(older?.subject !== undefined && { subject: older.subject }),
      scope: granted === '' ? connection.requested_scope : granted,
      renewable: refresh_token !== null || connection.renew === 'reobtain',
      ...(connection.dpop_key && { use_only: true }),
      linked_at: older?.linked_at ?? access?.obtained_at ?? Math.floor(now / 1000),
      ...(older?.last_used_at !== undefined && { last_used_at: older.last_used_at }),
      ...(row.quarantined
        ? { standing: 'needs-sign-in', problem: 'The provider ended this session.' }
        : { standing: 'connected' }),
    }
  }
  return undefined
}

/** The account's row in another vault of ours (a backup), if we wrote it; `null` otherwise. */
export function authenticAccount(key: DataKey, store: Store, id: string): AccountRecord | null {
  const row = store.account(id)
  if (!row || !isAuthentic(key, 'accounts', row)) return null
  try {
    return accountCodec.decode(row.record)
  } catch {
    return null
  }
}

export function accountRow(key: DataKey, record: AccountRecord): AccountRow {
  const text = accountCodec.encode(record)
  return { id: record.id, record: text, mac: rowMac(key, 'accounts', record.id, text) }
}

/** Whether this vault was last written by a Valetkey that did not authenticate account rows yet (format 1). */
export function predatesAuthentication(store: Store, key: DataKey): boolean {
  const sealed = store.tally()
  return sealed !== null && unsealFormerTally(key, sealed) !== undefined
}

/**
 * Authenticates the rows of a vault of format 1 as they are, once; inside the caller's transaction. The tally, sealed anew,
 * remembers that it was done. A tally of format 1 over other records than there are is one put back by somebody: nothing
 * is believed for it.
 */
export function adoptAccounts(store: Store, key: DataKey): void {
  const sealed = store.tally()
  const former = sealed && unsealFormerTally(key, sealed)
  if (former === undefined || former === null) return
  const current = computeTally(store, key)
  if (former === current)
    for (const { id, record } of store.accounts())
      store.putAccount({ id, record, mac: rowMac(key, 'accounts', id, record) })
  putTally(store, key, former)
}
