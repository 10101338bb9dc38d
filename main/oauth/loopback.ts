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

/** What is registered with the provider. */
export interface LoopbackPlace {
  readonly path: string
  /** With `localhost` the listener is on both addresses of that name, so that nobody else stands on the other one. */
  readonly host?: '127.0.0.1' | 'localhost' | undefined
  /** The first free one is taken; absent: any. */
  readonly ports?: readonly number[] | undefined
}

/** Opens the listener. Throws `temporarily_unavailable` when there is no port to be had. */
export async function openLoopback(place: LoopbackPlace, receive: Receive): Promise<Loopback> {
  const { path, host = '127.0.0.1' } = place
  // Kept, because a server that is closing has no address any more while its last connections still ask.
  const { port, servers } = await listenOnFirst(place.ports ?? [0], host === 'localhost')
  const close = (): void => {
    for (const server of servers) {
      server.close()
      server.closeIdleConnections()
    }
  }
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const judged = judge(request, path, `${host}:${String(port)}`)
    if (typeof judged === 'number') {
      refuse(response, judged)
      return
    }
    const result = receive(judged.url)
    if (!result) {
      show(response, 400, unknown)
      return
    }
    for (const server of servers) server.close()
    result.then(
      (shown) => {
        show(response, 200, shown)
      },
      () => {
        refuse(response, 500)
      },
    )
  }
  for (const server of servers) {
    // From here on an error concerns one connection; the sign-in goes on, by timeout or pasted URL if need be.
    server.on('error', () => undefined)
    server.on('request', answer)
  }
  return { port, close }
}

interface Listening {
  readonly port: number
  readonly servers: readonly Server[]
}

/** Throws `temporarily_unavailable` when none of the ports is to be had on every address that is wanted. */
async function listenOnFirst(ports: readonly number[], both: boolean): Promise<Listening> {
  let cause: unknown
  for (const wanted of ports) {
    const servers: Server[] = []
    try {
      const server = await listen(wanted, '127.0.0.1')
      servers.push(server)
      const { port } = server.address() as AddressInfo
      if (both) servers.push(...(await listen(port, '::1').then((one) => [one], withoutIpv6)))
      return { port, servers }
    } catch (thrown) {
      for (const server of servers) server.close()
      cause = thrown
    }
  }
  const wanted = ports.includes(0) ? 'No port' : `None of the registered ports (${ports.join(', ')})`
  throw new BrokerError(
    'temporarily_unavailable',
    `${wanted} could be opened for the browser to come back to; use --redirect paste instead.`,
    { cause },
  )
}

function listen(port: number, address: string): Promise<Server> {
  const server = createServer(limits)
  server.on('clientError', (_, socket) => {
    if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
    else socket.destroy()
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, address, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

/** A machine without IPv6 has nobody on the other address. */
function withoutIpv6(thrown: unknown): readonly Server[] {
  const { code } = thrown as NodeJS.ErrnoException
  if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return []
  throw thrown
}

/** A provider's error text may be long, so headers may be; it is cut where it is read. Milliseconds. */
const limits = {
  maxHeaderSize: 262_144,
  headersTimeout: 5_000,
  requestTimeout: 5_000,
  connectionsCheckingInterval: 1_000,
} as const

const unknown: Result = {
  title: 'This is not the answer to a sign-in',
  text: 'Nothing was changed. Go back to Valetkey and start again.',
}

/** The full URL that was asked for, from text that was never parsed, or the status that refuses it. */
function judge(request: IncomingMessage, path: string, host: string): number | { readonly url: string } {
  const target = request.url ?? ''
  const hosts = request.headersDistinct['host'] ?? []
  if (hosts.length !== 1 || hosts[0] !== host) return 403
  if (target.split('?')[0] !== path) return 404
  return request.method === 'GET' ? { url: `http://${host}${target}` } : 405
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { ...pageHeaders, 'content-length': '0', ...(status === 405 && { allow: 'GET' }) }).end()
}

function show(response: ServerResponse, status: number, result: Result): void {
  response.writeHead(status, { ...pageHeaders, 'content-type': 'text/html; charset=utf-8' }).end(resultPage(result))
}
