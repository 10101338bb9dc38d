/**
 * Asking: client-api from the command line. The rule (S9): the client token is written to a connection only after that
 * very connection is known to lead to our broker; whoever else listens receives not one byte that is secret.
 */
import { type ClientApi, clientRoutes, pendingHeaders } from '../contract/client-api.ts'
import { type Connection, dial, nameOf, notRunning } from './connection.ts'
import { type Address, askingAddress, clientToken, type Environment } from './place.ts'
import { readAnswer } from './reply.ts'
import { inspectSocket } from './trust.ts'

type Argument<Name extends keyof ClientApi> = Parameters<ClientApi[Name]>[0]
export type AnswerOf<Name extends keyof ClientApi> = Awaited<ReturnType<ClientApi[Name]>>

export interface Pending {
  readonly request_id: string
  readonly code: string
}

export interface CallOptions {
  /** Seconds to wait for the answer. */
  readonly wait?: number
  /** For whom we ask, where we only carry: visible ASCII on one line. */
  readonly caller?: string
  /** Told which question waits for the person, when one does. */
  readonly onPending?: (pending: Pending) => void
}

/** Milliseconds for connecting and for proving who answers. */
const patience = 5_000
/** Seconds an answer may take when the call says nothing else. */
const usualWait = 30

/** The value of `Valetkey-Proof` for a request, where the program has a key; every request of it wants one. */
export async function proofFor(
  env: Environment,
  request: { readonly method: string; readonly target: string; readonly address: string },
  bearer: string | undefined,
): Promise<string | undefined> {
  const keyFile = env['VALETKEY_CLIENT_KEY'] ?? ''
  return keyFile === '' ? undefined : (await import('./client-key.ts')).sign(keyFile, request, bearer)
}

/** One call of client-api as the paired client that `env` names. Throws what the broker refuses with, or `not_running`. */
export async function callBroker<Name extends Exclude<keyof ClientApi, 'hello'>>(
  env: Environment,
  name: Name,
  argument: Argument<Name>,
  options: CallOptions = {},
): Promise<AnswerOf<Name>> {
  const { method, path, open } = clientRoutes[name]
  const address = askingAddress(env)
  const connection = await openDoor(address, env)
  try {
    const target = method === 'GET' ? targetOf(path, argument) : path
    const bearer = open ? undefined : clientToken(env)
    const signs = !open || (argument as { readonly public_key?: string }).public_key !== undefined
    const proof = signs ? await proofFor(env, { method, target, address: nameOf(address) }, bearer) : undefined
    const reply = await connection.ask({
      method,
      target,
      ...(bearer !== undefined && { bearer }),
      ...(options.caller !== undefined && { caller: options.caller }),
      ...(proof !== undefined && { proof }),
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

/** The path with the question's id in its place, and how long to wait for its answer. */
function targetOf(path: string, argument: unknown): string {
  const { id = '', wait } = (argument ?? {}) as { readonly id?: string; readonly wait?: number }
  const target = path.replace('{id}', encodeURIComponent(id))
  return wait === undefined ? target : `${target}?wait=${String(wait)}`
}

/** A connection to `address` that is known to lead to our broker. Throws `not_running` when what answers there is not. */
export async function openDoor(address: Address, env: Environment): Promise<Connection> {
  const verdict = address.kind === 'socket' ? inspectSocket(address.path) : undefined
  if (verdict?.kind === 'absent') throw notRunning(nameOf(address))
  if (verdict?.kind === 'ours') return dial(address, patience)
  const { dialProven } = await import('./proof.ts')
  return dialProven(address, env, verdict, patience)
}
