/**
 * The keyring slot: a wrapping key in the operating system's keyring (Secret Service, macOS Keychain, Windows Credential
 * Manager). The rule: every call has an end, because a keyring may wait for ever for a prompt nobody sees; and on Linux
 * only the Secret Service counts, because the library's other store, the kernel keyring, forgets at logout.
 */
import { randomBytes } from 'node:crypto'
import type { AsyncEntry } from '@napi-rs/keyring'
import { KEY_BYTES, seal, secretKey, unseal } from '../seal.ts'
import { SlotFault, type KeySlot } from './slot.ts'

const SERVICE = 'app.valetkey'
/** Milliseconds to find out whether a keyring answers at all. */
const PROBE = 3000

/** `service`: for tests, which must not touch the person's own entry. */
export function osKeyringSlot(service: string = SERVICE): KeySlot {
  return {
    kind: 'os-keyring',
    takesPassphrase: false,
    available: () => ask(service, 'probe', PROBE, (entry, signal) => entry.getSecret(signal)).then(always, never),
    wrap: async (dataKey, { vault_id, patience }) => {
      const key = randomBytes(KEY_BYTES)
      await ask(service, vault_id, patience, (entry, signal) => entry.setSecret(key, signal))
      // What a keyring says it stored and cannot give back would lock the vault for good.
      const again = await ask(service, vault_id, patience, (entry, signal) => entry.getSecret(signal))
      if (!again || !key.equals(Uint8Array.from(again)))
        throw new SlotFault('unavailable', 'The keyring does not keep what it is given.')
      return seal(secretKey(key), dataKey, about(vault_id), randomBytes(12))
    },
    unwrap: async (wrapped, { vault_id, patience }) => {
      const found = await ask(service, vault_id, patience, (entry, signal) => entry.getSecret(signal))
      if (!found)
        throw new SlotFault(
          'lost',
          `The keyring works but no longer has the key of this vault (entry ${service}, ${vault_id}); restore the keyring.`,
        )
      const key = Uint8Array.from(found)
      found.fill(0)
      try {
        return unseal(secretKey(key), wrapped, about(vault_id))
      } catch (cause) {
        throw new SlotFault('lost', 'The keyring has another key than the one that protects this vault.', { cause })
      }
    },
  }
}

const about = (vaultId: string): readonly string[] => ['key slot', 'os-keyring', vaultId]
const always = (): boolean => true
const never = (): boolean => false

type Entry = AsyncEntry

/** One call, ended after `patience` milliseconds by the library's own signal and, should it not listen, by us. */
async function ask<T>(
  service: string,
  account: string,
  patience: number,
  call: (entry: Entry, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      controller.abort()
      reject(new SlotFault('unavailable', 'The keyring does not answer; is a prompt of it waiting somewhere?'))
    }, patience)
  })
  try {
    const { AsyncEntry } = await import('@napi-rs/keyring')
    const entry = new AsyncEntry(service, account, { linux: { store: 'secret-service' } })
    return await Promise.race([call(entry, controller.signal), late])
  } catch (cause) {
    throw cause instanceof SlotFault ? cause : explain(cause)
  } finally {
    clearTimeout(timer)
  }
}

/** The library answers with words only; the crate's own are in keyring-core's `Error`. */
function explain(cause: unknown): SlotFault {
  const words = String(cause)
  if (/dismissed|locked|errSecInteractionNotAllowed|-25308/iu.test(words))
    return new SlotFault('locked', 'The keyring is locked; unlock it, then unlock Valetkey.', {
      cause,
      resolve: { command: 'valetkey unlock' },
    })
  if (/denied|cancell?ed|errSecAuthFailed|-128\b|-25293|not allowed/iu.test(words))
    return new SlotFault('denied', 'The keyring refused to give Valetkey its key.', { cause })
  return new SlotFault(
    'unavailable',
    'No keyring answers here. Start one (in a session with a Secret Service), or use a passphrase for a new vault.',
    { cause, resolve: { command: 'valetkey doctor' } },
  )
}
