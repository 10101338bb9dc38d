/**
 * The safe-storage slot: a wrapping key that Electron's safeStorage keeps with the operating system's key. The rule: it
 * wraps one random key and nothing else, because what safeStorage makes is not authenticated; only its asynchronous calls
 * are used; and a Linux ciphertext that begins with `v10` is refused, because its key is a constant in Chromium
 * (components/os_crypt, PosixKeyProvider) and protects nothing.
 */
import { randomBytes } from 'node:crypto'
import type { SafeStorage } from 'electron'
import type { Clock } from '../broker/ports.ts'
import { object, oneOf } from '../contract/parse.ts'
import { base64url } from '../contract/parse.ts'
import { KEY_BYTES, seal, secretKey, unseal } from '../vault/seal.ts'
import { type KeySlot, SlotFault, type SlotProblem } from '../vault/slots/slot.ts'

export type AsyncSafeStorage = Pick<
  SafeStorage,
  'decryptStringAsync' | 'encryptStringAsync' | 'isAsyncEncryptionAvailable'
>

/** What safeStorage is good for here and now. `unprotected`: it would obfuscate. The others as `SlotProblem`. */
export type Protection = 'protected' | 'unprotected' | Exclude<SlotProblem, 'lost'>

export interface SafeStorageSlot extends KeySlot {
  /** Encrypts and decrypts a word of no value, within `patience` milliseconds. Never rejects. */
  examine(patience: number): Promise<Protection>
}

/** Milliseconds between attempts while the system's keeper of keys is busy: first, and at most. */
const RETRY = { first: 100, most: 2000 }

const parseStored = object({ v: oneOf('1'), ciphertext: base64url(8192, 4), sealed: base64url(256, 40) })
type Stored = ReturnType<typeof parseStored>

export function safeStorageSlot(storage: AsyncSafeStorage, platform: string, clock: Clock): SafeStorageSlot {
  const isUnprotected = (ciphertext: Uint8Array): boolean =>
    platform === 'linux' && Buffer.from(ciphertext.subarray(0, 3)).toString('latin1') === 'v10'

  const encrypt = async (text: string, until: number): Promise<Buffer> => {
    const ciphertext = await patiently(() => storage.encryptStringAsync(text), until, clock)
    if (isUnprotected(ciphertext)) throw unprotected()
    // An empty ciphertext decrypts to an empty text without an error.
    if (ciphertext.length < 4) throw new SlotFault('unavailable', 'The system’s key store gave back nothing.')
    const { result } = await patiently(() => storage.decryptStringAsync(ciphertext), until, clock)
    if (result !== text)
      throw new SlotFault('unavailable', 'The system’s key store does not give back what it was given.')
    return ciphertext
  }

  const examine = async (until: number): Promise<SlotFault | undefined> => {
    try {
      if (!(await patiently(() => storage.isAsyncEncryptionAvailable(), until, clock))) throw absent()
      await encrypt('canary', until)
      return undefined
    } catch (thrown) {
      return asFault(thrown)
    }
  }

  const wrapped = async (dataKey: Uint8Array, vaultId: string, until: number): Promise<Buffer> => {
    const raw = randomBytes(KEY_BYTES)
    const ciphertext = await encrypt(raw.toString('base64url'), until)
    const sealed = seal(secretKey(raw), dataKey, about(vaultId), randomBytes(12))
    const stored: Stored = {
      v: '1',
      ciphertext: ciphertext.toString('base64url'),
      sealed: sealed.toString('base64url'),
    }
    return Buffer.from(JSON.stringify(stored))
  }

  /** The text, or why it cannot be had; only here is "lost" told from "not now". */
  const decrypt = async (ciphertext: Buffer, until: number): Promise<{ result: string; shouldReEncrypt: boolean }> => {
    try {
      return await patiently(() => storage.decryptStringAsync(ciphertext), until, clock)
    } catch (thrown) {
      const fault = asFault(thrown)
      if (fault.problem === 'locked' || fault.problem === 'denied') throw fault
      // What it cannot open is lost only if it can open something of today.
      throw (await examine(until)) ?? lost(thrown)
    }
  }

  return {
    kind: 'safe-storage',
    takesPassphrase: false,
    available: async () => (await examine(clock.monotonic() + PROBE)) === undefined,
    examine: async (patience) => {
      const fault = await examine(clock.monotonic() + patience)
      if (!fault) return 'protected'
      if (fault instanceof Unprotected) return 'unprotected'
      return fault.problem === 'lost' ? 'unavailable' : fault.problem
    },
    wrap: (dataKey, { vault_id, patience }) =>
      wrapped(dataKey, vault_id, clock.monotonic() + patience).catch((thrown: unknown) => {
        throw asFault(thrown)
      }),
    unwrap: async (record, { vault_id, patience, renew }) => {
      const until = clock.monotonic() + patience
      const { ciphertext, sealed } = read(record)
      if (isUnprotected(ciphertext)) throw unprotected()
      const { result, shouldReEncrypt } = await decrypt(ciphertext, until)
      const dataKey = open(result, sealed, vault_id)
      // Failing to renew costs nothing: the old one has just worked.
      if (shouldReEncrypt && renew) await wrapped(dataKey, vault_id, until).then(renew, () => undefined)
      return dataKey
    },
  }
}

