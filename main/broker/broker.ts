/**
 * The broker: the one object every host uses, and the life of a token request in one function (`#give`). The rule: a
 * request is answered in this order and no other: who asks, which account, may they, is there a fresh token; and every
 * way out leaves one row of activity.
 */
import type {
  AccountsAnswer,
  InvalidateRequest,
  RequestAnswer,
  SessionAnswer,
  SessionRequest,
  StatusAnswer,
  TokenAnswer,
  TokenRequest,
} from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import { requestAccess, requireRight } from './access.ts'
import { noteAnswer, recorded } from './activity.ts'
import { Budget } from './budget.ts'
import {
  askForConsent,
  chooseAccount,
  giveBack,
  known,
  liveGrants,
  permitted,
  requireStill,
  standingPermit,
  type Permit,
} from './consent.ts'
import { candidate, Desk } from './desk.ts'
import type { AskingDoor, DecidingDoor, Line } from './doors.ts'
import { isLive, scopeBeyond, scopeSet } from './grants.ts'
import { hashToken } from './ids.ts'
import { adoptCommandLine, pair } from './pairing.ts'
import { patience } from './patience.ts'
import { createDecidingDoor, planAgain, type About } from './person.ts'
import type { AccessToken, AccountRecord, Cancel, ClientRecord, Connection, Ports, TokenVariant } from './ports.ts'
import { Possession } from './possession.ts'
import type { Secret } from './secret.ts'
import type { Fresh } from './refresher.ts'
import type { Want } from './variants.ts'

/** Seconds a caller waits for the person and the provider who does not say. */
const DEFAULT_TIMEOUT = 120
/** Milliseconds before a program may open another browser tab for an account whose last one came to nothing. */
const TAB_COOL_DOWN = 60_000

export class Broker {
  readonly asking: AskingDoor
  readonly deciding: DecidingDoor
  readonly #desk: Desk
  readonly #ports: Ports
  readonly #invalidations: Budget
  readonly #forced: Budget
  readonly #possession: Possession
  readonly #lastTab = new Map<string, number>()
  readonly #answers = new WeakMap<AccessToken, { now: number; record: AccountRecord; answer: TokenAnswer }>()

