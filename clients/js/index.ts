/**
 * Valetkey for programs that run on Node: `const valetkey = connect()`, then `valetkey.fetch(account, url)`, or
 * `valetkey.getToken({ account })` where `fetch` will not do. The rule: no dependencies, and the client token goes to the
 * person's own broker or nowhere.
 */
import { type Client, createClient } from './client.ts'
import { createNodeTransport } from './node.ts'
import { type ConnectOptions, findBroker, homeFolder, readEndpointFile } from './place.ts'

export { createClient } from './client.ts'
export type { CallOptions, Client, ClientOptions, Pending, Transport, WireRequest, WireResponse } from './client.ts'
export { ValetkeyError } from './error.ts'
export type { ConnectOptions } from './place.ts'

/**
 * A client of the broker on this machine. Nothing is connected before the first call. Throws `invalid_request` for
 * options that cannot be meant.
 */
export function connect(options: ConnectOptions = {}): Client {
  const { env, platform } = process
  const clientToken = options.clientToken ?? env['VALETKEY_CLIENT_TOKEN']
  const address = findBroker(options, env, platform)
  const publicKey = (): string | null =>
    options.publicKey ?? readEndpointFile(options.home ?? homeFolder(env, platform))?.public_key ?? null
  return createClient({
    transport: createNodeTransport(address, publicKey),
    ...(clientToken !== undefined && clientToken !== '' && { clientToken }),
  })
}
