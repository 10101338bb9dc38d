/**
 * One message from an extension, relayed to the broker. The rule: stateless; the extension's own client token or none,
 * never the command line's; every message gets one last answer with its id, whatever happens.
 */
import { callBroker } from '../cli/broker-call.ts'
import type { Environment } from '../cli/place.ts'
import { clientCalls, clientRoutes } from '../contract/client-api.ts'
import { asBrokerError, BrokerError } from '../contract/errors.ts'

/** What an extension sends: `{id, call, argument?, client_token?}` with the names of client-api. */
type Relayed = Exclude<keyof typeof clientCalls, 'hello'>

/** What it gets: `{id, value}` or `{id, error}`, before which `{id, pending}` may come while the person is asked. */
export type Send = (answer: Readonly<Record<string, unknown>>) => void

/** Seconds a call may wait for the person, beyond what it asks for itself. */
const PATIENCE = 660

/** `caller`: for whom, as the person is told. Never rejects. */
export async function relay(message: unknown, env: Environment, send: Send, caller?: string): Promise<void> {
  const { id, call, argument, client_token } = (message ?? {}) as Readonly<Record<string, unknown>>
  const known = typeof id === 'string' || typeof id === 'number' ? { id } : {}
  try {
    const value = await callBroker(tokenOnly(env, call, client_token), nameOf(call), checked(call, argument) as never, {
      wait: PATIENCE,
      ...(caller !== undefined && { caller }),
      onPending: (pending) => {
        send({ ...known, pending })
      },
    })
    send({ ...known, value })
  } catch (thrown) {
    send({ ...known, error: asBrokerError(thrown).toBody() })
  }
}

function nameOf(call: unknown): Relayed {
  if (typeof call === 'string' && call !== 'hello' && Object.hasOwn(clientCalls, call)) return call as Relayed
  const names = Object.keys(clientCalls).filter((name) => name !== 'hello')
  throw new BrokerError('invalid_request', `A message needs a call: ${names.join(', ')}.`)
}

const checked = (call: unknown, argument: unknown): unknown => clientCalls[nameOf(call)](argument, 'argument')

/** The environment with the extension's token in the place of any other. Throws `invalid_client` where one is needed. */
function tokenOnly(env: Environment, call: unknown, token: unknown): Environment {
  if (clientRoutes[nameOf(call)].open) return env
  // A key in the browser's environment is some other program's.
  if (typeof token === 'string' && token !== '')
    return { ...env, VALETKEY_CLIENT_TOKEN: token, VALETKEY_CLIENT_KEY: undefined }
  throw new BrokerError('invalid_client', 'A message needs the client token that pairing gave this extension.', {
    resolve: { command: 'pair' },
  })
}
