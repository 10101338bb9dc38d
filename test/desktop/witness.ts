/**
 * What a spec sees of the app that Electron offers no way to look at: trays, notifications, what windows were made with,
 * what was opened, and what passes between the app and its pages. The rule: it watches through the API that Electron
 * documents, on the real runtime and on the stand-in alike, hands every call on unchanged, and answers nothing of its own;
 * but the system's key store is the specs' own on both, since Playwright starts Electron without a keyring.
 */
import type Crypto from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type FileSystem from 'node:fs'
import type Module from 'node:module'
import { join } from 'node:path'
import type Electron from 'electron'
import { keyringFile, makeKeyStore, type SafeStorageMode, safeStorageVariable } from '../electron-double/key-store.ts'

export interface Witness {
  readonly trays: { readonly tray: Electron.Tray; menu: Electron.Menu | null; toolTip: string }[]
  /** Those that were shown, oldest first; `emit('click')` on one is the person's click. */
  readonly notifications: Electron.Notification[]
  /** What each window was made with, oldest first. */
  readonly windowOptions: Electron.BrowserWindowConstructorOptions[]
  /** What `shell` was asked to open or show. */
  readonly opened: string[]
  /** Every call of a page with its answer, and every message to one, as JSON. */
  readonly messages: string[]
}

declare global {
  // `var` is how a property of globalThis is declared.
  var witness: Witness
}

/** Writes the module that `electron -r` loads before the app, into `folder`, and answers its path. */
export function writeWitness(folder: string): string {
  const path = join(folder, 'witness.cjs')
  const requires = ['electron', 'node:module', 'node:crypto', 'node:fs'].map((name) => `require('${name}')`)
  const values = [makeKeyStore.toString(), ...[keyringFile, safeStorageVariable].map((text) => JSON.stringify(text))]
  writeFileSync(path, `(${install.toString()})(${[...requires, ...values].join(', ')})\n`)
  return path
}

type Loader = typeof Module & { _load: (this: unknown, request: string, ...rest: unknown[]) => unknown }

/** Runs in the app's main process, as text: it knows its arguments and nothing of this file. */
function install(
  electron: typeof Electron,
  modules: Loader,
  crypto: typeof Crypto,
  fs: typeof FileSystem,
  keyStore: typeof makeKeyStore,
  file: string,
  modeVariable: string,
): void {
  const seen: Witness = { trays: [], notifications: [], windowOptions: [], opened: [], messages: [] }
  globalThis.witness = seen
  const keep = (...parts: readonly unknown[]): void => {
    seen.messages.push(JSON.stringify(parts))
  }
  /** Calls `before` with the arguments, each time the method is called, and then the real one. */
  const watch = <Name extends string>(
    owner: Partial<Record<Name, unknown>>,
    name: Name,
    before: (first: unknown, ...rest: readonly unknown[]) => void,
  ): void => {
    const real = owner[name] as (...given: readonly unknown[]) => unknown
    owner[name] = (first: unknown, ...rest: readonly unknown[]): unknown => {
      before(first, ...rest)
      return real.call(owner, first, ...rest)
    }
  }
  /** The class, with `made` told of each instance and what it was made with. */
  const observed = <Given extends unknown[], Instance extends object>(
    Class: new (...given: Given) => Instance,
    made: (instance: Instance, ...given: Given) => void,
  ): unknown =>
    new Proxy(Class, {
      construct(real, given: Given) {
        const instance = new real(...given)
        made(instance, ...given)
        return instance
      },
    })
  const watched: Readonly<Record<string, unknown>> = {
    Tray: observed(electron.Tray, (tray) => {
      const record: Witness['trays'][number] = { tray, menu: null, toolTip: '' }
      seen.trays.push(record)
      watch(tray, 'setContextMenu', (menu) => {
        record.menu = menu as Electron.Menu | null
      })
      watch(tray, 'setToolTip', (text) => {
        record.toolTip = String(text)
      })
    }),
    Notification: observed(electron.Notification, (notification) => {
      watch(notification, 'show', () => {
        seen.notifications.push(notification)
      })
    }),
    BrowserWindow: observed(electron.BrowserWindow, (window, options) => {
      seen.windowOptions.push(options ?? {})
      watch(window.webContents, 'send', keep)
    }),
    safeStorage: keyStore({
      crypto,
      fs,
      folder: () => electron.app.getPath('userData'),
      file,
      isReady: () => electron.app.isReady(),
      mode: () => (process.env[modeVariable] ?? 'v11') as SafeStorageMode,
    }),
  }
  for (const name of ['openExternal', 'openPath', 'showItemInFolder'] as const)
    watch(electron.shell, name, (what) => {
      seen.opened.push(String(what))
    })
  const handle = electron.ipcMain.handle.bind(electron.ipcMain)
  electron.ipcMain.handle = (channel, listener) => {
    handle(channel, async (event, ...given: unknown[]) => {
      const answer = (await listener(event, ...given)) as unknown
      keep(channel, given, answer)
      return answer
    })
  }
  const asWatched = new Proxy(electron, {
    get: (target, name) => watched[String(name)] ?? (Reflect.get(target, name) as unknown),
  })
  const load = modules._load
  modules._load = function (request, ...rest) {
    return request === 'electron' || request === 'electron/main' ? asWatched : load.call(this, request, ...rest)
  }
}
