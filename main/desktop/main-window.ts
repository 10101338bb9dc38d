/**
 * The main window. The rule: there is one or none; closed it is gone, with its page and its memory, and the broker goes on
 * behind its tray icon; crashed it comes back where it was, but not for ever.
 */
import type { BrowserWindow } from 'electron'
import type { WindowMaker } from './windows.ts'

const size = { width: 960, height: 640, minWidth: 640, minHeight: 480 } as const

/** A page that crashes this often within a minute is left alone. */
const CRASHES = 3
const MINUTE = 60_000

export interface MainWindow {
  /** Opens it, or brings it to the front; `hash` is where to go (`#/accounts/ID`), where it is when absent. */
  show(hash?: string): void
  isVisible(): boolean
}

/** `onClosed`: the person closed it. */
export function createMainWindow(maker: WindowMaker, onClosed: () => void): MainWindow {
  let window: BrowserWindow | undefined
  let crashes: readonly number[] = []

  const open = (hash: string): void => {
    const opened = maker.open({ kind: 'main' }, hash, size, () => {
      const now = performance.now()
      crashes = [...crashes.filter((at) => now - at < MINUTE), now]
      window = undefined
      opened.destroy()
      if (crashes.length < CRASHES) open('')
    })
    window = opened
    opened.once('ready-to-show', () => {
      opened.show()
    })
    opened.on('closed', () => {
      if (window !== opened) return
      window = undefined
      onClosed()
    })
  }
  return {
    show(hash) {
      if (!window) {
        open(hash ?? '')
        return
      }
      if (hash !== undefined)
        void window.loadURL(new URL(hash, window.webContents.getURL()).href).catch(() => undefined)
      if (window.isMinimized()) window.restore()
      window.show()
      window.focus()
    },
    isVisible: () => window !== undefined && window.isVisible() && !window.isMinimized(),
  }
}