  constructor(ports: Ports, about: About) {
    const listeners = new Set<() => void>()
    this.#ports = ports
    this.#desk = new Desk(ports, oncePerTurn(ports, listeners))
    this.#invalidations = new Budget(ports.clock, {
      burst: 5,
      every: 10,
      refusal: 'Several fresh tokens of this account were reported as refused; the fault is not their age.',
    })
    this.#forced = new Budget(ports.clock, {
      burst: 2000,
      every: 0.2,
      refusal: 'This program forces a refresh again and again; the tokens it gets are fresh.',
    })
    this.#possession = new Possession(ports.clock)
    this.deciding = createDecidingDoor(this.#desk, about, (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    })
    this.asking = {
      authenticate: (token) => this.#clientOf(hashToken(token)),
      still: (client) => this.#clientOf(client.token_hash),
      requirePossession: (key, request, proof) => {
        this.#possession.demand(key, request, proof)
      },
      pair: (request, line) => pair(this.#desk, request, line),
      ready: (client, request) => this.#ready(client, request),
      token: (client, request, line) =>
        recorded(this.#desk, 'token', client, request, () => this.#give(client, request, line)),
      invalidate: (client, request, line) =>
        recorded(this.#desk, 'invalidate', client, request, () => this.#invalidate(client, request, line)),
      accounts: (client) => this.#accounts(client),
      request: (client, id, wait, line) => this.#request(client, id, wait, line),
      requestAccess: (client, wish, line) => requestAccess(this.#desk, client, wish, line),
      startSession: (client, request) => this.#startSession(client, request),
      endSession: (client, id) => {
        const own = id ?? client.session?.id ?? ''
        // A session may end itself and no other.
        const allowed = client.session === undefined || client.session.id === own
        return Promise.resolve({ ended: allowed && this.#desk.sessions.end(own, client.id) !== undefined })
      },
      status: (client) => this.#status(client, about.version),
    }
  }

  /** Reads what judging a call needs. Everything slower waits until the doors are open: see `settle`. */
  open(): Promise<void> {
    return this.#desk.open()
  }

  /** After the doors are open: the account list, and refreshes the last process left undecided. */
  async settle(): Promise<void> {
    await this.#desk.load()
    if (this.#ports.vault.state() === 'unlocked') await this.#desk.tokens.recover()
  }

  /** The command line's client token: the `known` one while it is good, else a new one to write down. */
  adoptCommandLine(token: Secret | undefined): Promise<Secret> {
    return adoptCommandLine(this.#desk, token)
  }

  /** Refuses what is open, lets refreshes under way finish, and forgets the keys. */
  async stop(): Promise<void> {
    this.#desk.approvals.expireAll()
    this.#desk.signIns.cancelAll()
    this.#desk.sessions.endAll()
    await this.#desk.tokens.stop()
    this.#ports.vault.close()
  }

  /** The whole life of most token requests, within one turn: `#give` without anything to wait for. */
  #ready(client: ClientRecord, request: TokenRequest): TokenAnswer | undefined {
    const desk = this.#desk
    if (desk.paused || !desk.isLoaded || request.force_refresh || desk.state() !== 'unlocked') return undefined
    if (!desk.clients.has(client.id) || client.session?.right === 'use') return undefined
    const permit = standingPermit(desk, client, request)
    if (!permit) return undefined
    const held = desk.tokens.cached(permit.record.id, wantOf(permit, request, 0))
    if (!held || beyondPermit(permit, held.access) !== '') return undefined
    desk.touch(client, permit.record.id)
    const answer = this.#answer(permit.record, held.access, held.grant.material.connection)
    noteAnswer(desk, 'token', client, answer, 0)
    return answer
  }

  /** The life of a token request. */
  async #give(client: ClientRecord, request: TokenRequest, line: Line): Promise<TokenAnswer> {
    this.#desk.requireGiving()
    requireRight(client, 'read')
    if (!this.#desk.isLoaded) await this.#desk.load()
    const deadline = this.#ports.clock.monotonic() + (request.timeout ?? DEFAULT_TIMEOUT) * 1000
    const choices = chooseAccount(this.#desk, client, request)
    const permit =
      permitted(this.#desk, client, choices, request) ??
      (await askForConsent(this.#desk, client, choices, request, line, deadline))
    const fresh = await this.#fresh(client, permit, request, deadline)
    switch (fresh.kind) {
      case 'token':
        try {
          if (!this.#clientOf(client.token_hash))
            throw new BrokerError('invalid_client', 'This program’s token is no longer good.')
          requireStill(this.#desk, client, permit)
          requireCovered(permit, fresh.access)
        } catch (thrown) {
          giveBack(this.#desk, permit)
          throw thrown
        }
        for (const grant of permit.claimed) await this.#ports.vault.removeGrant(grant.id)
        this.#desk.touch(client, permit.record.id)
        return this.#answer(permit.record, fresh.access, fresh.grant.material.connection)
      case 'unavailable':
        throw fresh.error
      case 'sign-in-needed':
        throw loginRequired(permit.record, fresh.detail)
    }
  }

  /** A token fresh enough: from memory, by a refresh, or by a sign-in. */
  async #fresh(client: ClientRecord, permit: Permit, request: TokenRequest, deadline: number): Promise<Fresh> {
    const { record } = permit
    const want = wantOf(permit, request, Math.max(0, deadline - this.#ports.clock.monotonic()))
    const ready = this.#desk.tokens.cached(record.id, want)
    if (ready) return { kind: 'token', ...ready }
    try {
      if (want.force_refresh) this.#forced.spend(`${client.id}\n${record.id}`)
      const fresh = await this.#desk.tokens.fresh(record.id, want)
      const needsPerson = fresh.kind === 'sign-in-needed' && (request.interaction ?? 'prompt') === 'prompt'
      const answer = needsPerson ? await this.#signInAgain(record, want, fresh, deadline) : fresh
      if (answer.kind !== 'token') giveBack(this.#desk, permit)
      return answer
    } catch (thrown) {
      giveBack(this.#desk, permit)
      throw thrown
    }
  }

  /** Only the person can bring a token, and the caller agreed to disturb them: one sign-in, shared by all who need it. */
  async #signInAgain(record: AccountRecord, want: Want, without: Fresh, deadline: number): Promise<Fresh> {
    const { clock, person } = this.#ports
    const last = this.#lastTab.get(record.id)
    const tabAgain = last === undefined || clock.monotonic() - last >= TAB_COOL_DOWN
    if (!tabAgain && !this.#desk.signIns.isSigningIn(record.id)) return without
    const plan = await planAgain(this.#desk, record)
    // Nobody is asked for a password because a program wants a token.
    if (!plan || plan.flow === 'password') return without
    const { sign_in, ended, first } = await this.#desk.signIns.start(record.id, plan, record.id, (outcome) =>
      this.#desk.admit(outcome, record.provider, undefined, record.id),
    )
    if (first) {
      this.#lastTab.set(record.id, clock.monotonic())
      if (sign_in.authorization_url !== '' && !(await person.openBrowser(sign_in.authorization_url))) {
        await this.#desk.signIns.cancel(sign_in.id)
        return without
      }
    }
    const end = await patience(clock, ended, undefined, deadline)
    if (end === 'late' || end === 'gone' || end.account_id === undefined) return without
    this.#lastTab.delete(record.id)
    return this.#desk.tokens.fresh(record.id, { ...want, force_refresh: false })
  }

  /** The same frozen answer for everybody within a second, so that whoever sends it need not write it out again. */
  #answer(record: AccountRecord, access: AccessToken, connection: Connection): TokenAnswer {
    const now = Math.floor(this.#desk.tokens.now(access))
    const last = this.#answers.get(access)
    if (last?.now === now && last.record === record) return last.answer
    const token = access.value.reveal()
    const { expires_at } = access
    const answer: TokenAnswer = Object.freeze({
      access_token: token,
      token_type: access.token_type,
      expires_in: expires_at === null ? null : Math.max(0, Math.floor(expires_at) - now),
      expires_at: expires_at === null ? null : Math.floor(expires_at),
      scope: access.scope,
      account: { id: record.id, label: record.label },
      provider: record.provider,
      ...(record.issuer !== undefined && { issuer: record.issuer }),
      token_id: this.#desk.tokenId(access),
      authorization: connection.authorization_template.replaceAll('${access_token}', () => token),
    })
    this.#answers.set(access, { now, record, answer })
    return answer
  }

  /** "This token got a 401": refreshes if it is the current one, else answers what is newer. */
  async #invalidate(client: ClientRecord, request: InvalidateRequest, line: Line): Promise<TokenAnswer> {
    this.#desk.requireGiving()
    await this.#desk.load()
    const found = known(this.#desk, client, this.#desk.accounts.matching({ account: request.account }))
    const [record] = found
    if (!record) throw new BrokerError('not_found', 'There is no such account.')
    if (found.length > 1)
      throw new BrokerError('account_selection_required', 'Several accounts fit; name one by its id.', {
        candidates: found.map(candidate),
      })
    const isIt = (access: AccessToken): boolean => this.#desk.tokenId(access) === request.token_id
    const variant = await this.#desk.tokens.variantOf(record.id, isIt)
    if (variant) this.#invalidations.spend(record.id)
    return this.#give(
      client,
      { account: record.id, interaction: 'never', force_refresh: variant !== undefined, ...variant },
      line,
    )
  }

  async #accounts(client: ClientRecord): Promise<AccountsAnswer> {
    await this.#desk.load()
    const accounts = known(this.#desk, client, this.#desk.accounts.all()).map((record) => {
      const grants = liveGrants(this.#desk, client, record)
      const { id, label, provider, state, scope } = this.#desk.view(record)
      const whole = grants.some((grant) => grant.scope === '')
      const held = new Set(grants.flatMap((grant) => [...scopeSet(grant.scope)]))
      const reads = client.session?.right !== 'use' && grants.some((grant) => grant.right === 'read')
      const rights = reads ? (['use', 'read'] as const) : (['use'] as const)
      return { id, label, provider, state, scope: whole ? scope : [...held].join(' '), rights }
    })
    return { accounts }
  }

  /** By the hash of its token: a paired client, else one of the sessions. */
  #clientOf(tokenHash: string): ClientRecord | null {
    return this.#desk.clientsByHash.get(tokenHash) ?? this.#desk.sessions.find(tokenHash)
  }

  async #request(client: ClientRecord, id: string, wait = 0, line?: Line): Promise<RequestAnswer> {
    const { approvals, ports } = this.#desk
    if (wait > 0)
      await patience(ports.clock, approvals.ended(client.id, id), line, ports.clock.monotonic() + wait * 1000)
    const request = approvals.of(client.id, id)
    if (!request) throw new BrokerError('not_found', 'No such request of yours is known.')
    const { kind, state, right, scope, code = '', expires_at } = request
    return { id, kind, state, right, scope, code, expires_at }
  }

  async #startSession(client: ClientRecord, request: SessionRequest): Promise<SessionAnswer> {
    const desk = this.#desk
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

  async #status(client: ClientRecord, version: string): Promise<StatusAnswer> {
    await this.#desk.load()
    const accounts = known(this.#desk, client, this.#desk.accounts.all()).length
    const requests = this.#desk.approvals.countOf(client.id)
    return { version, locked: this.#desk.state() === 'locked', counts: { accounts, requests } }
  }
}

/** What to look for, or to ask the provider for. `timeout`: milliseconds. */
function wantOf({ scope }: Permit, request: TokenRequest, timeout: number): Want {
  const { resource, audience, min_valid_period, force_refresh = false } = request
  const variant: TokenVariant = {
    ...(scope !== undefined && { scope }),
    ...(resource !== undefined && { resource }),
    ...(audience !== undefined && { audience }),
  }
  return { variant, min_valid_period, force_refresh, timeout }
}

/** What the token is good for and the permit is not. */
function beyondPermit({ covers }: Permit, access: AccessToken): string {
  if (!covers) return ''
  // A token that nobody says the scope of may be good for anything.
  return access.scope === '' ? 'whatever the account may' : scopeBeyond(access.scope, covers)
}

/** A provider that cannot narrow gives more than was allowed, and more than was allowed is not handed on (R6). */
function requireCovered(permit: Permit, access: AccessToken): void {
  const { record } = permit
  const beyond = beyondPermit(permit, access)
  if (beyond === '') return
  throw new BrokerError(
    'invalid_scope',
    `${record.provider_name} gives only tokens that are also good for: ${beyond}. Ask for that as well; the person will be asked.`,
  )
}

function loginRequired(record: AccountRecord, detail: string): BrokerError {
  return new BrokerError('login_required', `${record.label} needs a new sign-in: ${detail}`, {
    resolve: { command: `valetkey link ${record.provider} --account ${record.id}` },
  })
}

/** Calls every listener once per turn of the event loop, however many changes the turn brought. */
function oncePerTurn(ports: Ports, listeners: ReadonlySet<() => void>): () => void {
  let waiting: Cancel | undefined
  return () => {
    waiting ??= ports.clock.after(0, () => {
      waiting = undefined
      for (const listener of listeners) listener()
    })
  }
}
