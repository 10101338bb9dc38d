/**
 * Electron's security checklist, item by item (electronjs.org, Tutorial, Security), against the built app while it runs;
 * where an item is about the code or the dependencies, against those.
 */
import { globSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentSecurityPolicy } from '../../main/desktop/app-scheme.ts'
import { expectShown } from '../e2e/browser.ts'
import { until } from '../setup/daemon.ts'
import { pair } from './programs.ts'
import { type DesktopApp, pressEscape, snapshotOf, startApp } from './rig.ts'

const root = resolve(import.meta.dirname, '../..')
let app: DesktopApp
let page: Page
let server: Server
let origin: string
let visits = 0

beforeAll(async () => {
  server = createServer((_request, response) => {
    visits++
    response.setHeader('Access-Control-Allow-Origin', '*').end('<p>elsewhere</p>')
  })
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready))
  origin = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  app = await startApp()
  page = await app.main()
  await expectShown(page.getByRole('heading', { level: 1 }))
})
afterAll(async () => {
  await app.end()
  server.close()
})

/** The preferences every window of the app was made with, the approval window among them. */
async function allPreferences(): Promise<readonly Electron.WebPreferences[]> {
  const answer = pair(app.paths, 'checklist')
  const prompt = await app.prompt()
  const preferences = await app.app.evaluate(() =>
    witness.windowOptions.map(({ webPreferences }) => webPreferences ?? {}),
  )
  await expectShown(prompt.getByText('checklist').first())
  await pressEscape(prompt)
  await answer
  return preferences
}

const addresses = (): Promise<readonly string[]> =>
  app.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().map((window) => window.webContents.getURL()))

