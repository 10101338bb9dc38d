/**
 * A system's key store as `safeStorage` shows it (Electron's page of that name), on Linux, that can be told how to behave.
 * The rule: the words of every error are Electron's (electron_api_safe_storage.cc), because the app can tell "try again"
 * from "lost" by nothing else; and `makeKeyStore` stands alone, because it also runs as text in a real Electron's main
 * process, where Playwright's `--password-store=basic` leaves no keyring (test/desktop/witness.ts).
 *
 * Modelled: the asynchronous functions; the mark of the ciphertext that says how it is kept (`v11`: a key in the keyring;
 * `v10`: a key that everybody knows, which is obfuscation; both are reported as available, as in Electron). Not modelled: a
 * real keyring (the key is a file), Chromium's cipher (AES-128-CBC there, AES-256-GCM here).
 */
import type Crypto from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type FileSystem from 'node:fs'
import type Electron from 'electron'

/**
 * How the store behaves. `v11`: a key in the keyring. `v10`: no keyring, so Chromium obfuscates with a key that everybody
 * knows. `temporarily-unavailable`: decrypting is refused for now. `key-lost`: what was encrypted before can no longer be
 * decrypted. `re-encrypt`: it can, and should be encrypted again. `encryption-fails`: encrypting is refused.
 */
export type SafeStorageMode = 'v11' | 'v10' | 'temporarily-unavailable' | 'key-lost' | 're-encrypt' | 'encryption-fails'

/** The environment variable that sets the mode from the start. */
export const safeStorageVariable = 'VALETKEY_SPEC_KEY_STORE'

/** The file in the app's data folder that stands for the keyring. */
export const keyringFile = 'keyring.spec'

export interface KeyStorePlace {
  readonly crypto: typeof Crypto
  readonly fs: Pick<typeof FileSystem, 'mkdirSync' | 'readFileSync' | 'writeFileSync'>
  /** The app's data folder. */
  readonly folder: () => string
  /** The name of the keyring's file in it. */
  readonly file: string
  readonly isReady: () => boolean
  readonly mode: () => SafeStorageMode
}

type AsyncSafeStorage = Pick<
  Electron.SafeStorage,
  'decryptStringAsync' | 'encryptStringAsync' | 'isAsyncEncryptionAvailable'
>

export function makeKeyStore({ crypto, fs, folder, file, isReady, mode }: KeyStorePlace): AsyncSafeStorage {
  const markLength = 3
  const nonceLength = 12
  const tagLength = 16
  // Chromium's words for the key that everybody knows (posix_key_provider.cc).
  const publicKey = crypto.createSecretKey(crypto.hash('sha256', 'peanuts', 'buffer'))

  const keyringKey = (): KeyObject => {
    const path = `${folder()}/${file}`
    fs.mkdirSync(folder(), { recursive: true, mode: 0o700 })
    try {
      fs.writeFileSync(path, crypto.randomBytes(32), { flag: 'wx', mode: 0o600 })
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
    return crypto.createSecretKey(fs.readFileSync(path))
  }
  const keyOf = (mark: string): KeyObject => (mark === 'v10' ? publicKey : keyringKey())

  const encrypt = (plainText: string, mark: string): Buffer => {
    const nonce = crypto.randomBytes(nonceLength)
    const cipher = crypto.createCipheriv('aes-256-gcm', keyOf(mark), nonce)
    const sealed = Buffer.concat([cipher.update(plainText, 'utf8'), cipher.final()])
    return Buffer.concat([Buffer.from(mark), nonce, sealed, cipher.getAuthTag()])
  }
  /** Throws when it is not ours, was changed, or the key is another one. */
  const decrypt = (encrypted: Buffer): string => {
    const mark = encrypted.toString('latin1', 0, markLength)
    if (mark !== 'v10' && mark !== 'v11') throw new Error('no such mark')
    const nonce = encrypted.subarray(markLength, markLength + nonceLength)
    const decipher = crypto.createDecipheriv('aes-256-gcm', keyOf(mark), nonce)
    decipher.setAuthTag(encrypted.subarray(-tagLength))
    const sealed = encrypted.subarray(markLength + nonceLength, -tagLength)
    return Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8')
  }
  const requireReady = (): void => {
    if (!isReady()) throw new Error('safeStorage cannot be used before app is ready')
  }

  return {
    isAsyncEncryptionAvailable: async () => isReady(),
    async encryptStringAsync(plainText) {
      requireReady()
      if (mode() === 'encryption-fails')
        throw new Error('Error while encrypting the text provided to safeStorage.encryptStringAsync.')
      return encrypt(plainText, mode() === 'v10' ? 'v10' : 'v11')
    },
    async decryptStringAsync(encrypted) {
      requireReady()
      if (!Buffer.isBuffer(encrypted))
        throw new Error('Expected the first argument of decryptStringAsync() to be a buffer')
      if (encrypted.length === 0) return { shouldReEncrypt: false, result: '' }
      if (mode() === 'temporarily-unavailable')
        throw new Error('safeStorage.decryptStringAsync is temporarily unavailable. Please try again.')
      try {
        if (mode() === 'key-lost') throw new Error('the key is lost')
        return { shouldReEncrypt: mode() === 're-encrypt', result: decrypt(encrypted) }
      } catch {
        // The cause is Chromium's secret in Electron too.
        throw new Error('Error while decrypting the ciphertext provided to safeStorage.decryptStringAsync.')
      }
    },
  }
}
