/**
 * The transport for Node: HTTP over the broker's socket, pipe or loopback port, with connections kept open. The rule
 * (S9): every new connection is known to lead to our broker, by its place or by a proof made on that very connection,
 * before the first request goes over it.
 */
import { Agent, request as httpRequest, type AgentOptions, type ClientRequest, type IncomingMessage } from 'node:http'
import { connect as connectSocket, type NetConnectOpts, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Transport, WireRequest, WireResponse } from './client.ts'
import { ValetkeyError } from './error.ts'
import { createChallenge } from './identity.ts'
import { type Address, isOurs, notRunning } from './place.ts'

/** Milliseconds for connecting and proving, and between two tries; bytes an answer may have. */
const patience = 5_000
const pause = 10
const limit = 1_048_576

/** `publicKey` is asked for only when the place alone proves nothing; `null` when no key is known. */
export function createNodeTransport(address: Address, publicKey: () => string | null): Transport {
  const agent = new ProvenAgent(address, publicKey)
  return {
    send: (request) => send(agent, address, request),
    close: () => {
      agent.destroy()
    },
  }
}

const nameOf = (address: Address): string => (address.kind === 'tcp' ? address.name : address.path)
const hostOf = (address: Address): string => (address.kind === 'tcp' ? address.name : 'localhost')

type Connected = (error: Error | null, socket: Duplex) => void

class ProvenAgent extends Agent {
  readonly #address: Address
  readonly #publicKey: () => string | null

  constructor(address: Address, publicKey: () => string | null) {
    const options: AgentOptions = { keepAlive: true, maxSockets: 32, maxFreeSockets: 4, scheduling: 'lifo' }
    super(options)
    this.#address = address
    this.#publicKey = publicKey
  }

  override createConnection(_options: unknown, connected?: Connected): undefined {
    openProven(this.#address, this.#publicKey).then(
      (socket) => connected?.(null, socket),
      (thrown: unknown) => {
        // Agents hand on either a socket or an error; the type of this callback does not say so.
        ;(connected as ((error: unknown) => void) | undefined)?.(thrown)
      },
    )
  }
}

async function openProven(address: Address, publicKey: () => string | null): Promise<Socket> {
  const known = address.kind === 'socket' && isOurs(address.path)
  const key = known ? null : publicKey()
  const socket = await open(address, !known && key === null)
  if (known) return socket
  try {
    await demandProof(socket, address, key ?? '')
    return socket
  } catch (thrown) {
    socket.destroy()
    throw thrown
  }
}

/** Connects; with `unprovable` only to learn whether anything is there at all, to give the better of two errors. */
async function open(address: Address, unprovable: boolean): Promise<Socket> {
  const giveUp = Date.now() + patience
  for (;;) {
    try {
      const socket = await connectOnce(address, Math.max(1, giveUp - Date.now()))
      if (!unprovable) return socket
      socket.destroy()
      throw stranger(address)
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      if (thrown instanceof ValetkeyError) throw thrown
      if (code === 'EACCES')
        throw new ValetkeyError('access_denied', `${nameOf(address)} belongs to another user.`, { cause: thrown })
      // A full accept queue is a moment's matter.
      if (code !== 'EAGAIN' || Date.now() + pause >= giveUp) throw notRunning(nameOf(address), thrown)
      await new Promise((resolve) => setTimeout(resolve, pause))
    }
  }
}

function connectOnce(address: Address, most: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const target: NetConnectOpts =
      address.kind === 'tcp' ? { port: address.port, host: '127.0.0.1' } : { path: address.path }
    const socket = connectSocket(target)
    const late = setTimeout(() => {
      socket.destroy(new Error('no answer'))
    }, most)
    socket.once('error', (cause) => {
      clearTimeout(late)
      reject(cause)
    })
    socket.once('connect', () => {
      clearTimeout(late)
      resolve(socket)
    })
  })
}

function stranger(address: Address): ValetkeyError {
  return new ValetkeyError(
    'not_running',
    `What answers at ${nameOf(address)} cannot prove to be your broker. Nothing was sent to it.`,
    {
      resolve: { command: 'valetkey doctor' },
    },
  )
}

/** Throws `not_running` unless whoever is connected holds the key and serves this address. */
async function demandProof(socket: Socket, address: Address, publicKey: string): Promise<void> {
  const challenge = createChallenge(nameOf(address), publicKey)
  const request = httpRequest({
    createConnection: () => socket,
    path: challenge.target,
    // Without this Node ends a connection that no agent owns.
    headers: { host: hostOf(address), connection: 'keep-alive' },
    signal: AbortSignal.timeout(patience),
  })
  request.end()
  const proven = await readAnswer(request, 4096).then(
    ({ status, body }) => status === 200 && challenge.isProof(body),
    () => false,
  )
  if (!proven) throw stranger(address)
}

async function send(agent: Agent, address: Address, wire: WireRequest): Promise<WireResponse> {
  const { method, path, authorization, argument, signal, onPending } = wire
  const body = argument === undefined ? undefined : JSON.stringify(argument)
  const request = httpRequest({
    agent,
    method,
    path,
    headers: {
      host: hostOf(address),
      ...(authorization !== undefined && { authorization }),
      ...(body !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    },
    ...(signal && { signal }),
  })
  request.on('information', ({ statusCode, headers }) => {
    const requestId = headers['valetkey-request']
    const code = headers['valetkey-code']
    if (statusCode === 103 && typeof requestId === 'string' && typeof code === 'string')
      onPending?.({ requestId, code })
  })
  request.end(body)
  try {
    const { status, body: answer, retryAfter } = await readAnswer(request, limit)
    return { ok: status === 200, answer: parse(answer), retryAfter }
  } catch (cause) {
    if (cause instanceof ValetkeyError) throw cause
    if (signal?.aborted) throw signal.reason instanceof Error ? signal.reason : cause
    throw new ValetkeyError('not_running', 'The broker ended before it answered.', {
      cause,
      resolve: { command: 'valetkey daemon' },
    })
  }
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    // No cause: it would quote the answer, and the answer may hold a token.
    throw new ValetkeyError('server_error', 'The broker did not answer in JSON.')
  }
}

interface Answer {
  readonly status: number
  readonly body: string
  readonly retryAfter: string | null
}

function readAnswer(request: ClientRequest, most: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    request.once('error', reject)
    request.once('response', (response: IncomingMessage) => {
      const parts: Buffer[] = []
      let size = 0
      response.on('data', (chunk: Buffer) => {
        size += chunk.length
        if (size > most) response.destroy(new ValetkeyError('server_error', 'The answer is too long.'))
        else parts.push(chunk)
      })
      response.once('error', reject)
      response.once('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          body: Buffer.concat(parts).toString('utf8'),
          retryAfter: response.headers['retry-after'] ?? null,
        })
      })
    })
  })
}
