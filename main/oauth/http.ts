/**
 * One HTTP exchange, whole or not at all. The rules: no redirect is followed, no request is repeated, no answer is larger
 * than its limit (before and after decompression), and a failure says the one thing that matters to a rotating refresh
 * token: whether any byte of the request can have reached the server.
 */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate } from 'node:zlib'

export interface HttpRequest {
  readonly url: string
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  /** Bytes of the answer's body that are accepted. */
  readonly max_bytes: number
  /** Milliseconds from the moment the request can have been sent to the last byte of the answer. */
  readonly timeout: number
}

export interface HttpAnswer {
  readonly status: number
  /** By lower-case name; several fields of one name are joined by `, `. */
  readonly headers: Readonly<Record<string, string>>
  /** `null`: larger than the limit, or in an encoding that does not decode. */
  readonly body: string | null
}

/** Throws `HttpFault` and nothing else. */
export type Http = (request: HttpRequest) => Promise<HttpAnswer>

export class HttpFault extends Error {
  /** `false` only when no byte of the request can have left: name resolution, connecting, the TLS handshake. */
  readonly sent: boolean

  constructor(sent: boolean, message: string) {
    super(message)
    this.name = 'HttpFault'
    this.sent = sent
  }
}

/** Milliseconds an idle connection is kept: shorter than any common server's patience, so that few die under a request. */
const IDLE = 4_000
const CONNECT = 15_000

const decoders: Readonly<Record<string, (data: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
}

export interface HttpOptions {
  /** Milliseconds for name resolution, connecting and the TLS handshake; 15 000 unless told. */
  readonly connect?: number
  /** Certificates to trust instead of the system's, PEM. */
  readonly ca?: string
}

/** An `Http` with its own keep-alive connections. */
export function createHttp(options: HttpOptions = {}): Http {
  const agents = {
    'http:': new HttpAgent({ keepAlive: true, timeout: IDLE }),
    'https:': new HttpsAgent({ keepAlive: true, timeout: IDLE, ...(options.ca !== undefined && { ca: options.ca }) }),
  }
  return (wanted) =>
    new Promise((resolve, reject) => {
      let sent = false
      let timer: NodeJS.Timeout | undefined
      const url = new URL(wanted.url)
      const secure = url.protocol === 'https:'
      const body = wanted.body === undefined ? undefined : Buffer.from(wanted.body)
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method: wanted.method,
        agent: agents[secure ? 'https:' : 'http:'],
        headers: {
          'accept-encoding': 'identity',
          ...wanted.headers,
          ...(body && { 'content-length': String(body.length) }),
        },
      })
      const fail = (thrown: unknown): void => {
        clearTimeout(timer)
        request.destroy()
        reject(thrown instanceof HttpFault ? thrown : new HttpFault(sent, describeFault(thrown)))
      }
      const markSent = (): void => {
        sent = true
        clearTimeout(timer)
        timer = setTimeout(() => {
          fail(new HttpFault(true, 'no complete answer in time'))
        }, wanted.timeout)
      }
      timer = setTimeout(() => {
        fail(new HttpFault(false, 'no connection in time'))
      }, options.connect ?? CONNECT)
      whenConnected(request, secure, markSent)
      request.on('error', fail)
      request.on('response', (response) => {
        collect(response, wanted.max_bytes).then((answer) => {
          clearTimeout(timer)
          resolve(answer)
        }, fail)
      })
      request.end(body)
    })
}

/** Calls back once the first byte of the request can leave: with TLS that is after the handshake, certificate included. */
function whenConnected(request: ClientRequest, secure: boolean, callback: () => void): void {
  request.once('socket', (socket) => {
    if (request.reusedSocket) callback()
    else socket.once(secure ? 'secureConnect' : 'connect', callback)
  })
}

/** The whole answer; `null` for a body beyond `limit`, of which no more is read. */
async function collect(response: IncomingMessage, limit: number): Promise<HttpAnswer> {
  const raw = await readBody(response, limit)
  const { headers } = response
  const answer = (body: string | null): HttpAnswer => ({
    status: response.statusCode ?? 0,
    headers: flatten(headers),
    body,
  })
  if (raw === null) return answer(null)
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? 'identity'
  if (encoding === 'identity' || encoding === '' || raw.length === 0) return answer(decodeText(raw))
  const decode = Object.hasOwn(decoders, encoding) ? decoders[encoding] : undefined
  const plain = await decode?.(raw, { maxOutputLength: limit }).catch(() => undefined)
  return answer(plain ? decodeText(plain) : null)
}

function readBody(response: IncomingMessage, limit: number): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    response.on('data', (chunk: Buffer) => {
      size += chunk.length
      chunks.push(chunk)
      if (size <= limit) return
      resolve(null)
      response.destroy()
    })
    response.on('end', () => {
      if (response.complete) resolve(Buffer.concat(chunks))
      else reject(new HttpFault(true, 'the answer was cut off'))
    })
    response.on('error', () => {
      reject(new HttpFault(true, 'the answer was cut off'))
    })
  })
}

function flatten(headers: IncomingHttpHeaders): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]),
  )
}

/** UTF-8 without its byte order mark; what is not UTF-8 shows as replacement characters and fails wherever it matters. */
const decodeText = (bytes: Buffer): string => utf8.decode(bytes)

const utf8 = new TextDecoder()

/** Only the system's own code leaves here: messages of lower layers may quote addresses and certificates of strangers. */
function describeFault(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'the connection failed'
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : thrown.name
  const words: Readonly<Record<string, string>> = {
    ENOTFOUND: 'its name does not resolve',
    EAI_AGAIN: 'its name does not resolve just now',
    ECONNREFUSED: 'it refuses connections',
    ECONNRESET: 'the connection was reset',
    EHOSTUNREACH: 'it cannot be reached from this network',
    ENETUNREACH: 'there is no network',
  }
  return words[code] ?? `the connection failed (${code})`
}
