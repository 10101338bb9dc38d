/**
 * The broker: the one object every host uses, and the life of a token request in one function (`give`). The rule: a
 * request is answered in this order and no other: who asks, which account, may they, is there a fresh token; and every
 * way out leaves one row of activity.
 */
import type { Grant } from '../contract/model.ts'
import type { InvalidateRequest, TokenAnswer, TokenRequest } from '../contract/client-api.ts'
import { BrokerError, asBrokerError } from '../contract/errors.ts'
import { candidate, Desk } from './desk.ts'
import type { AskingDoor, DecidingDoor, Line } from './doors.ts'
import { isLive, may, scopeBeyond, scopeSet } from './grants.ts'
import { hashToken, newClientToken, randomId } from './ids.ts'
import { createDecidingDoor, planAgain } from './person.ts'
import type { AccessToken, AccountRecord, Cancel, ClientRecord, Connection, Ports, TokenVariant } from './ports.ts'
import type { Secret } from './secret.ts'
import type { Fresh, Want } from './tokens.ts'

/** Seconds a caller waits for the person and the provider who does not say. */
const DEFAULT_TIMEOUT = 120
/** Refreshes an account may be made to do by "this token got a 401", and seconds until the next one is earned. */
const INVALIDATIONS = { burst: 5, every: 10 }
/** Milliseconds before a program may open another browser tab for an account whose last one came to nothing. */
const TAB_COOL_DOWN = 60_000

interface Permit {
  readonly record: AccountRecord
  readonly scope: string | undefined
  /** Consents for one use that this use has claimed: gone when it succeeds, given back when it does not. */
  readonly claimed: readonly Grant[]
}

export class Broker {
  readonly deciding: DecidingDoor
  readonly asking: AskingDoor
  readonly #desk: Desk
  readonly #ports: Ports
  readonly #listeners = new Set<() => void>()
  readonly #invalidations = new Map<string, { tokens: number; at: number }>()
  readonly #lastTab = new Map<string, number>()
  #announcing: Cancel | undefined

