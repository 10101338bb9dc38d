/**
 * Deciding: window-api from a terminal, over the control socket. The rule: the same proof of who answers as for asking,
 * because a passphrase and a client secret go this way; and no credential, because being able to open this socket at all
 * is the person's own.
 */
import { type WindowApi, windowPath, type WindowResult } from '../contract/window-api.ts'
import { BrokerError } from '../contract/errors.ts'
import { openDoor } from './broker-call.ts'
import { type Environment, pathsOf } from './place.ts'
import { readAnswer, refusalOf } from './reply.ts'

type Argument<Name extends keyof WindowApi> = Parameters<WindowApi[Name]>[0]
export type ValueOf<Name extends keyof WindowApi> = Awaited<ReturnType<WindowApi[Name]>>

/** Seconds a call may take that waits for a provider (revocation) at most. */
const usualWait = 60
/** Bytes a snapshot of some thousands of accounts and consents may have. */
const limit = 33_554_432

/** One call of window-api. `wait` in seconds. Throws what the broker refuses with, or `not_running`. */
export async function callControl<Name extends keyof WindowApi>(
  env: Environment,
  name: Name,
  argument?: Argument<Name>,
  wait = usualWait,
): Promise<ValueOf<Name>> {
  const connection = await openDoor({ kind: 'socket', path: pathsOf(env).control }, env)
  try {
    const reply = await connection.ask({
      method: 'POST',
      target: `${windowPath}/${name}`,
      body: argument ?? {},
      patience: wait * 1000,
      limit,
    })
    const result = readAnswer(reply) as WindowResult<ValueOf<Name>> | null
    if (result?.ok === true) return result.value
    throw result?.ok === false
      ? refusalOf(result.error)
      : new BrokerError('server_error', 'The broker answered with something unexpected.')
  } finally {
    connection.close()
  }
}
