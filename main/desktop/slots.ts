/**
 * The ways this host can keep the vault's key. The rule: a new vault gets the system's own protection, or, where there is
 * none, the person's passphrase, with the reason; the others only open a vault that already has them.
 */
import { join } from 'node:path'
import type { Clock } from '../broker/ports.ts'
import type { HomePaths } from '../contract/home.ts'
import { keyFileSlot } from '../vault/slots/key-file.ts'
import { osKeyringSlot } from '../vault/slots/os-keyring.ts'
import { passphraseSlot } from '../vault/slots/passphrase.ts'
import { type KeySlot, SlotFault } from '../vault/slots/slot.ts'
import type { Protection, SafeStorageSlot } from './safe-storage-slot.ts'

/** Milliseconds for the self-test at the start. */
const PATIENCE = 3000

/** In order of preference, after the self-test of safeStorage. `node`: an executable that is Node. */
export async function createSlots(
  safe: SafeStorageSlot,
  paths: HomePaths,
  clock: Clock,
  node?: string,
): Promise<readonly KeySlot[]> {
  const protection = await safe.examine(PATIENCE)
  const passphrase = passphraseSlot(clock)
  const others = [osKeyringSlot(undefined, node), keyFileSlot(join(paths.home, 'vault.key'))]
  // A locked key store will be unlocked some time; one that is not there would leave a new vault without any key.
  return protection === 'protected' || protection === 'locked'
    ? [safe, passphrase, ...others]
    : [explained(passphrase, protection), safe, ...others]
}

const reasons: Readonly<Record<Exclude<Protection, 'protected' | 'locked'>, string>> = {
  unprotected:
    'No keyring protects this session (no Secret Service or KWallet answers), and Valetkey does not keep keys where they are only disguised.',
  unavailable: 'The system’s key store cannot be used now.',
  denied: 'The system’s key store refused Valetkey.',
}

/** The passphrase slot, which says why it is asked for when a new vault is to be protected. */
function explained(slot: KeySlot, protection: keyof typeof reasons): KeySlot {
  return {
    ...slot,
    wrap: (dataKey, context) =>
      context.passphrase
        ? slot.wrap(dataKey, context)
        : Promise.reject(
            new SlotFault('locked', `${reasons[protection]} Choose a passphrase to protect the vault with.`),
          ),
  }
}
