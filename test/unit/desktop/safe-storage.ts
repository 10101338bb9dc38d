/**
 * safeStorage as Electron 45's source has it on Linux (shell/browser/api/electron_api_safe_storage.cc, Chromium's
 * components/os_crypt): a mark of three bytes, AES-128-CBC with a constant initialisation vector and no authentication;
 * errors known by their words; an empty ciphertext that decrypts to an empty text.
 */
import { createCipheriv, createDecipheriv, hash } from 'node:crypto'
import type { AsyncSafeStorage } from '../../../main/desktop/safe-storage-slot.ts'

const vector = Buffer.alloc(16, ' ')
const keyOf = (words: string): Buffer => hash('sha1', words, 'buffer').subarray(0, 16)

export interface FakeSafeStorage extends AsyncSafeStorage {
  /** The keyring's password; another one is another keyring, `null` is none. */
  password: string | null
  /** How often to answer "temporarily unavailable" before doing anything. */
  busy: number
  shouldReEncrypt: boolean
  /** Never answers. */
  hangs: boolean
  denies: boolean
  readonly calls: string[]
}

export function fakeSafeStorage(platform = 'linux'): FakeSafeStorage {
  const gate = async (name: string): Promise<void> => {
    storage.calls.push(name)
    if (storage.hangs) await new Promise(() => undefined)
    if (storage.denies) throw new Error('User denied access to the keychain.')
    if (storage.busy > 0) {
      storage.busy--
      throw new Error(`safeStorage.${name} is temporarily unavailable. Please try again.`)
    }
  }
  const storage: FakeSafeStorage = {
    password: 'one',
    busy: 0,
    shouldReEncrypt: false,
    hangs: false,
    denies: false,
    calls: [],
    // Says yes whenever it answers: the obfuscating provider is always there.
    isAsyncEncryptionAvailable: () => Promise.resolve(true),
    async encryptStringAsync(text) {
      await gate('encryptStringAsync')
      const mark = platform !== 'linux' || storage.password === null ? 'v10' : 'v11'
      const cipher = createCipheriv('aes-128-cbc', keyOf(storage.password ?? 'peanuts'), vector)
      return Buffer.concat([Buffer.from(mark), cipher.update(text, 'utf8'), cipher.final()])
    },
    async decryptStringAsync(encrypted) {
      await gate('decryptStringAsync')
      if (encrypted.length === 0) return { result: '', shouldReEncrypt: false }
      const mark = encrypted.toString('latin1', 0, 3)
      const password = platform === 'linux' && mark === 'v10' ? 'peanuts' : storage.password
      try {
        if (password === null) throw new Error('no keyring')
        const cipher = createDecipheriv('aes-128-cbc', keyOf(password), vector)
        const result = Buffer.concat([cipher.update(encrypted.subarray(3)), cipher.final()]).toString('utf8')
        return { result, shouldReEncrypt: storage.shouldReEncrypt }
      } catch {
        throw new Error('Error while decrypting the ciphertext provided to safeStorage.decryptStringAsync.')
      }
    },
  }
  return storage
}
