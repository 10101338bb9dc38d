/**
 * The ways a host without Electron can keep the vault's key. The rule: the first is what the person chose for a new
 * vault; the others only open a vault that already has them, so no start ever weakens one.
 */
import { join } from 'node:path'
import type { Clock } from '../broker/ports.ts'
import type { HomePaths } from '../contract/home.ts'
import { keyFileSlot } from '../vault/slots/key-file.ts'
import { osKeyringSlot } from '../vault/slots/os-keyring.ts'
import { passphraseSlot } from '../vault/slots/passphrase.ts'
import type { KeySlot } from '../vault/slots/slot.ts'

export function createSlots(chosen: KeySlot['kind'], paths: HomePaths, clock: Clock): readonly KeySlot[] {
  const slots = [osKeyringSlot(), passphraseSlot(clock), keyFileSlot(join(paths.home, 'vault.key'))]
  return slots.toSorted((a, b) => Number(b.kind === chosen) - Number(a.kind === chosen))
}
