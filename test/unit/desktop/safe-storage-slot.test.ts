/** V4: the slot that Electron's safeStorage keeps, alone and under a vault. */
import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../main/broker/secret.ts'
import { systemClock } from '../../../main/daemon/clock.ts'
import { safeStorageSlot, type SafeStorageSlot } from '../../../main/desktop/safe-storage-slot.ts'
import { createSlots } from '../../../main/desktop/slots.ts'
import { ManualClock } from '../../fakes/broker-ports.ts'
import { account, material, offer } from '../vault/material.ts'
import { contents, createHome } from '../vault/rig.ts'
import { type FakeSafeStorage, fakeSafeStorage } from './safe-storage.ts'

const key = randomBytes(32)
const context = { vault_id: 'v', passphrase: undefined, patience: 2000 } as const

function rig(platform = 'linux'): { readonly storage: FakeSafeStorage; readonly slot: SafeStorageSlot } {
  const storage = fakeSafeStorage(platform)
  return { storage, slot: safeStorageSlot(storage, platform, systemClock) }
}

interface Stored {
  readonly v: string
  readonly ciphertext: string
  readonly sealed: string
}
const stored = (wrapped: Uint8Array): Stored => JSON.parse(Buffer.from(wrapped).toString()) as Stored
const changed = (wrapped: Uint8Array, more: Partial<Stored>): Buffer =>
  Buffer.from(JSON.stringify({ ...stored(wrapped), ...more }))

