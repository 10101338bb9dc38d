/**
 * Fresh access tokens: what is held, who waits for what, and when the next one is due. The rules: one refresh at a time
 * per account, and whoever waits gets its answer (R3); a refresh once begun always runs to its end, whoever hangs up;
 * no number of accounts makes more than a few refreshes at one provider at once.
 */
import { BrokerError } from '../contract/errors.ts'
import { canRenew, isExpired, isFreshEnough, renewalTime } from './freshness.ts'
import { patience } from './patience.ts'
import { Pauses } from './pauses.ts'
import type { AccessToken, Cancel, Clock, Connection, Ports, StoredGrant, TokenVariant } from './ports.ts'
import { Refresher, unavailable, type Fresh, type Standings } from './refresher.ts'
import { Turnstile } from './turnstile.ts'
import { Unsaved } from './unsaved.ts'
import { SAME, variantKey, type Want } from './variants.ts'

type Variants = ReadonlyMap<string, { readonly variant: TokenVariant; readonly access: AccessToken }>

interface Held {
  readonly grant: StoredGrant
  readonly variants: Variants
  /** Milliseconds since the epoch at which a caller last took a token. */
  lastTaken: number
}

/** Narrowed or re-targeted tokens kept per account, and refreshes for such that may wait at once. */
const MAX_VARIANTS = 32
const MAX_WAITING = 8
/** Refreshes under way at once, per provider. */
const AT_ONCE = 16
/** Seconds a renewal may be late before the machine must have slept, and over how many the late ones are spread. */
const LATE_BY = 30
const SPREAD = 25
const LATE: Fresh = {
  kind: 'unavailable',
  error: new BrokerError('timeout', 'The provider has not answered in time; the refresh goes on in the background.'),
}

export class Tokens {
  readonly #ports: Ports
  readonly #standings: Standings
  readonly #refresher: Refresher
  readonly #pauses: Pauses
  readonly #unsaved: Unsaved
  /** One per provider, so that one that hangs holds up only its own. */
  readonly #turnstiles = new Map<string, Turnstile>()
  readonly #held = new Map<string, Held>()
  /** When a token came into memory by both clocks: a wall clock that is set back must not make it younger. */
  readonly #seen = new WeakMap<AccessToken, { readonly wall: number; readonly monotonic: number }>()
  /** The refreshes under way or waiting, by account and variant. */
  readonly #flights = new Map<string, Map<string, Promise<Fresh>>>()
  /** The end of the queue of refreshes per account. */
  readonly #queues = new Map<string, Promise<unknown>>()
  readonly #timers = new Map<string, { readonly at: number | null; readonly cancel: Cancel }>()
  /** Accounts being unlinked. */
  readonly #closed = new Set<string>()
  #chances: Uint8Array = new Uint8Array()
  #resting = false

