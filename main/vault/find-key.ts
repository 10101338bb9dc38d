/**
 * Which file belongs to the key. The rule: a vault whose slots have "lost" its key is compared with its own backups before
 * anybody is told that it cannot be opened: either its slot is damaged and a backup has it whole, or another machine's
 * file lies in its place.
 */
import type { Randomness } from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import { listBackups, type Backup } from './backups.ts'
import { openKey, type ClosedKey, type KeyHeader, type OpenKey } from './data-key.ts'
import { openForReading } from './database.ts'
import type { KeySlot } from './slots/slot.ts'
import { Store } from './store.ts'

export interface KeySearch {
  readonly slots: readonly KeySlot[]
  readonly passphrase: Secret | undefined
  /** Milliseconds per slot. */
  readonly patience: number
  readonly randomness: Randomness
  /** The folder of the backups. */
  readonly backups: string
}

/** A key, and where the vault's own slots did not give it: the backup that did, and whether it is of the same vault. */
export type FoundKey = (OpenKey & { readonly from?: { readonly backup: Backup; readonly same: boolean } }) | ClosedKey

/** Throws `invalid_request` for a passphrase that is too short to choose. */
export async function findKey(header: KeyHeader, search: KeySearch): Promise<FoundKey> {
  const { slots, passphrase, patience, randomness } = search
  const answer = await openKey(header, slots, passphrase, patience, randomness)
  if (answer.kind === 'open' || answer.fault.problem !== 'lost') return answer
  for (const backup of listBackups(search.backups)) {
    const theirs = headerOf(backup)
    if (!theirs || theirs.virgin) continue
    const opened = await openKey(theirs, slots, passphrase, patience, randomness)
    if (opened.kind === 'closed') continue
    const same = header.key_id !== null && Buffer.compare(header.key_id, opened.key.id) === 0
    const record = opened.record ?? theirs.slots.find(({ kind }) => kind === opened.slot)
    return { ...opened, ...(record && { record }), from: { backup, same } }
  }
  return answer
}

function headerOf(backup: Backup): KeyHeader | undefined {
  let db
  try {
    db = openForReading(backup.path, true)
    return new Store(db).header()
  } catch {
    return undefined
  } finally {
    db?.close()
  }
}
