/** V4: what the app does as the system's key store comes and goes. The specs' own key store can be told to. */
import { renameSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, describe, expect, it } from 'vitest'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { keyringFile, type SafeStorageMode, safeStorageVariable } from '../electron-double/key-store.ts'
import { call, type DesktopApp, newPlace, type Place, snapshotOf, startApp } from './rig.ts'

let place: Place | undefined
let app: DesktopApp | undefined

afterEach(async () => {
  await app?.end()
  place?.remove()
  place = app = undefined
})

function running(): DesktopApp {
  if (!app) throw new Error('the app was not started')
  return app
}

/** Starts the app anew in the same home, with the key store in this mode. */
async function startWith(mode: SafeStorageMode): Promise<DesktopApp> {
  await app?.end()
  place ??= newPlace()
  app = await startApp({ place, env: { [safeStorageVariable]: mode } })
  return app
}

describe('V4: the vault and the system’s key store', () => {
  it('without a keyring: says so, asks for a passphrase and takes it', { timeout: 90_000 }, async () => {
    const page = await (await startWith('v10')).main()
    const { vault } = await snapshotOf(page)
    expect(vault.state).toBe('locked')
    expect(vault.notice).toMatch(/No keyring protects this session.*Choose a passphrase/u)
    expect(await call(page, 'unlock', { passphrase: 'correct horse' })).toMatchObject({ ok: true })
    expect((await snapshotOf(page)).vault).toEqual({ state: 'unlocked', protection: 'passphrase' })
  })

  it(
    'lost and locked are different words, neither changes the vault, and it opens when the key is back',
    { timeout: 120_000 },
    async () => {
      const first = await startWith('v11')
      const vault = async (mode: SafeStorageMode): Promise<Snapshot['vault']> =>
        (await snapshotOf(await (await startWith(mode)).main())).vault
      const locked = { state: 'locked', protection: 'safe-storage' }
      expect(await vault('temporarily-unavailable')).toMatchObject({
        ...locked,
        notice: expect.stringMatching(/locked or busy/u) as string,
      })
      // The keyring is another one: a new profile, a reset login keychain.
      const keyring = join(first.paths.home, 'desktop', keyringFile)
      renameSync(keyring, `${keyring}.kept`)
      expect(await vault('v11')).toMatchObject({
        ...locked,
        notice: expect.stringMatching(/no longer has the key/u) as string,
      })
      renameSync(`${keyring}.kept`, keyring)
      expect(await vault('v11')).toEqual({ state: 'unlocked', protection: 'safe-storage' })
    },
  )

  it('is wrapped anew when the system asks for it', { timeout: 90_000 }, async () => {
    await startWith('v11')
    const before = await wrapping()
    await startWith('re-encrypt')
    const renewed = await wrapping()
    expect(renewed).not.toEqual(before)
    const again = await startWith('v11')
    expect((await snapshotOf(await again.main())).vault.state).toBe('unlocked')
    expect(await wrapping()).toEqual(renewed)
  })
})

/** The one key slot in the vault's file; ends the app to read it. */
async function wrapping(): Promise<string> {
  expect((await snapshotOf(await running().main())).vault.state).toBe('unlocked')
  await app?.end()
  const db = new DatabaseSync(place?.paths.vault ?? '', { readOnly: true })
  try {
    const slots = db.prepare('SELECT kind, wrapped FROM key_slots').all()
    expect(slots.map(({ kind }) => kind)).toEqual(['safe-storage'])
    return Buffer.from(slots[0]?.['wrapped'] as Uint8Array).toString()
  } finally {
    db.close()
  }
}
