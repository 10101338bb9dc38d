/**
 * A wish for access that waits for nobody. The rule: what is granted already is said without a question, and what is not
 * becomes one question that stays open for the person; nothing here gives a token or decides.
 */
import type { AccessAnswer, AccessWish } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { Right } from '../contract/model.ts'
import { refuseBound } from './bound.ts'
import { beyondAccount, chooseAccount, liveGrants, questionOf } from './consent.ts'
import type { Desk } from './desk.ts'
import type { Line } from './doors.ts'
import { may, scopeBeyond, scopeSet } from './grants.ts'
import { identify } from './peers.ts'
import type { AccountRecord, ClientRecord } from './ports.ts'
import { requireShift } from './shifts.ts'

/**
 * Puts the question, or says that there is no need. Throws what `chooseAccount` throws, `invalid_scope` for what the
 * account itself lacks, `access_denied` and `slow_down` where no more is asked of the person.
 */
export async function requestAccess(
  desk: Desk,
  client: ClientRecord,
  wish: AccessWish,
  line: Line,
): Promise<AccessAnswer> {
  desk.requireGiving()
  await desk.load()
  const right = wish.right ?? 'use'
  requireRight(client, right)
  const choices = chooseAccount(desk, client, wish)
  if (right === 'read') refuseBound(choices)
  const single = choices.length === 1 ? choices[0] : undefined
  const grants = single ? liveGrants(desk, client, single) : []
  // To a client without consent an account's name and scope are none of its business: it asks, like anybody.
  const known = single && grants.length > 0 ? single : undefined
  if (known) requireShift(desk, known)
  if (known) requireWithin(known, wish.scope)
  const answer = single && may(grants, { scope: wish.scope, right, account_scope: single.scope }, desk.seconds())
  const account = known && { account: { id: known.id, label: known.label } }
  if (answer?.kind === 'allow') return { state: 'approved', right, ...account }
  const ticket = desk.approvals.ask({
    kind: 'access',
    client: { id: client.id, name: client.name, kind: client.kind },
    ...questionOf(choices, wish),
    scope: answer?.scope ?? wish.scope ?? '',
    right,
    ...(wish.reason !== undefined && { reason: wish.reason }),
  })
  ticket.keep()
  ticket.leave()
  desk.note({
    action: 'approve',
    outcome: 'asked',
    client_id: client.id,
    ...(single && { account_id: single.id }),
    ...(wish.scope !== undefined && { scope: wish.scope }),
  })
  await identify(desk, ticket, line)
  const { request_id, code } = ticket
  const expires_at = desk.approvals.of(client.id, request_id)?.expires_at
  return {
    state: 'pending',
    right,
    ...account,
    id: request_id,
    code,
    ...(expires_at !== undefined && { expires_at }),
    resolve: { command: `valetkey approve ${request_id}`, code },
  }
}

/** Throws `access_denied` where the session that this client is has less than `right`. */
export function requireRight(client: ClientRecord, right: Right): void {
  if (right === 'read' && client.session?.right === 'use')
    throw new BrokerError('access_denied', 'This session may use accounts, not read their tokens.', {
      resolve: { command: 'valetkey session NAME --right read -- COMMAND' },
    })
}

function requireWithin(record: AccountRecord, wanted: string | undefined): void {
  const beyond = wanted === undefined || record.scope === '' ? '' : scopeBeyond(wanted, scopeSet(record.scope))
  if (beyond !== '') throw beyondAccount(record, beyond)
}
