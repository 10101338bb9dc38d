/**
 * A node:http server as a stranger may meet it. The rule: a request reaches a handler only through the guard, every
 * connection has a deadline for each thing it owes us, and no input makes the process throw.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '../broker/ports.ts'
import { BrokerError } from '../contract/errors.ts'
import { ConnectionPool, sweepLimits } from './connection-pool.ts'
import { Exchange } from './exchange.ts'
import { rawRefusal } from './http-answer.ts'
import { guardRequest, type GuardPolicy } from './http-guard.ts'

/** Serves one request that has passed the guard; must not throw. */
export type Handler = (exchange: Exchange) => void

/** Deadlines in milliseconds, sizes in bytes. */
export const httpLimits = {
  /** With the interval at which they are enforced, a connection owing us headers or a body lasts under five seconds. */
  headers: 3_500,
  request: 3_500,
  enforcement: 1_000,
  headerBytes: 16_384,
  /** Requests on one connection that wait for their answers. */
  pipelined: 8,
  /** How long `endService` lets requests under way finish. */
  grace: 500,
} as const

export interface HttpService {
  readonly server: Server
  readonly pool: ConnectionPool
}

export interface HttpServiceOptions {
  readonly policy: GuardPolicy
  readonly handle: Handler
  readonly log: Log
  /** The most connections at a time: of strangers, and of those who have shown who they are. */
  readonly connections: number
}

/** A server that does not listen yet. */
export function createHttpService({ policy, handle, log, connections }: HttpServiceOptions): HttpService {
  const pool = new ConnectionPool(connections)
  const serve = (
    request: IncomingMessage,
    response: ServerResponse,
    expects: 'nothing' | 'continue' | 'unknown',
  ): void => {
    const connection = pool.of(request.socket)
    if (connection === undefined) {
      request.socket.destroy()
      return
    }
    const method = request.method ?? ''
    const target = request.url ?? ''
    const head = guardRequest(policy, request.httpVersion, method, target, request.rawHeaders)
    if (head.kind === 'refusal') {
      new Exchange({ ...unread, method, target }, request, response, connection, pool, log).refuseForm(head)
      return
    }
    const many = connection.busy >= httpLimits.pipelined
    const exchange = new Exchange(head, request, response, connection, pool, log, expects === 'continue')
    if (many) exchange.refuse(tooManyPipelined)
    else if (expects === 'unknown') exchange.refuse(unknownExpectation, [], true)
    else handle(exchange)
  }
  const server = createServer(
    {
      headersTimeout: httpLimits.headers,
      requestTimeout: httpLimits.request,
      connectionsCheckingInterval: httpLimits.enforcement,
      // The pool's sweep ends idle and stalled connections; Node would set two timers per request.
      keepAliveTimeout: 0,
      maxHeaderSize: httpLimits.headerBytes,
      // The guard refuses a missing Host itself, so that this answer looks like every other.
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
    (request, response) => {
      serve(request, response, 'nothing')
    },
  )
  // Node drops header lines beyond this count in silence, and a second Host with them; the byte limit is limit enough.
  server.maxHeadersCount = 0
  server.on('connection', (socket) => {
    pool.add(socket)
  })
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response, 'continue')
  })
  server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
    serve(request, response, 'unknown')
  })
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // A body on its way to an API may take longer than one that is for us; who carries it has a deadline of his own.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && (pool.of(socket as Socket)?.uploading ?? 0) > 0) return
    refuseUnparsed(error, socket, pool.of(socket as Socket)?.busy === 0)
  })
  server.on('connect', (_request: IncomingMessage, socket: Duplex) => {
    socket.on('error', ignore)
    endWith(socket, noTunnel)
  })
  server.once('listening', () => {
    const sweeper = setInterval(() => {
      pool.sweep()
    }, sweepLimits.every).unref()
    server.once('close', () => {
      clearInterval(sweeper)
    })
  })
  return { server, pool }
}

/** Stops accepting, lets requests under way finish within the grace, then ends every connection. */
export async function endService({ server, pool }: HttpService): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => {
      resolve()
    })
  })
  if (pool.busy) await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, httpLimits.grace).unref())])
  pool.endAll()
  await closed
}

const unread = { kind: 'request', authorization: null, json: false, length: 'chunked', extension: undefined } as const

const malformed = new BrokerError('invalid_request', 'This is not an HTTP/1.1 request.')
const noTunnel = new BrokerError('invalid_request', 'CONNECT is not served here.')
const unknownExpectation = new BrokerError('invalid_request', 'Expect nothing but 100-continue.', { status: 417 })
const tooManyPipelined = new BrokerError(
  'slow_down',
  `This connection has ${String(httpLimits.pipelined)} requests that wait for an answer; wait for one, or open another connection.`,
  { retry_after: 1 },
)
const parserErrors: Readonly<Record<string, BrokerError>> = {
  HPE_HEADER_OVERFLOW: new BrokerError(
    'invalid_request',
    `The headers may have at most ${String(httpLimits.headerBytes)} bytes.`,
    { status: 431 },
  ),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new BrokerError('invalid_request', 'The chunk extensions are too long.', {
    status: 413,
  }),
  ERR_HTTP_REQUEST_TIMEOUT: new BrokerError('invalid_request', 'The request took too long to arrive.', { status: 408 }),
}

/** Answers what the parser refused: TLS and HTTP/2 greetings, smuggling, overlong headers, requests that never end. */
function refuseUnparsed(error: NodeJS.ErrnoException, socket: Duplex, idle: boolean): void {
  // Behind a request that still waits for its answer, a refusal would be taken for that answer.
  if (!idle || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  endWith(socket, parserErrors[error.code ?? ''] ?? malformed)
}

function endWith(socket: Duplex, error: BrokerError): void {
  socket.end(rawRefusal(error), () => {
    socket.destroy()
  })
}

function ignore(): void {
  // A peer that resets a connection we are ending has only been quicker.
}
