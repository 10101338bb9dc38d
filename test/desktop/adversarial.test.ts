/** What others throw at the running app: questions, addresses, edited settings, a hostile environment. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { defaultPreferences } from '../../main/contract/model.ts'
import { expectShown } from '../e2e/browser.ts'
import { until } from '../setup/daemon.ts'
import { pair } from './programs.ts'
import { call, type DesktopApp, newPlace, type Place, snapshotOf, startApp } from './rig.ts'

let place: Place
let app: DesktopApp

afterEach(async () => {
  await app.end()
  place.remove()
})

async function start(env: Readonly<Record<string, string>> = {}): Promise<void> {
  app = await startApp({ place, env })
  await expectShown((await app.main()).getByRole('heading', { level: 1 }))
}

describe('prompt bombing', () => {
  it('100 programs that want to be paired get one window, and one refusal ends it', { timeout: 90_000 }, async () => {
    place = newPlace()
    await start()
    const answers = Array.from({ length: 100 }, (_, i) => pair(app.paths, `bomb-${String(i)}`))
    const refused = Promise.all(answers)
    await app.prompt()
    // One that has only just been opened has no address yet.
    const windows = await until(async () => {
      const urls = await app.app.evaluate(({ BrowserWindow }) =>
        BrowserWindow.getAllWindows().map((window) => window.webContents.getURL().replace(/[^/]*$/u, '')),
      )
      return urls.includes('') ? undefined : urls
    })
    expect(windows.toSorted()).toEqual(['app://ui/', 'app://ui/#/prompt/'])
    const page = await app.main()
    const { requests } = await snapshotOf(page)
    expect(requests).toHaveLength(1)
    await call(page, 'deny', { id: requests[0]?.id ?? '' })
    const errors = ((await refused) as { readonly error?: string }[]).map(({ error }) => error)
    expect(new Set(errors)).toEqual(new Set(['access_denied', 'slow_down']))
    expect((await snapshotOf(page)).requests).toEqual([])
  })
})

describe('addresses nobody waits for', () => {
  it('10 000 of them bring up no window and reach nobody', { timeout: 90_000 }, async () => {
    place = newPlace()
    await start()
    await app.app.evaluate(({ app: electron, BrowserWindow }) => {
      for (const window of BrowserWindow.getAllWindows()) window.close()
      for (let i = 0; i < 5000; i++) {
        const url = `app.valetkey:/callback/generic-oidc?code=c&state=${String(i)}`
        electron.emit('open-url', { preventDefault: () => undefined }, url)
        electron.emit('second-instance', {}, ['/opt/valetkey', url], '/', null)
      }
    })
    // Answered after all of them were dealt with.
    expect((await app.cli(['status', '--json'])).code).toBe(0)
    expect(await app.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(0)
    expect(app.opened()).toEqual([])
  })
})

describe('D2: settings edited by hand', () => {
  it.each([
    ['senseless values', { lock_with_screen: 'no', approval_duration: 'for ever', notify: null, http: '0.0.0.0:80' }],
    ['another shape', [1, 2, 3]],
    ['an inherited name', JSON.parse('{"__proto__": {"lock_with_screen": false}}') as object],
  ])('count as their defaults: %s', async (_what, written) => {
    place = newPlace()
    mkdirSync(place.paths.home, { mode: 0o700 })
    writeFileSync(place.paths.preferences, JSON.stringify(written), { mode: 0o600 })
    await start()
    expect((await snapshotOf(await app.main())).preferences).toEqual(defaultPreferences)
  })

  it('are kept for their owner alone once they are written', async () => {
    place = newPlace()
    await start()
    expect(await call(await app.main(), 'configure', { notify: false })).toMatchObject({ ok: true })
    expect(statSync(place.paths.preferences).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(place.paths.preferences, 'utf8'))).toMatchObject({ notify: false })
  })
})

describe('D3: the environment', () => {
  it('has no word of it in the log, and no key of a connection in a file', async () => {
    place = newPlace()
    const keys = join(place.folder, 'keys.log')
    const canary = 'proxy-password-canary-41d7'
    await start({
      HTTPS_PROXY: `http://user:${canary}@127.0.0.1:9`,
      SSLKEYLOGFILE: keys,
      NODE_EXTRA_CA_CERTS: join(place.folder, 'nobody.pem'),
      VALETKEY_LOG: 'debug',
    })
    await until(() => (app.output().includes('endpoint.started') ? true : undefined))
    expect(app.output()).not.toContain(canary)
    expect(readdirSync(place.folder)).not.toContain('keys.log')
  })
})
