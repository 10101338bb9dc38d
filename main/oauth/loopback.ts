/**
 * The redirect listener of one sign-in (RFC 8252 section 7.3). The rules: on 127.0.0.1 and a port of the system's choice,
 * open only for this sign-in; it answers one path, one method, one host; only the first valid answer counts and closes
 * it; and the page it shows holds nothing but our own words.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { BrokerError } from '../contract/errors.ts'
import { pageHeaders, resultPage, type Result } from './result-page.ts'

/** What the flow makes of a URL that arrived: nothing, or a result for the person, in time. */
export type Receive = (url: string) => Promise<Result> | undefined

export interface Loopback {
  readonly port: number
  /** Takes no further request; one that is being answered is answered. */
  close(): void
}

/** Opens the listener. Throws `temporarily_unavailable` when the system gives no port. */
export async function openLoopback(path: string, receive: Receive): Promise<Loopback> {
  // A provider's error text may be long; it is cut where it is read.
  const server = createServer(
    { maxHeaderSize: 262_144, headersTimeout: 5_000, requestTimeout: 5_000, connectionsCheckingInterval: 1_000 },
    (request, response) => {
      answer(server, path, receive, request, response)
    },
  )
  server.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    else socket.destroy()
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new BrokerError(
          'temporarily_unavailable',
          'No port could be opened for the browser to come back to; use --flow paste instead.',
          { cause },
        ),
      )
    })
    server.listen(0, '127.0.0.1', resolve)
  })
  // From here on an error concerns one connection; the sign-in goes on, by timeout or pasted URL if need be.
  server.on('error', () => undefined)
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.close()
      server.closeIdleConnections()
    },
  }
}

function answer(
  server: Server,
  path: string,
  receive: Receive,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { port } = server.address() as AddressInfo
  const target = request.url ?? ''
  const hosts = request.headersDistinct['host'] ?? []
  const status =
    hosts.length !== 1 || hosts[0] !== `127.0.0.1:${String(port)}`
      ? 403
      : target.split('?')[0] !== path
        ? 404
        : request.method !== 'GET'
          ? 405
          : 200
  if (status !== 200) {
    refuse(response, status)
    return
  }
  const result = receive(`http://127.0.0.1:${String(port)}${target}`)
  if (!result) {
    show(response, 400, {
      title: 'This is not the answer to a sign-in',
      text: 'Nothing was changed. Go back to Valetkey and start again.',
    })
    return
  }
  server.close()
  result.then(
    (shown) => {
      show(response, 200, shown)
    },
    () => {
      refuse(response, 500)
    },
  )
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { ...pageHeaders, 'content-length': '0', ...(status === 405 && { allow: 'GET' }) }).end()
}

function show(response: ServerResponse, status: number, result: Result): void {
  response.writeHead(status, { ...pageHeaders, 'content-type': 'text/html; charset=utf-8' }).end(resultPage(result))
}
