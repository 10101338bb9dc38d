/**
 * The broker: the one object every host uses, and the life of a token request in one function (`#give`). The rule: a
 * request is answered in this order and no other: who asks, which account, may they, is there a fresh token; and every
 * way out leaves one row of activity.
 */
import type { InvalidateRequest, TokenAnswer, TokenRequest } from '../contract/client-api.ts'
import type { Right } from '../contract/model.ts'
import { BrokerError } from '../contract/errors.ts'
import { requestAccess, requireRight } from './access.ts'
import { noteAnswer, recorded } from './activity.ts'
import { boundRefusal, isBound, refuseBound } from './bound.ts'
import { Budget } from './budget.ts'
import {
  askForConsent,
  chooseAccount,
  giveBack,
  known,
  permitted,
  requireStill,
  standingPermit,
  type Permit,
} from './consent.ts'
import { candidate, Desk } from './desk.ts'
import type { AskingDoor, DecidingDoor, Line } from './doors.ts'
import { scopeBeyond } from './grants.ts'
import { hashToken } from './ids.ts'
import { adoptCommandLine, pair } from './pairing.ts'
import { patience } from './patience.ts'
import { createDecidingDoor, type About } from './person.ts'
import { planAgain } from './plan.ts'
import type { AccessToken, AccountRecord, Cancel, ClientRecord, Connection, Ports, TokenVariant } from './ports.ts'
import { Possession } from './possession.ts'
import type { Secret } from './secret.ts'
import type { Fresh, Given } from './refresher.ts'
import { accountsOf, requestOf, startSession, statusOf } from './told.ts'
import { beginUse } from './use.ts'
import type { Want } from './variants.ts'

/** Seconds a caller waits for the person and the provider who does not say. */
const DEFAULT_TIMEOUT = 120
/** Milliseconds before a program may open another browser tab for an account whose last one came to nothing. */
const TAB_COOL_DOWN = 60_000
/** Milliseconds after the start until old rows of activity are forgotten. */
const TIDY_AFTER = 10_000

export class Broker {
  readonly asking: AskingDoor
  readonly deciding: DecidingDoor
  readonly #desk: Desk
  readonly #ports: Ports
  readonly #invalidations: Budget
  readonly #forced: Budget
  /** Refused tokens that are being replaced, by account and id. */
  readonly #reported = new Set<string>()
  readonly #possession: Possession
  readonly #lastTab = new Map<string, number>()
  #tidying: Cancel | undefined
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
      use: (client, request, line) =>
        beginUse(this.#desk, client, request, {
          deadline: this.#deadline(request),
          permit: (asked, deadline) => this.#permit(client, asked, 'use', line, deadline),
          redeem: (permit, asked, deadline) => this.#redeem(client, permit, asked, deadline),
          inPlaceOf: (record, token_id, ask) => this.#inPlaceOf(record, token_id, ask),
        }),
      accounts: (client) => accountsOf(this.#desk, client),
      request: (client, id, wait, line) => requestOf(this.#desk, client, id, wait, line),
      requestAccess: (client, wish, line) => requestAccess(this.#desk, client, wish, line),
      startSession: (client, request) => startSession(this.#desk, client, request),
      endSession: (client, id) => {
        const own = id ?? client.session?.id ?? ''
        // A session may end itself and no other.
        const allowed = client.session === undefined || client.session.id === own
        return Promise.resolve({ ended: allowed && this.#desk.sessions.end(own, client.id) !== undefined })
      },
      status: (client) => statusOf(this.#desk, client, about.version),
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
    const { activity, clock, preferences } = this.#ports
    // Nobody waits for old rows to be forgotten.
    this.#tidying = clock.after(TIDY_AFTER, () => {
      void preferences.read().then(({ activity_days }) => {
        activity.retain(activity_days)
      })
    })
  }

  /** The command line's client token: the `known` one while it is good, else a new one to write down. */
  adoptCommandLine(token: Secret | undefined): Promise<Secret> {
    return adoptCommandLine(this.#desk, token)
  }

  /** Refuses what is open, lets refreshes under way finish, and forgets the keys. */
  async stop(): Promise<void> {
    this.#tidying?.()
    this.#desk.shifts.stop()
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
    if (isBound(held.grant.material.connection)) return undefined
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
    const deadline = this.#deadline(request)
    const permit = await this.#permit(client, request, 'read', line, deadline)
    const { access, grant } = await this.#redeem(client, permit, request, deadline)
    return this.#answer(permit.record, access, grant.material.connection)
  }

  /** Monotonic milliseconds. */
  #deadline({ timeout = DEFAULT_TIMEOUT }: Pick<TokenRequest, 'timeout'>): number {
    return this.#ports.clock.monotonic() + timeout * 1000
  }

  /** Which account, and may they: by what is written, or by asking the person. */
  async #permit(
    client: ClientRecord,
    request: TokenRequest,
    right: Right,
    line: Line,
    deadline: number,
  ): Promise<Permit> {
    const choices = chooseAccount(this.#desk, client, request)
    if (right === 'read') refuseBound(choices)
    return (
      permitted(this.#desk, client, choices, request, right) ??
      (await askForConsent(this.#desk, client, choices, request, right, line, deadline))
    )
  }

  /** The token the permit is for, if it is still allowed once there is one. */
  async #redeem(client: ClientRecord, permit: Permit, request: TokenRequest, deadline: number): Promise<Given> {
    const fresh = await this.#fresh(client, permit, request, deadline)
    switch (fresh.kind) {
      case 'token':
        try {
          if (!this.#clientOf(client.token_hash))
            throw new BrokerError('invalid_client', 'This program’s token is no longer good.')
          requireStill(this.#desk, client, permit)
          requireCovered(permit, fresh.access)
          if (permit.right === 'read' && isBound(fresh.grant.material.connection)) throw boundRefusal(permit.record)
        } catch (thrown) {
          giveBack(this.#desk, permit)
          throw thrown
        }
        for (const grant of permit.claimed) {
          await this.#ports.vault.removeGrant(grant.id)
          this.#desk.claimed.delete(grant.id)
        }
        this.#desk.touch(client, permit.record.id)
        return fresh
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
    return this.#inPlaceOf(record, request.token_id, (instead) => this.#give(client, instead, line))
  }

  /**
   * Asks for what replaces a token that was refused: a new one if it is still current, else the newer. Those who report the
   * same token at once are one report. Throws `slow_down`, and as `ask` does.
   */
  async #inPlaceOf<T>(record: AccountRecord, token_id: string, ask: (request: TokenRequest) => Promise<T>): Promise<T> {
    const isIt = (access: AccessToken): boolean => this.#desk.tokenId(access) === token_id
    const variant = await this.#desk.tokens.variantOf(record.id, isIt)
    const report = `${record.id}\n${token_id}`
    const first = variant !== undefined && !this.#reported.has(report)
    if (first) this.#invalidations.spend(record.id)
    if (first) this.#reported.add(report)
    try {
      return await ask({
        account: record.id,
        interaction: 'never',
        force_refresh: variant !== undefined,
        ...variant,
      })
    } finally {
      if (first) this.#reported.delete(report)
    }
  }

  /** By the hash of its token: a paired client, else one of the sessions. */
  #clientOf(tokenHash: string): ClientRecord | null {
    return this.#desk.clientsByHash.get(tokenHash) ?? this.#desk.sessions.find(tokenHash)
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
