/**
 * `pair`, `clients`, `consents`, `revoke`, `requests`, `approve`, `deny`: who may ask for what. The rule: before a yes
 * the person has read WHO asks, for WHAT, with WHICH account, and has typed the code that the asking program shows.
 */
import { BrokerError } from '../../contract/errors.ts'
import {
  type AccessRequest,
  type ClientKind,
  type Duration,
  type Grant,
  offeredRight,
  type Peer,
  type Right,
} from '../../contract/model.ts'
import type { Snapshot } from '../../contract/window-api.ts'
import { callBroker } from '../broker-call.ts'
import { fail, neutralise, print, printJson, say } from '../output.ts'
import { formatTime, printTable } from '../table.ts'
import { announce } from '../token.ts'
import { type Session, show } from './session.ts'

/** Seconds; the broker gives up on a pairing long before. */
const pairingWait = 660
/** Codes that may be mistyped here; the broker counts for itself. */
const tries = 3

/** Pairs a program and prints its client token, once. */
export async function pairClient(
  session: Session,
  name: string,
  { kind, key, timeout }: { readonly kind: ClientKind; readonly key?: string; readonly timeout?: number },
): Promise<void> {
  const answer = await callBroker(
    key === undefined ? session.env : { ...session.env, VALETKEY_CLIENT_KEY: key },
    'pair',
    { name, kind, ...(key !== undefined && { public_key: (await import('../client-key.ts')).publicKeyIn(key) }) },
    {
      // Going away withdraws the question.
      wait: timeout ?? pairingWait,
      onPending: (pending) => {
        announce(pending, session.json)
      },
    },
  )
  if (session.json) printJson(answer)
  else {
    say(`paired as ${neutralise(answer.client_id)}; this is its token, shown only now (for VALETKEY_CLIENT_TOKEN)`)
    if (key !== undefined)
      say(`it signs with ${neutralise(key)} (for VALETKEY_CLIENT_KEY); the token alone opens nothing`)
    print(neutralise(answer.client_token))
  }
}

export async function listClients(session: Session): Promise<void> {
  const { clients } = await session.decide('snapshot')
  if (session.json) printJson({ clients })
  else
    printTable(
      ['name', 'kind', 'id', 'paired', 'last used', 'key'],
      clients.flatMap(({ name, kind, origin, id, paired_at, last_used_at, keyed, sessions = [] }) => [
        [name, kindOf({ kind, origin }), id, formatTime(paired_at), formatTime(last_used_at), keyed ? 'signs' : ''],
        ...sessions.map((one) => [
          `  session ${one.name}`,
          one.right,
          one.id,
          `ends ${formatTime(one.expires_at)}`,
          '',
          '',
        ]),
      ]),
      'no programs are paired',
    )
}

export async function listConsents(session: Session): Promise<void> {
  const snapshot = await session.decide('snapshot')
  const choices = snapshot.clients.flatMap(({ id: client_id, choices: chosen = [] }) =>
    chosen.map((choice) => ({ client_id, ...choice })),
  )
  if (session.json) {
    printJson({ grants: snapshot.grants, choices })
    return
  }
  printTable(
    ['program', 'account', 'right', 'until', 'id', 'scope'],
    snapshot.grants.map((grant) => [
      nameOfClient(snapshot, grant.client_id),
      labelOf(snapshot, grant.account_id),
      grant.right,
      untilWords(grant),
      grant.id,
      grant.scope,
    ]),
    'no consents are in force',
  )
  if (choices.length > 0)
    printTable(
      ['program', 'means this account', 'when it says', 'id'],
      choices.map(({ client_id, account_id, id, account, provider, issuer }) => [
        nameOfClient(snapshot, client_id),
        labelOf(snapshot, account_id),
        [account, provider, issuer].filter((word) => word !== undefined).join(' ') || 'any account',
        id,
      ]),
      '',
    )
}

function untilWords({ until, once, until_locked }: Grant): string {
  if (once) return 'used once'
  if (until_locked) return 'the vault is locked'
  return until === null ? 'always' : formatTime(until)
}

/** Takes back a program's pairing (by id or name), or one consent, remembered choice or session (by id). */
export async function revoke(session: Session, words: string): Promise<void> {
  const ways: readonly (readonly [run: () => Promise<unknown>, what: string])[] = [
    [() => session.decide('revokeClient', { client: words }), `${words} is no longer paired and has no consents left`],
    [() => session.decide('revokeGrant', { id: words }), 'the consent is revoked'],
    [() => session.decide('forgetChoice', { id: words }), 'you will be asked again which account is meant'],
    [() => session.decide('stopSession', { id: words }), 'the session is over'],
  ]
  for (const [run, what] of ways)
    try {
      const value = await run()
      show(session, value, () => {
        say(neutralise(what))
        return undefined
      })
      return
    } catch (thrown) {
      if (!(thrown instanceof BrokerError) || thrown.code !== 'not_found') throw thrown
    }
  throw new BrokerError('not_found', `No program, consent, choice or session is called “${words}”.`, {
    resolve: { command: 'valetkey consents' },
  })
}

