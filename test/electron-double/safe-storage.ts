/**
 * `safeStorage` (Electron's page of that name), on Linux. Electron 45 deprecates the synchronous functions and 46 drops
 * them, so here they are not modelled and throw, and so does `getSelectedStorageBackend`, which names the desktop's usual
 * store and not the one in use. The rule: the words of every error are Electron's (electron_api_safe_storage.cc), because
 * the app can tell "try again" from "lost" by nothing else.
 *
 * Modelled: the asynchronous functions; the mark of the ciphertext that says how it is kept (`v11`: a key in the keyring;
 * `v10`: a key that everybody knows, which is obfuscation; both are reported as available, as in Electron). The modes are
 * in `control.ts`. Not modelled: a real keyring (the key is a file in the data folder), Chromium's cipher (AES-128-CBC
 * there, AES-256-GCM here).
 */
import { createCipheriv, createDecipheriv, createSecretKey, hash, type KeyObject, randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type Electron from 'electron'
import { app } from './app.ts'
import { control } from './control.ts'
import { modelled } from './modelled.ts'
import { readiness } from './readiness.ts'

const markLength = 3
const nonceLength = 12
const tagLength = 16

/** Chromium's words for the key that everybody knows (posix_key_provider.cc). */
const publicKey = createSecretKey(hash('sha256', 'peanuts', 'buffer'))

function keyringKey(): KeyObject {
  const file = join(app.getPath('userData'), 'keyring.stand-in')
  mkdirSync(app.getPath('userData'), { recursive: true, mode: 0o700 })
  try {
    writeFileSync(file, randomBytes(32), { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return createSecretKey(readFileSync(file))
}

const keyOf = (mark: string): KeyObject => (mark === 'v10' ? publicKey : keyringKey())

function encrypt(plainText: string, mark: string): Buffer {
  const nonce = randomBytes(nonceLength)
  const cipher = createCipheriv('aes-256-gcm', keyOf(mark), nonce)
  const sealed = Buffer.concat([cipher.update(plainText, 'utf8'), cipher.final()])
  return Buffer.concat([Buffer.from(mark), nonce, sealed, cipher.getAuthTag()])
}

/** Throws when it is not ours, was changed, or the key is another one. */
function decrypt(encrypted: Buffer): string {
  const mark = encrypted.toString('latin1', 0, markLength)
  if (mark !== 'v10' && mark !== 'v11') throw new Error('no such mark')
  const nonce = encrypted.subarray(markLength, markLength + nonceLength)
  const decipher = createDecipheriv('aes-256-gcm', keyOf(mark), nonce)
  decipher.setAuthTag(encrypted.subarray(-tagLength))
  const sealed = encrypted.subarray(markLength + nonceLength, -tagLength)
  return Buffer.concat([decipher.update(sealed), decipher.final()]).toString('utf8')
}

function requireReady(): void {
  if (!readiness.isReady) throw new Error('safeStorage cannot be used before app is ready')
}

export const safeStorage = modelled<Electron.SafeStorage>('safeStorage', {
  isAsyncEncryptionAvailable: async () => readiness.isReady,
  async encryptStringAsync(plainText) {
    requireReady()
    if (control.safeStorageMode === 'encryption-fails')
      throw new Error('Error while encrypting the text provided to safeStorage.encryptStringAsync.')
    return encrypt(plainText, control.safeStorageMode === 'v10' ? 'v10' : 'v11')
  },
  async decryptStringAsync(encrypted) {
    requireReady()
    if (!Buffer.isBuffer(encrypted))
      throw new Error('Expected the first argument of decryptStringAsync() to be a buffer')
    if (encrypted.length === 0) return { shouldReEncrypt: false, result: '' }
    const mode = control.safeStorageMode
    if (mode === 'temporarily-unavailable')
      throw new Error('safeStorage.decryptStringAsync is temporarily unavailable. Please try again.')
    try {
      if (mode === 'key-lost') throw new Error('the key is lost')
      return { shouldReEncrypt: mode === 're-encrypt', result: decrypt(encrypted) }
    } catch {
      // The cause is Chromium's secret in Electron too.
      throw new Error('Error while decrypting the ciphertext provided to safeStorage.decryptStringAsync.')
    }
  },
} satisfies Partial<Electron.SafeStorage>)
