/** The sample's preload, CommonJS because a sandboxed preload cannot be anything else. */
// oxlint-disable-next-line import/no-commonjs, typescript/no-require-imports -- see above
const { contextBridge, ipcRenderer } = require('electron')

contextBridge.exposeInMainWorld('sample', {
  /** @type {(channel: string, ...values: unknown[]) => Promise<unknown>} */
  invoke: (channel, ...values) => ipcRenderer.invoke(channel, ...values),
  /** @type {(channel: string, ...values: unknown[]) => void} */
  send: (channel, ...values) => ipcRenderer.send(channel, ...values),
  /** @type {(listener: (text: string) => void) => void} */
  onMessage: (listener) => {
    ipcRenderer.on('message', (_event, /** @type {string} */ text) => listener(text))
  },
  /** @type {(listener: (text: string) => string) => string} */
  callBack: (listener) => listener('from the preload'),
  throwing: () => {
    throw new TypeError('thrown in the preload')
  },
  arguments: process.argv,
  nested: { list: [1, 2, 3] },
})