/** Milliseconds to find out whether the key store answers at all. */
const PROBE = 3000

const about = (vaultId: string): readonly string[] => ['key slot', 'safe-storage', vaultId]

function read(record: Uint8Array): { readonly ciphertext: Buffer; readonly sealed: Buffer } {
  try {
    const { ciphertext, sealed } = parseStored(JSON.parse(Buffer.from(record).toString('utf8')), 'slot')
    return { ciphertext: Buffer.from(ciphertext, 'base64url'), sealed: Buffer.from(sealed, 'base64url') }
  } catch (cause) {
    throw damaged(cause)
  }
}

function open(text: string, sealed: Uint8Array, vaultId: string): Buffer {
  // Another key opens it too one time in 256, because nothing but the padding is checked, and what comes out is no key.
  if (!/^[\w-]{43}$/u.test(text)) throw lost(undefined)
  try {
    return unseal(secretKey(Buffer.from(text, 'base64url')), sealed, about(vaultId))
  } catch (cause) {
    throw damaged(cause)
  }
}

/** Refused because it protects nothing: told from "not there" by its class. */
class Unprotected extends SlotFault {}

const unprotected = (): SlotFault =>
  new Unprotected(
    'unavailable',
    'No keyring protects this session: Chromium would only disguise the key, with a password that everybody knows. Start a Secret Service (GNOME Keyring, KWallet), or protect the vault with a passphrase.',
  )

const absent = (): SlotFault => new SlotFault('unavailable', 'The system has no key store that answers.')

const lost = (cause: unknown): SlotFault =>
  new SlotFault(
    'lost',
    'The system’s key store works but no longer has the key of this vault. Restore the login keychain (on Windows: the folder “desktop” in Valetkey’s home); nothing was changed.',
    { cause },
  )

const damaged = (cause: unknown): SlotFault =>
  new SlotFault('lost', 'The key slot in the vault file is damaged; a backup of the vault has another copy of it.', {
    cause,
  })

/** safeStorage's errors differ in their words only. */
function asFault(thrown: unknown): SlotFault {
  if (thrown instanceof SlotFault) return thrown
  const words = thrown instanceof Error ? thrown.message : String(thrown)
  if (isTemporary(words))
    return new SlotFault('locked', 'The system’s key store is locked or busy; unlock it, then unlock Valetkey.', {
      cause: thrown,
    })
  if (/denied|cancell?ed|not allowed/iu.test(words))
    return new SlotFault('denied', 'The system’s key store refused; allow Valetkey, then start it again.', {
      cause: thrown,
    })
  return new SlotFault('unavailable', 'The system’s key store cannot be used now.', { cause: thrown })
}

const isTemporary = (words: string): boolean => /temporarily unavailable/iu.test(words)

/**
 * Calls again while the answer is "temporarily unavailable", and gives up at `until` (monotonic milliseconds), also on a
 * call that never answers.
 */
async function patiently<T>(call: () => Promise<T>, until: number, clock: Clock): Promise<T> {
  for (let delay = RETRY.first; ; delay = Math.min(delay * 2, RETRY.most)) {
    try {
      return await within(call(), until, clock)
    } catch (thrown) {
      if (thrown instanceof SlotFault || !(thrown instanceof Error) || !isTemporary(thrown.message)) throw thrown
      if (clock.monotonic() + delay >= until) throw thrown
      await new Promise<void>((resolve) => clock.after(delay, resolve))
    }
  }
}

function within<T>(work: Promise<T>, until: number, clock: Clock): Promise<T> {
  return new Promise((resolve, reject) => {
    const cancel = clock.after(Math.max(0, until - clock.monotonic()), () => {
      reject(new SlotFault('locked', 'The system’s key store does not answer; is a prompt of it waiting somewhere?'))
    })
    work.then(resolve, reject).finally(cancel)
  })
}
