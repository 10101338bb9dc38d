/**
 * Valetkey for browser extensions, in the service worker and in pages of their own: `connect({ clientToken })`, then
 * `fetch(account, url)` or `getToken({ account })`, as on Node. The rule: nothing of Node, nothing of anybody else's,
 * and less than six kilobytes; where the client token is kept is the extension's to decide.
 */
import { type Client, createClient } from './client.ts'
import { createHttpTransport, type HttpOptions } from './http.ts'
import { createNativeTransport, type NativeRuntime } from './native.ts'

export type { CallOptions, Client, Pending } from './client.ts'
export { ValetkeyError } from './error.ts'
export type { HttpOptions } from './http.ts'
export type { NativeRuntime } from './native.ts'

export interface ConnectOptions {
  /** The token this extension was given when it was paired; without one only `pair` works. */
  readonly clientToken?: string | undefined
  /** HTTP on loopback instead of native messaging. */
  readonly http?: HttpOptions | undefined
}

/**
 * A client of the broker on this machine. Nothing is connected before the first call. Throws `invalid_request` for an
 * address or a key that is none.
 */
export function connect({ clientToken, http }: ConnectOptions = {}): Client {
  const { chrome } = globalThis as { readonly chrome?: { readonly runtime?: NativeRuntime } }
  const transport = http ? createHttpTransport(http) : createNativeTransport(chrome?.runtime ?? {})
  return createClient({ transport, clientToken })
}
