import { describe, expect, it } from 'vitest'
import { type SafeStorageMode, safeStorageVariable } from '../electron-double/key-store.ts'
import { type Sample, startSample } from './sample.ts'

const failureIn = (call: Promise<unknown>): Promise<string> => call.then(() => 'no error', String)

async function withSample<T>(mode: SafeStorageMode | null, work: (house: Sample) => Promise<T>): Promise<T> {
  const house = await startSample(mode === null ? {} : { [safeStorageVariable]: mode })
  try {
    return await work(house)
  } finally {
    await house.end()
  }
}

const setMode = (house: Sample, mode: SafeStorageMode): Promise<unknown> =>
  house.app.evaluate((_electron, given) => {
    electronStandIn.safeStorageMode = given
  }, mode)

const mark = (kept: unknown): string => Buffer.from(kept as string, 'base64').toString('latin1', 0, 3)

describe('safeStorage', () => {
  it('keeps a text under a mark that says how, and gives it back', async () => {
    await withSample(null, async (house) => {
      const kept = (await house.invoke('keep', 'a refresh token')) as string
      expect(mark(kept)).toBe('v11')
      expect(Buffer.from(kept, 'base64').includes('refresh')).toBe(false)
      expect(await house.invoke('reveal', kept)).toEqual({ result: 'a refresh token', shouldReEncrypt: false })
      await setMode(house, 're-encrypt')
      expect(await house.invoke('reveal', kept)).toEqual({ result: 'a refresh token', shouldReEncrypt: true })
      const changed = Buffer.from(kept, 'base64')
      changed[20] = (changed[20] ?? 0) ^ 1
      expect(await failureIn(house.invoke('reveal', changed.toString('base64')))).toContain(
        'Error while decrypting the ciphertext provided to safeStorage.decryptStringAsync.',
      )
      expect(await house.invoke('reveal', '')).toEqual({ result: '', shouldReEncrypt: false })
    })
  })

  it('obfuscates where there is no keyring, and says v10', async () => {
    await withSample('v10', async (house) => {
      expect(mark(await house.invoke('keep', 'x'))).toBe('v10')
      expect(await house.app.evaluate(({ safeStorage }) => safeStorage.isAsyncEncryptionAvailable())).toBe(true)
    })
  })

  it('tells "try again" from "lost" by Electron\'s words', async () => {
    await withSample(null, async (house) => {
      const kept = (await house.invoke('keep', 'x')) as string
      await setMode(house, 'temporarily-unavailable')
      expect(await failureIn(house.invoke('reveal', kept))).toContain(
        'safeStorage.decryptStringAsync is temporarily unavailable. Please try again.',
      )
      await setMode(house, 'key-lost')
      expect(await failureIn(house.invoke('reveal', kept))).toContain(
        'Error while decrypting the ciphertext provided to safeStorage.decryptStringAsync.',
      )
      await setMode(house, 'encryption-fails')
      expect(await failureIn(house.invoke('keep', 'x'))).toContain(
        'Error while encrypting the text provided to safeStorage.encryptStringAsync.',
      )
    })
  })
})