describe('the security checklist', () => {
  let preferences: readonly Electron.WebPreferences[] = []
  beforeAll(async () => {
    preferences = await allPreferences()
  })
  const each = (name: keyof Electron.WebPreferences): readonly unknown[] => preferences.map((one) => one[name])
  const every = (value: unknown): readonly unknown[] => preferences.map(() => value)

  it('sees every kind of window', () => {
    expect(preferences.length).toBeGreaterThanOrEqual(2)
  })

  it('1: only secure content is loaded', async () => {
    for (const address of await addresses()) expect(address).toMatch(/^app:\/\/ui\//u)
    visits = 0
    const outcome = await page.evaluate(
      (url) =>
        fetch(url).then(
          () => 'loaded',
          (thrown: unknown) => (thrown as Error).name,
        ),
      `${origin}/data`,
    )
    expect([outcome, visits]).toEqual(['TypeError', 0])
    // Behind the policy stands the session: it asks for nothing but our files, whoever wants it.
    const elsewhere = await app.app.evaluate(async ({ BrowserWindow }, url) => {
      const window = new BrowserWindow({ show: false, webPreferences: { partition: 'broker-ui' } })
      const said = await window.loadURL(url).then(
        () => 'loaded',
        (thrown: unknown) => String(thrown),
      )
      window.destroy()
      return said
    }, `${origin}/page`)
    expect(elsewhere).toContain('ERR_BLOCKED_BY_CLIENT')
    expect(visits).toBe(0)
  })

  it('2: no Node.js in a page', async () => {
    expect(each('nodeIntegration')).toEqual(every(false))
    expect(each('nodeIntegrationInWorker')).toEqual(every(false))
    expect(each('nodeIntegrationInSubFrames')).toEqual(every(false))
    const found = await page.evaluate(() =>
      ['require', 'process', 'module', 'Buffer', 'electron'].filter((name) => name in globalThis),
    )
    expect(found).toEqual([])
  })

  it('3: context isolation in every page', async () => {
    expect(each('contextIsolation')).toEqual(every(true))
    const isFrozen = await page.evaluate(() => Object.isFrozen((window as unknown as { valetkey: object }).valetkey))
    expect(isFrozen).toBe(true)
  })

  it('4: every page is sandboxed', () => {
    expect(each('sandbox')).toEqual(every(true))
    expect(readFileSync(join(root, 'main/desktop/hardening.ts'), 'utf8')).toContain('app.enableSandbox()')
  })

  it('5: every permission is denied', async () => {
    const states = await page.evaluate(() =>
      Promise.all(
        ['notifications', 'geolocation', 'camera', 'microphone', 'clipboard-read', 'midi'].map((name) =>
          navigator.permissions.query({ name: name as PermissionName }).then(({ state }) => state),
        ),
      ),
    )
    expect(new Set(states)).toEqual(new Set(['denied']))
    expect(each('partition')).toEqual(every('broker-ui'))
  })

  it('6: web security is on', () => {
    expect(each('webSecurity')).toEqual(every(true))
  })

  it('7: a content security policy, sent with the page and enforced', async () => {
    expect(contentSecurityPolicy).toMatch(/^default-src 'none'; script-src 'self';/u)
    const blocked = await page.evaluate(
      () =>
        new Promise<string>((done) => {
          document.addEventListener('securitypolicyviolation', (event) => {
            done(event.effectiveDirective)
          })
          const picture = new Image()
          picture.src = 'https://example.com/x.png'
        }),
    )
    expect(blocked).toBe('img-src')
    const trusted = await page.evaluate(() => {
      try {
        document.createElement('div').innerHTML = '<img src=x onerror=alert(1)>'
        return 'taken'
      } catch (thrown) {
        return (thrown as Error).name
      }
    })
    expect(trusted).toBe('TypeError')
  })

  it('8: no insecure content', () => {
    expect(each('allowRunningInsecureContent')).toEqual(every(false))
  })

  it('9: no experimental features', () => {
    expect(each('experimentalFeatures')).toEqual(every(false))
  })

  it('10: no Blink features are switched on', () => {
    expect(each('enableBlinkFeatures')).toEqual(every(undefined))
    expect(sources()).not.toMatch(/appendSwitch|enableBlinkFeatures/u)
  })

  it('11 and 12: there are no webviews', async () => {
    expect(each('webviewTag')).toEqual(every(false))
    const isOrdinary = await page.evaluate(() => document.createElement('webview').constructor === HTMLElement)
    expect(isOrdinary).toBe(true)
    expect(sources()).toMatch(/will-attach-webview/u)
  })

  it('13: no navigation', async () => {
    const before = await addresses()
    visits = 0
    await page.evaluate((url) => {
      const link = document.createElement('a')
      link.href = url
      document.body.append(link)
      link.click()
      link.remove()
      window.location.assign(`${url}/assigned`)
    }, origin)
    const frame = await page.evaluate(
      (url) =>
        new Promise<string>((done) => {
          const inner = document.createElement('iframe')
          document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) => {
            done(effectiveDirective)
          })
          inner.src = url
          document.body.append(inner)
        }),
      origin,
    )
    expect(frame).toBe('frame-src')
    expect((await snapshotOf(page)).host).toBe('desktop')
    expect([await addresses(), visits]).toEqual([before, 0])
  })

  it('14: no new windows', async () => {
    const before = (await addresses()).length
    const opened = await page.evaluate((url) => window.open(url) === null, origin)
    expect(opened).toBe(true)
    await page.evaluate((url) => {
      const link = Object.assign(document.createElement('a'), { href: url, target: '_blank', rel: 'noopener' })
      document.body.append(link)
      link.click()
      link.remove()
    }, `${origin}/blank`)
    expect((await snapshotOf(page)).host).toBe('desktop')
    expect([(await addresses()).length, visits]).toEqual([before, 0])
  })

  it('15: the system is asked to open nothing a page made up', async () => {
    for (const url of [
      'https://evil.example/',
      'file:///etc/passwd',
      'javascript:alert(1)',
      'smb://x/',
      'app.valetkey:/callback/x',
    ])
      await page.evaluate((address) => void window.open(address), url)
    expect((await snapshotOf(page)).host).toBe('desktop')
    expect(app.opened()).toEqual([])
    expect(await app.app.evaluate(() => [...witness.opened])).toEqual([])
  })

  it('16: Electron is of a supported line, and the one that is tested', () => {
    const { devDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      readonly devDependencies: Readonly<Record<string, string>>
    }
    expect(devDependencies['electron']).toMatch(/^(?:4[5-9]|[5-9]\d)\.\d+\.\d+$/u)
  })

  it('17: a message counts from our own windows alone', async () => {
    // A window the app did not make: right preload, right partition, but nobody's.
    const preload = join(root, 'dist/preload.cjs')
    const answer = await app.app.evaluate(async ({ BrowserWindow }, path) => {
      const window = new BrowserWindow({
        show: false,
        webPreferences: { preload: path, partition: 'broker-ui', sandbox: true, contextIsolation: true },
      })
      await window.loadURL('app://ui/')
      const said = (await window.webContents.executeJavaScript('window.valetkey.snapshot()')) as unknown
      window.destroy()
      return said
    }, preload)
    expect(answer).toMatchObject({ ok: false, error: { error: 'access_denied' } })
    // The same files under another host are not there at all, so no other origin of ours exists.
    const elsewhere = await app.app.evaluate(async ({ BrowserWindow }, path) => {
      const window = new BrowserWindow({ show: false, webPreferences: { preload: path, partition: 'broker-ui' } })
      const outcome = await window.loadURL('app://other/').then(
        () => window.webContents.executeJavaScript('document.body.innerText') as Promise<unknown>,
        (thrown: unknown) => String(thrown),
      )
      window.destroy()
      return outcome
    }, preload)
    expect(elsewhere).toMatch(/^$|ERR_/u)
    await until(() => (/"ipc\.refused".*"foreign-window"/u.test(app.output()) ? true : undefined))
  })

  it('18: nothing comes from file://', async () => {
    for (const address of await addresses()) expect(address.startsWith('app://ui/')).toBe(true)
    expect(sources()).not.toMatch(/loadFile|file:\/\//u)
  })

  it('19: fuses are the package’s, and nothing here needs one that is to be off', () => {
    // RunAsNode is off in the package: Node's `fork` would start the app again.
    expect(sources()).not.toMatch(/\bfork\(|ELECTRON_RUN_AS_NODE/u)
  })

  it('20: no API of Electron’s reaches a page', async () => {
    const api = await page.evaluate(() => {
      const { valetkey } = window as unknown as { valetkey: Readonly<Record<string, unknown>> }
      return Object.entries(valetkey).map(([name, value]) => `${name}: ${typeof value}`)
    })
    expect(api).toContain('snapshot: function')
    expect(api).toContain('onSnapshot: function')
    expect(api.filter((one) => !one.endsWith(': function'))).toEqual([])
    expect(api.join()).not.toMatch(/invoke|send\b|ipc|require/u)
    const given = await page.evaluate(
      () =>
        new Promise<number>((done) => {
          const { valetkey } = window as unknown as {
            valetkey: { onSnapshot(listener: (...given: unknown[]) => void): void; setPaused(one: object): void }
          }
          valetkey.onSnapshot((...all) => {
            done(all.length)
          })
          valetkey.setPaused({ paused: false })
        }),
    )
    // The snapshot alone: an event object would hold the sender.
    expect(given).toBe(1)
  })
})

/** Our own code of this host and of the bridge, comments left out. */
function sources(): string {
  return globSync(['main/desktop/*.ts', 'preload/*.ts'], { cwd: root })
    .map((name) => readFileSync(join(root, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gmu, ''))
    .join('\n')
}
