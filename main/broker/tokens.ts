/**
 * Fresh access tokens. The rules: one refresh at a time per account, and whoever waits gets its answer (R3); the intent is
 * durable before the request, the new refresh token before the access token (R4); only the provider's own word, believed
 * after re-reading the vault, ends an account (R5). A refresh once begun always runs to its end, whoever hangs up.
 */
import { BrokerError } from '../contract/errors.ts'
import { advance } from './accounts.ts'
import { isExpired, isFreshEnough, renewalTime, withScope } from './freshness.ts'
import { patience } from './patience.ts'
import { Pauses } from './pauses.ts'
import { Unsaved } from './unsaved.ts'
import { SAME, variantKey, type Want } from './variants.ts'
import {
  GenerationConflict,
  StorageFault,
  type AccessToken,
  type AccountRecord,
  type Cancel,
  type Clock,
  type GrantMaterial,
  type Ports,
  type RefreshOutcome,
  type StoredGrant,
  type TokenVariant,
} from './ports.ts'

export type Fresh =
  | { readonly kind: 'token'; readonly access: AccessToken; readonly grant: StoredGrant }
  | { readonly kind: 'sign-in-needed'; readonly detail: string }
  | { readonly kind: 'unavailable'; readonly error: BrokerError }

/** What the account list has to offer to the token machinery. */
export interface Standings {
  record(accountId: string): AccountRecord | undefined
  /** Remembers the record; durable already. */
  settled(record: AccountRecord): void
  /** Something about this account's moment changed. */
  changed(accountId: string): void
  refreshed(accountId: string, outcome: RefreshOutcome['kind'] | 'unsaved', detail: string | undefined): void
}

type Variants = ReadonlyMap<string, { readonly variant: TokenVariant; readonly access: AccessToken }>

interface Held {
  readonly grant: StoredGrant
  readonly variants: Variants
  /** Milliseconds since the epoch at which a caller last took a token. */
  lastTaken: number
}

const RETRY_NOW_AFTER = 1000
/** Narrowed or re-targeted tokens kept per account; a caller that invents scopes only pushes out its own kind. */
const MAX_VARIANTS = 32
const LATE: Fresh = {
  kind: 'unavailable',
  error: new BrokerError('timeout', 'The provider has not answered in time; the refresh goes on in the background.'),
}

export class Tokens {
  readonly #ports: Ports
  readonly #standings: Standings
  readonly #held = new Map<string, Held>()
  /** The refreshes under way, by account and variant. */
  readonly #flights = new Map<string, Promise<Fresh>>()
  /** The end of the queue of refreshes per account. */
  readonly #queues = new Map<string, Promise<unknown>>()
  readonly #pauses: Pauses
  readonly #unsaved: Unsaved
  readonly #timers = new Map<string, { readonly at: number | null; readonly cancel: Cancel }>()
  #stopped = false

