/**
 * The tray icon. The rule: it shows the newest snapshot; and since some desktops have no tray, nothing is only here.
 */
import { Menu, nativeImage, Tray } from 'electron'
import type { Snapshot } from '../contract/window-api.ts'
import { trayIcon } from './tray-icon.ts'
import { type TrayActions, trayMenu, type TrayStatus, trayStatus, trayTip } from './tray-menu.ts'

/** Pixels a tray has for an icon. */
const SIZE = 22

/** Makes the icon; what to call with each snapshot. */
export function createTray(actions: TrayActions): (snapshot: Snapshot) => void {
  const tray = new Tray(image('normal'))
  let shown: TrayStatus = 'normal'
  tray.on('click', () => {
    actions.open()
  })
  return (snapshot) => {
    const status = trayStatus(snapshot)
    if (status !== shown) tray.setImage(image(status))
    shown = status
    tray.setToolTip(trayTip(snapshot))
    tray.setContextMenu(Menu.buildFromTemplate([...trayMenu(snapshot, actions)]))
  }
}

function image(status: TrayStatus): Electron.NativeImage {
  return nativeImage.createFromBuffer(trayIcon(status, SIZE * 2), { scaleFactor: 2 })
}
