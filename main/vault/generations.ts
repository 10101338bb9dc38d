/**
 * The generations of each account's grant material, sealed. The rule (R4, R5): a new generation never overwrites the one
 * before it; the newest one that verifies is in force; one that does not verify is passed over, not deleted.
 */
import type { GrantMaterial, StoredGrant } from '../broker/ports.ts'
import { decodeMaterial, encodeMaterial } from './material.ts'
import { seal, unseal, type DataKey } from './seal.ts'
import { placeOf, type Store } from './store.ts'
import { sealTally, unsealTally, updateTally, type GenerationRow } from './tally.ts'

const FIELD = 'grant material'

export function sealGeneration(
  key: DataKey,
  accountId: string,
  generation: number,
  material: GrantMaterial,
): GenerationRow {
  const about = [accountId, FIELD, generation]
  const sealed = seal(key.sealing, encodeMaterial(material), about, key.nonce())
  return { account_id: accountId, generation, quarantined: false, sealed }
}

/** The material of a row; `null` when the row does not verify. */
export function openGeneration(key: DataKey, row: GenerationRow): GrantMaterial | null {
  try {
    return decodeMaterial(unseal(key.sealing, row.sealed, [row.account_id, FIELD, row.generation]))
  } catch {
    return null
  }
}

/** What the broker is given of a row: of a quarantined one, where to sign in again and no token. */
export function offered(row: GenerationRow, material: GrantMaterial): StoredGrant {
  const shown = row.quarantined ? { ...material, refresh_token: null, access: null } : material
  return { generation: row.generation, material: shown }
}

/** Writes a row and the tally with it; inside the caller's transaction. `stored`: the account's rows just now. */
export function putGeneration(
  store: Store,
  key: DataKey,
  row: GenerationRow,
  stored: readonly GenerationRow[] = store.generations(row.account_id),
): void {
  const replaced = stored.filter((other) => placeOf(other) === placeOf(row))
  store.putGeneration(row)
  retally(store, key, replaced, [row])
}

/** Removes the account and all its generations; inside the caller's transaction. */
export function removeGenerations(store: Store, key: DataKey, accountId: string): void {
  const removed = store.generations(accountId)
  store.removeAccount(accountId)
  retally(store, key, removed, [])
}

function retally(store: Store, key: DataKey, removed: readonly GenerationRow[], added: readonly GenerationRow[]): void {
  const tally = readTally(store, key)
  // A tally that is missing or altered stays so until the next examination has said it.
  if (tally !== undefined) putTally(store, key, updateTally(key, tally, removed, added))
}

/** What was sealed last with a key: most often the one that is read next. */
const lastSealed = new WeakMap<DataKey, { readonly sealed: Uint8Array; readonly tally: bigint }>()

export function putTally(store: Store, key: DataKey, tally: bigint): void {
  const sealed = sealTally(key, tally)
  store.putTally(sealed)
  lastSealed.set(key, { sealed, tally })
}

/** The recorded tally; `undefined` when it is missing or was altered. */
export function readTally(store: Store, key: DataKey): bigint | undefined {
  const sealed = store.tally()
  if (!sealed) return undefined
  const last = lastSealed.get(key)
  if (last && Buffer.compare(last.sealed, sealed) === 0) return last.tally
  try {
    return unsealTally(key, sealed)
  } catch {
    return undefined
  }
}
