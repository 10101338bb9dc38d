/**
 * Getting at the data key through the slots. The rule (never a silent downgrade): a vault is opened by the slots it was
 * given and by no other; a key is made only for a vault that has sealed nothing yet, and only by the first slot the host
 * named.
 */
import type { Randomness } from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import { BrokerError } from '../contract/errors.ts'
import type { KeySlotKind } from '../contract/window-api.ts'
import { Damage } from './database.ts'
import { dataKey, KEY_BYTES, type DataKey } from './seal.ts'
import { SlotFault, type KeySlot } from './slots/slot.ts'

export interface RecordedSlot {
  readonly kind: string
  readonly wrapped: Uint8Array
}

/** What a vault says about its key. */
export interface KeyHeader {
  readonly vault_id: string
  /** Names the key; `null` until there is one. */
  readonly key_id: Uint8Array | null
  readonly slots: readonly RecordedSlot[]
  /** Whether anything was ever sealed. */
  readonly virgin: boolean
}

export interface OpenKey {
  readonly kind: 'open'
  readonly key: DataKey
  readonly slot: KeySlotKind
  /** Set when the key is new or was wrapped afresh: what to record. */
  readonly record?: RecordedSlot
}

export interface ClosedKey {
  readonly kind: 'closed'
  readonly slot: KeySlotKind
  readonly fault: SlotFault
}

/**
 * Opens the data key, or makes one for a virgin vault. `slots`: in order of preference; `patience` in milliseconds per
 * slot. Throws `invalid_request` for a passphrase that is too short to choose.
 */
export async function openKey(
  header: KeyHeader,
  slots: readonly KeySlot[],
  passphrase: Secret | undefined,
  patience: number,
  randomness: Randomness,
): Promise<OpenKey | ClosedKey> {
  const context = { vault_id: header.vault_id, passphrase, patience }
  if (header.virgin && header.slots.length === 0) return createKey(slots, context, randomness)
  const usable = slots
    .flatMap((slot) => {
      const recorded = header.slots.find(({ kind }) => kind === slot.kind)
      return recorded ? [{ slot, wrapped: recorded.wrapped }] : []
    })
    // Somebody who typed a passphrase wants it tried first.
    .toSorted((a, b) => (passphrase ? Number(b.slot.takesPassphrase) - Number(a.slot.takesPassphrase) : 0))
  let worst: ClosedKey | undefined
  for (const { slot, wrapped } of usable) {
    let renewed: RecordedSlot | undefined
    const renew = (again: Uint8Array): void => {
      renewed = { kind: slot.kind, wrapped: again }
    }
    try {
      const key = dataKey(await slot.unwrap(wrapped, { ...context, renew }), randomness)
      if (header.key_id && Buffer.compare(header.key_id, key.id) === 0)
        return { kind: 'open', key, slot: slot.kind, ...(renewed && { record: renewed }) }
      worst ??= closed(slot.kind, 'lost', WRONG_KEY)
    } catch (thrown) {
      if (!(thrown instanceof SlotFault) && !(thrown instanceof Damage)) throw thrown
      const fault = thrown instanceof SlotFault ? thrown : new SlotFault('lost', WRONG_KEY, { cause: thrown })
      worst ??= { kind: 'closed', slot: slot.kind, fault }
    }
  }
  return worst ?? nothingFits(header, slots)
}

const WRONG_KEY = 'What protects the vault gave another key than the one it was sealed with.'

async function createKey(
  slots: readonly KeySlot[],
  context: Parameters<KeySlot['wrap']>[1],
  randomness: Randomness,
): Promise<OpenKey | ClosedKey> {
  const [slot] = slots
  if (!slot) throw new BrokerError('server_error', 'No way to protect a new vault was configured.')
  const raw = Uint8Array.from(randomness.bytes(KEY_BYTES))
  try {
    const wrapped = await slot.wrap(raw, context)
    return { kind: 'open', key: dataKey(raw, randomness), slot: slot.kind, record: { kind: slot.kind, wrapped } }
  } catch (thrown) {
    if (!(thrown instanceof SlotFault)) throw thrown
    return { kind: 'closed', slot: slot.kind, fault: thrown }
  } finally {
    raw.fill(0)
  }
}

const kinds: ReadonlySet<string> = new Set<KeySlotKind>(['safe-storage', 'os-keyring', 'passphrase', 'key-file'])

function nothingFits(header: KeyHeader, slots: readonly KeySlot[]): ClosedKey {
  const [recorded] = header.slots
  const slot = slots[0]?.kind ?? 'passphrase'
  if (!recorded || !kinds.has(recorded.kind))
    return closed(
      slot,
      'lost',
      'The vault holds sealed sign-ins and no key slot that is known; restore a backup of it.',
    )
  return closed(slot, 'unavailable', `The vault is protected by ${recorded.kind}, which cannot be used here.`)
}

const closed = (slot: KeySlotKind, problem: 'lost' | 'unavailable', message: string): ClosedKey => ({
  kind: 'closed',
  slot,
  fault: new SlotFault(problem, message),
})
