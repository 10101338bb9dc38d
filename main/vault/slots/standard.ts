/**
 * The slots a host without Electron has. The rule: the first one is what the person chose for a new vault; the others
 * only open a vault that already has them.
 */
import type { Clock } from '../../broker/ports.ts'
import { keyFileSlot } from './key-file.ts'
import { osKeyringSlot } from './os-keyring.ts'
import { passphraseSlot } from './passphrase.ts'
import type { KeySlot } from './slot.ts'

/** `keyFile`: where the key-file slot keeps its key. */
export function standardSlots(chosen: KeySlot['kind'], keyFile: string, clock: Clock): readonly KeySlot[] {
  const slots = [osKeyringSlot(), passphraseSlot(clock), keyFileSlot(keyFile)]
  return slots.toSorted((a, b) => Number(b.kind === chosen) - Number(a.kind === chosen))
}
