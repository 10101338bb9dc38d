/**
 * May this client have this token, or have it used: by the consents there are, or by asking for one. The rule: first what
 * is written, then the person, and whatever is neither is no (R7); and what is asked for, judged and looked at again after
 * the waiting is one and the same right.
 */
import type { TokenRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { AccountWords, Grant, Right } from '../contract/model.ts'
import type { Question } from './approvals.ts'
import { chosenAmong, wordsOf } from './choices.ts'
import { candidate, type Desk } from './desk.ts'
import type { Line } from './doors.ts'
import { isLive, may, scopeBeyond, scopeSet, type Answer } from './grants.ts'
import { patience } from './patience.ts'
import { identify } from './peers.ts'
import type { AccountRecord, ClientRecord } from './ports.ts'
import { isOver, requireShift } from './shifts.ts'

export interface Permit {
  readonly record: AccountRecord
  readonly right: Right
  /** What to ask the provider for; `undefined`: all the account has. */
  readonly scope: string | undefined
  /** What the token may be good for at most; `undefined`: all the account has. */
  readonly covers: ReadonlySet<string> | undefined
  /** Consents for one use that this use has claimed: gone when it succeeds, given back when it does not. */
  readonly claimed: readonly Grant[]
  /** Consents that allow this and are stored nowhere any more: a "just once" that answered several askers, or is spent. */
  readonly shared: readonly Grant[]
}

/** The live consents of a client for an account. */
export function liveGrants(desk: Desk, client: ClientRecord, record: AccountRecord): readonly Grant[] {
  const now = desk.seconds()
  return desk.grants.of(client.id, record.id).filter((grant) => isLive(grant, now))
}

/** Those of `records` the client may know of. */
export function known(desk: Desk, client: ClientRecord, records: readonly AccountRecord[]): readonly AccountRecord[] {
  return records.filter((record) => liveGrants(desk, client, record).length > 0)
}

/**
 * Which account: one the client may use if there is one, else those the person may be asked about. Throws
 * `account_selection_required` (never a guess), `not_found`, `login_required` (nothing linked that fits).
 */
export function chooseAccount(desk: Desk, client: ClientRecord, request: TokenRequest): readonly AccountRecord[] {
  const found = desk.accounts.matching(request)
  if (found.length === 1) return found
  const chosen = chosenAmong(found, desk.clients.get(client.id), wordsOf(request))
  if (chosen) return [chosen]
  const mine = known(desk, client, found)
  if (mine.length === 1) return mine
  if (mine.length > 1)
    throw new BrokerError('account_selection_required', 'Several accounts fit; name one by its id.', {
      candidates: mine.map(candidate),
    })
  if (found.length > 0) return found
  if (request.account !== undefined)
    throw new BrokerError('not_found', 'There is no such account.', { resolve: { command: 'valetkey accounts' } })
  throw new BrokerError('login_required', 'No account of that kind is linked yet.', {
    resolve: { command: `valetkey link ${request.provider ?? 'PROVIDER'}` },
  })
}

/** By the consents there are; `undefined`: ask the person. Throws `invalid_scope` for what the account itself lacks. */
export function permitted(
  desk: Desk,
  client: ClientRecord,
  choices: readonly AccountRecord[],
  request: TokenRequest,
  right: Right,
): Permit | undefined {
  const [record] = choices
  if (!record || choices.length > 1) return undefined
  requireShift(desk, record)
  const beyond = beyondScope(record, request)
  // To a client without consent the account's scope is none of its business: it asks, like anybody.
  if (beyond !== '' && liveGrants(desk, client, record).length > 0) throw beyondAccount(record, beyond)
  const answer = judge(desk, client, record, request, right)
  if (answer.kind === 'ask') return undefined
  // Claimed before anything is awaited, so that two requests at once cannot both spend it.
  for (const grant of answer.spends) desk.claim(grant)
  return { record, right, scope: answer.scope, covers: answer.covers, claimed: answer.spends, shared: [] }
}

/**
 * The permit to read that needs no thought: one account is meant and what is written allows it as often as is asked. `undefined`
 * in every other case, which is then for `chooseAccount` and `permitted` to tell apart.
 */
export function standingPermit(desk: Desk, client: ClientRecord, request: TokenRequest): Permit | undefined {
  const [record, another] = desk.accounts.matching(request)
  if (!record || another || isOver(record, desk.seconds()) || beyondScope(record, request) !== '') return undefined
  const answer = judge(desk, client, record, request, 'read')
  if (answer.kind === 'ask' || answer.spends.length > 0) return undefined
  return { record, right: 'read', scope: answer.scope, covers: answer.covers, claimed: [], shared: [] }
}

/** The permit was not used after all. */
export function giveBack(desk: Desk, permit: Permit): void {
  for (const grant of permit.claimed) {
    desk.claimed.delete(grant.id)
    // The person may have removed either meanwhile, and the consent with it.
    if (desk.clients.has(grant.client_id) && desk.accounts.get(grant.account_id)) desk.grants.put(grant)
  }
}

/**
 * Is what was allowed before the waiting still allowed after it? The person may have paused, locked, revoked or unlinked
 * meanwhile. Throws what the caller has to be told.
 */
export function requireStill(desk: Desk, client: ClientRecord, permit: Permit): void {
  const { record, right, scope, claimed, shared } = permit
  desk.requireGiving()
  if (!desk.clients.has(client.id)) throw new BrokerError('invalid_client', 'This program is no longer paired.')
  const current = desk.accounts.get(record.id)
  if (!current) throw new BrokerError('not_found', 'That account was unlinked meanwhile.')
  requireShift(desk, current)
  const grants = [...desk.grants.of(client.id, record.id), ...claimed, ...shared]
  if (may(grants, { scope, right, account_scope: record.scope }, desk.seconds()).kind === 'ask')
    throw new BrokerError('consent_required', 'The person has taken the consent back.')
}

/** What is asked for and the account itself was not granted, as far as anybody knows. */
function beyondScope(record: AccountRecord, request: TokenRequest): string {
  const scope = wantedScope(request)
  return scope === undefined || record.scope === '' ? '' : scopeBeyond(scope, scopeSet(record.scope))
}

/** What a client is told that asks for more than the account itself was granted. */
export function beyondAccount(record: AccountRecord, beyond: string): BrokerError {
  return new BrokerError('invalid_scope', `${record.label} was not granted: ${beyond}`, {
    resolve: { command: `valetkey link ${record.provider} --account ${record.id} --scope "${record.scope} ${beyond}"` },
  })
}

/**
 * Puts the question for this right to the person, as far as the caller wants them disturbed, and waits until `deadline` (monotonic
 * milliseconds). Throws `consent_required` (never, notify), `timeout`, `access_denied`, `slow_down`.
 */
export async function askForConsent(
  desk: Desk,
  client: ClientRecord,
  choices: readonly AccountRecord[],
  request: TokenRequest,
  right: Right,
  line: Line,
  deadline: number,
): Promise<Permit> {
  const interaction = request.interaction ?? 'prompt'
  if (interaction === 'never')
    throw new BrokerError(
      'consent_required',
      'The person has not allowed this yet; ask with interaction notify or prompt.',
    )
  const single = choices.length === 1 ? choices[0] : undefined
  const asked = scopeToAsk(desk, client, single, request, right)
  const ticket = desk.approvals.ask({
    kind: 'access',
    client: { id: client.id, name: client.name, kind: client.kind },
    ...questionOf(choices, request),
    scope: asked,
    right,
    ...(request.reason !== undefined && { reason: request.reason }),
  })
  const resolve = { command: `valetkey approve ${ticket.request_id}`, code: ticket.code }
  const { request_id } = ticket
  const identified = identify(desk, ticket, line)
  if (interaction === 'notify') {
    ticket.keep()
    ticket.leave()
    await identified
    throw new BrokerError('consent_required', 'The person has been asked; ask again when they have answered.', {
      request_id,
      resolve,
    })
  }
  line.pending({ request_id, code: ticket.code })
  const decision = await patience(desk.ports.clock, ticket.decision, line, deadline)
  if (decision === 'late') ticket.keep()
  ticket.leave()
  if (decision === 'late')
    throw new BrokerError('timeout', 'The person has not answered yet; the question stays open.', {
      request_id,
      resolve,
    })
  if (decision === 'gone' || decision.kind === 'expired')
    throw new BrokerError('timeout', 'Nobody answered the question in time, which means no.', { request_id })
  if (decision.kind === 'denied') throw new BrokerError('access_denied', 'The person said no.', { request_id })
  const record = single ?? desk.accounts.get(decision.account_id ?? '')
  if (!record) throw new BrokerError('not_found', 'That account was unlinked meanwhile.')
  if (!desk.clients.has(client.id)) throw new BrokerError('invalid_client', 'This program is no longer paired.')
  if (right === 'read' && decision.right !== 'read')
    throw new BrokerError(
      'access_denied',
      'The person allowed using the account, not reading its token: call its API through the proxy.',
      { request_id, resolve: { command: `valetkey fetch ${record.id} PATH` } },
    )
  const permit = permitted(desk, client, [record], request, right)
  if (permit) return permit
  // A "just once" answered all who asked the same question together; the first of them claimed the stored consent.
  const granted = decision.scope ?? asked
  const shared = decision.for === 'once' ? sharedConsent(desk, client, record, granted, decision.right) : undefined
  const answer = shared && judge(desk, client, record, request, right, [shared])
  if (answer?.kind !== 'allow' && decision.scope !== undefined)
    throw new BrokerError('invalid_scope', `The person allowed less: ${decision.scope}. Ask for that alone.`, {
      request_id,
    })
  if (!shared || answer?.kind !== 'allow')
    throw new BrokerError('access_denied', 'What the person allowed was taken back meanwhile.', { request_id })
  return { record, right, scope: answer.scope, covers: answer.covers, claimed: [], shared: [shared] }
}

/** The consent the question brought, as it stood before it was claimed; it is nowhere stored and ends with this call. */
function sharedConsent(desk: Desk, client: ClientRecord, record: AccountRecord, asked: string, right: Right): Grant {
  return {
    id: '',
    client_id: client.id,
    account_id: record.id,
    scope: asked === '' ? record.scope : asked,
    right,
    granted_at: desk.seconds(),
    until: desk.seconds() + 600,
  }
}

/** What the live consents, and `more` beside them, say to this request. */
function judge(
  desk: Desk,
  client: ClientRecord,
  record: AccountRecord,
  request: TokenRequest,
  right: Right,
  more: readonly Grant[] = [],
): Answer {
  const wish = { scope: wantedScope(request), right, account_scope: record.scope }
  return may([...desk.grants.of(client.id, record.id), ...more], wish, desk.seconds())
}

/** Only what is new, where it is clear which account is meant. */
function scopeToAsk(
  desk: Desk,
  client: ClientRecord,
  single: AccountRecord | undefined,
  request: TokenRequest,
  right: Right,
): string {
  const scope = wantedScope(request) ?? single?.scope ?? ''
  if (!single) return scope
  const answer = may(
    desk.grants.of(client.id, single.id),
    { scope, right, account_scope: single.scope },
    desk.seconds(),
  )
  return answer.kind === 'ask' ? answer.scope : scope
}

/** Which account a question is about: the one, or by which words which ones. */
export function questionOf(
  choices: readonly AccountRecord[],
  words: AccountWords,
): Pick<Question, 'account' | 'words' | 'candidates'> {
  const [first, another] = choices
  if (!first || another) return { words: wordsOf(words), candidates: choices.map(({ id }) => id) }
  const { id, label, provider, provider_name } = first
  return { account: { id, label, provider, provider_name } }
}

const wantedScope = (request: TokenRequest): string | undefined =>
  request.scope ?? challengedScope(request.www_authenticate)

/** The scope a resource server asked for (RFC 6750 section 3: `scope` in its challenge). */
function challengedScope(challenge: string | undefined): string | undefined {
  return challenge === undefined ? undefined : /\bscope="([\x21\x23-\x5B\x5D-\x7E ]{1,1024})"/u.exec(challenge)?.[1]
}
