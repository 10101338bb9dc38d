/**
 * `session`: one client, many short-lived processes. The rule: the command gets a client token of its own instead of ours,
 * in its environment and nowhere else; it ends with the command, and our token and key stay here.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { BrokerError } from '../../contract/errors.ts'
import type { Right } from '../../contract/model.ts'
import { callBroker } from '../broker-call.ts'
import type { Session } from './session.ts'

export interface ClientSessionOptions {
  readonly right: Right
  readonly lifetime?: number
  readonly as?: string
}

/** Signals that are the command's to take. A terminal sends SIGINT to it by itself. */
const passedOn = ['SIGTERM', 'SIGHUP'] as const

/** Runs the command to its end; gives its exit status, 128 and the signal's number where a signal ended it. */
export async function runClientSession(
  { env }: Session,
  name: string,
  [command = '', ...words]: readonly string[],
  { right, lifetime, as }: ClientSessionOptions,
): Promise<number> {
  if (as !== undefined && (env['VALETKEY_CLIENT_TOKEN'] ?? '') === '')
    throw new BrokerError('pairing_required', `To run it as ${as}, put its client token into VALETKEY_CLIENT_TOKEN.`, {
      resolve: { command: 'valetkey pair NAME --kind agent' },
    })
  const { session_id, client_token } = await callBroker(env, 'startSession', {
    name,
    right,
    ...(lifetime !== undefined && { lifetime }),
  })
  const { VALETKEY_CLIENT_KEY: _ours, ...rest } = env
  try {
    return await runToEnd(command, words, {
      ...rest,
      VALETKEY_CLIENT_TOKEN: client_token,
      VALETKEY_SESSION: session_id,
    })
  } finally {
    // It ends by itself as well, should the broker not hear us.
    await callBroker(env, 'endSession', { id: session_id }).catch(() => undefined)
  }
}

function runToEnd(command: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, words, { stdio: 'inherit', env })
    const listeners = [
      ['SIGINT', (): void => undefined] as const,
      ...passedOn.map((signal) => [signal, (): void => void child.kill(signal)] as const),
    ]
    for (const [signal, listener] of listeners) process.on(signal, listener)
    const end = (): void => {
      for (const [signal, listener] of listeners) process.off(signal, listener)
    }
    child.once('error', (cause) => {
      end()
      reject(new BrokerError('invalid_request', `Cannot run ${command}.`, { cause }))
    })
    child.once('close', (code, signal) => {
      end()
      resolve(code ?? 128 + (signal ? constants.signals[signal] : 0))
    })
  })
}
