/**
 * The bridge between our window and the main process: `window-api` by name, nothing else. The rule: methods are exposed,
 * never channels, and no event object reaches the page.
 */
import { contextBridge, ipcRenderer } from 'electron'
import { windowCalls, windowEventsPath, windowPath } from '../main/contract/window-api.ts'

const calls = Object.keys(windowCalls).map((name) => [
  name,
  (argument?: unknown): Promise<unknown> => ipcRenderer.invoke(`${windowPath}/${name}`, argument),
])

contextBridge.exposeInMainWorld('valetkey', {
  ...Object.fromEntries(calls),
  onSnapshot: (listener: (snapshot: unknown) => void): void => {
    ipcRenderer.on(windowEventsPath, (_event, snapshot: unknown) => {
      listener(snapshot)
    })
  },
})
