/**
 * How a program becomes a client. The rule: the person compares the code on both sides, the client token is answered
 * once, and only its hash stays; a name proves nothing, so what was allowed to one program goes over to another of its
 * name only if that holds the same key.
 */
import type { PairAnswer, PairRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { Client, Namesake } from '../contract/model.ts'
import type { Desk } from './desk.ts'
import type { Line } from './doors.ts'
import { hashToken, newClientToken, randomId } from './ids.ts'
import { patience } from './patience.ts'
import { identify } from './peers.ts'
import type { ClientRecord } from './ports.ts'
import type { Secret } from './secret.ts'

/** Asks the person, for as long as the question stays open. Throws `access_denied`, `timeout`, `slow_down`, `locked`. */
export async function pair(desk: Desk, request: PairRequest, line: Line): Promise<PairAnswer> {
  desk.requireGiving()
  const { name, kind } = request
  const { origin } = line
  if (origin !== undefined && kind !== 'extension')
    throw new BrokerError('invalid_request', 'An extension is paired as the kind “extension”.')
  const client = { name, kind, ...(origin !== undefined && { origin }) }
  const before = findNamesake(desk, request)
  const ticket = desk.approvals.ask({
    kind: 'pair',
    client,
    scope: '',
    right: 'use',
    ...(before && { namesake: before.namesake }),
  })
  void identify(desk, ticket, line)
  line.pending({ request_id: ticket.request_id, code: ticket.code })
  const decision = await patience(desk.ports.clock, ticket.decision, line, Number.MAX_SAFE_INTEGER)
  ticket.leave()
  const outcome = decision === 'gone' || decision === 'late' ? 'expired' : decision.kind
  const changed = before?.namesake === 'key-changed' ? ' (another key than the program paired under this name)' : ''
  desk.note({ action: 'pair', outcome, detail: `${name}${changed}` })
  if (outcome === 'denied')
    throw new BrokerError('access_denied', 'The person said no.', { request_id: ticket.request_id })
  if (outcome === 'expired')
    throw new BrokerError('timeout', 'Nobody approved the pairing in time.', { request_id: ticket.request_id })
  // As it is now: the person may have removed it while they were asked.
  const same = before?.namesake === 'same-key' ? desk.clients.get(before.client.id) : undefined
  const id = same?.id ?? randomId(desk.ports.randomness)
  desk.sessions.endAll(id)
  const token = await enrol(desk, { id, ...client }, request.public_key, same?.choices)
  return { client_id: id, client_token: token.reveal() }
}

/** What the clients there are have to do with a pairing. The caller has proved that it holds the key it names. */
function findNamesake(
  desk: Desk,
  { name, kind, public_key }: PairRequest,
): { readonly namesake: Namesake; readonly client: ClientRecord } | undefined {
  const known = [...desk.clients.values()].filter((client) => looksLike(client.name) === looksLike(name))
  const same = known.find(
    (client) => client.name === name && client.kind === kind && client.public_key === (public_key ?? ''),
  )
  if (same) return { namesake: 'same-key', client: same }
  const keyed = known.find((client) => client.public_key !== undefined)
  if (keyed) return { namesake: 'key-changed', client: keyed }
  return known[0] && { namesake: 'same-name', client: known[0] }
}

/** Names that a person would take for the same. */
const looksLike = (name: string): string =>
  name
    .normalize('NFKC')
    .replaceAll(/[\s_.-]/gu, '')
    .toLowerCase()

/**
 * The command line's own pairing, with the person who starts the host as witness. `known` is the token it already holds;
 * the answer is that one if it still opens the door, else a new one to write down.
 */
export async function adoptCommandLine(desk: Desk, known: Secret | undefined): Promise<Secret> {
  if (known && desk.clientsByHash.has(hashToken(known.reveal()))) return known
  return enrol(desk, { id: 'cli', name: 'cli', kind: 'cli' })
}

async function enrol(
  desk: Desk,
  asked: Pick<Client, 'id' | 'name' | 'kind' | 'origin'>,
  publicKey?: string,
  choices?: ClientRecord['choices'],
): Promise<Secret> {
  const token = newClientToken(desk.ports.randomness)
  const client = {
    ...asked,
    paired_at: desk.seconds(),
    token_hash: hashToken(token.reveal()),
    ...(publicKey !== undefined && { public_key: publicKey }),
    ...(choices && { choices }),
  }
  await desk.ports.vault.saveClient(client)
  desk.keepClient(client)
  desk.changed()
  return token
}
