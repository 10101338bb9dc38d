/**
 * `app` (Electron's page of that name): the life of the app. The rule: the order of quitting is Electron's: `before-quit`,
 * the windows' `close`, `will-quit`, `quit`; each of the first three can stop it; `window-all-closed` comes only when nobody
 * asked to quit, and without a listener it quits.
 *
 * Modelled: that life, names and paths, the single instance, scheme handlers, switches (kept, not obeyed), what is a
 * no-operation on Linux. Not modelled, and throwing: every other member. `dock` is undefined, as it is off macOS.
 */
import type Electron from 'electron'
import { getPath, setPath } from './app-paths.ts'
import { BrowserWindow, followWindows } from './browser-window.ts'
import { stopChromium } from './chromium.ts'
import { control } from './control.ts'
import { Menu } from './menu.ts'
import { createEvent, modelled, modelledEmitter } from './modelled.ts'
import { applicationInfo, applicationName, isDefault, setAsDefault } from './protocol-client.ts'
import { readiness } from './readiness.ts'
import { settings } from './settings.ts'
import * as singleInstance from './single-instance.ts'
import { insideOf } from './web-contents.ts'

function onlyBeforeReady(name: string): void {
  if (readiness.isReady) throw new Error(`app.${name}() can only be called before app is ready`)
}

const locale = 'en-US'

class App extends modelledEmitter<Electron.App>('app') {
  override name = settings().manifest.productName ?? settings().manifest.name
  override readonly isPackaged = false
  override readonly dock = undefined
  override readonly commandLine = modelled<Electron.CommandLine>('commandLine', {
    appendSwitch: (name, value) => {
      settings().switches.set(name, value ?? '')
    },
    hasSwitch: (name) => settings().switches.has(name),
    getSwitchValue: (name) => settings().switches.get(name) ?? '',
    removeSwitch: (name) => {
      settings().switches.delete(name)
    },
  } satisfies Partial<Electron.CommandLine>)

  override get applicationMenu(): Electron.Menu | null {
    return Menu.getApplicationMenu()
  }

  override set applicationMenu(menu: Electron.Menu | null) {
    Menu.setApplicationMenu(menu)
  }

  override whenReady(): Promise<void> {
    return readiness.whenReady
  }

  override isReady(): boolean {
    return readiness.isReady
  }

  override getName(): string {
    return this.name
  }

  override setName(name: string): void {
    this.name = name
  }

  override getVersion(): string {
    return settings().manifest.version ?? ''
  }

  override getAppPath(): string {
    return settings().root
  }

  override getPath(name: string): string {
    return getPath(name, this.name)
  }

  override setPath(name: string, path: string): void {
    setPath(name, path)
  }

  override getLocale(): string {
    return locale
  }

  override getSystemLocale(): string {
    return locale
  }

  override getPreferredSystemLanguages(): string[] {
    return [locale]
  }

  override enableSandbox(): void {
    onlyBeforeReady('enableSandbox')
  }

  override disableHardwareAcceleration(): void {
    onlyBeforeReady('disableHardwareAcceleration')
  }

  override focus(): void {
    BrowserWindow.getAllWindows()
      .find((window) => window.isVisible())
      ?.focus()
  }

  override requestSingleInstanceLock(additionalData: unknown = null): boolean {
    const message = { argv: process.argv, workingDirectory: process.cwd(), additionalData }
    return singleInstance.request(this.getPath('userData'), message, (second) => {
      void readiness.whenReady.then(() =>
        this.emit('second-instance', createEvent(), second.argv, second.workingDirectory, second.additionalData),
      )
    })
  }

  override hasSingleInstanceLock(): boolean {
    return singleInstance.isHeld()
  }

  override releaseSingleInstanceLock(): void {
    singleInstance.release()
  }

  override setAsDefaultProtocolClient(protocol: string): boolean {
    return setAsDefault(protocol)
  }

  override isDefaultProtocolClient(protocol: string): boolean {
    return isDefault(protocol)
  }

  override removeAsDefaultProtocolClient(): boolean {
    return false
  }

  override getApplicationNameForProtocol(url: string): string {
    return applicationName(url)
  }

  override async getApplicationInfoForProtocol(url: string): Promise<Electron.ApplicationInfoForProtocolReturnValue> {
    return applicationInfo(url)
  }

  // Login items exist on macOS and Windows; on Linux these do nothing and answer the defaults.
  override setLoginItemSettings(given: Electron.Settings): void {
    control.loginItemSettings.push(given)
  }

  override getLoginItemSettings(): Electron.LoginItemSettings {
    const never = { openAtLogin: false, wasOpenedAtLogin: false, executableWillLaunchAtLogin: false }
    return { ...never, status: 'not-registered', launchItems: [] }
  }

  // For Windows alone, and for Unity's launcher: without effect elsewhere.
  override setAppUserModelId(): void {}
  override setBadgeCount(): boolean {
    return false
  }

  override relaunch(options: Electron.RelaunchOptions = {}): void {
    control.relaunches.push(options)
  }

  override quit(): void {
    if (readiness.isQuitting || readiness.isExiting) return
    readiness.isQuitting = true
    if (isPrevented('before-quit')) return
    const windows = BrowserWindow.getAllWindows()
    const closed = windows.map(({ webContents }) => insideOf(webContents).closed)
    for (const window of windows) {
      window.close()
      if (!window.isDestroyed()) {
        readiness.isQuitting = false
        return
      }
    }
    void Promise.all(closed).then(() => {
      if (!isPrevented('will-quit')) this.exit()
    })
  }

  override exit(exitCode = 0): void {
    if (readiness.isExiting) return
    readiness.isExiting = true
    this.emit('quit', createEvent(), exitCode)
    this.releaseSingleInstanceLock()
    void stopChromium().finally(() => process.exit(exitCode))
  }
}

export const app = new App()

/** Tells the app; true when a listener stopped the quitting. */
function isPrevented(name: 'before-quit' | 'will-quit'): boolean {
  const event = createEvent()
  app.emit(name, event)
  if (event.defaultPrevented) readiness.isQuitting = false
  return event.defaultPrevented
}

control.openUrl = (url) => {
  app.emit('open-url', createEvent(), url)
}

followWindows({
  created: (window) => {
    app.emit('web-contents-created', createEvent(), window.webContents)
    app.emit('browser-window-created', createEvent(), window)
  },
  crashed: (webContents, details) => {
    app.emit('render-process-gone', createEvent(), webContents, details)
  },
  allClosed: () => {
    if (readiness.isQuitting || readiness.isExiting) return
    if (app.listenerCount('window-all-closed') > 0) app.emit('window-all-closed')
    else app.quit()
  },
})

// A desktop session ends an app with a signal, and Electron then quits in order.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => app.quit())