  constructor(ports: Ports, standings: Standings) {
    this.#ports = ports
    this.#pauses = new Pauses(ports.clock, ports.randomness)
    this.#unsaved = new Unsaved(ports.clock, ports.vault, (accountId, grant) => {
      this.#hold(accountId, grant, this.#held.get(accountId)?.variants ?? new Map())
    })
    this.#standings = standings
  }

  /** The token to hand out without waiting for anybody, if there is one. The hot path: no promise, no allocation to speak of. */
  cached(accountId: string, want: Want): { readonly access: AccessToken; readonly grant: StoredGrant } | undefined {
    if (want.force_refresh) return undefined
    const held = this.#held.get(accountId)
    const access = held && accessOf(held, variantKey(want.variant))
    if (!held || !access || !isFreshEnough(access, want.min_valid_period, this.#seconds())) return undefined
    held.lastTaken = this.#ports.clock.now()
    return { access, grant: held.grant }
  }

  /** A token as fresh as wanted, or the best there is, or why there is none. Throws `locked` and `server_error` only. */
  async fresh(accountId: string, want: Want): Promise<Fresh> {
    await this.#load(accountId)
    const ready = this.cached(accountId, want)
    if (ready) return { kind: 'token', ...ready }
    const deadline = this.#ports.clock.monotonic() + want.timeout
    const flight = await patience(this.#ports.clock, this.#join(accountId, want.variant), undefined, deadline)
    const fresh = flight === 'late' || flight === 'gone' ? LATE : flight
    const held = this.#held.get(accountId)
    if (held) held.lastTaken = this.#ports.clock.now()
    if (fresh.kind === 'token' || want.force_refresh || !held) return fresh
    // The provider cannot be reached, but what we have is still good: serve it with its true expiry.
    const still = accessOf(held, variantKey(want.variant))
    return still && fresh.kind === 'unavailable' && !isExpired(still, this.#seconds())
      ? { kind: 'token', access: still, grant: held.grant }
      : fresh
  }

  /** The current default token, for surfaces and for `invalidate`. */
  current(accountId: string): AccessToken | null {
    return this.#held.get(accountId)?.grant.material.access ?? null
  }

  /** Which variant the token is that `is` recognises, if it is one we hold. */
  async variantOf(accountId: string, is: (access: AccessToken) => boolean): Promise<TokenVariant | undefined> {
    await this.#load(accountId)
    const held = this.#held.get(accountId)
    if (!held) return undefined
    if (held.grant.material.access && is(held.grant.material.access)) return {}
    return [...held.variants.values()].find(({ access }) => is(access))?.variant
  }

  renewsAt(accountId: string): number | null {
    return this.#timers.get(accountId)?.at ?? null
  }

  offline(accountId: string): string | undefined {
    return this.#pauses.detail(accountId)
  }

  isUnsaved(accountId: string): boolean {
    return this.#unsaved.has(accountId)
  }

  /** A new sign-in replaced the grant. */
  adopt(accountId: string, grant: StoredGrant): void {
    this.#pauses.clear(accountId)
    this.#unsaved.forget(accountId)
    this.#hold(accountId, grant, new Map())
  }

  /** Ask again now: forgets a pause nobody imposed on us. */
  hurry(accountId: string): void {
    this.#pauses.hurry(accountId)
  }

  /** Waits for the refresh under way, so that whoever unlinks revokes the newest token. Never rejects. */
  async quiet(accountId: string): Promise<void> {
    await this.#queues.get(accountId)?.catch(() => undefined)
  }

  forget(accountId: string): void {
    this.#held.delete(accountId)
    this.#pauses.clear(accountId)
    this.#unsaved.forget(accountId)
    this.#timers.get(accountId)?.cancel()
    this.#timers.delete(accountId)
  }

  /** The vault was locked: no token stays in memory, except one that exists nowhere else. */
  forgetAll(): void {
    for (const id of [...this.#held.keys()]) if (!this.#unsaved.has(id)) this.forget(id)
  }

  /** Starts no further refresh and waits for those under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    for (const timer of this.#timers.values()) timer.cancel()
    await Promise.allSettled(this.#queues.values())
    await this.#unsaved.stop()
  }

  /**
   * Refreshes that were sent, or about to be, when the last process ended. Only the provider knows whether the old token
   * still works, and a grace period may be running out, so they are tried at once (security rule: use it once).
   */
  async recover(): Promise<void> {
    for (const intent of await this.#ports.vault.intents()) {
      if (this.#standings.record(intent.account_id)?.standing !== 'connected') continue
      this.#ports.log('info', 'refresh.recover', { account: intent.account_id, generation: intent.generation })
      void this.#join(intent.account_id, {}).catch(() => undefined)
    }
  }

  async #load(accountId: string): Promise<void> {
    if (this.#held.has(accountId)) return
    const grant = await this.#ports.vault.grant(accountId)
    if (grant && !this.#held.has(accountId)) this.#hold(accountId, grant, new Map())
  }

  #hold(accountId: string, grant: StoredGrant, variants: Variants): void {
    const lastTaken = this.#held.get(accountId)?.lastTaken ?? 0
    this.#held.set(accountId, { grant, variants, lastTaken })
    this.#schedule(accountId)
    this.#standings.changed(accountId)
  }

  /** The one flight for this account and variant: the one under way, or a new one at the end of the account's queue. */
  #join(accountId: string, variant: TokenVariant): Promise<Fresh> {
    const key = `${accountId}\n${variantKey(variant)}`
    const under = this.#flights.get(key)
    if (under) return under
    const before = this.#queues.get(accountId) ?? Promise.resolve()
    const flight = before
      .catch(() => undefined)
      .then(() => this.#refresh(accountId, variant, true))
      .finally(() => {
        this.#flights.delete(key)
        if (this.#queues.get(accountId) === flight) this.#queues.delete(accountId)
      })
    this.#flights.set(key, flight)
    this.#queues.set(accountId, flight)
    return flight
  }

  /** One refresh, from re-reading the vault to the answer. `again`: a second try is still allowed. */
  async #refresh(accountId: string, variant: TokenVariant, again: boolean): Promise<Fresh> {
    const record = this.#standings.record(accountId)
    if (!record) return { kind: 'unavailable', error: new BrokerError('not_found', 'That account was unlinked.') }
    if (record.standing === 'needs-sign-in')
      return { kind: 'sign-in-needed', detail: record.problem ?? 'The provider ended this session.' }
    if (this.#stopped) return unavailable('Valetkey is stopping.', 1)
    const pause = this.#pauses.holding(accountId)
    if (pause) return unavailable(pause.detail, pause.retry_after)
    if (!(await this.#unsaved.save(accountId)))
      return unavailable('The vault cannot be written (disk full?), and refreshing again could lose the session.', 5)
    const { vault, servers, faults } = this.#ports
    const stored = await vault.grant(accountId)
    if (!stored) return { kind: 'sign-in-needed', detail: 'No sign-in is stored for this account.' }
    const { connection, refresh_token: sent } = stored.material
    if (!sent)
      return { kind: 'sign-in-needed', detail: `${record.provider_name} gave no refresh token, so its sessions end.` }
    const rotates = connection.rotation !== 'never'
    try {
      if (rotates) await vault.beginRefresh(accountId, stored.generation)
    } catch (thrown) {
      if (!(thrown instanceof StorageFault)) throw thrown
      return unavailable('The vault cannot be written (disk full?), so no refresh token is put at risk.', 5, thrown)
    }
    faults('beforeSend')
    const outcome = await servers.refresh(connection, sent, variant)
    faults('afterReceive')
    if (outcome.kind === 'refreshed') return this.#keep(accountId, stored, variant, outcome)
    this.#standings.refreshed(accountId, outcome.kind, outcome.detail)
    switch (outcome.kind) {
      case 'final': {
        const now = await vault.grant(accountId)
        if (again && now && now.generation !== stored.generation) return this.#refresh(accountId, variant, false)
        await this.#settle(advance(record, 'ended-by-provider', outcome.detail), stored.generation)
        return { kind: 'sign-in-needed', detail: outcome.detail }
      }
      case 'interaction-needed':
        await vault.endRefresh(accountId)
        await this.#settle(advance(record, 'ended-by-provider', outcome.detail))
        return { kind: 'sign-in-needed', detail: outcome.detail }
      case 'client-configuration':
        await vault.endRefresh(accountId)
        await this.#settle(advance(record, 'client-refused', outcome.detail))
        this.#pauses.wait(accountId, 60_000, false, outcome.detail)
        return {
          kind: 'unavailable',
          error: new BrokerError('provider_error', `${record.provider_name} refuses this client: ${outcome.detail}`, {
            resolve: { command: `valetkey link ${record.provider} --account ${accountId}` },
          }),
        }
      case 'request-refused':
        await vault.endRefresh(accountId)
        return { kind: 'unavailable', error: new BrokerError('invalid_request', outcome.detail) }
      case 'ambiguous':
        // It may have rotated, and a grace period may be running: the one case in which asking again at once is right.
        if (again) {
          await new Promise<void>((resolve) => this.#ports.clock.after(RETRY_NOW_AFTER, resolve))
          return this.#refresh(accountId, variant, false)
        }
        return this.#backOff(accountId, outcome.detail)
      case 'throttled':
        await vault.endRefresh(accountId)
        this.#pauses.wait(accountId, outcome.retry_after * 1000, true, outcome.detail)
        return this.#paused(accountId, outcome.detail, outcome.retry_after)
      case 'transient':
        // With rotation a 5xx does not tell whether the token was used: the intent stays until an answer is known.
        if (!rotates) await vault.endRefresh(accountId)
        return this.#backOff(accountId, outcome.detail)
      case 'offline':
        await vault.endRefresh(accountId)
        return this.#backOff(accountId, outcome.detail)
    }
  }

  /** A refresh succeeded: make it durable, then release it. */
  async #keep(
    accountId: string,
    stored: StoredGrant,
    variant: TokenVariant,
    outcome: Extract<RefreshOutcome, { kind: 'refreshed' }>,
  ): Promise<Fresh> {
    const key = variantKey(variant)
    const old = stored.material.refresh_token
    const rotated = outcome.refresh_token !== null && !(old?.equals(outcome.refresh_token) ?? false)
    const access = withScope(outcome.access, variant.scope ?? this.#standings.record(accountId)?.scope)
    const material: GrantMaterial = {
      connection: stored.material.connection,
      refresh_token: outcome.refresh_token ?? old,
      access: key === SAME ? access : stored.material.access,
    }
    const { faults, vault } = this.#ports
    faults('beforeCommit')
    let grant: StoredGrant
    let unsaved = false
    try {
      grant = await vault.commitRefresh(accountId, stored.generation, material, { lazy: !rotated })
    } catch (thrown) {
      if (thrown instanceof GenerationConflict) {
        // Somebody signed in again meanwhile; theirs is newer than anything this refresh brought.
        this.#held.delete(accountId)
        await this.#load(accountId)
        return unavailable('The account was signed in again meanwhile; ask again.', 1)
      }
      if (!(thrown instanceof StorageFault)) throw thrown
      unsaved = true
      grant = { generation: stored.generation, material }
      this.#unsaved.keep(accountId, grant)
    }
    faults('afterCommit')
    this.#pauses.clear(accountId)
    const variants = new Map(
      [...(this.#held.get(accountId)?.variants ?? [])].filter(([, { access }]) => !isExpired(access, this.#seconds())),
    )
    if (key !== SAME) variants.set(key, { variant, access })
    if (variants.size > MAX_VARIANTS) variants.delete(variants.keys().next().value ?? '')
    this.#hold(accountId, grant, variants)
    this.#standings.refreshed(accountId, unsaved ? 'unsaved' : 'refreshed', outcome.alarm)
    const record = this.#standings.record(accountId)
    if (record && (record.standing !== 'connected' || record.problem !== undefined))
      await this.#settle(advance(record, 'refreshed'))
    return { kind: 'token', access, grant }
  }

  /** Remembers a changed record durably; with `generation`, that refresh token is quarantined in the same commit. */
  async #settle(record: AccountRecord, generation?: number): Promise<void> {
    try {
      if (generation === undefined) await this.#ports.vault.saveAccount(record)
      else await this.#ports.vault.quarantine(record, generation)
    } catch (thrown) {
      if (!(thrown instanceof StorageFault)) throw thrown
      this.#ports.log('warn', 'vault.unsaved', { account: record.id })
    }
    if (generation !== undefined) this.#held.delete(record.id)
    this.#standings.settled(record)
  }

  #backOff(accountId: string, detail: string): Fresh {
    this.#pauses.backOff(accountId, detail)
    return this.#paused(accountId, detail, 1)
  }

  #paused(accountId: string, detail: string, retryAfter: number): Fresh {
    this.#schedule(accountId)
    this.#standings.changed(accountId)
    return unavailable(detail, retryAfter)
  }

  /** One timer per account: the renewal ahead of time, or the retry after a pause; only for tokens somebody uses. */
  #schedule(accountId: string): void {
    this.#timers.get(accountId)?.cancel()
    this.#timers.delete(accountId)
    const held = this.#held.get(accountId)
    const access = held?.grant.material.access
    if (this.#stopped || !held || !access || !held.grant.material.refresh_token) return
    const [chance = 0] = this.#ports.randomness.bytes(1)
    const renewal = renewalTime(access, chance / 256)
    if (renewal === null) return
    const { clock } = this.#ports
    const delay = Math.max(renewal * 1000 - clock.now(), this.#pauses.remaining(accountId), 1000)
    const cancel = clock.after(delay, () => {
      this.#timers.delete(accountId)
      const inUse = (this.#held.get(accountId)?.lastTaken ?? 0) >= access.obtained_at * 1000
      if (inUse && this.#ports.vault.state() === 'unlocked') void this.#join(accountId, {}).catch(() => undefined)
    })
    this.#timers.set(accountId, { at: Math.round(renewal), cancel })
  }

  #seconds(): number {
    return secondsOf(this.#ports.clock)
  }
}

export const secondsOf = (clock: Clock): number => clock.now() / 1000

const accessOf = (held: Held, key: string): AccessToken | null | undefined =>
  key === SAME ? held.grant.material.access : held.variants.get(key)?.access

function unavailable(detail: string, retryAfter: number, cause?: unknown): Fresh {
  return {
    kind: 'unavailable',
    error: new BrokerError('temporarily_unavailable', detail, { retry_after: retryAfter, cause }),
  }
}
