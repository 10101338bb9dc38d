/**
 * Who an agent's server asks as: a paired client of kind `agent`, named as the agent names itself. The rule: the person
 * pairs it once, with the code it shows; its client token is kept in a file of theirs alone, and a no is not asked over.
 */
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { asBrokerError, BrokerError } from '../../contract/errors.ts'
import { callBroker, type Pending } from '../broker-call.ts'
import { type Environment, pathsOf } from '../place.ts'
import { readPrivateFile } from '../trust.ts'
import { writeWhole } from '../whole-file.ts'

export interface Identity {
  /** The environment to ask in. Throws `pairing_required`, with what the person can do, until they have. */
  ready(): Promise<Environment>
  /** The broker does not know this client's token any more. */
  refused(): void
}

/** Seconds a pairing waits; the broker gives up before. Milliseconds until its code is there. */
const pairingWait = 660
const codeWait = 5_000

/** How an agent reached us. One that came over HTTP may be shut in, and must not pass for one that this machine started. */
export type Way = 'stdio' | 'http'

/** The client that `env` names, or else the one paired under `name`; `tell` shows the person the question it takes. */
export function identify(env: Environment, way: Way, name: string, tell: (pending: Pending) => void): Identity {
  if ((env['VALETKEY_CLIENT_TOKEN'] ?? '') !== '')
    return { ready: () => Promise.resolve(env), refused: () => undefined }
  const file = tokenFile(env, way, name)
  let token: string | undefined
  let pairing: Pairing | undefined
  const keep = (given: string): void => {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeWhole(file, `${given}\n`, 0o600)
    token = given
    pairing = undefined
  }
  return {
    ready: async () => {
      token ??= readPrivateFile(file)?.trim()
      if (token === undefined) {
        pairing ??= startPairing(env, name, tell, keep)
        const standing = await pairing.standing()
        if (standing.kind === 'waiting') throw unpaired(name, standing.pending)
        if (standing.kind === 'failed') {
          // A no stands for as long as this process runs; whatever else went wrong may go right the next time.
          if (standing.error.code !== 'access_denied' || standing.error.request_id === undefined) pairing = undefined
          throw standing.error
        }
      }
      if (token === undefined) throw unpaired(name)
      return { ...env, VALETKEY_CLIENT_TOKEN: token }
    },
    refused: () => {
      token = undefined
      rmSync(file, { force: true })
    },
  }
}

function unpaired(name: string, pending?: Pending): BrokerError {
  const sentence = `The person has to let ${JSON.stringify(name)} in once: they compare the code and approve. Then call again.`
  if (!pending) return new BrokerError('pairing_required', sentence, { resolve: { command: 'valetkey requests' } })
  const { request_id, code } = pending
  const resolve = { command: `valetkey approve ${request_id}`, code }
  return new BrokerError('pairing_required', sentence, { request_id, resolve })
}

type Standing =
  | { readonly kind: 'waiting'; readonly pending?: Pending }
  | { readonly kind: 'paired' }
  | { readonly kind: 'failed'; readonly error: BrokerError }

interface Pairing {
  /** How it stands: at once when its code is known or it has ended, else after a moment. */
  standing(): Promise<Standing>
}

/** `keep` is given the client token as soon as there is one, whoever still asks. */
function startPairing(
  env: Environment,
  name: string,
  tell: (pending: Pending) => void,
  keep: (token: string) => void,
): Pairing {
  let now: Standing = { kind: 'waiting' }
  const known = Promise.withResolvers<undefined>()
  const stand = (standing: Standing): void => {
    now = standing
    known.resolve(undefined)
  }
  const onPending = (pending: Pending): void => {
    tell(pending)
    stand({ kind: 'waiting', pending })
  }
  callBroker(env, 'pair', { name, kind: 'agent' }, { wait: pairingWait, onPending })
    .then(({ client_token }) => {
      keep(client_token)
      stand({ kind: 'paired' })
    })
    .catch((thrown: unknown) => {
      stand({ kind: 'failed', error: asBrokerError(thrown) })
    })
  return {
    standing: async () => {
      const timer = setTimeout(() => {
        known.resolve(undefined)
      }, codeWait)
      await known.promise
      clearTimeout(timer)
      return now
    },
  }
}

/** One file per name; the digest tells names apart that only look alike as a file's. */
function tokenFile(env: Environment, way: Way, name: string): string {
  const word = name
    .toLowerCase()
    .replaceAll(/[^a-z\d]+/gu, '-')
    .slice(0, 32)
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 16)
  return join(pathsOf(env).clients, `mcp-${way}-${word}-${digest}.token`)
}
