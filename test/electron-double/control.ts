/**
 * What a test may see and do that no Electron API offers: `globalThis.electronStandIn` in the main process, reached with
 * `app.evaluate(() => electronStandIn…)`. The rule: it exists in the stand-in alone, so a spec that is to run on the real
 * runtime too does without it (`powerMonitor.emit('suspend')`, `app.emit('open-url', …)` and
 * `webContents.forcefullyCrashRenderer()` work on both).
 */
import type Electron from 'electron'
import { type SafeStorageMode, safeStorageVariable } from './key-store.ts'

export interface TrayRecord {
  readonly tray: Electron.Tray
  menu: Electron.Menu | null
  toolTip: string
  image: Electron.NativeImage
}

/** A dialog that was asked for, by the name of the function. */
export interface DialogRecord {
  readonly kind: string
  readonly options: unknown
}

export interface Control {
  readonly trays: TrayRecord[]
  /** Every notification that was shown; `emit('click')` on one is the person's click. */
  readonly notifications: Electron.Notification[]
  /** Menus that were popped up, newest last. */
  readonly popups: Electron.Menu[]
  readonly dialogs: DialogRecord[]
  /** Answers for the next dialogs, oldest first; a dialog without one rejects, because nobody is there to answer. */
  readonly dialogAnswers: unknown[]
  /** What `shell` was asked to open, show or trash. */
  readonly opened: string[]
  /** Every message between the main process and a page, either way, as it went: JSON of what was encoded. */
  readonly messages: string[]
  /** What windows were created with, by window id. */
  readonly windowOptions: Map<number, Electron.BrowserWindowConstructorOptions>
  readonly loginItemSettings: Electron.Settings[]
  readonly crashReporterOptions: Electron.CrashReporterStartOptions[]
  readonly relaunches: Electron.RelaunchOptions[]
  safeStorageMode: SafeStorageMode
  /** Seconds since the person last touched the machine, as `powerMonitor` tells. */
  idleSeconds: number
  isScreenLocked: boolean
  /** Changes the theme of the system. */
  setSystemTheme: (theme: 'light' | 'dark') => void
  /** What macOS does with a link to the app's scheme. */
  openUrl: (url: string) => void
}

const modes: readonly SafeStorageMode[] = [
  'v11',
  'v10',
  'temporarily-unavailable',
  'key-lost',
  're-encrypt',
  'encryption-fails',
]

function initialMode(): SafeStorageMode {
  const named = process.env[safeStorageVariable] ?? 'v11'
  const mode = modes.find((known) => known === named)
  if (mode === undefined)
    throw new Error(`electron stand-in: ${safeStorageVariable} is ${named}; it can be ${modes.join(', ')}`)
  return mode
}

function early(): never {
  throw new Error('electron stand-in: the app is not loaded yet')
}

export const control: Control = {
  trays: [],
  notifications: [],
  popups: [],
  dialogs: [],
  dialogAnswers: [],
  opened: [],
  messages: [],
  windowOptions: new Map(),
  loginItemSettings: [],
  crashReporterOptions: [],
  relaunches: [],
  safeStorageMode: initialMode(),
  idleSeconds: 0,
  isScreenLocked: false,
  setSystemTheme: early,
  openUrl: early,
}

declare global {
  // `var` is how a property of globalThis is declared.
  var electronStandIn: Control
}
