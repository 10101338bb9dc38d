/**
 * Questions that wait for the person. The rule (R7): a question ends in exactly one of approved, denied or expired, and
 * anything but an approval is a refusal. Equal questions are one prompt; a client has few prompts open, and one that was
 * refused waits longer each time before it may ask again.
 */
import {
  type AccessRequest,
  type AccountWords,
  type Duration,
  offeredRight,
  type Peer,
  type RequestKind,
  type RequestState,
  type Right,
} from '../contract/model.ts'
import { BrokerError } from '../contract/errors.ts'
import type { Surface } from '../contract/window-api.ts'
import type { Clock, Randomness } from './ports.ts'
import { randomId } from './ids.ts'

/** Milliseconds a question stays open; a pairing is done with both screens in view, so it gets less. */
const OPEN_FOR: Readonly<Record<RequestKind, number>> = { pair: 120_000, access: 600_000, 'sign-in': 300_000 }
/** Milliseconds an ended question can still be asked about. */
const REMEMBERED_FOR = 600_000
const OPEN_PER_CLIENT = 3
const OPEN_IN_ALL = 32
/** Milliseconds: the longest a refused client waits, the same for all who want to be paired, and when a no is forgotten. */
const LONGEST_WAIT = 3_600_000
const LONGEST_WAIT_TO_PAIR = 60_000
const FORGIVEN_AFTER = 600_000
/** Wrong codes typed before the question counts as denied. */
const TRIES = 3

export interface Question {
  readonly kind: RequestKind
  readonly client: AccessRequest['client']
  readonly account?: AccessRequest['account']
  /** Where several accounts fit: by which words, and which ones. */
  readonly words?: AccountWords
  readonly candidates?: readonly string[]
  readonly scope: string
  readonly right: Right
  readonly namesake?: AccessRequest['namesake']
  readonly reason?: string
}

export type Decision =
  ({ readonly kind: 'approved' } & Approved) | { readonly kind: 'denied' } | { readonly kind: 'expired' }

/** What the person said yes to. */
export interface Approved {
  readonly for: Duration
  readonly right: Right
  readonly account_id?: string
  /** Less than was asked for. */
  readonly scope?: string
}

export interface Approval extends Omit<Approved, 'right'> {
  /** `offeredRight` unless told. */
  readonly right?: Right
  readonly code?: string
}

interface Pending {
  readonly id: string
  readonly key: string
  readonly code: string
  readonly question: Question
  readonly createdAt: number
  readonly expiresAt: number
  readonly decision: Promise<Decision>
  readonly resolve: (decision: Decision) => void
  readonly stopTimer: () => void
  state: RequestState
  /** What was allowed, which may be less than what was asked for. */
  allowed: Approved | undefined
  waiting: number
  peer: Peer | undefined
  /** Stays open although nobody waits: the asker was told to come back. */
  kept: boolean
  /** The person has said yes, and what that brings is being written down: nothing else ends the question now. */
  deciding: boolean
  wrongCodes: number
}

/** A place in the queue for one answer. */
export interface Ticket {
  readonly request_id: string
  readonly code: string
  readonly decision: Promise<Decision>
  /** It was opened just now, not joined. */
  readonly first: boolean
  /** Leave the question open for the person although this asker goes. */
  keep(): void
  /** This asker has gone; the last one takes the question with it unless it is kept. */
  leave(): void
}

export class Approvals {
  readonly #clock: Clock
  readonly #randomness: Randomness
  readonly #changed: (asked?: AccessRequest) => void
  readonly #pending = new Map<string, Pending>()
  readonly #ended = new Map<string, Pending>()
  readonly #refusals = new Map<string, { count: number; until: number }>()

  constructor(clock: Clock, randomness: Randomness, changed: (asked?: AccessRequest) => void) {
    this.#clock = clock
    this.#randomness = randomness
    this.#changed = changed
  }

