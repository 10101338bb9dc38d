/**
 * The keyring slot: a wrapping key in the operating system's keyring (Secret Service, macOS Keychain, Windows Credential
 * Manager). The rule: every call has an end, because a keyring may wait for ever for a prompt nobody sees; and on Linux
 * only the Secret Service counts, because the library's other store, the kernel keyring, forgets at logout.
 */
import { randomBytes } from 'node:crypto'
import { KEY_BYTES, seal, secretKey, unseal } from '../seal.ts'
import { callKeyring, type KeyringCall } from './keyring-process.ts'
import { SlotFault, type KeySlot } from './slot.ts'

const SERVICE = 'app.valetkey'
/** Milliseconds to find out whether a keyring answers at all. */
const PROBE = 3000

/**
 * `service`: for tests, which must not touch the person's own entry. `node`: an executable that is Node, for a host whose
 * own is not.
 */
export function osKeyringSlot(service: string = SERVICE, node: string = process.execPath): KeySlot {
  const ask = (call: KeyringCall, patience: number): Promise<Uint8Array | null> => askKeyring(call, patience, node)
  return {
    kind: 'os-keyring',
    takesPassphrase: false,
    available: async () => (await callKeyring({ service, account: 'probe' }, PROBE, node)).kind === 'found',
    wrap: async (dataKey, { vault_id, patience }) => {
      const key = randomBytes(KEY_BYTES)
      // What a keyring says it stored and cannot give back would lock the vault for good.
      const kept = await ask({ service, account: vault_id, secret: key }, patience)
      if (!kept || !key.equals(kept)) throw new SlotFault('unavailable', 'The keyring does not keep what it is given.')
      return seal(secretKey(key), dataKey, about(vault_id), randomBytes(12))
    },
    unwrap: async (wrapped, { vault_id, patience }) => {
      const key = await ask({ service, account: vault_id }, patience)
      if (!key)
        throw new SlotFault(
          'lost',
          `The keyring works but no longer has the key of this vault (entry ${service}, ${vault_id}); restore the keyring.`,
        )
      try {
        return unseal(secretKey(key), wrapped, about(vault_id))
      } catch (cause) {
        throw new SlotFault('lost', 'The keyring has another key than the one that protects this vault.', { cause })
      }
    },
  }
}

const about = (vaultId: string): readonly string[] => ['key slot', 'os-keyring', vaultId]

/** The entry's secret, `null` when there is none. Throws `SlotFault`. */
async function askKeyring(call: KeyringCall, patience: number, node: string): Promise<Uint8Array | null> {
  const answer = await callKeyring(call, patience, node)
  if (answer.kind === 'found') return answer.secret
  if (answer.kind === 'no-answer')
    throw new SlotFault('unavailable', 'The keyring does not answer; is a prompt of it waiting somewhere?', unlock)
  throw explain(answer.words)
}

/** The library answers with words only: the Secret Service's, or the numbers of Apple's Security framework. */
function explain(words: string): SlotFault {
  const cause = new Error(words)
  if (/dismissed|\blocked\b|errSecInteractionNotAllowed|-25308/iu.test(words))
    return new SlotFault('locked', 'The keyring is locked; unlock it, then unlock Valetkey.', { cause, ...unlock })
  if (/denied|cancell?ed|errSecAuthFailed|-128\b|-25293|not allowed/iu.test(words))
    return new SlotFault('denied', 'The keyring refused to give Valetkey its key.', { cause, ...unlock })
  return new SlotFault(
    'unavailable',
    'No keyring answers here. Start one (in a session with a Secret Service), or use a passphrase for a new vault.',
    { cause, resolve: { command: 'valetkey doctor' } },
  )
}

const unlock = { resolve: { command: 'valetkey unlock' } } as const
