/**
 * What a client is told without a token changing hands: its accounts, its questions, how things stand, and a session of
 * its own. The rule (R6): listing is a privilege, so a client hears of what it has a consent for and of nothing else.
 */
import type {
  AccountsAnswer,
  RequestAnswer,
  SessionAnswer,
  SessionRequest,
  StatusAnswer,
} from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import { known, liveGrants } from './consent.ts'
import type { Desk } from './desk.ts'
import type { Line } from './doors.ts'
import { isLive, scopeSet } from './grants.ts'
import { patience } from './patience.ts'
import type { ClientRecord, Connection } from './ports.ts'

/** The accounts it has a consent for, and where their tokens may be sent. */
export async function accountsOf(desk: Desk, client: ClientRecord): Promise<AccountsAnswer> {
  await desk.load()
  const listed = known(desk, client, desk.accounts.all()).map(async (record) => {
    const grants = liveGrants(desk, client, record)
    const { id, label, provider, state, scope } = desk.view(record)
    const whole = grants.some((grant) => grant.scope === '')
    const held = new Set(grants.flatMap((grant) => [...scopeSet(grant.scope)]))
    const mayRead = client.session?.right !== 'use' && !record.use_only
    const reads = mayRead && grants.some((grant) => grant.right === 'read')
    const rights = reads ? (['use', 'read'] as const) : (['use'] as const)
    const account = { id, label, provider, state, scope: whole ? scope : [...held].join(' '), rights }
    return { ...account, ...placesOf(await desk.tokens.connection(id)) }
  })
  return { accounts: await Promise.all(listed) }
}

/** What became of a question of its own. `wait`: seconds to wait for the person. Throws `not_found`. */
export async function requestOf(
  desk: Desk,
  client: ClientRecord,
  id: string,
  wait = 0,
  line?: Line,
): Promise<RequestAnswer> {
  const { approvals, ports } = desk
  if (wait > 0) await patience(ports.clock, approvals.ended(client.id, id), line, ports.clock.monotonic() + wait * 1000)
  const request = approvals.of(client.id, id)
  if (!request) throw new BrokerError('not_found', 'No such request of yours is known.')
  const { kind, state, right, scope, code = '', expires_at } = request
  return { id, kind, state, right, scope, code, expires_at }
}

/** A client token for its subprocesses. Throws `consent_required` for more than it may itself, and as `Sessions.start`. */
export async function startSession(desk: Desk, client: ClientRecord, request: SessionRequest): Promise<SessionAnswer> {
  await desk.load()
  desk.requireGiving()
  const isReader = (): boolean =>
    desk.grants
      .all()
      .some((grant) => grant.client_id === client.id && grant.right === 'read' && isLive(grant, desk.seconds()))
  if (request.right === 'read' && !client.session && !isReader())
    throw new BrokerError('consent_required', 'A session may read tokens only where this program itself may.')
  const { session, token } = desk.sessions.start(client, request)
  desk.note({ action: 'pair', outcome: 'session', client_id: client.id, detail: session.name })
  const { id, right, expires_at } = session
  return { session_id: id, client_token: token.reveal(), right, expires_at }
}

/** How things stand, as far as it may know. */
export async function statusOf(desk: Desk, client: ClientRecord, version: string): Promise<StatusAnswer> {
  await desk.load()
  const accounts = known(desk, client, desk.accounts.all()).length
  const requests = desk.approvals.countOf(client.id)
  return { version, locked: desk.state() === 'locked', counts: { accounts, requests } }
}

type Places = Pick<AccountsAnswer['accounts'][number], 'api_base_urls' | 'basic_authentication'>

/** Where an account's tokens may be sent. */
function placesOf(connection: Connection | undefined): Places {
  if (!connection) return {}
  const { api_base_urls, basic_authentication } = connection
  return { api_base_urls, ...(basic_authentication && { basic_authentication }) }
}
