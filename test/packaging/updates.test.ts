/** Updates: off until a feed is packaged, and never more than a log line when something goes wrong. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { startUpdates, type UpdateHost, type Updater } from '../../main/desktop/updates.ts'

let resources: string
let events: string[]

beforeEach(() => {
  resources = mkdtempSync(join(tmpdir(), 'valetkey-updates-'))
  events = []
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(resources, { recursive: true, force: true })
})

const withFeed = (): void => {
  writeFileSync(join(resources, 'app-update.yml'), 'provider: generic\nurl: https://updates.example\n')
}

function host(load: () => Promise<Updater>, more: Partial<UpdateHost> = {}): UpdateHost {
  return { resources, platform: 'darwin', env: {}, log: (_level, event) => events.push(event), load, ...more }
}

/** What electron-updater's AppUpdater lets us set and ask; its listeners can be called by the test. */
interface Stub {
  readonly updater: Updater
  readonly looks: () => number
  readonly emit: (event: string) => void
}

function stub(answer: () => Promise<null> = () => Promise.resolve(null)): Stub {
  const listeners = new Map<string, () => void>()
  let looks = 0
  const updater = {
    allowDowngrade: true,
    autoDownload: false,
    autoInstallOnAppQuit: false,
    logger: console,
    checkForUpdates: () => {
      looks += 1
      return answer()
    },
    on: (event: string, listener: () => void) => listeners.set(event, listener),
  } as unknown as Updater
  return { updater, looks: () => looks, emit: (event) => listeners.get(event)?.() }
}

const neverLoaded = (): Promise<Updater> => Promise.reject(new Error('the library was loaded'))

describe('updates', () => {
  it('are off without a feed, and the library, which throws outside Electron, is not loaded', async () => {
    expect(await startUpdates(host(neverLoaded))).toEqual({ kind: 'off', reason: 'no-feed' })
    expect(events).toEqual([])
  })

  it('are left to the package manager where it installed the app', async () => {
    withFeed()
    const { updater, looks } = stub()
    const load = (): Promise<Updater> => Promise.resolve(updater)
    expect(await startUpdates(host(neverLoaded, { platform: 'linux' }))).toEqual({
      kind: 'off',
      reason: 'package-manager',
    })
    const appImage = { platform: 'linux', env: { APPIMAGE: '/home/ada/Valetkey.AppImage' } }
    const updates = await startUpdates(host(load, appImage))
    expect(updates.kind).toBe('on')
    expect(looks()).toBe(1)
    if (updates.kind === 'on') updates.stop()
  })

  it('are looked for with a feed, never go back to an older version and log no address', async () => {
    withFeed()
    const { updater, looks, emit } = stub()
    const updates = await startUpdates(host(() => Promise.resolve(updater)))
    expect(looks()).toBe(1)
    expect(updater).toMatchObject({
      allowDowngrade: false,
      autoDownload: true,
      autoInstallOnAppQuit: true,
      logger: null,
    })
    emit('update-downloaded')
    emit('error')
    expect(events).toEqual(['update.ready', 'update.failed'])
    expect(updates.kind).toBe('on')
    if (updates.kind === 'on') updates.stop()
  })

  it('end nothing when the feed does not answer', async () => {
    withFeed()
    const offline = new Error('offline')
    const { updater, emit } = stub(() => {
      // The library does both.
      emit('error')
      return Promise.reject(offline)
    })
    const updates = await startUpdates(host(() => Promise.resolve(updater)))
    expect(events).toEqual(['update.failed'])
    expect(updates.kind).toBe('on')
    if (updates.kind === 'on') updates.stop()
  })

  it('end nothing when the library cannot be used: the real one, outside Electron', async () => {
    withFeed()
    // Else the npm package `electron`, which the library loads, would fetch the distribution it finds missing.
    vi.stubEnv('ELECTRON_OVERRIDE_DIST_PATH', resources)
    const updates = await startUpdates({
      resources,
      platform: 'darwin',
      env: {},
      log: (_level, event) => events.push(event),
    })
    expect(updates).toEqual({ kind: 'off', reason: 'failed' })
    expect(events).toEqual(['update.unavailable'])
  })
})
