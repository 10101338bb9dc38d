/**
 * One request to an API. The rules: it goes to the address it was aimed at, over a connection that has proved to be that
 * host's when it is https; no redirect is followed; every wait has an end; and when whoever it is for has gone, it is gone
 * too. What went wrong is said in words of ours, because those of lower layers may quote anything.
 */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
  type RequestOptions,
} from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { BrokerError } from '../contract/errors.ts'
import type { Aim } from './proxy-target.ts'

/** Milliseconds: to a connection; without a byte in either direction; and how long an idle connection is kept. */
const upstreamLimits = { connect: 15_000, silence: 300_000, idle: 4_000, headerBytes: 32_768 } as const

interface UpstreamRequest {
  readonly aim: Aim
  readonly method: string
  /** Name, value, ...; all that is sent. */
  readonly headers: string[]
  /** The whole of it, or where it comes from. */
  readonly body: Buffer | IncomingMessage
  /** Whether it does no harm when it is sent again. */
  readonly repeatable: boolean
  readonly signal: AbortSignal
}

/** Sends a request and answers the head of the answer, its body still to be read. Throws `BrokerError`. */
export type Upstream = (request: UpstreamRequest) => Promise<IncomingMessage>

/** With its own kept connections. */
export function createUpstream(): Upstream {
  const options = { keepAlive: true, timeout: upstreamLimits.idle }
  const agents = { plain: new HttpAgent(options), secure: new HttpsAgent(options) }
  return async (wanted) => {
    try {
      return await send(agents, wanted)
    } catch (thrown) {
      // The server ended a kept connection just as it was used again (RFC 9112 section 9.3.1).
      if (!(thrown instanceof StaleConnection)) throw thrown
      return await send(agents, { ...wanted, repeatable: false })
    }
  }
}

class StaleConnection extends Error {}

interface Agents {
  readonly plain: HttpAgent
  readonly secure: HttpsAgent
}

function send(agents: Agents, wanted: UpstreamRequest): Promise<IncomingMessage> {
  const { aim, body, signal } = wanted
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(gone)
      return
    }
    const options: RequestOptions = {
      ...{ method: wanted.method, host: aim.hostname, port: aim.port, path: aim.path, headers: wanted.headers },
      maxHeaderSize: upstreamLimits.headerBytes,
      agent: aim.secure ? agents.secure : agents.plain,
    }
    const request = aim.secure ? httpsRequest(options) : httpRequest(options)
    const late = setTimeout(() => {
      request.destroy(tooLate('took too long to connect'))
    }, upstreamLimits.connect)
    whenConnected(request, aim.secure, () => {
      clearTimeout(late)
    })
    request.setTimeout(upstreamLimits.silence)
    request.on('timeout', () => {
      // Until it is connected the agent's patience counts, which is for idle connections; `late` is for this one.
      if (request.socket?.connecting !== true) request.destroy(tooLate('has been silent for too long'))
    })
    const abort = (): void => {
      request.destroy(gone)
    }
    signal.addEventListener('abort', abort, { once: true })
    request.once('close', () => {
      clearTimeout(late)
      signal.removeEventListener('abort', abort)
    })
    let answered = false
    request.on('error', (thrown: NodeJS.ErrnoException) => {
      const stale =
        wanted.repeatable && request.reusedSocket && !answered && /^E(?:CONNRESET|PIPE)$/u.test(thrown.code ?? '')
      reject(stale ? new StaleConnection() : faultOf(thrown))
    })
    request.once('upgrade', (_answer, socket) => {
      socket.destroy()
      reject(new BrokerError('provider_error', 'The API wants to speak another protocol.'))
    })
    request.once('response', (answer) => {
      answered = true
      resolve(answer)
    })
    if (Buffer.isBuffer(body)) request.end(body)
    else pour(body, request)
  })
}

/** The body as it comes, no faster than it is taken. A sender that goes takes the request with it. */
function pour(body: IncomingMessage, request: ClientRequest): void {
  body.once('close', () => {
    if (!body.complete) request.destroy(gone)
  })
  body.pipe(request)
}

function whenConnected(request: ClientRequest, secure: boolean, callback: () => void): void {
  request.once('socket', (socket) => {
    if (request.reusedSocket) callback()
    else socket.once(secure ? 'secureConnect' : 'connect', callback)
  })
}

/** Whoever asked does not wait any more. */
const gone = new BrokerError('timeout', 'The program that asked has gone.')

const tooLate = (what: string): BrokerError => new BrokerError('timeout', `The API ${what}.`)

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve just now',
  ECONNREFUSED: 'it refuses connections',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was reset',
  EHOSTUNREACH: 'it cannot be reached from this network',
  ENETUNREACH: 'there is no network',
}

/** What stopped a request, in our words. */
function faultOf(thrown: NodeJS.ErrnoException): BrokerError {
  if (thrown instanceof BrokerError) return thrown
  const { code = '' } = thrown
  const reason = reasons[code]
  if (reason !== undefined)
    return new BrokerError('temporarily_unavailable', `The API cannot be reached: ${reason}.`, { retry_after: 5 })
  if (code === 'HPE_HEADER_OVERFLOW')
    return new BrokerError('provider_error', 'The head of the API’s answer is too large.')
  if (code.startsWith('HPE_')) return new BrokerError('provider_error', 'The API’s answer is not HTTP.')
  if (/CERT|SIGNATURE|SSL|TLS|ALTNAME/u.test(code))
    return new BrokerError('provider_error', 'The API has not proved to be the host it is meant to be.')
  return new BrokerError(
    'provider_error',
    `The connection to the API failed (${/^\w{1,40}$/u.test(code) ? code : 'unknown'}).`,
  )
}
