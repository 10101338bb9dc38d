/**
 * The transport for browser extensions: native messaging, to the host that `valetkey native-host install` made known. The
 * rule: the browser says which extension may start the host and which program that is, so nothing has to be proved here;
 * the host runs while somebody asks, and a little longer.
 */
import type { Transport, WireRequest, WireResponse } from './client.ts'
import { ValetkeyError } from './error.ts'

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

interface Call extends Pick<WireRequest, 'onPending'> {
  readonly resolve: (response: WireResponse) => void
  readonly reject: (error: unknown) => void
}

/** Milliseconds an unused host is kept: starting it costs more than a call does. */
const linger = 20_000
const requests = '/v1/requests/'

export function createNativeTransport(runtime: NativeRuntime, host = 'app.valetkey'): Transport {
  const calls = new Map<number, Call>()
  let port: NativePort | undefined
  let last = 0
  let idle: ReturnType<typeof setTimeout> | undefined

  const close = (): void => {
    port?.disconnect()
    port = undefined
  }
  const settle = (id: number): Call | undefined => {
    const call = calls.get(id)
    calls.delete(id)
    clearTimeout(idle)
    if (calls.size === 0) idle = setTimeout(close, linger)
    return call
  }
  const failAll = (error: ValetkeyError): void => {
    for (const id of [...calls.keys()]) settle(id)?.reject(error)
    port = undefined
  }
  const take = ({ id = 0, value, error, pending }: Frame): void => {
    if (pending) calls.get(id)?.onPending?.({ requestId: pending.request_id, code: pending.code })
    else
      settle(id)?.resolve({
        status: error === undefined ? 200 : 400,
        body: JSON.stringify(error ?? value),
        retryAfter: null,
      })
  }
  const open = (): NativePort => {
    if (!runtime.connectNative)
      throw new ValetkeyError(
        'access_denied',
        'Only the service worker and the pages of an extension that has the permission nativeMessaging reach Valetkey; a content script sends them a message.',
      )
    const opened = runtime.connectNative(host)
    opened.onMessage.addListener((message) => {
      take(message as Frame)
    })
    opened.onDisconnect.addListener(() => {
      if (port === opened) failAll(disconnected(runtime, opened))
    })
    return opened
  }
  return {
    send: ({ path, body, authorization, signal, onPending }) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted()
        port ??= open()
        const id = ++last
        clearTimeout(idle)
        calls.set(id, { resolve, reject, ...(onPending && { onPending }) })
        signal?.addEventListener('abort', () => {
          const call = settle(id)
          call?.reject(signal.reason)
          // The host withdraws a question by its end alone.
          if (call && calls.size === 0) close()
        })
        port.postMessage({
          id,
          ...(path.startsWith(requests)
            ? { call: 'request', argument: { id: decodeURIComponent(path.slice(requests.length)) } }
            : {
                call: path.slice('/v1/'.length),
                ...(body !== undefined && { argument: JSON.parse(body) as unknown }),
              }),
          ...(authorization !== undefined && { client_token: authorization.slice('Bearer '.length) }),
        })
      }),
    close,
  }
}

/** Chromium: "Specified native messaging host not found.", "Access to the specified native messaging host is forbidden.", "Native host has exited." */
function disconnected({ id, lastError }: NativeRuntime, { error }: NativePort): ValetkeyError {
  const why = error?.message ?? lastError?.message ?? 'The browser closed the connection.'
  return new ValetkeyError(
    /forbidden/u.test(why) ? 'access_denied' : 'not_running',
    `Valetkey does not answer this extension: ${why}`,
    { resolve: { command: `valetkey native-host install --extension-id ${id ?? 'ID'}` } },
  )
}