describe('V4: the safe-storage slot', () => {
  it('gives back what it wrapped, and keeps the data key out of safeStorage', async () => {
    const { storage, slot } = rig()
    const wrapped = await slot.wrap(key, context)
    expect(Buffer.from(await slot.unwrap(wrapped, context))).toEqual(key)
    const { ciphertext } = stored(wrapped)
    const { result } = await storage.decryptStringAsync(Buffer.from(ciphertext, 'base64url'))
    expect(Buffer.from(result, 'base64url')).toHaveLength(32)
    expect(Buffer.from(result, 'base64url').equals(key)).toBe(false)
  })

  it('is of one vault only', async () => {
    const { slot } = rig()
    const wrapped = await slot.wrap(key, context)
    await expect(slot.unwrap(wrapped, { ...context, vault_id: 'w' })).rejects.toMatchObject({ problem: 'lost' })
  })

  it('refuses, on Linux, what is only disguised, and says what to do', async () => {
    const { storage, slot } = rig()
    storage.password = null
    expect(await slot.examine(1000)).toBe('unprotected')
    expect(await slot.available()).toBe(false)
    await expect(slot.wrap(key, context)).rejects.toMatchObject({
      problem: 'unavailable',
      message: expect.stringMatching(/passphrase/u) as string,
    })
  })

  it('takes v10 for what it is elsewhere: the ordinary mark', async () => {
    for (const platform of ['darwin', 'win32']) {
      const { slot } = rig(platform)
      expect(await slot.examine(1000)).toBe('protected')
      const wrapped = await slot.wrap(key, context)
      expect(Buffer.from(stored(wrapped).ciphertext, 'base64url').toString('latin1', 0, 3)).toBe('v10')
      expect(Buffer.from(await slot.unwrap(wrapped, context))).toEqual(key)
    }
  })

  it('does not open with a stored ciphertext that is only disguised', async () => {
    const { storage, slot } = rig()
    const wrapped = await slot.wrap(key, context)
    storage.password = null
    const weak = await storage.encryptStringAsync('x'.repeat(43))
    storage.password = 'one'
    await expect(
      slot.unwrap(changed(wrapped, { ciphertext: weak.toString('base64url') }), context),
    ).rejects.toMatchObject({ problem: 'unavailable' })
  })

  it('tells a lost key, a locked store, a refusal and a damaged slot apart', async () => {
    const { storage, slot } = rig()
    const wrapped = await slot.wrap(key, context)
    const problem = async (record: Uint8Array = wrapped): Promise<string> => {
      const thrown = (await slot.unwrap(record, { ...context, patience: 300 }).catch((fault: unknown) => fault)) as {
        readonly problem: string
        readonly message: string
      }
      return `${thrown.problem}: ${thrown.message}`
    }
    storage.password = 'two'
    expect(await problem()).toMatch(/^lost: .*no longer has the key/u)
    // One time in 256 another key opens it to something: chance is no damage.
    const decrypt = storage.decryptStringAsync.bind(storage)
    storage.decryptStringAsync = async () => ({ result: 'Ñ\u0003¶ garbled', shouldReEncrypt: false })
    expect(await problem()).toMatch(/^lost: .*no longer has the key/u)
    storage.decryptStringAsync = decrypt
    // The keyring is gone for now: what it had is not lost.
    storage.password = null
    expect(await problem()).toMatch(/^unavailable: /u)
    storage.password = 'one'
    storage.busy = 1000
    expect(await problem()).toMatch(/^locked: /u)
    storage.busy = 0
    storage.hangs = true
    expect(await problem()).toMatch(/^locked: .*does not answer/u)
    storage.hangs = false
    storage.denies = true
    expect(await problem()).toMatch(/^denied: /u)
    storage.denies = false
    const { sealed } = stored(wrapped)
    const flipped = `${sealed.startsWith('A') ? 'B' : 'A'}${sealed.slice(1)}`
    expect(await problem(changed(wrapped, { sealed: flipped }))).toMatch(/^lost: .*slot in the vault file is damaged/u)
    expect(await problem(changed(wrapped, { v: '2' }))).toMatch(/^lost: .*damaged/u)
    expect(await problem(Buffer.from('{'))).toMatch(/^lost: .*damaged/u)
    expect(Buffer.from(await slot.unwrap(wrapped, context))).toEqual(key)
  })

  it('does not take an empty ciphertext for an empty key', async () => {
    const { slot } = rig()
    const wrapped = await slot.wrap(key, context)
    await expect(slot.unwrap(changed(wrapped, { ciphertext: '' }), context)).rejects.toMatchObject({ problem: 'lost' })
  })

  it('sees an altered ciphertext, which safeStorage itself would not', async () => {
    const { storage, slot } = rig()
    const wrapped = await slot.wrap(key, context)
    const ciphertext = Buffer.from(stored(wrapped).ciphertext, 'base64url')
    // In CBC a changed block garbles itself and flips the same bits of the next one.
    ciphertext[8] = (ciphertext[8] ?? 0) ^ 1
    await expect(storage.decryptStringAsync(ciphertext)).resolves.toMatchObject({ shouldReEncrypt: false })
    await expect(
      slot.unwrap(changed(wrapped, { ciphertext: ciphertext.toString('base64url') }), context),
    ).rejects.toMatchObject({ problem: 'lost' })
  })

  it('asks again while the store is busy', async () => {
    const { storage, slot } = rig()
    const wrapped = await slot.wrap(key, context)
    storage.busy = 3
    expect(Buffer.from(await slot.unwrap(wrapped, context))).toEqual(key)
    storage.busy = 2
    expect(await slot.examine(2000)).toBe('protected')
  })

  it('gives up in its time when nobody answers', async () => {
    const clock = new ManualClock()
    const storage = fakeSafeStorage()
    storage.hangs = true
    const slot = safeStorageSlot(storage, 'linux', clock)
    const answer = slot.examine(5000)
    while (clock.waiting.length === 0) await new Promise(setImmediate)
    expect(clock.waiting).toEqual([5000])
    await clock.pass(5000)
    expect(await answer).toBe('locked')
  })

  it('hands over a new wrapping when the system asks for one, and only then', async () => {
    const { storage, slot } = rig()
    const wrapped = await slot.wrap(key, context)
    const renewed: Uint8Array[] = []
    const renew = (anew: Uint8Array): void => void renewed.push(anew)
    await slot.unwrap(wrapped, { ...context, renew })
    expect(renewed).toEqual([])
    storage.shouldReEncrypt = true
    await slot.unwrap(wrapped, { ...context, renew })
    storage.shouldReEncrypt = false
    expect(renewed).toHaveLength(1)
    const [anew = Buffer.alloc(0)] = renewed
    expect(stored(anew).ciphertext).not.toBe(stored(wrapped).ciphertext)
    expect(Buffer.from(await slot.unwrap(anew, context))).toEqual(key)
  })
})

