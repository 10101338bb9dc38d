/**
 * An API behind bearer tokens (RFC 6750 section 3.1: 401, `invalid_token` and a challenge for a token that is not good),
 * with the paths httpbin.org is known for: one that shows the request as it came, one that streams. The rule: every
 * request is recorded as it came before anything is decided, and what a test wants to be different it serves itself.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Certificate } from './certificate.ts'

export interface ApiRequest {
  readonly method: string
  readonly url: string
  /** Name, value, name, value, ... */
  readonly raw: readonly string[]
  readonly headers: IncomingMessage['headers']
  /** What has come of the body. */
  body: Buffer
  /** The connection ended before the answer did. */
  aborted: boolean
}

export type Serve = (request: IncomingMessage, response: ServerResponse, seen: ApiRequest) => void

export interface ApiServer {
  readonly origin: string
  readonly port: number
  readonly requests: readonly ApiRequest[]
  /** From now on this path (without a query) is answered by `serve`, whatever the token. */
  serve(path: string, serve: Serve): void
  stop(): Promise<void>
}

/** `isGood` judges an `Authorization` value; with `tls` it speaks https. */
export async function startApi(
  isGood: (authorization: string) => boolean | Promise<boolean>,
  tls?: Certificate,
): Promise<ApiServer> {
  const requests: ApiRequest[] = []
  const own = new Map<string, Serve>()
  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { method = '', url = '', rawHeaders: raw, headers } = request
    const seen: ApiRequest = { method, url, raw, headers, body: Buffer.alloc(0), aborted: false }
    requests.push(seen)
    response.once('close', () => {
      seen.aborted = !response.writableFinished
    })
    const serve = own.get(url.split('?', 1)[0] ?? '')
    if (serve) {
      serve(request, response, seen)
      return
    }
    for await (const chunk of request) seen.body = Buffer.concat([seen.body, chunk as Buffer])
    if (!(await isGood(headers.authorization ?? ''))) {
      const challenge = 'Bearer realm="api", error="invalid_token", error_description="The access token has ended"'
      response.writeHead(401, { 'www-authenticate': challenge, 'content-type': 'application/json' })
      response.end('{"error":"invalid_token"}')
      return
    }
    const { authorization: _credential, ...shown } = headers
    const answer = JSON.stringify({ method, url, headers: shown, body: seen.body.toString('base64') })
    const length = String(Buffer.byteLength(answer))
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': length, 'x-api': 'yes' })
      .end(answer)
  }
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch(() => response.destroy())
  }
  const server = tls ? createSecureServer({ ...tls }, listener) : createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    origin: `${tls ? 'https' : 'http'}://127.0.0.1:${String(port)}`,
    port,
    requests,
    serve: (path, serve) => void own.set(path, serve),
    stop: async () => {
      server.closeAllConnections()
      server.close()
      if (server.listening) await once(server, 'close')
    },
  }
}
