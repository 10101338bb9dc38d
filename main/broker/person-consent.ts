/**
 * What the person decides about programs: yes, no, how much, for how long, and taking it back. The rule: a yes is durable
 * before the asker hears of it, gives no more than was asked for, and never more than the surface showed.
 */
import { BrokerError } from '../contract/errors.ts'
import { type Client, offeredRight } from '../contract/model.ts'
import type { Surface, WindowApi } from '../contract/window-api.ts'
import type { Approval, Question } from './approvals.ts'
import { withChoice } from './choices.ts'
import { defined } from './defined.ts'
import { candidate, type Desk } from './desk.ts'
import { scopeBeyond, scopeSet, untilOf } from './grants.ts'
import { randomId } from './ids.ts'
import type { AccountRecord, ClientRecord } from './ports.ts'

type ConsentCalls = Pick<
  WindowApi,
  'approve' | 'deny' | 'revokeClient' | 'revokeGrant' | 'forgetChoice' | 'stopSession'
>

/** A client as surfaces show it: without what authenticates it, with what runs under it. */
export function viewClient(desk: Desk, client: ClientRecord): Client {
  const { token_hash: _hash, public_key, session: _session, ...rest } = client
  const sessions = desk.sessions.of(client.id)
  return { ...rest, ...(public_key !== undefined && { keyed: true }), ...(sessions.length > 0 && { sessions }) }
}

export function consentCalls(desk: Desk, surface: Surface): ConsentCalls {
  return {
    async approve(request) {
      const question = desk.approvals.question(request.id)
      const record = question && accountFor(desk, question, request.id, request.account)
      const approval: Approval = {
        for: request.for ?? 'once',
        ...defined('right', request.right),
        ...defined('account_id', record?.id),
        ...defined('code', request.code),
        ...defined('scope', question && record && lessOf(question, record, request.scope)),
      }
      const answer = desk.approvals.prepare(request.id, approval, surface)
      try {
        if (question && record) await consent(desk, question, approval, record)
      } catch (thrown) {
        answer.abandon()
        throw thrown
      }
      desk.note({
        action: 'approve',
        outcome: approval.for,
        ...clientOf(question),
        ...defined('account_id', record?.id),
        ...defined('scope', approval.scope),
      })
      return answer.settle()
    },

    async deny({ id }) {
      const question = desk.approvals.question(id)
      const denied = desk.approvals.deny(id, surface)
      desk.note({
        action: 'approve',
        outcome: 'denied',
        ...clientOf(question),
        ...defined('account_id', question?.account?.id),
      })
      return denied
    },

    async revokeClient({ client: words }) {
      const found = [...desk.clients.values()].filter((client) => client.id === words || client.name === words)
      const [client] = found
      if (!client)
        throw new BrokerError('not_found', `No program “${words}” is paired.`, {
          resolve: { command: 'valetkey clients' },
        })
      if (found.length > 1)
        throw new BrokerError('account_selection_required', `Several programs are called “${words}”; use an id.`)
      await desk.dropClient(client)
      desk.note({ action: 'revoke', outcome: 'client', client_id: client.id, detail: client.name })
      desk.changed()
      return viewClient(desk, client)
    },

    async revokeGrant({ id }) {
      const grant = desk.grants.get(id)
      if (!grant)
        throw new BrokerError('not_found', 'No such consent is in force.', {
          resolve: { command: 'valetkey consents' },
        })
      await desk.dropGrant(grant)
      desk.note({ action: 'revoke', outcome: 'consent', client_id: grant.client_id, account_id: grant.account_id })
      desk.changed()
      return grant
    },

    async forgetChoice({ id }) {
      const [client] = await desk.forgetChoices((choice) => choice.id === id)
      if (!client)
        throw new BrokerError('not_found', 'No such choice is remembered.', {
          resolve: { command: 'valetkey consents' },
        })
      desk.note({ action: 'revoke', outcome: 'choice', client_id: client.id })
      desk.changed()
      return viewClient(desk, client)
    },

    stopSession({ id }) {
      const client = desk.clients.get(desk.sessions.end(id) ?? '')
      if (!client)
        return Promise.reject(
          new BrokerError('not_found', 'No such session is running.', { resolve: { command: 'valetkey clients' } }),
        )
      desk.note({ action: 'revoke', outcome: 'session', client_id: client.id })
      return Promise.resolve(viewClient(desk, client))
    },
  }
}

/** The account a yes is about; `undefined` for questions that are about none. Throws when it is not clear, or none that fits. */
function accountFor(desk: Desk, question: Question, id: string, words: string | undefined): AccountRecord | undefined {
  if (question.kind !== 'access') return undefined
  const record = question.account
    ? desk.accounts.get(question.account.id)
    : words === undefined
      ? undefined
      : desk.only(words)
  const fitting = (question.candidates ?? []).flatMap((one) => desk.accounts.get(one) ?? []).map(candidate)
  if (!record && question.account) throw new BrokerError('not_found', 'That account was unlinked meanwhile.')
  if (!record)
    throw new BrokerError('account_selection_required', 'Several accounts fit; say which one.', {
      request_id: id,
      candidates: fitting,
    })
  if (question.candidates && !question.candidates.includes(record.id))
    throw new BrokerError('invalid_request', `The program did not ask for an account like ${record.label}.`, {
      request_id: id,
      candidates: fitting,
    })
  return record
}

/** The scope of a yes to less than was asked for; `undefined`: to all of it. Throws when it names more, or nothing. */
function lessOf(question: Question, record: AccountRecord, allowed: string | undefined): string | undefined {
  if (allowed === undefined) return undefined
  const asked = question.scope === '' ? record.scope : question.scope
  const beyond = asked === '' ? '' : scopeBeyond(allowed, scopeSet(asked))
  if (beyond !== '') throw new BrokerError('invalid_request', `The program did not ask for: ${beyond}`)
  const words = [...scopeSet(allowed)]
  if (words.length === 0) throw new BrokerError('invalid_request', 'Allow at least one scope, or deny.')
  return asked !== '' && scopeBeyond(asked, new Set(words)) === '' ? undefined : words.join(' ')
}

/** The consent as the person gave it, durable before the asker hears of it, and which account its words mean from now on. */
async function consent(desk: Desk, question: Question, approval: Approval, record: AccountRecord): Promise<void> {
  const client = desk.clients.get(question.client.id ?? '')
  if (!client) throw new BrokerError('not_found', 'That program is no longer paired.')
  const scope = approval.scope ?? question.scope
  const beyond = record.scope === '' ? '' : scopeBeyond(scope, scopeSet(record.scope))
  if (beyond !== '') throw new BrokerError('invalid_scope', `${record.label} was not granted: ${beyond}`)
  // Before the consent: alone it permits nothing, so if that cannot be written there is nothing to take back.
  if (question.words) {
    const id = randomId(desk.ports.randomness)
    const chosen = withChoice(client, { id, ...question.words, account_id: record.id, chosen_at: desk.seconds() })
    await desk.ports.vault.saveClient(chosen)
    desk.keepClient(chosen)
  }
  await desk.giveGrant({
    client_id: client.id,
    account_id: record.id,
    scope: scope === '' ? record.scope : scope,
    right: approval.right ?? offeredRight(question),
    ...untilOf(approval.for, desk.seconds()),
  })
}

const clientOf = (question: Question | undefined): { client_id?: string } => defined('client_id', question?.client.id)
