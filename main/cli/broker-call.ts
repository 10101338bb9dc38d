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
  const { dialProven } = await import('./proof.ts')
  return dialProven(address, env, verdict, patience)
}