  /** Puts a question to the person, or joins the equal one that waits. Throws `slow_down` and `access_denied` (cool-down). */
  ask(question: Question): Ticket {
    const key = keyOf(question)
    const open = [...this.#pending.values()]
    const equal = question.kind === 'pair' ? undefined : open.find((pending) => pending.key === key)
    const pending = equal ?? this.#open(question, key, open)
    pending.waiting++
    if (!equal) this.#changed(viewRequest(pending, 'window'))
    let here = true
    return {
      request_id: pending.id,
      code: pending.code,
      decision: pending.decision,
      first: !equal,
      keep: () => {
        pending.kept = true
      },
      leave: () => {
        if (!here) return
        here = false
        pending.waiting--
        if (pending.waiting === 0 && !pending.kept && pending.state === 'pending')
          this.#end(pending, { kind: 'expired' })
      },
    }
  }

  #open(question: Question, key: string, open: readonly Pending[]): Pending {
    const asker = askerOf(question)
    const refused = this.#refusals.get(asker)
    const wait = refused ? refused.until - this.#clock.monotonic() : 0
    if (wait > 0)
      throw new BrokerError(
        'access_denied',
        `The person has said no${asker === UNPAIRED ? ' to a program that wanted to be paired' : ''}; ask again in ${String(Math.ceil(wait / 1000))} s.`,
        { retry_after: Math.ceil(wait / 1000) },
      )
    const mine = open.filter((pending) => askerOf(pending.question) === asker).length
    // Pairing needs the person to compare a code, so one at a time for everybody who is not yet known.
    if (mine >= (question.kind === 'pair' ? 1 : OPEN_PER_CLIENT) || open.length >= OPEN_IN_ALL)
      throw new BrokerError(
        'slow_down',
        'Other questions are waiting for the person; ask again when they are answered.',
        {
          retry_after: 10,
        },
      )
    let resolve: (decision: Decision) => void = () => undefined
    const decision = new Promise<Decision>((settle) => {
      resolve = settle
    })
    const now = this.#clock.now()
    const pending: Pending = {
      id: randomId(this.#randomness),
      key,
      code: shortCode(this.#randomness),
      question,
      createdAt: now,
      expiresAt: now + OPEN_FOR[question.kind],
      decision,
      resolve,
      stopTimer: this.#clock.after(OPEN_FOR[question.kind], () => {
        this.#end(pending, { kind: 'expired' })
      }),
      state: 'pending',
      allowed: undefined,
      waiting: 0,
      peer: undefined,
      kept: false,
      deciding: false,
      wrongCodes: 0,
    }
    this.#pending.set(pending.id, pending)
    return pending
  }

