/**
 * `ipcMain` and the `ipc` of a WebContents (Electron's pages "ipcMain", "webContents.ipc"): where messages of preload
 * scripts arrive. The rule: the errors that reach a page are Electron's word for word, because a page may be written
 * against them: `Error invoking remote method 'channel': ` and the error's own text.
 *
 * Modelled: `handle`, `handleOnce`, `removeHandler`, `on` and its kin, asked first on the contents, then on `ipcMain`. Not
 * modelled: synchronous messages, message ports.
 */
import type Electron from 'electron'
import { makeCodec } from './page/codec.ts'
import { modelledEmitter } from './modelled.ts'

type Handler = Parameters<Electron.IpcMain['handle']>[1]

const handlers = new WeakMap<Electron.IpcMain, Map<string, Handler>>()

export class IpcMain extends modelledEmitter<Electron.IpcMain>('ipcMain') {
  readonly #handlers = new Map<string, Handler>()

  constructor() {
    super()
    handlers.set(this, this.#handlers)
  }

  override handle(channel: string, listener: Handler): void {
    if (this.#handlers.has(channel)) throw new Error(`Attempted to register a second handler for '${channel}'`)
    if (typeof listener !== 'function')
      throw new TypeError(`Expected handler to be a function, but found type '${typeof listener}'`)
    this.#handlers.set(channel, listener)
  }

  override handleOnce(channel: string, listener: Handler): void {
    this.handle(channel, (event, ...values: unknown[]) => {
      this.removeHandler(channel)
      return listener(event, ...values) as unknown
    })
  }

  override removeHandler(channel: string): void {
    this.#handlers.delete(channel)
  }
}

export const ipcMain = new IpcMain()

export const codec = makeCodec()

/** Runs the handler of `channel`. Answers the encoded result, or the text that the page's error ends with. */
export async function invoke(
  targets: readonly Electron.IpcMain[],
  event: Electron.IpcMainInvokeEvent,
  channel: string,
  values: readonly unknown[],
): Promise<{ readonly error: string | null; readonly value: unknown }> {
  try {
    const handler = targets.map((target) => handlers.get(target)?.get(channel)).find((found) => found !== undefined)
    if (handler === undefined) throw new Error(`No handler registered for '${channel}'`)
    return { error: null, value: codec.encode(await (handler(event, ...values) as unknown)) }
  } catch (thrown) {
    console.error(`Error occurred in handler for '${channel}':`, thrown)
    return { error: `Error invoking remote method '${channel}': ${String(thrown)}`, value: null }
  }
}