  constructor(ports: Ports, standings: Standings) {
    this.#ports = ports
    this.#pauses = new Pauses(ports.clock, ports.randomness)
    this.#unsaved = new Unsaved(ports.clock, ports.vault, (accountId, grant) => {
      if (grant) this.#hold(accountId, grant, this.#held.get(accountId)?.variants ?? new Map())
      else this.#held.delete(accountId)
    })
    this.#standings = standings
    this.#refresher = new Refresher(ports, standings, this.#pauses, this.#unsaved)
  }

  /** The token to hand out without waiting for anybody, if there is one. The hot path: no promise, no allocation to speak of. */
  cached(accountId: string, want: Want): { readonly access: AccessToken; readonly grant: StoredGrant } | undefined {
    if (want.force_refresh || this.#resting) return undefined
    const held = this.#held.get(accountId)
    const access = held && accessOf(held, variantKey(want.variant))
    if (!held || !access || !isFreshEnough(access, want.min_valid_period, this.now(access))) return undefined
    held.lastTaken = this.#ports.clock.now()
    return { access, grant: held.grant }
  }

  /** A token as fresh as wanted, or the best there is, or why there is none. Throws `locked` and faults of ours only. */
  async fresh(accountId: string, want: Want): Promise<Fresh> {
    await this.#load(accountId)
    const ready = this.cached(accountId, want)
    if (ready) return { kind: 'token', ...ready }
    const { clock } = this.#ports
    const flight = this.#join(accountId, want.variant)
    const settled = await patience(clock, flight, undefined, clock.monotonic() + want.timeout)
    const fresh = settled === 'late' || settled === 'gone' ? LATE : settled
    const held = this.#held.get(accountId)
    if (held) held.lastTaken = clock.now()
    if (fresh.kind === 'token' || want.force_refresh || !held) return fresh
    // The provider cannot be reached, but what we have is still good: serve it with its true expiry.
    const still = accessOf(held, variantKey(want.variant))
    return still && fresh.kind === 'unavailable' && !isExpired(still, this.now(still))
      ? { kind: 'token', access: still, grant: held.grant }
      : fresh
  }

  /** Seconds since the epoch as this token should see them: the later of what the two clocks say. */
  now(access: AccessToken): number {
    const { clock } = this.#ports
    const seen = this.#seen.get(access)
    const elapsed = seen ? seen.wall + clock.monotonic() - seen.monotonic : 0
    return Math.max(clock.now(), elapsed) / 1000
  }

  /** The current default token, for surfaces. */
  current(accountId: string): AccessToken | null {
    return this.#held.get(accountId)?.grant.material.access ?? null
  }

  /** The account's frozen connection; `undefined` when there is none or the vault does not say. Holds and schedules nothing. */
  async connection(accountId: string): Promise<Connection | undefined> {
    const held = this.#held.get(accountId)?.grant ?? this.#unsaved.get(accountId)
    if (held) return held.material.connection
    return this.#ports.vault.grant(accountId).then(
      (stored) => stored?.material.connection,
      () => undefined,
    )
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

  /** Material that exists in memory only. */
  unsaved(accountId: string): StoredGrant | undefined {
    return this.#unsaved.get(accountId)
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

  /** The account is about to go: no further refresh, and the one under way has ended, so that the newest token is revoked. */
  async close(accountId: string): Promise<void> {
    this.#closed.add(accountId)
    await this.#queues.get(accountId)?.catch(() => undefined)
  }

  /** The account is gone (`forget`), or stays after all. */
  reopen(accountId: string): void {
    this.#closed.delete(accountId)
  }

  forget(accountId: string): void {
    this.#held.delete(accountId)
    this.#pauses.clear(accountId)
    this.#unsaved.forget(accountId)
    this.#timers.get(accountId)?.cancel()
    this.#timers.delete(accountId)
  }

  /**
   * No token is handed out or kept in memory any more, and no refresh begins; resolves when those under way have reached
   * the vault. What exists nowhere but in memory stays there, to be saved.
   */
  async rest(): Promise<void> {
    this.#resting = true
    this.#forgetHeld()
    await Promise.allSettled(this.#queues.values())
    this.#forgetHeld()
  }

  wake(): void {
    this.#resting = false
  }

  /** Rests for good. */
  async stop(): Promise<void> {
    await this.rest()
    await this.#unsaved.stop()
  }

  /**
   * Refreshes that were sent, or about to be, when the last process ended. Only the provider knows whether the old token
   * still works, and a grace period may be running out, so each is tried at once (RFC 9700 section 4.14.2).
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
    if (this.#resting) return
    const lastTaken = this.#held.get(accountId)?.lastTaken ?? 0
    this.#held.set(accountId, { grant, variants, lastTaken })
    const { clock } = this.#ports
    for (const access of [grant.material.access, ...[...variants.values()].map((other) => other.access)])
      if (access && !this.#seen.has(access)) this.#seen.set(access, { wall: clock.now(), monotonic: clock.monotonic() })
    this.#schedule(accountId)
    this.#standings.changed(accountId)
  }

  #forgetHeld(): void {
    this.#held.clear()
    for (const timer of this.#timers.values()) timer.cancel()
    this.#timers.clear()
  }

  /** The one flight for this account and variant: the one under way, or a new one at the end of the account's queue. */
  #join(accountId: string, variant: TokenVariant): Promise<Fresh> {
    if (this.#resting) return Promise.resolve(unavailable('Valetkey is being locked or is stopping.', 1))
    if (this.#closed.has(accountId)) return Promise.resolve(unavailable('The account is being unlinked.', 1))
    const key = variantKey(variant)
    const flights = this.#flights.get(accountId) ?? new Map<string, Promise<Fresh>>()
    const under = flights.get(key)
    if (under) return under
    if (key !== SAME && flights.size >= MAX_WAITING) return Promise.resolve(TOO_MANY)
    const before = this.#queues.get(accountId) ?? Promise.resolve()
    const flight = before
      .catch(() => undefined)
      .then(() => this.#turnstile(accountId).pass(() => this.#refresh(accountId, variant)))
      .finally(() => {
        flights.delete(key)
        if (flights.size === 0) this.#flights.delete(accountId)
        if (this.#queues.get(accountId) === flight) this.#queues.delete(accountId)
      })
    flights.set(key, flight)
    this.#flights.set(accountId, flights)
    this.#queues.set(accountId, flight)
    return flight
  }

  #turnstile(accountId: string): Turnstile {
    const record = this.#standings.record(accountId)
    const provider = record?.issuer ?? record?.provider ?? ''
    const turnstile = this.#turnstiles.get(provider) ?? new Turnstile(AT_ONCE)
    this.#turnstiles.set(provider, turnstile)
    return turnstile
  }

  async #refresh(accountId: string, variant: TokenVariant): Promise<Fresh> {
    if (this.#resting) return unavailable('Valetkey is being locked or is stopping.', 1)
    const fresh = await this.#refresher.refresh(accountId, variant)
    if (fresh.kind === 'token') this.#hold(accountId, fresh.grant, this.#variants(accountId, variant, fresh.access))
    else if (fresh.kind === 'sign-in-needed') this.#held.delete(accountId)
    else this.#schedule(accountId)
    return fresh
  }

  /** The other tokens of this account that are still good, and this one if it is not the account's own. */
  #variants(accountId: string, variant: TokenVariant, access: AccessToken): Variants {
    const key = variantKey(variant)
    const good = [...(this.#held.get(accountId)?.variants ?? [])].filter(
      ([, held]) => !isExpired(held.access, this.now(held.access)),
    )
    const variants = new Map(good)
    if (key !== SAME) variants.set(key, { variant, access })
    if (variants.size > MAX_VARIANTS) variants.delete(variants.keys().next().value ?? '')
    return variants
  }

  /** One timer per account: the renewal ahead of time, or the retry after a pause; only for tokens somebody uses. */
  #schedule(accountId: string): void {
    this.#timers.get(accountId)?.cancel()
    this.#timers.delete(accountId)
    const held = this.#held.get(accountId)
    const access = held?.grant.material.access
    if (this.#resting || !held || !access || !canRenew(held.grant.material)) return
    const renewal = renewalTime(access, this.#chance())
    if (renewal === null) return
    this.#arm(
      accountId,
      access,
      renewal,
      Math.max(renewal * 1000 - this.#ports.clock.now(), this.#pauses.remaining(accountId), 1000),
    )
  }

  #arm(accountId: string, access: AccessToken, renewal: number, delay: number): void {
    const { clock, vault } = this.#ports
    const due = clock.now() + delay
    const cancel = clock.after(delay, () => {
      this.#timers.delete(accountId)
      const inUse = (this.#held.get(accountId)?.lastTaken ?? 0) >= access.obtained_at * 1000
      if (!inUse || vault.state() !== 'unlocked') return
      // After a sleep every timer is due at once, and the network is only coming up.
      if (clock.now() - due > LATE_BY * 1000)
        this.#arm(accountId, access, renewal, (5 + SPREAD * this.#chance()) * 1000)
      else void this.#join(accountId, {}).catch(() => undefined)
    })
    this.#timers.set(accountId, { at: Math.round(renewal), cancel })
  }

  /** In [0, 1). From a store of bytes, because asking for one costs as much as asking for many. */
  #chance(): number {
    if (this.#chances.length === 0) this.#chances = this.#ports.randomness.bytes(256)
    const [byte = 0] = this.#chances
    this.#chances = this.#chances.subarray(1)
    return byte / 256
  }
}

const TOO_MANY: Fresh = {
  kind: 'unavailable',
  error: new BrokerError('slow_down', 'Too many different tokens of this account are being asked for at once.', {
    retry_after: 2,
  }),
}

export const secondsOf = (clock: Clock): number => clock.now() / 1000

const accessOf = (held: Held, key: string): AccessToken | null | undefined =>
  key === SAME ? held.grant.material.access : held.variants.get(key)?.access
