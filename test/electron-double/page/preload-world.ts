/**
 * What a sandboxed preload script finds in its isolated world: `require('electron')` with `contextBridge` and
 * `ipcRenderer` (Electron's pages "contextBridge", "ipcRenderer", "Process Sandboxing"), and a small `process`. The rule:
 * nothing of it is reachable from the page's own world, and the names the main process calls live in this world alone.
 *
 * Modelled: `exposeInMainWorld`; `invoke`, `send`, `on`, `once`, `off` and their older names. Not modelled, and throwing:
 * everything else of the two, every other module. A preload runs in the main frame only (`nodeIntegrationInSubFrames` is
 * off in Electron unless asked for).
 *
 * This function runs in the page, as text: it may use only its arguments and the page.
 */
import type { Codec } from './codec.ts'
import type { Bridge, WindowRequest } from './worlds.ts'

/** What a preload world tells the main process. */
export type FromPage =
  | { readonly kind: 'invoke'; readonly call: number; readonly channel: string; readonly values: unknown }
  | { readonly kind: 'send'; readonly channel: string; readonly values: unknown }
  | { readonly kind: 'open'; readonly request: WindowRequest }
  | { readonly kind: 'preload-error'; readonly message: string }

/** What the main process calls in a preload world, as `globalThis.electronStandIn`. */
export interface PreloadWorld {
  readonly deliver: (channel: string, values: unknown) => void
  readonly reply: (call: number, error: string | null, value: unknown) => void
  readonly runPreload: (preload: (...given: unknown[]) => void) => void
}

type Listener = (event: object, ...values: unknown[]) => void

export function installPreloadWorld(
  bridge: Bridge,
  codec: Codec,
  sandboxProcess: object,
  tell: (message: FromPage) => void,
): void {
  if (window !== window.parent) return
  const listeners = new Map<string, { readonly listener: Listener; readonly once: boolean }[]>()
  const calls = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  const exposed = new Set<string>()
  let last = 0

  const strict = <T extends object>(owner: string, part: T): T =>
    new Proxy(part, {
      get(target, key, receiver) {
        if (typeof key === 'string' && !(key in target) && key !== 'then' && key !== 'toJSON')
          throw new Error(`electron stand-in: ${owner}.${key} is not modelled`)
        return Reflect.get(target, key, receiver) as unknown
      },
    })
  const add = (channel: string, listener: Listener, once: boolean): unknown => {
    listeners.set(channel, [...(listeners.get(channel) ?? []), { listener, once }])
    return ipcRenderer
  }
  const remove = (channel: string, listener: Listener): unknown => {
    const kept = [...(listeners.get(channel) ?? [])]
    const at = kept.findLastIndex((entry) => entry.listener === listener)
    if (at !== -1) kept.splice(at, 1)
    listeners.set(channel, kept)
    return ipcRenderer
  }
  const ipcRenderer: object = strict('ipcRenderer', {
    invoke: (channel: string, ...values: unknown[]) =>
      new Promise((resolve, reject) => {
        const encoded = codec.encode(values)
        const call = ++last
        calls.set(call, { resolve, reject })
        tell({ kind: 'invoke', call, channel, values: encoded })
      }),
    send: (channel: string, ...values: unknown[]) => tell({ kind: 'send', channel, values: codec.encode(values) }),
    on: (channel: string, listener: Listener) => add(channel, listener, false),
    addListener: (channel: string, listener: Listener) => add(channel, listener, false),
    once: (channel: string, listener: Listener) => add(channel, listener, true),
    off: remove,
    removeListener: remove,
    removeAllListeners: (channel?: string) => {
      if (channel === undefined) listeners.clear()
      else listeners.delete(channel)
      return ipcRenderer
    },
    listenerCount: (channel: string) => (listeners.get(channel) ?? []).length,
  })
  const contextBridge = strict('contextBridge', {
    exposeInMainWorld: (name: string, api: unknown) => {
      if (exposed.has(name)) throw new Error('Cannot bind an API on top of an existing property on the window object')
      exposed.add(name)
      bridge.expose(name, api)
    },
  })
  const world: PreloadWorld = {
    deliver(channel, values) {
      for (const { listener, once } of [...(listeners.get(channel) ?? [])]) {
        if (once) remove(channel, listener)
        listener({ sender: ipcRenderer, ports: [] }, ...(codec.decode(values) as unknown[]))
      }
    },
    reply(call, error, value) {
      const waiting = calls.get(call)
      calls.delete(call)
      if (error === null) waiting?.resolve(codec.decode(value))
      else waiting?.reject(new Error(error))
    },
    runPreload(preload) {
      const electron = strict('electron', { contextBridge, ipcRenderer })
      const require = (name: string): unknown => {
        if (name === 'electron' || name === 'electron/renderer' || name === 'electron/common') return electron
        throw new Error(`module not found: ${name}`)
      }
      const emptyModule = { exports: {} }
      try {
        preload(require, emptyModule, emptyModule.exports, sandboxProcess)
      } catch (thrown) {
        tell({
          kind: 'preload-error',
          message: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
        })
      }
    },
  }
  Object.defineProperty(globalThis, 'electronStandIn', { value: world })
  bridge.listen({
    noted: (request) => {
      tell({ kind: 'open', request: request as WindowRequest })
    },
  })
}
