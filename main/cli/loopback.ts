/**
 * A server of the command line's own, on 127.0.0.1 and nowhere else. The rule: a request is read only when it names this
 * very address as its Host, no web page is behind it and, where the system can tell, the same user sent it; so neither
 * another site, nor DNS rebinding, nor another user of the machine gets an answer.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP } from 'node:net'
import { BrokerError } from '../contract/errors.ts'
import { refuseStrangers } from '../daemon/console-peer.ts'
import { guardRequest, type RequestHead } from '../endpoint/http-guard.ts'

export interface LoopbackServer {
  /** `127.0.0.1:PORT`, also the only Host that is served. */
  readonly host: string
  /** Ends every connection at once. */
  close(): void
}

/** Answers one request that has passed the guard. What it throws becomes status 500 without a word. */
export type LoopbackHandler = (head: RequestHead, request: IncomingMessage, response: ServerResponse) => Promise<void>

/** Milliseconds for the head and for a whole request; bytes of a head; connections at once. */
const limits = { head: 5_000, request: 30_000, headBytes: 16_384, connections: 128 } as const

/** What every answer says to browsers, whoever asked. */
const toBrowsers = {
  'Cache-Control': 'no-store',
  'X-Content-Type-Options': 'nosniff',
  'Cross-Origin-Resource-Policy': 'same-origin',
} as const

/** Listens on `port`, 0 for any that is free. Throws `invalid_request` when it cannot be had. */
export async function serveLoopback(port: number, handle: LoopbackHandler): Promise<LoopbackServer> {
  let host = ''
  const server = createServer(
    {
      maxHeaderSize: limits.headBytes,
      headersTimeout: limits.head,
      requestTimeout: limits.request,
      connectionsCheckingInterval: 1_000,
      // The guard counts for itself.
      requireHostHeader: false,
    },
    (request, response) => {
      for (const [name, value] of Object.entries(toBrowsers)) response.setHeader(name, value)
      const { httpVersion, method = '', url = '', rawHeaders } = request
      const policy = { host, origins: new Set<string>(), sites: new Set<string>() }
      const head = guardRequest(policy, httpVersion, method, url, rawHeaders)
      if (head.kind === 'refusal') {
        for (let i = 0; i < head.headers.length; i += 2)
          response.setHeader(head.headers[i] ?? '', head.headers[i + 1] ?? '')
        response.setHeader('Connection', 'close')
        sendText(response, head.error.status, head.error.message)
        return
      }
      handle(head, request, response).catch(() => {
        if (response.headersSent) response.destroy()
        else sendText(response, 500, 'Valetkey made a mistake.')
      })
    },
  )
  server.maxConnections = limits.connections
  // A second Host must not hide behind more headers than are kept.
  server.maxHeadersCount = 0
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new BrokerError('invalid_request', `Port ${String(port)} of 127.0.0.1 cannot be had.`, { cause }))
    })
    server.listen({ host: '127.0.0.1', port, exclusive: true }, resolve)
  })
  const bound = server.address() as AddressInfo
  if (isIP(bound.address) !== 4 || !bound.address.startsWith('127.'))
    throw new BrokerError('server_error', `This listens on ${bound.address}, which is not loopback.`)
  host = `127.0.0.1:${String(bound.port)}`
  refuseStrangers(server, bound.port)
  return {
    host,
    close: () => {
      server.close()
      server.closeAllConnections()
    },
  }
}

/** One whole answer of plain text. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  send(response, status, 'text/plain; charset=utf-8', text)
}

/** One whole answer. */
export function send(response: ServerResponse, status: number, type: string, text: string): void {
  const body = Buffer.from(text)
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': body.length })
  response.end(body)
}

/** The port of `--port` or `--http`: 0 (any) or 1 to 65535. Throws `invalid_request`. */
export function parsePort(text: string): number {
  const port = /^\d{1,5}$/u.test(text) ? Number(text) : Number.NaN
  if (port >= 0 && port <= 65_535) return port
  throw new BrokerError('invalid_request', 'A port is a whole number from 0 (any that is free) to 65535.')
}

/** Resolves with the signal that asks this process to end. */
export function endSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => {
        resolve(signal)
      })
  })
}
