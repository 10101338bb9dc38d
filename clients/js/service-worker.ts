/**
 * Valetkey for browser extensions, in the service worker and in pages of their own: `connect({ clientToken })`, then
 * `fetch(account, url)` or `getToken({ account })`, as on Node. The rule: nothing of Node, nothing of anybody else's,
 * and less than six kilobytes; where the client token is kept is the extension's to decide.
 */
import { type Client, createClient } from './client.ts'
import { createHttpTransport, type HttpOptions } from './http.ts'
import { createNativeTransport, type NativeRuntime } from './native.ts'

export { createClient } from './client.ts'
export type { CallOptions, Client, ClientOptions, Pending, Transport, WireRequest, WireResponse } from './client.ts'
export { ValetkeyError } from './error.ts'
export { createHttpTransport, type HttpOptions } from './http.ts'
export { createNativeTransport, type NativePort, type NativeRuntime } from './native.ts'

export interface ConnectOptions {
  /** The token this extension was given when it was paired; without one only `pair` works. */
  readonly clientToken?: string
  /** HTTP on loopback instead of native messaging. */
  readonly http?: HttpOptions
}

/**
 * A client of the broker on this machine. Nothing is connected before the first call. Throws `invalid_request` for an
 * address or a key that is none.
 */
export function connect({ clientToken, http }: ConnectOptions = {}): Client {
  const { browser, chrome } = globalThis as Readonly<Record<string, { readonly runtime?: NativeRuntime } | undefined>>
  return createClient({
    transport: http ? createHttpTransport(http) : createNativeTransport((browser ?? chrome)?.runtime ?? {}),
    ...(clientToken !== undefined && { clientToken }),
  })
}
