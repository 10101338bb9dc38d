/** The least an Electron app with a window can be: the baseline of ours. The rule: nothing but the window and one line in it. */
import { app, BrowserWindow } from 'electron'

void app.whenReady().then(async () => {
  const window = new BrowserWindow({ width: 960, height: 640, webPreferences: { sandbox: true } })
  await window.loadFile('index.html')
})
