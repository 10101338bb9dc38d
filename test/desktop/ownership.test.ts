/** One home, two hosts: the daemon hands over to the app, and stays away while the app is there. */
import { existsSync } from 'node:fs'
import { afterEach, describe, expect, it } from 'vitest'
import { collect, startCli, startDaemon, type RunningDaemon } from '../setup/daemon.ts'
import { type DesktopApp, newPlace, type Place, readEndpoint, snapshotOf, startApp } from './rig.ts'

let place: Place
let daemon: RunningDaemon | undefined
let app: DesktopApp | undefined

afterEach(async () => {
  await app?.end()
  await daemon?.stop()
  place.remove()
  app = daemon = undefined
})

describe('a home with a daemon', () => {
  it('is handed over to the app, with everything in it', { timeout: 90_000 }, async () => {
    place = newPlace()
    daemon = await startDaemon({ home: place.paths.home })
    expect(readEndpoint(place.paths)?.host).toBe('daemon')
    app = await startApp({ place })
    expect(await daemon.ended).toMatchObject({ code: 0 })
    const snapshot = await snapshotOf(await app.main())
    // The daemon's vault, opened by the daemon's own slot: nothing is weakened, nothing is made anew.
    expect(snapshot).toMatchObject({ host: 'desktop', vault: { state: 'unlocked', protection: 'key-file' } })
    expect(snapshot.clients).toMatchObject([{ id: 'cli' }])
    expect(readEndpoint(place.paths)).toMatchObject({ host: 'desktop', pid: app.pid })
    // The command line's token is still good.
    expect((await app.cli(['accounts', '--json'])).code).toBe(0)
  })

  it('is taken by the app when the daemon was killed', { timeout: 90_000 }, async () => {
    place = newPlace()
    daemon = await startDaemon({ home: place.paths.home })
    await daemon.kill()
    app = await startApp({ place })
    expect((await snapshotOf(await app.main())).vault.state).toBe('unlocked')
  })
})

describe('a home with the app', () => {
  it('is not the daemon’s, which says so and changes nothing', { timeout: 90_000 }, async () => {
    place = newPlace()
    app = await startApp({ place })
    const refused = startCli(place.paths.home, ['daemon', '--insecure-key-file'])
    refused.stdin?.end()
    const { code, stderr } = await collect(refused)
    expect(code).not.toBe(0)
    expect(stderr).toMatch(/already running/u)
    expect(existsSync(`${place.paths.home}/vault.key`)).toBe(false)
    expect((await app.cli(['status', '--json'])).code).toBe(0)
  })

  it('is the daemon’s again when the app has quit', { timeout: 90_000 }, async () => {
    place = newPlace()
    daemon = await startDaemon({ home: place.paths.home })
    app = await startApp({ place })
    await daemon.ended
    expect(await app.quit()).toBe(0)
    app = undefined
    daemon = await startDaemon({ home: place.paths.home })
    expect(readEndpoint(place.paths)).toMatchObject({ host: 'daemon', pid: daemon.pid })
    expect((await daemon.cli(['accounts', '--json'])).code).toBe(0)
  })
})
