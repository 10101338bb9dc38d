/**
 * How a program becomes a client. The rule: the person compares the code on both sides, the client token is answered
 * once, and only its hash stays.
 */
import type { PairAnswer, PairRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { Client } from '../contract/model.ts'
import type { Desk } from './desk.ts'
import type { Line } from './doors.ts'
import { hashToken, newClientToken, randomId } from './ids.ts'
import { patience } from './patience.ts'
import type { Secret } from './secret.ts'

/** Asks the person, for as long as the question stays open. Throws `access_denied`, `timeout`, `slow_down`, `locked`. */
export async function pair(desk: Desk, request: PairRequest, line: Line): Promise<PairAnswer> {
  desk.requireGiving()
  const { name, kind } = request
  const { origin } = line
  if (origin !== undefined && kind !== 'extension')
    throw new BrokerError('invalid_request', 'An extension is paired as the kind “extension”.')
  const client = { name, kind, ...(origin !== undefined && { origin }) }
  const ticket = desk.approvals.ask({ kind: 'pair', client, scope: '', right: 'use' })
  line.pending({ request_id: ticket.request_id, code: ticket.code })
  const decision = await patience(desk.ports.clock, ticket.decision, line, Number.MAX_SAFE_INTEGER)
  ticket.leave()
  const outcome = decision === 'gone' || decision === 'late' ? 'expired' : decision.kind
  desk.note({ action: 'pair', outcome, detail: name })
  if (outcome === 'denied')
    throw new BrokerError('access_denied', 'The person said no.', { request_id: ticket.request_id })
  if (outcome === 'expired')
    throw new BrokerError('timeout', 'Nobody approved the pairing in time.', { request_id: ticket.request_id })
  const id = randomId(desk.ports.randomness)
  const token = await enrol(desk, { id, ...client }, request.public_key)
  return { client_id: id, client_token: token.reveal() }
}

/**
 * The command line's own pairing, with the person who starts the host as witness. `known` is the token it already holds;
 * the answer is that one if it still opens the door, else a new one to write down.
 */
export async function adoptCommandLine(desk: Desk, known: Secret | undefined): Promise<Secret> {
  if (known && desk.clientsByHash.has(hashToken(known.reveal()))) return known
  return enrol(desk, { id: 'cli', name: 'cli', kind: 'cli' })
}

async function enrol(desk: Desk, asked: Omit<Client, 'paired_at'>, publicKey?: string): Promise<Secret> {
  const token = newClientToken(desk.ports.randomness)
  const client = {
    ...asked,
    paired_at: desk.seconds(),
    token_hash: hashToken(token.reveal()),
    ...(publicKey !== undefined && { public_key: publicKey }),
  }
  await desk.ports.vault.saveClient(client)
  desk.keepClient(client)
  desk.changed()
  return token
}
