import { readFileSync, existsSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Sample, startSample } from './sample.ts'

let house: Sample
beforeEach(async () => {
  house = await startSample()
})
afterEach(() => house.end())

const addressInMain = (): Promise<string | undefined> =>
  house.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.getURL())

describe('a page of the app', () => {
  it('is held to the content security policy of its handler, by Chromium', async () => {
    const violated = await house.page.evaluate(async () => {
      const next = (): Promise<string> =>
        new Promise((resolve) => {
          document.addEventListener(
            'securitypolicyviolation',
            ({ effectiveDirective }) => resolve(effectiveDirective),
            {
              once: true,
            },
          )
        })
      const styled = next()
      document.body.append(Object.assign(document.createElement('style'), { textContent: 'h1 { color: red }' }))
      const first = await styled
      const image = next()
      document.body.append(Object.assign(document.createElement('img'), { src: 'https://elsewhere.example/x.png' }))
      return [first, await image, 'inlineScriptRan' in window]
    })
    expect(violated).toEqual(['style-src-elem', 'img-src', false])
    const trusted = await house.page.evaluate(() => {
      try {
        document.body.innerHTML = '<p>x</p>'
        return 'assigned'
      } catch (error) {
        return String(error)
      }
    })
    expect(trusted).toContain('TrustedHTML')
  })

  it('gets from its handler what that gives, and nothing of another session', async () => {
    const fetched = await house.page.evaluate(async () => {
      const missing = await fetch('/../main.ts')
      return [missing.status, location.origin, isSecureContext]
    })
    expect(fetched).toEqual([404, 'https://ui.app.electron-stand-in.invalid', true])
    const elsewhere = await house.app.evaluate(async ({ BrowserWindow }) => {
      const other = new BrowserWindow({ show: false })
      const failed = await other.loadURL('app://ui/').then(() => 'loaded', String)
      other.destroy()
      return failed
    })
    expect(elsewhere).toBe("Error: ERR_FAILED (-2) loading 'app://ui/'")
  })

  it('has no network when webRequest cancels', async () => {
    const cancelled = await house.app.evaluate(async ({ BrowserWindow, session }) => {
      const window = new BrowserWindow({ show: false, webPreferences: { session: session.fromPartition('sample') } })
      const failed = await window.loadURL('http://127.0.0.1:9/').then(() => 'loaded', String)
      window.destroy()
      return failed
    })
    expect(cancelled).toBe("Error: ERR_BLOCKED_BY_CLIENT (-20) loading 'http://127.0.0.1:9/'")
  })

  it('opens no window: the handler is asked, by script and by link', async () => {
    expect(await house.page.evaluate(() => window.open('https://elsewhere.example/popup'))).toBeNull()
    await expect.poll(house.log).toContain('open https://elsewhere.example/popup')
    await house.page.locator('#blank').click()
    await expect.poll(house.log).toContain('open https://docs.example/help')
    await expect
      .poll(() => existsSync(house.openedFile) && readFileSync(house.openedFile, 'utf8'))
      .toBe('https://docs.example/help\n')
    await expect.poll(() => house.app.windows().length).toBe(1)
    expect(await house.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1)
  })

  it('opens no window by the middle button, a key held down or a form either', async () => {
    const link = house.page.locator('#away')
    await link.click({ button: 'middle' })
    await link.click({ modifiers: ['ControlOrMeta'] })
    await link.click({ modifiers: ['Shift'] })
    await expect
      .poll(async () => (await house.log()).filter((line) => line === 'open https://elsewhere.example/').length)
      .toBe(3)
    // The sample's policy allows no form to go anywhere.
    await house.app.evaluate(async ({ BrowserWindow, session }) => {
      const ui = session.fromPartition('without policy')
      ui.protocol.handle('app', () => new Response('<form>', { headers: { 'Content-Type': 'text/html' } }))
      const window = new BrowserWindow({ show: false, webPreferences: { session: ui } })
      await window.loadURL('app://ui/')
      await window.webContents.executeJavaScript(
        "Object.assign(document.forms[0], { action: '/form', target: '_blank' }).submit()",
      )
    })
    await expect.poll(house.log).toContain('open app://ui/form?')
    await expect.poll(() => house.app.windows().length).toBe(2)
  })

  it('goes nowhere: will-navigate and will-frame-navigate can be prevented', async () => {
    await house.page.locator('#away').click()
    await expect.poll(house.log).toContain('will-navigate https://elsewhere.example/')
    await house.page.evaluate(() => {
      location.href = 'https://elsewhere.example/script'
    })
    await expect.poll(house.log).toContain('will-navigate https://elsewhere.example/script')
    expect(await addressInMain()).toBe('app://ui/')
    await house.page.getByRole('heading', { level: 1 }).waitFor()
  })

  it('is not led elsewhere by a redirect: will-redirect can be prevented', async () => {
    const led = await house.app.evaluate(async ({ BrowserWindow, session }) => {
      const ui = session.fromPartition('redirecting')
      ui.protocol.handle('app', ({ url }) =>
        url.endsWith('/next')
          ? new Response('here', { headers: { 'Content-Type': 'text/plain' } })
          : Response.redirect('app://ui/next', 302),
      )
      const window = new BrowserWindow({ show: false, webPreferences: { session: ui } })
      const prevented = await window.loadURL('app://ui/').then(() => 'loaded', String)
      window.webContents.removeAllListeners('will-redirect')
      await window.loadURL('app://ui/')
      const address = window.webContents.getURL()
      window.destroy()
      return [prevented, address]
    })
    expect(led).toEqual(["Error: ERR_ABORTED (-3) loading 'app://ui/'", 'app://ui/next'])
    expect(await house.log()).toContain('will-redirect app://ui/next')
  })

  it('cannot be opened with weaker settings than the stand-in can show', async () => {
    const refused = await house.app.evaluate(({ BrowserWindow }) =>
      [{ nodeIntegration: true }, { contextIsolation: false }, { sandbox: false }, { webviewTag: true }].map(
        (webPreferences) => {
          try {
            return String(new BrowserWindow({ show: false, webPreferences }).id)
          } catch (error) {
            return String(error)
          }
        },
      ),
    )
    expect(refused).toEqual(
      ['nodeIntegration: true', 'contextIsolation: false', 'sandbox: false', 'webviewTag: true'].map(
        (setting) => `Error: electron stand-in: BrowserWindow.webPreferences.${setting} is not modelled`,
      ),
    )
    expect(await house.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)).toBe(1)
  })

  it('moves within its document without asking', async () => {
    await house.page.evaluate(() => {
      location.hash = '#/accounts'
    })
    await expect.poll(addressInMain).toBe('app://ui/#/accounts')
    expect((await house.log()).filter((line) => line.startsWith('will-'))).toEqual([])
  })

  it('has no permission that the handlers deny', async () => {
    const states = await house.page.evaluate(async () => {
      const names = ['geolocation', 'notifications', 'camera', 'microphone', 'clipboard-read'] as const
      const asked = await Promise.all(
        names.map((name) => navigator.permissions.query({ name: name as PermissionName })),
      )
      return [...asked.map(({ state }) => state), Notification.permission]
    })
    expect(states).toEqual(['denied', 'denied', 'denied', 'denied', 'denied', 'denied'])
  })

  it('has every permission when nobody listens, as in Electron', async () => {
    const states = await house.app.evaluate(async ({ BrowserWindow, session }) => {
      const ui = session.fromPartition('unguarded')
      ui.protocol.handle('app', () => new Response('<h1>x</h1>', { headers: { 'Content-Type': 'text/html' } }))
      const window = new BrowserWindow({ show: false, webPreferences: { session: ui } })
      await window.loadURL('app://ui/')
      const state = (await window.webContents.executeJavaScript(
        "navigator.permissions.query({ name: 'geolocation' }).then(({ state }) => state)",
      )) as string
      window.destroy()
      return state
    })
    expect(states).toBe('granted')
  })

  it('says that it crashed, and loads again', async () => {
    await house.app.evaluate(({ BrowserWindow }) => {
      BrowserWindow.getAllWindows()[0]?.webContents.forcefullyCrashRenderer()
    })
    await expect.poll(house.log).toContain('gone crashed')
    await expect
      .poll(() =>
        house.app.evaluate(({ BrowserWindow }) =>
          BrowserWindow.getAllWindows()[0]?.webContents.executeJavaScript(
            'document.querySelector("h1")?.textContent + typeof sample.invoke',
          ),
        ),
      )
      .toBe('Stand-in samplefunction')
    expect(
      await house.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.webContents.isCrashed()),
    ).toBe(false)
  })

  it('has the size its window is given', async () => {
    const size = (): Promise<readonly number[]> => house.page.evaluate(() => [innerWidth, innerHeight])
    expect(await size()).toEqual([700, 500])
    await house.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.setContentSize(420, 360))
    await expect.poll(size).toEqual([420, 360])
  })
})
