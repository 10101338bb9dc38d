/**
 * Everything the person sees of the desktop app, and how it hangs together. The rule: each part is told the newest
 * snapshot and acts through the deciding door; none knows another's insides.
 */
import { app, type IpcMain, Menu, Notification } from 'electron'
import type { Cancel, Log } from '../broker/ports.ts'
import type { DecidingDoor } from '../broker/doors.ts'
import { type Snapshot, windowEventsPath } from '../contract/window-api.ts'
import { approvalWindows } from './approval-window.ts'
import { push, serveWindows } from './ipc.ts'
import { createMainWindow, type MainWindow } from './main-window.ts'
import { applicationMenu } from './menu.ts'
import { createNotifier } from './notifications.ts'
import { createPrompts } from './prompts.ts'
import { watchSnapshots } from './snapshots.ts'
import { createTray } from './tray.ts'
import type { WindowMaker } from './windows.ts'

export interface SurfaceOptions {
  readonly deciding: DecidingDoor
  readonly ipc: IpcMain
  readonly maker: WindowMaker
  readonly log: Log
  /** Told of each snapshot besides. */
  readonly listeners: readonly ((snapshot: Snapshot) => void)[]
}

export interface Surfaces {
  readonly main: MainWindow
  readonly stop: Cancel
}

export function openSurfaces({ deciding, ipc, maker, log, listeners }: SurfaceOptions): Surfaces {
  const door = deciding.on('window')
  let newest: Snapshot | undefined
  const attempt = (work: Promise<unknown>): void => {
    // A refusal shows in the next snapshot; a fault has been logged where it happened.
    work.catch(() => undefined)
  }
  const main = createMainWindow(maker, () => {
    if (newest?.preferences.close_to_tray === false) app.quit()
  })
  const prompts = createPrompts({
    open: approvalWindows(maker),
    deny: (id) => {
      attempt(door.deny({ id }))
    },
    now: () => performance.now(),
  })
  const showTray = createTray({
    open: (hash) => {
      main.show(hash)
    },
    lock: () => {
      attempt(door.lock())
    },
    unlock: () => {
      door.unlock({}).catch(() => {
        main.show('#/vault')
      })
    },
    setPaused: (paused) => {
      attempt(door.setPaused({ paused }))
    },
    quit: () => {
      app.quit()
    },
  })
  const notify = createNotifier({
    create: (title, body) => new Notification({ title, body }),
    isSupported: () => Notification.isSupported(),
    isHidden: () => !maker.all().some((window) => window.isVisible() && !window.isMinimized()),
    show: (hash) => {
      main.show(hash)
    },
  })
  const menu = applicationMenu(process.platform)
  Menu.setApplicationMenu(menu && Menu.buildFromTemplate([...menu]))
  serveWindows(ipc, maker, { deciding, log, isArmed: (id) => prompts.isArmed(id) })
  const stop = watchSnapshots(
    deciding,
    [
      (snapshot) => {
        newest = snapshot
      },
      (snapshot) => {
        push(
          maker.all().map(({ webContents }) => webContents),
          windowEventsPath,
          snapshot,
        )
      },
      // Before the question's own window appears: whether anything of ours could be seen until now is what counts.
      notify,
      (snapshot) => {
        prompts.update(snapshot.requests)
      },
      showTray,
      ...listeners,
    ],
    log,
  )
  return { main, stop }
}
