/**
 * How every window of ours is made. The rule: there is no other way to make one, and a window is known by its web contents
 * from its first moment to its last, so that nothing else counts as ours.
 */
import { BrowserWindow, type BrowserWindowConstructorOptions } from 'electron'
import type { Log } from '../broker/ports.ts'
import { uiOrigin } from './app-scheme.ts'
import type { Role, Windows } from './ipc.ts'
import { webPreferences } from './web-preferences.ts'

export interface WindowMaker extends Windows {
  readonly roles: Map<number, Role>
  /**
   * A window on `app://ui/{hash}`, hidden until `show` is called by the caller. `onGone` is told when its page crashed.
   */
  open(role: Role, hash: string, options: BrowserWindowConstructorOptions, onGone: () => void): BrowserWindow
  all(): readonly BrowserWindow[]
}

export function createWindowMaker(preload: string, packaged: boolean, log: Log): WindowMaker {
  const roles = new Map<number, Role>()
  const windows = new Set<BrowserWindow>()
  return {
    roles,
    all: () => [...windows],
    open(role, hash, options, onGone) {
      const window = new BrowserWindow({
        ...options,
        show: false,
        title: 'Valetkey',
        autoHideMenuBar: true,
        webPreferences: webPreferences(preload, packaged),
      })
      const { id } = window.webContents
      roles.set(id, role)
      windows.add(window)
      window.on('closed', () => {
        roles.delete(id)
        windows.delete(window)
      })
      window.webContents.on('render-process-gone', (_event, { reason }) => {
        log('error', 'window.gone', { code: reason })
        if (reason !== 'clean-exit') onGone()
      })
      window.loadURL(`${uiOrigin}/${hash}`).catch(() => {
        log('error', 'window.not-loaded')
      })
      return window
    },
  }
}
