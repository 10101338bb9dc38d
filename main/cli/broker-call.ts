/**
 * Asking: client-api from the command line. The rule (S9): the client token is written to a connection only after that
 * very connection is known to lead to our broker; whoever else listens receives not one byte that is secret.
 */
import { type ClientApi, clientRoutes, pendingHeaders } from '../contract/client-api.ts'
import { BrokerError, type Candidate, isErrorCode } from '../contract/errors.ts'
import type { EndpointFile } from '../contract/home.ts'
import { type Connection, dial, nameOf, notRunning, type Reply } from './connection.ts'
import { type Address, askingAddress, clientToken, type Environment, pathsOf } from './place.ts'
import { inspectSocket, readEndpointFile } from './trust.ts'

type Argument<Name extends keyof ClientApi> = Parameters<ClientApi[Name]>[0]
export type AnswerOf<Name extends keyof ClientApi> = Awaited<ReturnType<ClientApi[Name]>>

export interface Pending {
  readonly request_id: string
  readonly code: string
}

export interface CallOptions {
  /** Seconds to wait for the answer. */
  readonly wait?: number
  /** Told which question waits for the person, when one does. */
  readonly onPending?: (pending: Pending) => void
}

/** Milliseconds for connecting and for proving who answers. */
const patience = 5_000
/** Seconds an answer may take when the call says nothing else. */
const usualWait = 30

/** One call of client-api as the paired client that `env` names. Throws what the broker refuses with, or `not_running`. */
export async function callBroker<Name extends Exclude<keyof ClientApi, 'hello'>>(
  env: Environment,
  name: Name,
  argument: Argument<Name>,
  options: CallOptions = {},
): Promise<AnswerOf<Name>> {
  const { method, path, open } = clientRoutes[name]
  const connection = await openDoor(askingAddress(env), env)
  try {
    const reply = await connection.ask({
      method,
      target: path.replace('{id}', encodeURIComponent((argument as { readonly id?: string } | undefined)?.id ?? '')),
      ...(!open && { bearer: clientToken(env) }),
      ...(method === 'POST' && { body: argument ?? {} }),
      patience: (options.wait ?? usualWait) * 1000,
      onInformation: (headers) => {
        const request_id = headers.get(pendingHeaders.request)
        const code = headers.get(pendingHeaders.code)
        if (request_id !== undefined && code !== undefined) options.onPending?.({ request_id, code })
      },
    })
    return readAnswer(reply) as AnswerOf<Name>
  } finally {
    connection.close()
  }
}

/** A connection to `address` that is known to lead to our broker. Throws `not_running` when what answers there is not. */
export async function openDoor(address: Address, env: Environment): Promise<Connection> {
  const verdict = address.kind === 'socket' ? inspectSocket(address.path) : undefined
  if (verdict?.kind === 'absent') throw notRunning(nameOf(address))
  if (verdict?.kind === 'ours') return dial(address, patience)
  const endpoint = knownBroker(address, env, verdict)
  const connection = await dial(address, patience)
  try {
    await demandProof(connection, address, endpoint.public_key)
    return connection
  } catch (thrown) {
    connection.close()
    throw thrown
  }
}

/** What the broker left in our own folder about itself, without which a doubtful place stays doubtful. */
function knownBroker(
  address: Address,
  env: Environment,
  verdict: ReturnType<typeof inspectSocket> | undefined,
): EndpointFile {
  const doubt = verdict?.kind === 'doubtful' ? verdict : undefined
  const sentence = `${doubt ? `${doubt.why}, so it` : nameOf(address)} may not lead to your broker. Nothing was sent.`
  const mend = { resolve: { command: doubt?.mend ?? 'valetkey doctor' } }
  let endpoint: EndpointFile | null
  try {
    endpoint = readEndpointFile(pathsOf(env))
  } catch (cause) {
    throw new BrokerError('not_running', sentence, { ...mend, cause })
  }
  if (endpoint === null) throw new BrokerError('not_running', sentence, mend)
  return endpoint
}

/** Throws `not_running` unless what is connected holds the key and serves this address. */
async function demandProof(connection: Connection, address: Address, publicKey: string): Promise<void> {
  const { challenge } = await import('./hello.ts')
  const asked = challenge(nameOf(address), publicKey)
  let proven: boolean
  try {
    const reply = await connection.ask({ method: 'GET', target: asked.target, patience, limit: 4096 })
    proven = reply.status === 200 && asked.isProof(parseBody(reply))
  } catch {
    proven = false
  }
  if (!proven)
    throw new BrokerError(
      'not_running',
      `Something answers at ${nameOf(address)} that is not your broker. Nothing was sent to it.`,
      {
        resolve: { command: 'valetkey doctor' },
      },
    )
}

/** The value of a reply with status 200; throws what any other says. */
export function readAnswer(reply: Reply): unknown {
  const body = parseBody(reply)
  if (reply.status === 200) return body
  throw refusalOf(body, Number(reply.headers.get('retry-after') ?? Number.NaN))
}

function parseBody({ body }: Reply): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)) as unknown
  } catch {
    // No cause: it would quote the answer, and the answer may hold a token.
    throw new BrokerError('server_error', 'The answer is not JSON.', { resolve: { command: 'valetkey doctor' } })
  }
}

/** An error body as the error it describes; `retryAfter` in seconds. Anything else becomes `server_error`. */
export function refusalOf(body: unknown, retryAfter = Number.NaN): BrokerError {
  const { error, error_description, resolve, request_id, candidates } = (body ?? {}) as Readonly<
    Record<string, unknown>
  >
  if (!isErrorCode(error) || typeof error_description !== 'string')
    return new BrokerError('server_error', 'The broker refused without saying why.', {
      resolve: { command: 'valetkey doctor' },
    })
  const hints = Object.entries(resolve ?? {}).filter(([, hint]) => typeof hint === 'string')
  return new BrokerError(error, error_description, {
    ...(hints.length > 0 && { resolve: Object.fromEntries(hints) }),
    ...(typeof request_id === 'string' && { request_id }),
    ...(Array.isArray(candidates) && { candidates: candidates.filter(isCandidate) }),
    ...(Number.isFinite(retryAfter) && { retry_after: retryAfter }),
  })
}

function isCandidate(value: unknown): value is Candidate {
  const { id, label, provider } = (value ?? {}) as Readonly<Record<string, unknown>>
  return typeof id === 'string' && typeof label === 'string' && typeof provider === 'string'
}
