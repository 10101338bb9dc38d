/**
 * The transport for browser extensions: native messaging, to the host that `valetkey native-host install` made known. The
 * rule: the browser says which extension may start the host and which program that is, so nothing has to be proved here;
 * the host runs while somebody asks, and a little longer.
 */
import type { Transport, WireRequest, WireResponse } from './client.ts'
import { failure, notHere, type ValetkeyError } from './error.ts'

interface Signal<Listener> {
  addListener(listener: Listener): void
}

/** What of a browser's port is used here. */
export interface NativePort {
  readonly onMessage: Signal<(message: unknown) => void>
  readonly onDisconnect: Signal<(port: NativePort) => void>
  /** Firefox says here what Chrome says in `lastError`. */
  readonly error?: { readonly message?: string } | null
  postMessage(message: unknown): void
  disconnect(): void
}

/** What of `chrome.runtime` is used here. */
export interface NativeRuntime {
  readonly id?: string
  readonly lastError?: { readonly message?: string } | null | undefined
  connectNative?(host: string): NativePort
}

/** A message of the host (main/native-host). */
interface Frame {
  readonly id?: number
  readonly value?: unknown
  readonly error?: unknown
  readonly pending?: { readonly request_id: string; readonly code: string }
}

interface Call {
  readonly onPending: WireRequest['onPending'] | undefined
  readonly resolve: (response: WireResponse) => void
  readonly reject: (error: unknown) => void
}

/** Milliseconds an unused host is kept: starting it costs more than a call does. */
const linger = 20_000

export function createNativeTransport(runtime: NativeRuntime): Transport {
  const calls = new Map<number, Call>()
  let port: NativePort | undefined
  let last = 0
  let idle: ReturnType<typeof setTimeout> | undefined

  const close = (): void => {
    port?.disconnect()
    port = undefined
  }
  /** The call has an end. */
  const settle = (id: number): Call | undefined => {
    const call = calls.get(id)
    calls.delete(id)
    clearTimeout(idle)
    if (calls.size === 0) idle = setTimeout(close, linger)
    return call
  }
  const open = (): NativePort => {
    const opened = runtime.connectNative?.('app.valetkey')
    if (!opened) throw notHere()
    opened.onMessage.addListener((message) => {
      const { id = 0, value, error, pending } = message as Frame
      if (pending) calls.get(id)?.onPending?.({ requestId: pending.request_id, code: pending.code })
      else settle(id)?.resolve({ ok: !error, answer: error ?? value })
    })
    opened.onDisconnect.addListener(() => {
      port = undefined
      const error = disconnected(runtime, opened)
      for (const id of calls.keys()) settle(id)?.reject(error)
    })
    return opened
  }
  return {
    close,
    send: ({ path, argument, authorization, signal, onPending }) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        port ??= open()
        const id = ++last
        clearTimeout(idle)
        calls.set(id, { resolve, reject, onPending })
        signal?.addEventListener('abort', () => {
          const call = settle(id)
          call?.reject(signal.reason)
          // The host withdraws a question by its end alone.
          if (call && calls.size === 0) close()
        })
        const [, , call, question] = path.split('/')
        port.postMessage({
          id,
          ...(question ? { call: 'request', argument: { id: decodeURIComponent(question) } } : { call, argument }),
          client_token: authorization?.slice('Bearer '.length),
        })
      }),
  }
}

/** Chromium: "Specified native messaging host not found.", "Access to the specified native messaging host is forbidden.", "Native host has exited." */
function disconnected({ id, lastError }: NativeRuntime, { error }: NativePort): ValetkeyError {
  const why = (error ?? lastError)?.message ?? 'the host ended'
  return failure(
    why.includes('forbidden') ? 'access_denied' : 'not_running',
    `Valetkey does not answer: ${why}`,
    `valetkey native-host install --extension-id ${String(id)}`,
  )
}