  /**
   * The person says yes. On a `terminal` the code has to be typed, because that is the only proof that the person looks
   * at the program that asks. Nothing is decided until the answer is called, so that what the approval brings can be made
   * durable in between; `abandon` puts the question back when that fails. Throws `not_found`, `invalid_request` (code missing), `access_denied` (wrong code).
   */
  prepare(id: string, approval: Approval, surface: Surface): { settle(): AccessRequest; abandon(): void } {
    const pending = this.#find(id)
    if (surface === 'terminal') this.#checkCode(pending, approval.code)
    if (approval.right === 'read' && pending.question.right === 'use' && pending.question.kind === 'access')
      throw new BrokerError('invalid_request', 'The program asked only to use the account; reading was not asked for.')
    pending.deciding = true
    return {
      settle: () => {
        pending.deciding = false
        this.#refusals.delete(askerOf(pending.question))
        this.#end(pending, {
          kind: 'approved',
          for: approval.for,
          right: approval.right ?? offeredRight(pending.question),
          ...(approval.account_id !== undefined && { account_id: approval.account_id }),
          ...(approval.scope !== undefined && { scope: approval.scope }),
        })
        return viewRequest(pending, surface)
      },
      abandon: () => {
        pending.deciding = false
        if (pending.expiresAt <= this.#clock.now()) this.#end(pending, { kind: 'expired' })
      },
    }
  }

  deny(id: string, surface: Surface): AccessRequest {
    const pending = this.#find(id)
    this.#refuse(pending)
    return viewRequest(pending, surface)
  }

  /** Everything open is refused without blame: the vault was locked, the host stops. */
  expireAll(): void {
    for (const pending of [...this.#pending.values()]) this.#end(pending, { kind: 'expired' })
  }

  list(surface: Surface): readonly AccessRequest[] {
    return [...this.#pending.values()].map((pending) => viewRequest(pending, surface))
  }

  /** The question as its own asker may see it; `undefined` for anybody else's. */
  of(clientId: string, id: string): AccessRequest | undefined {
    const pending = this.#pending.get(id) ?? this.#ended.get(id)
    return pending?.question.client.id === clientId ? viewRequest(pending, 'window') : undefined
  }

  countOf(clientId: string): number {
    return [...this.#pending.values()].filter((pending) => pending.question.client.id === clientId).length
  }

  /** Who asked, as far as the system could be made to say; for whoever looks at the question from now on. */
  identify(id: string, peer: Peer): void {
    const pending = this.#pending.get(id)
    if (!pending) return
    pending.peer = peer
    this.#changed()
  }

  /** Resolves when the client's own question has ended, at once when it has already or is nobody's. Never rejects. */
  async ended(clientId: string, id: string): Promise<void> {
    const pending = this.#pending.get(id)
    if (pending?.question.client.id === clientId) await pending.decision
  }

  question(id: string): Question | undefined {
    return this.#pending.get(id)?.question
  }

  /** The client is no more, and so is whatever it asked. */
  withdraw(clientId: string): void {
    for (const pending of [...this.#pending.values()])
      if (pending.question.client.id === clientId) this.#end(pending, { kind: 'expired' })
  }

  #find(id: string): Pending {
    const pending = this.#pending.get(id)
    if (pending?.deciding === false) return pending
    if (pending) throw new BrokerError('not_found', 'That question is just being answered.')
    const ended = this.#ended.get(id)
    throw new BrokerError(
      'not_found',
      ended ? `That question was already ${ended.state}.` : 'No such question is waiting.',
    )
  }

  #checkCode(pending: Pending, code: string | undefined): void {
    if (code === undefined)
      throw new BrokerError('invalid_request', 'Type the code that the asking program shows.', {
        request_id: pending.id,
      })
    if (code.replace(/\D/gu, '') === pending.code.replace(/\D/gu, '')) return
    pending.wrongCodes++
    if (pending.wrongCodes < TRIES)
      throw new BrokerError('access_denied', 'That is not the code the asking program shows.', {
        request_id: pending.id,
      })
    this.#refuse(pending)
    throw new BrokerError('access_denied', 'Three wrong codes: the question counts as denied.', {
      request_id: pending.id,
    })
  }

  #refuse(pending: Pending): void {
    const asker = askerOf(pending.question)
    const now = this.#clock.monotonic()
    const before = this.#refusals.get(asker)
    const count = before && now - before.until < FORGIVEN_AFTER ? before.count + 1 : 1
    // 5 s, 10 s, 20 s ...: long enough to stop nagging, short enough to mend a slip. Everybody who is not yet paired
    // shares one wait, so that one is kept short: a nuisance must not keep the others out.
    const longest = asker === UNPAIRED ? LONGEST_WAIT_TO_PAIR : LONGEST_WAIT
    this.#refusals.set(asker, { count, until: now + Math.min(5000 * 2 ** (count - 1), longest) })
    this.#end(pending, { kind: 'denied' })
  }

  #end(pending: Pending, decision: Decision): void {
    if (pending.state !== 'pending' || pending.deciding) return
    pending.state = decision.kind
    if (decision.kind === 'approved') pending.allowed = decision
    pending.stopTimer()
    this.#pending.delete(pending.id)
    this.#ended.set(pending.id, pending)
    this.#clock.after(REMEMBERED_FOR, () => this.#ended.delete(pending.id))
    if (this.#ended.size > 256) this.#ended.delete(this.#ended.keys().next().value ?? '')
    pending.resolve(decision)
    this.#changed()
  }
}

const UNPAIRED = ''
const askerOf = (question: Question): string => question.client.id ?? UNPAIRED

/** RFC 6749 section 3.3: the order of scopes means nothing. */
const sorted = (scope: string): string => scope.split(' ').toSorted().join(' ')

const keyOf = (question: Question): string => {
  const { account, provider, issuer } = question.words ?? {}
  return JSON.stringify([
    ...[question.kind, askerOf(question), question.account?.id ?? '', sorted(question.scope), question.right],
    // Which accounts fit is part of the question: the same words may fit others by now.
    ...[account, provider, issuer, question.candidates],
  ])
}

/** Six digits, enough for a comparison by eye; guessing is bounded by `TRIES`. */
function shortCode(randomness: Randomness): string {
  const bytes = randomness.bytes(8)
  const number = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0) % 1_000_000n
  const digits = number.toString().padStart(6, '0')
  return `${digits.slice(0, 3)}-${digits.slice(3)}`
}

function viewRequest(pending: Pending, surface: Surface): AccessRequest {
  const { kind, client, account, candidates, scope, right, reason, namesake } = pending.question
  return {
    id: pending.id,
    kind,
    state: pending.state,
    client,
    ...(account && { account }),
    ...(candidates && { candidates }),
    ...(pending.peer && { peer: pending.peer }),
    ...(namesake && { namesake }),
    scope: pending.allowed?.scope ?? scope,
    right: pending.allowed?.right ?? right,
    ...(reason !== undefined && { reason }),
    ...(surface !== 'terminal' && { code: pending.code }),
    created_at: Math.floor(pending.createdAt / 1000),
    expires_at: Math.floor(pending.expiresAt / 1000),
    waiting: pending.waiting,
  }
}
