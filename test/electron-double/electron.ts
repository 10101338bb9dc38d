/**
 * What `import … from 'electron'` and `require('electron')` give in the stand-in. The rule: a module of Electron's that is
 * not here does not exist: an import of it does not link, and asking `require('electron')` for it throws.
 */
import { app } from './app.ts'
import { BrowserWindow } from './browser-window.ts'
import { clipboard, ClipboardItem } from './clipboard.ts'
import { crashReporter } from './crash-reporter.ts'
import { dialog } from './dialog.ts'
import { ipcMain } from './ipc-main.ts'
import { Menu, MenuItem } from './menu.ts'
import { modelled } from './modelled.ts'
import { nativeImage } from './native-image.ts'
import { nativeTheme } from './native-theme.ts'
import { net } from './net.ts'
import { Notification } from './notification.ts'
import { powerMonitor } from './power-monitor.ts'
import { safeStorage } from './safe-storage.ts'
import { screen } from './screen.ts'
import { protocol, session } from './session.ts'
import { shell } from './shell.ts'
import { Tray } from './tray.ts'
import { WebContents as webContents } from './web-contents.ts'

export { app, BrowserWindow, clipboard, ClipboardItem, crashReporter, dialog, ipcMain, Menu, MenuItem, nativeImage }
export {
  nativeTheme,
  net,
  Notification,
  powerMonitor,
  protocol,
  safeStorage,
  screen,
  session,
  shell,
  Tray,
  webContents,
}

const electron = modelled<object>('electron', {
  ...{ app, BrowserWindow, clipboard, ClipboardItem, crashReporter, dialog, ipcMain, Menu, MenuItem, nativeImage },
  ...{ nativeTheme, net, Notification, powerMonitor, protocol, safeStorage, screen, session, shell, Tray, webContents },
})

// `require()` answers what is exported under this name (Node's page "Modules: CommonJS modules", "Loading ECMAScript
// modules using require()"), and packages import Electron's default.
// oxlint-disable-next-line import/no-default-export -- Electron has one
export { electron as 'module.exports', electron as default }