export async function listRequests(session: Session): Promise<void> {
  const { requests } = await session.decide('snapshot')
  if (session.json) printJson({ requests })
  else
    printTable(
      ['id', 'program', 'asks for', 'account', 'until', 'scope', 'reason (their words)', 'asked by'],
      requests.map((request) => [
        request.id,
        `${request.client.name} (${kindOf(request.client)})`,
        wantOf(request),
        request.account?.label ?? '',
        formatTime(request.expires_at),
        request.scope,
        request.reason ?? '',
        peerWords(request.peer),
      ]),
      'nothing is waiting for you',
    )
}

export interface ApproveOptions {
  readonly for?: Duration
  readonly right?: Right
  readonly account?: string
  readonly scope?: string
  readonly code?: string
}

/** Approves a question with the code the asking program shows: given, or typed at the prompt. */
export async function approve(session: Session, id: string, options: ApproveOptions): Promise<void> {
  const { code, ...rest } = options
  if (code === undefined && !session.input.isTerminal)
    throw new BrokerError(
      'invalid_request',
      'Give the code that the asking program shows with --code (there is no terminal to ask on).',
    )
  if (code !== undefined) {
    approved(session, await session.decide('approve', { id, code, ...rest }))
    return
  }
  const { requests } = await session.decide('snapshot')
  const request = requests.find((one) => one.id === id)
  if (!request)
    throw new BrokerError('not_found', `No question ${JSON.stringify(id)} is waiting.`, {
      resolve: { command: 'valetkey requests' },
    })
  for (const line of question(request)) say(line)
  for (let attempt = 1; ; attempt++) {
    const typed = await session.input.next(`code that ${neutralise(request.client.name)} shows: `)
    if (typed === null || typed.trim() === '')
      throw new BrokerError('invalid_request', 'No code was typed; nothing was decided.')
    try {
      approved(session, await session.decide('approve', { id, code: typed.trim().slice(0, 16), ...rest }))
      return
    } catch (thrown) {
      if (attempt >= tries || !(thrown instanceof BrokerError) || thrown.code !== 'access_denied') throw thrown
      fail(thrown, session.json)
    }
  }
}

/** WHO asks, for WHAT, with WHICH account, and why by their own account. */
function question(request: AccessRequest): readonly string[] {
  const { client, account, scope, reason } = request
  const kind = `${kindOf(client)}${client.origin === undefined ? '' : ', unverified'}`
  const what = `${neutralise(client.name)} (${kind}) wants to ${wantOf(request)}`
  return [
    account ? `${what} ${neutralise(account.label)} at ${neutralise(account.provider_name)}` : what,
    ...(scope === '' ? [] : [`scope: ${neutralise(scope)}`]),
    ...(reason === undefined ? [] : [`their reason, unverified: ${neutralise(reason)}`]),
    `asked by: ${neutralise(peerWords(request.peer))}`,
    ...namesakeWords(request),
    ...(request.kind === 'access' && request.right !== offeredRight(request)
      ? ['yes lets it use the account; add --right read if it shall read tokens as well']
      : []),
  ]
}

/** What it is; of an extension that came over HTTP also the id its browser gives it. */
function kindOf({ kind, origin }: { readonly kind: ClientKind; readonly origin?: string | undefined }): string {
  return origin === undefined ? kind : `${kind} ${neutralise(origin.slice(origin.lastIndexOf('/') + 1))}`
}

/** Who holds the connection, and by whose word. */
function peerWords(peer: Peer | undefined): string {
  const says = peer?.says === undefined ? '' : `, for ${peer.says} (says it itself)`
  if (peer?.verified !== true) return `not verified${says}`
  const { executable = 'unknown', pid = 0, uid } = peer
  const user = uid === undefined ? '' : `, user ${String(uid)}`
  return `${executable} (process ${String(pid)}${user}; says the system)${says}`
}

function namesakeWords({ namesake, client }: AccessRequest): readonly string[] {
  const name = neutralise(client.name)
  switch (namesake) {
    case 'key-changed':
      return [`the key of ${name} has changed: this is a new program, and nothing allowed to ${name} goes over to it`]
    case 'same-key':
      return [`it holds the key of ${name}, takes its place and keeps its consents; its old token ends`]
    case 'same-name':
      return [`another program called ${name} is paired; this is a new one`]
    case undefined:
  }
  return []
}

function wantOf({ kind, right }: AccessRequest): string {
  if (kind === 'pair') return 'be paired'
  if (kind === 'sign-in') return 'sign in again to'
  return right === 'read' ? 'read tokens of' : 'use'
}

function approved(session: Session, request: AccessRequest): void {
  show(session, request, () => {
    const less =
      request.kind === 'access' && request.right === 'use' ? ', to use the account and not to read its tokens' : ''
    say(`approved for ${neutralise(request.client.name)}${less}`)
    return undefined
  })
}

export async function deny(session: Session, id: string): Promise<void> {
  const request = await session.decide('deny', { id })
  show(session, request, () => {
    say(`denied to ${neutralise(request.client.name)}`)
    return undefined
  })
}

/** A program's name for its id, where it is still known. */
export function nameOfClient({ clients }: Snapshot, id: string | undefined): string {
  return clients.find((client) => client.id === id)?.name ?? id ?? ''
}

/** An account's label for its id, where it is still known. */
export function labelOf({ accounts }: Snapshot, id: string | undefined): string {
  return accounts.find((account) => account.id === id)?.label ?? id ?? ''
}
