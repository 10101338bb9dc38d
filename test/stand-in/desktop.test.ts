import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Sample, startSample } from './sample.ts'

let house: Sample
beforeAll(async () => {
  house = await startSample()
})
afterAll(() => house.end())

const failureIn = (call: Promise<unknown>): Promise<string> => call.then(() => 'no error', String)

describe('what surrounds the windows', () => {
  it('is a tray whose menu a test can read and click', async () => {
    const tray = await house.app.evaluate(() => {
      const [record] = electronStandIn.trays
      record?.menu?.getMenuItemById('lock')?.click()
      record?.menu?.getMenuItemById('pause')?.click()
      return {
        toolTip: record?.toolTip,
        labels: record?.menu?.items.map(({ label }) => label),
        isPaused: record?.menu?.getMenuItemById('pause')?.checked,
      }
    })
    expect(tray).toEqual({ toolTip: 'Stand-in sample', labels: ['Lock', 'Pause'], isPaused: true })
    expect(await house.log()).toEqual(expect.arrayContaining(['tray lock', 'tray pause true']))
  })

  it('is an application menu', async () => {
    expect(
      await house.app.evaluate(({ Menu }) => {
        const quit = Menu.getApplicationMenu()?.getMenuItemById('quit')
        return [quit?.label, quit?.role, Menu.getApplicationMenu()?.getMenuItemById('nothing') ?? null]
      }),
    ).toEqual(['Quit', 'quit', null])
  })

  it('is a notification that can be clicked', async () => {
    await house.invoke('notify', 'A tool asks')
    await house.app.evaluate(() => {
      const shown = electronStandIn.notifications.find(({ body }) => body === 'A tool asks')
      shown?.emit('click')
    })
    expect(await house.log()).toContain('clicked A tool asks')
  })

  it('is a theme that pages see, whoever sets it', async () => {
    const isDark = (): Promise<boolean> => house.page.evaluate(() => matchMedia('(prefers-color-scheme: dark)').matches)
    const set = (source: 'system' | 'light' | 'dark'): Promise<boolean> =>
      house.app.evaluate(({ nativeTheme }, theme) => {
        nativeTheme.themeSource = theme
        return nativeTheme.shouldUseDarkColors
      }, source)
    expect(await set('dark')).toBe(true)
    await expect.poll(isDark).toBe(true)
    await house.page.reload()
    await expect.poll(isDark).toBe(true)
    expect(await set('light')).toBe(false)
    await expect.poll(isDark).toBe(false)
    expect(await set('system')).toBe(false)
    await house.app.evaluate(() => electronStandIn.setSystemTheme('dark'))
    await expect.poll(isDark).toBe(true)
    expect(await house.log()).toContain('dark true')
  })

  it('is power that comes and goes when a test says so', async () => {
    await house.app.evaluate(({ powerMonitor }) => {
      for (const name of ['suspend', 'resume', 'lock-screen']) powerMonitor.emit(name)
      electronStandIn.idleSeconds = 90
    })
    expect(await house.log()).toEqual(expect.arrayContaining(['suspend', 'resume', 'lock-screen']))
    expect(await house.app.evaluate(({ powerMonitor }) => powerMonitor.getSystemIdleState(60))).toBe('idle')
  })

  it('is a browser for web addresses and for nothing else', async () => {
    await house.app.evaluate(({ shell }) => shell.openExternal('https://idp.example/authorize?state=1'))
    expect(readFileSync(house.openedFile, 'utf8')).toContain('https://idp.example/authorize?state=1\n')
    expect(await failureIn(house.app.evaluate(({ shell }) => shell.openExternal('file:///etc/passwd')))).toContain(
      'electron stand-in: shell.openExternal of file: is not modelled',
    )
  })

  it('is a dialog that only the test can answer', async () => {
    const ask = (): Promise<Electron.MessageBoxReturnValue> =>
      house.app.evaluate(({ dialog }) =>
        dialog.showMessageBox({ message: 'Remove the account?', buttons: ['No', 'Yes'] }),
      )
    expect(await failureIn(ask())).toContain('nobody answers dialog.showMessageBox')
    await house.app.evaluate(() => electronStandIn.dialogAnswers.push({ response: 1, checkboxChecked: false }))
    expect(await ask()).toEqual({ response: 1, checkboxChecked: false })
  })

  it('is a clipboard of promises', async () => {
    const read = await house.app.evaluate(async ({ clipboard, ClipboardItem }) => {
      await clipboard.writeText('copied')
      const text = await clipboard.readText()
      const hint = 'electron application/osclipboard;format="x-kde-passwordManagerHint"'
      await clipboard.write([new ClipboardItem({ 'text/plain': 'secret', [hint]: new Blob(['secret']) })])
      const kept = [await clipboard.readText(), await clipboard.has(hint)]
      clipboard.clear()
      return [text, ...kept, await clipboard.readText()]
    })
    expect(read).toEqual(['copied', 'secret', true, ''])
  })

  it('is the desktop, asked who opens a scheme, with xdg-mime alone', async () => {
    const applications = join(house.home, '.local/share/applications')
    mkdirSync(applications, { recursive: true })
    for (const name of ['stand-in-sample', 'other'])
      writeFileSync(
        join(applications, `${name}.desktop`),
        `[Desktop Entry]\nType=Application\nName=The ${name}\nExec=true %u\nMimeType=x-scheme-handler/app.valetkey;\n`,
      )
    const before = await house.app.evaluate(({ app }) => {
      const isOurs = app.isDefaultProtocolClient('x-valetkey-nobody')
      return [isOurs, app.getApplicationNameForProtocol('x-valetkey-nobody:/x')]
    })
    expect(before).toEqual([false, ''])
    const after = await house.app.evaluate(async ({ app }) => {
      const isSet = app.setAsDefaultProtocolClient('app.valetkey')
      const { name } = await app.getApplicationInfoForProtocol('app.valetkey:/callback/x')
      return [
        isSet,
        app.isDefaultProtocolClient('app.valetkey'),
        app.getApplicationNameForProtocol('app.valetkey:/'),
        name,
      ]
    })
    expect(after).toEqual([true, true, 'stand-in-sample.desktop', 'The stand-in-sample'])
    const list = join(house.home, '.config/mimeapps.list')
    expect(existsSync(list)).toBe(true)
    expect(readFileSync(list, 'utf8')).not.toContain('text/html')
  })

  it('takes down what a test may want to see', async () => {
    const seen = await house.app.evaluate(({ app }) => {
      app.setLoginItemSettings({ openAtLogin: true })
      app.commandLine.appendSwitch('lang', 'en')
      return {
        loginItem: electronStandIn.loginItemSettings,
        isOpenAtLogin: app.getLoginItemSettings().openAtLogin,
        crash: electronStandIn.crashReporterOptions,
        hasLang: app.commandLine.hasSwitch('lang'),
        preferences: electronStandIn.windowOptions.get(1)?.webPreferences?.sandbox,
        names: [app.getName(), app.getVersion(), app.isPackaged, app.dock ?? null],
      }
    })
    expect(seen).toEqual({
      loginItem: [{ openAtLogin: true }],
      isOpenAtLogin: false,
      crash: [{ uploadToServer: false }],
      hasLang: true,
      preferences: true,
      names: ['stand-in-sample', '1.2.3', false, null],
    })
  })

  it('fetches what the default session handles, and the rest by Node', async () => {
    const answers = await house.app.evaluate(async ({ net, protocol }) => {
      protocol.handle('app', ({ url }) => new Response(`handled ${url}`))
      const handled = await (await net.fetch('app://ui/data')).text()
      protocol.unhandle('app')
      return [
        handled,
        await net.fetch('http://127.0.0.1:9/').then(
          () => 'answered',
          () => 'refused',
        ),
      ]
    })
    expect(answers).toEqual(['handled app://ui/data', 'refused'])
  })

  it('is no more of Electron than is modelled, by require too', async () => {
    const failures = await house.app.evaluate((electron) => {
      const touched = [
        (): unknown => electron.autoUpdater,
        (): unknown => electron.app.getFileIcon('/'),
        (): unknown => electron.screen.screenToDipPoint({ x: 0, y: 0 }),
      ]
      return touched.map((touch) => {
        try {
          return typeof touch()
        } catch (error) {
          return error instanceof Error ? error.message : 'no error'
        }
      })
    })
    expect(failures).toEqual(
      ['electron.autoUpdater', 'app.getFileIcon', 'screen.screenToDipPoint'].map(
        (name) => `electron stand-in: ${name} is not modelled`,
      ),
    )
  })

  it('is one screen', async () => {
    expect(
      await house.app.evaluate(({ screen }) => screen.getDisplayNearestPoint({ x: 1, y: 1 }).workAreaSize),
    ).toEqual({
      width: 1280,
      height: 800,
    })
  })
})
