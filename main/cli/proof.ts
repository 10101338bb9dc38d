/**
 * Connections to places that prove nothing by themselves. The rule (S9): the key to expect comes from our own folder, the
 * proof is made on the very connection that is used afterwards, and until it is made nothing secret is written there.
 * Loaded only for such places.
 */
import { BrokerError } from '../contract/errors.ts'
import type { EndpointFile } from '../contract/home.ts'
import { type Connection, dial, nameOf } from './connection.ts'
import { readEndpointFile } from './endpoint-file.ts'
import { challenge } from './hello.ts'
import { type Address, type Environment, pathsOf } from './place.ts'
import { parseBody } from './reply.ts'
import type { Verdict } from './trust.ts'

/**
 * Connects to `address` within `patience` milliseconds and has whoever answers prove to be our broker; `verdict` is what
 * was found wrong with the place, if it is a socket. Throws `not_running` for a stranger.
 */
export async function dialProven(
  address: Address,
  env: Environment,
  verdict: Verdict | undefined,
  patience: number,
): Promise<Connection> {
  const endpoint = knownBroker(address, env, verdict)
  const connection = await dial(address, patience)
  try {
    await demandProof(connection, address, endpoint.public_key, patience)
    return connection
  } catch (thrown) {
    connection.close()
    throw thrown
  }
}

/** What the broker left in our own folder about itself, without which a doubtful place stays doubtful. */
function knownBroker(address: Address, env: Environment, verdict: Verdict | undefined): EndpointFile {
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
async function demandProof(
  connection: Connection,
  address: Address,
  publicKey: string,
  patience: number,
): Promise<void> {
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