  constructor(
    ports: Ports,
    about: { readonly version: string; readonly host: 'desktop' | 'daemon'; readonly home: string },
  ) {
    this.#ports = ports
    this.#desk = new Desk(ports, () => {
      this.#announce()
    })
    this.deciding = createDecidingDoor(this.#desk, about, (listener) => {
      this.#listeners.add(listener)
      return () => this.#listeners.delete(listener)
    })
    this.asking = {
      authenticate: (token) => this.#desk.clientsByHash.get(hashToken(token)) ?? null,
      pair: (request, line) => this.#pair(request, line),
      token: (client, request, line) =>
        this.#recorded('token', client, request, () => this.#give(client, request, line)),
      invalidate: (client, request, line) =>
        this.#recorded('invalidate', client, request, () => this.#invalidate(client, request, line)),
      accounts: async (client) => {
        await this.#desk.load()
        const held = this.#mine(client, this.#desk.accounts.all())
        return {
          accounts: held.map((record) => {
            const grants = this.#liveGrants(client, record)
            const { id, label, provider, state, scope } = this.#desk.view(record)
            return {
              id,
              label,
              provider,
              state,
              scope: grants.some((grant) => grant.scope === '')
                ? scope
                : [...new Set(grants.flatMap((grant) => [...scopeSet(grant.scope)]))].join(' '),
              rights: grants.some((grant) => grant.right === 'read') ? ['use', 'read'] : ['use'],
            }
          }),
        }
      },
      request: (client, id) => {
        const request = this.#desk.approvals.of(client.id, id)
        if (!request) return Promise.reject(new BrokerError('not_found', 'No such request of yours is known.'))
        return Promise.resolve({
          id,
          kind: request.kind,
          state: request.state,
          code: request.code ?? '',
          expires_at: request.expires_at,
        })
      },
      status: async (client) => {
        await this.#desk.load()
        return {
          version: about.version,
          locked: ports.vault.state() === 'locked',
          counts: {
            accounts: this.#mine(client, this.#desk.accounts.all()).length,
            requests: this.#desk.approvals.countOf(client.id),
          },
        }
      },
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

  /** Makes the command line a client of its own, the way `pair` would, with the person who starts the host as witness. */
  async adoptCommandLine(token: Secret | undefined): Promise<Secret> {
    const known = token && this.asking.authenticate(token.reveal())
    if (token && known) return token
    const fresh = newClientToken(this.#ports.randomness)
    const client: ClientRecord = {
      id: 'cli',
      name: 'cli',
      kind: 'cli',
      paired_at: this.#desk.seconds(),
      token_hash: hashToken(fresh.reveal()),
    }
    await this.#ports.vault.saveClient(client)
    this.#desk.keepClient(client)
    return fresh
  }

  /** Refuses what is open, lets refreshes under way finish, and forgets the keys. */
  async stop(): Promise<void> {
    this.#desk.approvals.expireAll()
    this.#desk.signIns.cancelAll()
    await this.#desk.tokens.stop()
    this.#ports.vault.close()
  }

  /** The life of a token request. */
  async #give(client: ClientRecord, request: TokenRequest, line: Line): Promise<TokenAnswer> {
    this.#desk.requireUnlocked()
    if (!this.#desk.isLoaded) await this.#desk.load()
    const deadline = this.#ports.clock.monotonic() + (request.timeout ?? DEFAULT_TIMEOUT) * 1000
    const choices = this.#choose(client, request)
    const permit =
      this.#permitted(client, choices, request) ?? (await this.#askForConsent(client, choices, request, line, deadline))
    const want = this.#want(permit, request, deadline)
    const ready = this.#desk.tokens.cached(permit.record.id, want)
    const fresh: Fresh = ready
      ? { kind: 'token', ...ready }
      : await this.#fresh(permit.record, want, request, deadline).catch((thrown: unknown) => {
          this.#giveBack(permit)
          throw thrown
        })
    if (fresh.kind !== 'token') this.#giveBack(permit)
    switch (fresh.kind) {
      case 'token':
        for (const grant of permit.claimed) await this.#ports.vault.removeGrant(grant.id)
        this.#desk.touch(client, permit.record.id)
        return this.#answer(permit.record, fresh.access, fresh.grant.material.connection)
      case 'unavailable':
        throw fresh.error
      case 'sign-in-needed':
        throw this.#loginRequired(permit.record, fresh.detail)
    }
  }

  /** Which account: one the client may use if there is one, else what the person may be asked about. */
  #choose(client: ClientRecord, request: TokenRequest): readonly AccountRecord[] {
    const found = this.#desk.accounts.matching(request)
    const mine = found.length === 1 ? found : this.#mine(client, found)
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

  /** May they, by the consents there are? `undefined`: ask the person. Throws `invalid_scope`. */
  #permitted(client: ClientRecord, choices: readonly AccountRecord[], request: TokenRequest): Permit | undefined {
    const [record] = choices
    if (!record || choices.length > 1) return undefined
    const scope = request.scope ?? challengedScope(request.www_authenticate)
    const beyond = scope === undefined || record.scope === '' ? '' : scopeBeyond(scope, scopeSet(record.scope))
    if (beyond !== '') throw this.#beyondAccount(client, record, beyond)
    const answer = may(
      this.#desk.grants.of(client.id, record.id),
      { scope, right: 'read', account_scope: record.scope },
      this.#desk.seconds(),
    )
    if (answer.kind === 'ask') return undefined
    // Claimed before anything is awaited, so that two requests at once cannot both spend it.
    for (const grant of answer.spends) this.#desk.grants.delete(grant.id)
    return { record, scope: answer.scope, claimed: answer.spends }
  }

  #giveBack(permit: Permit): void {
    for (const grant of permit.claimed) this.#desk.grants.put(grant)
  }

  #beyondAccount(client: ClientRecord, record: AccountRecord, beyond: string): BrokerError {
    // To a client without consent the account's scope is none of its business.
    if (this.#liveGrants(client, record).length === 0)
      return new BrokerError(
        'consent_required',
        'The person has not allowed this yet, and the account may not have that scope.',
      )
    return new BrokerError('invalid_scope', `${record.label} was not granted: ${beyond}`, {
      resolve: {
        command: `valetkey link ${record.provider} --account ${record.id} --scope "${record.scope} ${beyond}"`,
      },
    })
  }

  /** Puts the question to the person, as far as the caller wants them disturbed. */
  async #askForConsent(
    client: ClientRecord,
    choices: readonly AccountRecord[],
    request: TokenRequest,
    line: Line,
    deadline: number,
  ): Promise<Permit> {
    const interaction = request.interaction ?? 'prompt'
    if (interaction === 'never')
      throw new BrokerError(
        'consent_required',
        'The person has not allowed this yet; ask with interaction "notify" or "prompt".',
      )
    const [single] = choices.length === 1 ? choices : []
    const scope = request.scope ?? challengedScope(request.www_authenticate) ?? single?.scope ?? ''
    const answer =
      single &&
      may(
        this.#desk.grants.of(client.id, single.id),
        { scope, right: 'read', account_scope: single.scope },
        this.#desk.seconds(),
      )
    const ticket = this.#desk.approvals.ask({
      kind: 'access',
      client: { id: client.id, name: client.name, kind: client.kind },
      ...(single && {
        account: { id: single.id, label: single.label, provider: single.provider, provider_name: single.provider_name },
      }),
      scope: answer?.kind === 'ask' ? answer.scope : scope,
      right: 'read',
      ...(request.reason !== undefined && { reason: request.reason }),
    })
    const resolve = { command: `valetkey approve ${ticket.request_id}`, code: ticket.code }
    const waiting = { request_id: ticket.request_id, resolve }
    if (interaction === 'notify') {
      ticket.keep()
      throw new BrokerError(
        'consent_required',
        'The person has been asked; ask again when they have answered.',
        waiting,
      )
    }
    line.pending({ request_id: ticket.request_id, code: ticket.code })
    const decision = await this.#patience(ticket.decision, line, deadline)
    if (decision === 'late') ticket.keep()
    ticket.leave()
    if (decision === 'late')
      throw new BrokerError('timeout', 'The person has not answered yet; the question stays open.', waiting)
    if (decision === 'gone') throw new BrokerError('timeout', 'The caller has gone.', waiting)
    if (decision.kind === 'denied')
      throw new BrokerError('access_denied', 'The person said no.', { request_id: ticket.request_id })
    if (decision.kind === 'expired')
      throw new BrokerError('timeout', 'Nobody answered the question in time, which means no.', {
        request_id: ticket.request_id,
      })
    const record = single ?? this.#desk.accounts.get(decision.account_id ?? '')
    if (!record) throw new BrokerError('not_found', 'That account was unlinked meanwhile.')
    if (decision.right !== 'read')
      throw new BrokerError('access_denied', 'The person allowed using the account, not reading its token.', {
        request_id: ticket.request_id,
      })
    // A "just once" answered all who asked the same question together; the first of them claimed the stored consent.
    return this.#permitted(client, [record], request) ?? { record, scope: request.scope, claimed: [] }
  }

  /** Resolves with the decision, `late` at the deadline, `gone` when the caller hangs up. */
  async #patience<T>(decision: Promise<T>, line: Line, deadline: number): Promise<T | 'late' | 'gone'> {
    const { clock } = this.#ports
    let cancel: Cancel = () => undefined
    let hangUp = (): void => undefined
    const late = new Promise<'late'>((resolve) => {
      cancel = clock.after(Math.max(0, deadline - clock.monotonic()), () => {
        resolve('late')
      })
    })
    const gone = new Promise<'gone'>((resolve) => {
      hangUp = () => {
        resolve('gone')
      }
      line.signal.addEventListener('abort', hangUp, { once: true })
    })
    return Promise.race([decision, late, gone]).finally(() => {
      cancel()
      line.signal.removeEventListener('abort', hangUp)
    })
  }

  #want(permit: Permit, request: TokenRequest, deadline: number): Want {
    const variant: TokenVariant = {
      ...(permit.scope !== undefined && { scope: permit.scope }),
      ...(request.resource !== undefined && { resource: request.resource }),
      ...(request.audience !== undefined && { audience: request.audience }),
    }
    return {
      variant,
      min_valid_period: request.min_valid_period,
      force_refresh: request.force_refresh ?? false,
      timeout: Math.max(0, deadline - this.#ports.clock.monotonic()),
    }
  }

  /** A fresh token; where only the person can bring one and the caller agreed to disturb them, one shared sign-in. */
  async #fresh(record: AccountRecord, want: Want, request: TokenRequest, deadline: number): Promise<Fresh> {
    const fresh = await this.#desk.tokens.fresh(record.id, want)
    if (fresh.kind !== 'sign-in-needed' || (request.interaction ?? 'prompt') !== 'prompt') return fresh
    const now = this.#ports.clock.monotonic()
    const last = this.#lastTab.get(record.id)
    if (!this.#desk.signIns.isSigningIn(record.id) && last !== undefined && now - last < TAB_COOL_DOWN) return fresh
    const plan = await planAgain(this.#desk, record)
    if (!plan) return fresh
    const { sign_in, ended, first } = await this.#desk.signIns.start(record.id, plan, record.id, (outcome) =>
      this.#desk.admit(outcome, record.provider, undefined, record.id),
    )
    if (first) {
      this.#lastTab.set(record.id, now)
      if (!(await this.#ports.person.openBrowser(sign_in.authorization_url))) {
        await this.#desk.signIns.cancel(sign_in.id)
        return fresh
      }
    }
    const end = await this.#patience(
      ended,
      { signal: new AbortController().signal, pending: () => undefined },
      deadline,
    )
    if (end === 'late' || end === 'gone' || end.account_id === undefined) return fresh
    this.#lastTab.delete(record.id)
    return this.#desk.tokens.fresh(record.id, { ...want, force_refresh: false })
  }

  #loginRequired(record: AccountRecord, detail: string): BrokerError {
    return new BrokerError('login_required', `${record.label} needs a new sign-in: ${detail}`, {
      resolve: { command: `valetkey link ${record.provider} --account ${record.id}` },
    })
  }

  #answer(record: AccountRecord, access: AccessToken, connection: Connection): TokenAnswer {
    const token = access.value.reveal()
    return {
      access_token: token,
      token_type: access.token_type,
      expires_in:
        access.expires_at === null ? null : Math.max(0, Math.floor(access.expires_at - this.#ports.clock.now() / 1000)),
      expires_at: access.expires_at === null ? null : Math.floor(access.expires_at),
      scope: access.scope,
      account: { id: record.id, label: record.label },
      provider: record.provider,
      ...(record.issuer !== undefined && { issuer: record.issuer }),
      token_id: this.#desk.tokenId(access),
      authorization: connection.authorization_template.replaceAll('${access_token}', () => token),
    }
  }

  /** "This token got a 401": refreshes if it is the current one, else answers what is newer. */
  async #invalidate(client: ClientRecord, request: InvalidateRequest, line: Line): Promise<TokenAnswer> {
    this.#desk.requireUnlocked()
    await this.#desk.load()
    const found = this.#mine(client, this.#desk.accounts.matching({ account: request.account }))
    const [record] = found
    if (!record) throw new BrokerError('not_found', 'There is no such account.')
    if (found.length > 1)
      throw new BrokerError('account_selection_required', 'Several accounts fit; name one by its id.', {
        candidates: found.map(candidate),
      })
    const variant = await this.#desk.tokens.variantOf(
      record.id,
      (access) => this.#desk.tokenId(access) === request.token_id,
    )
    if (variant) this.#spendInvalidation(record.id)
    return this.#give(
      client,
      { account: record.id, interaction: 'never', force_refresh: variant !== undefined, ...variant },
      line,
    )
  }

  #spendInvalidation(accountId: string): void {
    const now = this.#ports.clock.monotonic()
    const bucket = this.#invalidations.get(accountId) ?? { tokens: INVALIDATIONS.burst, at: now }
    const earned = (now - bucket.at) / 1000 / INVALIDATIONS.every
    const tokens = Math.min(INVALIDATIONS.burst, bucket.tokens + earned)
    if (tokens < 1)
      throw new BrokerError(
        'slow_down',
        'Several fresh tokens of this account were reported as refused; the fault is not their age.',
        {
          retry_after: Math.ceil((1 - tokens) * INVALIDATIONS.every),
        },
      )
    this.#invalidations.set(accountId, { tokens: tokens - 1, at: now })
  }

  async #pair(request: Parameters<AskingDoor['pair']>[0], line: Line): ReturnType<AskingDoor['pair']> {
    this.#desk.requireUnlocked()
    const ticket = this.#desk.approvals.ask({
      kind: 'pair',
      client: { name: request.name, kind: request.kind },
      scope: '',
      right: 'use',
    })
    line.pending({ request_id: ticket.request_id, code: ticket.code })
    const decision = await this.#patience(ticket.decision, line, Number.MAX_SAFE_INTEGER)
    ticket.leave()
    const outcome = decision === 'gone' || decision === 'late' ? 'expired' : decision.kind
    this.#desk.note({ action: 'pair', outcome, detail: request.name })
    if (outcome === 'denied')
      throw new BrokerError('access_denied', 'The person said no.', { request_id: ticket.request_id })
    if (outcome === 'expired')
      throw new BrokerError('timeout', 'Nobody approved the pairing in time.', { request_id: ticket.request_id })
    const token = newClientToken(this.#ports.randomness)
    const client: ClientRecord = {
      id: randomId(this.#ports.randomness),
      name: request.name,
      kind: request.kind,
      paired_at: this.#desk.seconds(),
      token_hash: hashToken(token.reveal()),
      ...(request.public_key !== undefined && { public_key: request.public_key }),
    }
    await this.#ports.vault.saveClient(client)
    this.#desk.keepClient(client)
    this.#announce()
    return { client_id: client.id, client_token: token.reveal() }
  }

  /** Runs a request and leaves its one row, whichever way it ends. */
  async #recorded(
    action: 'token' | 'invalidate',
    client: ClientRecord,
    request: TokenRequest | InvalidateRequest,
    run: () => Promise<TokenAnswer>,
  ): Promise<TokenAnswer> {
    const started = this.#ports.clock.monotonic()
    const row = (outcome: string, account_id: string | undefined, scope: string | undefined, detail?: string): void => {
      this.#desk.note({
        action,
        outcome,
        client_id: client.id,
        ...(account_id !== undefined && { account_id }),
        ...(scope !== undefined && { scope }),
        ...(detail !== undefined && { detail }),
        took_ms: Math.round(this.#ports.clock.monotonic() - started),
      })
    }
    try {
      const answer = await run()
      row('ok', answer.account.id, answer.scope)
      return answer
    } catch (thrown) {
      const error = asBrokerError(thrown)
      const named =
        request.account === undefined ? undefined : this.#desk.accounts.matching({ account: request.account })[0]?.id
      row(
        error.code,
        named,
        'scope' in request ? request.scope : undefined,
        error.code === 'server_error' ? undefined : error.message,
      )
      throw thrown
    }
  }

  #liveGrants(client: ClientRecord, record: AccountRecord): ReturnType<Desk['grants']['of']> {
    const now = this.#desk.seconds()
    return this.#desk.grants.of(client.id, record.id).filter((grant) => isLive(grant, now))
  }

  #mine(client: ClientRecord, records: readonly AccountRecord[]): readonly AccountRecord[] {
    return records.filter((record) => this.#liveGrants(client, record).length > 0)
  }

  #announce(): void {
    this.#announcing ??= this.#ports.clock.after(0, () => {
      this.#announcing = undefined
      for (const listener of this.#listeners) listener()
    })
  }
}

/** The scope a resource server asked for (RFC 6750 section 3: `scope` in its challenge). */
function challengedScope(challenge: string | undefined): string | undefined {
  return challenge === undefined ? undefined : /\bscope="([\x21\x23-\x5B\x5D-\x7E ]{1,1024})"/u.exec(challenge)?.[1]
}