describe('V4: a vault of the desktop’s', () => {
  const open = async (home: ReturnType<typeof createHome>, storage: FakeSafeStorage) =>
    home.open({ slots: await createSlots(safeStorageSlot(storage, 'linux', systemClock), home.paths, systemClock) })

  it('is protected by the system where it can be', async () => {
    const [home, storage] = [createHome(), fakeSafeStorage()]
    const vault = await open(home, storage)
    expect([vault.state(), vault.protection()]).toEqual(['unlocked', 'safe-storage'])
    await vault.link(account('a'), material('rt-1'))
    vault.close()
    const again = await open(home, storage)
    expect(await offer(again, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
  })

  it('says why it asks for a passphrase where it cannot, and takes one', async () => {
    const [home, storage] = [createHome(), fakeSafeStorage()]
    storage.password = null
    const vault = await open(home, storage)
    expect(vault.state()).toBe('locked')
    expect(vault.notice()).toMatch(/No keyring.*Choose a passphrase/u)
    await vault.unlock(new Secret('correct horse'))
    expect([vault.state(), vault.protection()]).toEqual(['unlocked', 'passphrase'])
  })

  it('is never weakened: with the keyring gone it stays locked, unchanged, and opens when it is back', async () => {
    const [home, storage] = [createHome(), fakeSafeStorage()]
    const vault = await open(home, storage)
    await vault.link(account('a'), material('rt-1'))
    vault.close()
    const before = contents(home.paths.backups)
    storage.password = null
    const locked = await open(home, storage)
    expect([locked.state(), locked.protection()]).toEqual(['locked', 'safe-storage'])
    await expect(locked.unlock(new Secret('correct horse'))).rejects.toMatchObject({ code: 'locked' })
    locked.close()
    storage.password = 'two'
    const lost = await open(home, storage)
    expect(lost.state()).toBe('locked')
    expect(lost.notice()).toMatch(/no longer has the key/u)
    lost.close()
    expect(contents(home.paths.backups)).toEqual(before)
    storage.password = 'one'
    const back = await open(home, storage)
    expect(await offer(back, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
  })

  it('is wrapped anew when the system’s key changes, and the old wrapping is not needed any more', async () => {
    const [home, storage] = [createHome(), fakeSafeStorage()]
    const vault = await open(home, storage)
    await vault.link(account('a'), material('rt-1'))
    vault.close()
    // The system still reads the old key, and encrypts with the new one.
    const old = fakeSafeStorage()
    const rotating: FakeSafeStorage = {
      ...old,
      encryptStringAsync: (text) => {
        storage.password = 'two'
        return storage.encryptStringAsync(text)
      },
      decryptStringAsync: async (ciphertext) => {
        for (const [password, shouldReEncrypt] of [
          ['two', false],
          ['one', true],
        ] as const) {
          storage.password = password
          const found = await storage.decryptStringAsync(ciphertext).catch(() => null)
          if (found) return { ...found, shouldReEncrypt }
        }
        throw new Error('Error while decrypting the ciphertext provided to safeStorage.decryptStringAsync.')
      },
    }
    const renewed = await open(home, rotating)
    expect(renewed.state()).toBe('unlocked')
    renewed.close()
    const later = fakeSafeStorage()
    later.password = 'two'
    const after = await open(home, later)
    expect(await offer(after, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
  })
})
