/**
 * The generations of each account's grant material, sealed. The rule (R4, R5): a new generation never overwrites the one
 * before it; the newest one that verifies is in force; one that does not verify is passed over, not deleted.
 */
import type { GrantMaterial, Randomness, StoredGrant } from '../broker/ports.ts'
import { decodeMaterial, encodeMaterial } from './material.ts'
import { seal, unseal, type DataKey } from './seal.ts'
import type { Store } from './store.ts'
import { sealTally, unsealTally, updateTally, type GenerationRow } from './tally.ts'

const FIELD = 'grant material'

export function sealGeneration(
  key: DataKey,
  accountId: string,
  generation: number,
  material: GrantMaterial,
  randomness: Randomness,
): GenerationRow {
  const about = [accountId, FIELD, generation]
  const sealed = seal(key.sealing, encodeMaterial(material), about, randomness.bytes(12))
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

/** Writes rows and the tally with them; inside the caller's transaction. */
export function putGenerations(
  store: Store,
  key: DataKey,
  rows: readonly GenerationRow[],
  randomness: Randomness,
): void {
  const removed: GenerationRow[] = []
  for (const row of rows) {
    const replaced = store.putGeneration(row)
    if (replaced) removed.push(replaced)
  }
  retally(store, key, removed, rows, randomness)
}

/** Removes the account and all its generations; inside the caller's transaction. */
export function removeGenerations(store: Store, key: DataKey, accountId: string, randomness: Randomness): void {
  const removed = store.generations(accountId)
  store.removeAccount(accountId)
  retally(store, key, removed, [], randomness)
}

function retally(
  store: Store,
  key: DataKey,
  removed: readonly GenerationRow[],
  added: readonly GenerationRow[],
  randomness: Randomness,
): void {
  const tally = readTally(store, key)
  // A tally that is missing or altered stays so until the next examination has said it.
  if (tally === undefined) return
  store.putTally(sealTally(key, updateTally(key, tally, removed, added), randomness.bytes(12)))
}

/** The recorded tally; `undefined` when it is missing or was altered. */
export function readTally(store: Store, key: DataKey): bigint | undefined {
  const sealed = store.tally()
  if (!sealed) return undefined
  try {
    return unsealTally(key, sealed)
  } catch {
    return undefined
  }
}
