/**
 * What both doors work on: the accounts, clients and consents in memory, beside the machinery for tokens, questions and
 * sign-ins. The rule: memory follows the vault, never the other way: a change is made durable first and then seen.
 */
import type { Account, AccessRequest, AccountChoice, ActivityEntry, Grant, VaultState } from '../contract/model.ts'
import { BrokerError } from '../contract/errors.ts'
import { AccountIndex, distinctLabel, viewAccount } from './accounts.ts'
import { Approvals } from './approvals.ts'
import { isBound } from './bound.ts'
import { Budget } from './budget.ts'
import { withoutChoices } from './choices.ts'
import { canRenew } from './freshness.ts'
import { GrantIndex, isLive } from './grants.ts'
import { randomId, tokenId } from './ids.ts'
import { OpenUses } from './open-uses.ts'
import type { AccessToken, AccountRecord, ClientRecord, Ports, SignInOutcome } from './ports.ts'
import type { Secret } from './secret.ts'
import { Sessions } from './sessions.ts'
import { inProfile, Shifts } from './shifts.ts'
import { SignIns } from './sign-ins.ts'
import { secondsOf, Tokens } from './tokens.ts'

type SignedIn = Extract<SignInOutcome, { kind: 'signed-in' }>

/** Milliseconds between writes of "last used", which nobody needs to the second. */
const USAGE_EVERY = 60_000

export class Desk {
  readonly ports: Ports
  readonly accounts = new AccountIndex()
  readonly grants = new GrantIndex()
  readonly clients = new Map<string, ClientRecord>()
  readonly clientsByHash = new Map<string, ClientRecord>()
  readonly tokens: Tokens
  readonly approvals: Approvals
  readonly signIns: SignIns
  readonly shifts = new Shifts(this)
  readonly sessions: Sessions
  readonly uses = new OpenUses()
  /** Consents for one use that a call under way has taken; on the disk they still are. */
  readonly claimed = new Set<string>()
  /** The person wants nobody to be given anything just now. */
  paused = false
  /** Tells the surfaces that something they show has changed. */
  readonly changed: () => void
  readonly #tokenIds = new WeakMap<AccessToken, string>()
  readonly #usageWritten = new Map<string, number>()
  readonly #guesses: Budget
  #loaded: Promise<void> | undefined
  #isLoaded = false
  #locking: Promise<void> | undefined

  constructor(ports: Ports, changed: () => void) {
    this.ports = ports
    this.changed = changed
    this.#guesses = new Budget(ports.clock, {
      burst: 5,
      every: 10,
      refusal: 'Several passphrases were wrong; the next one has to wait.',
    })
    this.approvals = new Approvals(ports.clock, ports.randomness, (asked?: AccessRequest) => {
      if (asked) ports.person.questionWaiting(asked)
      changed()
    })
    this.sessions = new Sessions(ports.clock, ports.randomness, () => {
      this.uses.review()
      changed()
    })
    this.signIns = new SignIns(ports.clock, ports.randomness, ports.servers, changed)
    this.tokens = new Tokens(ports, {
      record: (id) => this.accounts.get(id),
      settled: (record) => {
        this.accounts.put(record)
        changed()
      },
      changed,
      refreshed: (account_id, outcome, detail) => {
        this.note({ action: 'refresh', outcome, account_id, ...(detail !== undefined && { detail }) })
        ports.log(outcome === 'refreshed' ? 'info' : 'warn', 'refresh', { account: account_id, outcome })
      },
    })
  }

  /**
   * Clients and consents: needed before the first call can be judged, and read again once the vault is open, because only
   * then can it tell a row of ours from one that somebody put there.
   */
  async open(): Promise<void> {
    const [clients, grants] = await Promise.all([this.ports.vault.clients(), this.ports.vault.grants()])
    this.clients.clear()
    this.clientsByHash.clear()
    // Those that are nowhere stored end with a lock, not with an unlock.
    for (const grant of this.grants.all()) if (!grant.until_locked) this.grants.delete(grant.id)
    for (const client of clients) this.keepClient(client)
    for (const grant of grants) if (!this.claimed.has(grant.id)) this.grants.put(grant)
  }

  /**
   * Everything again, now that the vault can tell what is its own. New calls wait for it; what is under way keeps seeing the
   * accounts as they were until all of them are read.
   */
  async reopen(): Promise<void> {
    await this.open()
    this.#isLoaded = false
    this.#loaded = undefined
    await this.load()
  }

  /** The account list, read once and not before somebody needs it: a thousand accounts should not delay the start. */
  load(): Promise<void> {
    this.#loaded ??= this.#read()
    return this.#loaded
  }

  #read(): Promise<void> {
    const before = new Set(this.accounts.all().map(({ id }) => id))
    const mine: Promise<void> = this.ports.vault.accounts().then(
      (records) => {
        // Begun before the vault was opened: what it read nobody has authenticated, and a later one is under way.
        if (this.#loaded !== mine) return this.load()
        const read = new Set(records.map(({ id }) => id))
        for (const id of before) if (!read.has(id)) this.accounts.delete(id)
        for (const record of records) {
          const known = this.accounts.get(record.id)
          // Linked meanwhile is newer than what was read; unlinked meanwhile stays away.
          if (before.has(record.id) ? known : !known) this.accounts.put(record)
        }
        this.#isLoaded = true
        this.shifts.watch()
        return undefined
      },
      (thrown: unknown) => {
        if (this.#loaded === mine) this.#loaded = undefined
        throw thrown
      },
    )
    return mine
  }

  get isLoaded(): boolean {
    return this.#isLoaded
  }

  seconds(): number {
    return Math.floor(secondsOf(this.ports.clock))
  }

  /** One row of activity; never a token, not even a part of one. */
  note(entry: Omit<ActivityEntry, 'id' | 'at'>): void {
    this.ports.activity.append({ at: this.seconds(), ...entry })
  }

  /** Throws `locked`, or `temporarily_unavailable` while the person has paused all access. */
  requireGiving(): void {
    this.requireUnlocked()
    if (this.paused)
      throw new BrokerError(
        'temporarily_unavailable',
        'The person has paused all access; ask again when it is resumed.',
        {
          retry_after: 60,
        },
      )
  }

  /**
   * Locked for everybody from this moment; the key itself goes when the refreshes under way have been written down, because
   * a refresh token that just replaced another would be lost without it. Resolves then.
   */
  lock(): Promise<void> {
    for (const grant of this.grants.all()) if (grant.until_locked) this.grants.delete(grant.id)
    this.sessions.endAll()
    this.#locking ??= this.tokens.rest().then(() => {
      this.ports.vault.lock()
      this.#locking = undefined
      this.changed()
    })
    this.uses.review()
    return this.#locking
  }

  /** Throws what the vault throws, and `slow_down` after a few wrong passphrases. */
  async unlock(passphrase: Secret | undefined): Promise<void> {
    if (passphrase) this.#guesses.spend('')
    await this.#locking
    await this.ports.vault.unlock(passphrase)
    this.#guesses.forgive('')
    this.tokens.wake()
  }

  /** The vault's state as everybody has to take it. */
  state(): VaultState {
    return this.#locking ? 'locked' : this.ports.vault.state()
  }

  /** Throws `locked` with what to do. */
  requireUnlocked(): void {
    const state = this.state()
    if (state === 'unlocked' || state === 'read-only') return
    if (state === 'damaged')
      throw new BrokerError('locked', this.ports.vault.notice() ?? 'The vault is damaged.', {
        resolve: { command: 'valetkey doctor' },
      })
    throw new BrokerError('locked', 'The vault is locked.', { resolve: { command: 'valetkey unlock' } })
  }

  /** The one account these words mean, for the person, who may see all. Throws `not_found` and `account_selection_required`. */
  only(words: string): AccountRecord {
    const found = this.accounts.matching({ account: words })
    const [record] = found
    if (!record)
      throw new BrokerError('not_found', `There is no account “${words}”.`, {
        resolve: { command: 'valetkey accounts' },
      })
    if (found.length > 1)
      throw new BrokerError('account_selection_required', `“${words}” means several accounts; use an id.`, {
        candidates: found.map(candidate),
      })
    return record
  }

  view(record: AccountRecord): Account {
    const { tokens } = this
    const locked = this.state() === 'locked'
    return viewAccount(record, {
      locked,
      signing_in: this.signIns.isSigningIn(record.id),
      unsaved: tokens.isUnsaved(record.id),
      offline: tokens.offline(record.id),
      access: locked ? null : tokens.current(record.id),
      renews_at: tokens.renewsAt(record.id),
    })
  }

  tokenId(access: AccessToken): string {
    const known = this.#tokenIds.get(access)
    if (known !== undefined) return known
    const id = tokenId(access.value)
    this.#tokenIds.set(access, id)
    return id
  }

  keepClient(client: ClientRecord): void {
    const before = this.clients.get(client.id)
    if (before) this.clientsByHash.delete(before.token_hash)
    this.clients.set(client.id, client)
    this.clientsByHash.set(client.token_hash, client)
  }

  /** Out at once, whatever the disk says; a disk that will not note it is said to the person (the throw). */
  async dropClient(client: ClientRecord): Promise<void> {
    this.clients.delete(client.id)
    this.clientsByHash.delete(client.token_hash)
    for (const key of this.#usageWritten.keys()) if (key.startsWith(`${client.id}\n`)) this.#usageWritten.delete(key)
    this.approvals.withdraw(client.id)
    this.sessions.endAll(client.id)
    const grants = this.grants.all().filter((grant) => grant.client_id === client.id)
    for (const grant of grants) this.grants.delete(grant.id)
    this.uses.review()
    await this.ports.vault.removeClient(client.id)
    for (const grant of grants) if (!grant.until_locked) await this.ports.vault.removeGrant(grant.id)
  }

  /** Takes a consent for one use, before anything is awaited, so that two requests at once cannot both spend it. */
  claim(grant: Grant): void {
    this.claimed.add(grant.id)
    this.grants.delete(grant.id)
  }

  /** As `dropClient`. */
  async dropGrant(grant: Grant): Promise<void> {
    this.grants.delete(grant.id)
    this.uses.review()
    if (!grant.until_locked) await this.ports.vault.removeGrant(grant.id)
  }

  async giveGrant(given: Omit<Grant, 'id' | 'granted_at'>): Promise<Grant> {
    const grant: Grant = { ...given, id: randomId(this.ports.randomness), granted_at: this.seconds() }
    // What a lock ends is not even written: a copy of the disk has no lock to end it.
    if (grant.until_locked) this.requireUnlocked()
    else await this.ports.vault.saveGrant(grant)
    this.grants.put(grant)
    // A consent that is over explains nothing any more.
    for (const old of this.grants.of(grant.client_id, grant.account_id))
      if (!isLive(old, this.seconds())) await this.dropGrant(old)
    return grant
  }

  /** Forgets which accounts clients' words mean, where `leaves` says so. Answers the clients that have changed. */
  async forgetChoices(leaves: (choice: AccountChoice) => boolean): Promise<readonly ClientRecord[]> {
    const changed: ClientRecord[] = []
    for (const client of [...this.clients.values()]) {
      const next = withoutChoices(client, leaves)
      if (next === client) continue
      await this.ports.vault.saveClient(next)
      this.keepClient(next)
      changed.push(next)
    }
    return changed
  }

  /** A client took a token of an account: remembered in memory now, on disk about once a minute. */
  touch(client: ClientRecord, accountId: string): void {
    const now = this.ports.clock.now()
    const key = `${client.id}\n${accountId}`
    const last = this.#usageWritten.get(key)
    if (last !== undefined && now - last < USAGE_EVERY && now >= last) return
    const current = this.clients.get(client.id)
    if (!current) return
    this.#usageWritten.set(key, now)
    const at = Math.floor(now / 1000)
    const record = this.accounts.get(accountId)
    const used: ClientRecord = { ...current, last_used_at: at }
    this.keepClient(used)
    if (record) this.accounts.put({ ...record, last_used_at: at })
    const ignore = (): undefined => undefined
    if (this.ports.vault.state() !== 'unlocked') return
    void this.ports.vault.saveClient(used, { lazy: true }).catch(ignore)
    if (record) void this.ports.vault.saveAccount({ ...record, last_used_at: at }, { lazy: true }).catch(ignore)
    this.changed()
  }

  /**
   * A sign-in becomes an account. The same subject at the same issuer is the same account, renewed; another subject than
   * the account had is refused, because tools bound to one person's account must not find another's behind it (P10).
   */
  async admit(
    outcome: SignedIn,
    provider: string,
    label: string | undefined,
    accountId: string | undefined,
    profile?: string,
  ): Promise<string> {
    const { identity, material } = outcome
    await this.load()
    const asked = accountId === undefined ? undefined : this.accounts.get(accountId)
    if (accountId !== undefined && !asked)
      throw new BrokerError('not_found', 'That account was unlinked meanwhile, and nothing was linked in its place.')
    const another =
      asked &&
      ((asked.subject !== undefined && asked.subject !== identity.subject) ||
        (asked.issuer !== undefined && asked.issuer !== identity.issuer))
    if (another)
      throw new BrokerError(
        'access_denied',
        `You signed in as ${identity.label ?? identity.subject ?? 'somebody the provider does not name'}, but this account is ${asked.label}. Nothing was changed.`,
        { resolve: { command: `valetkey link ${provider}` } },
      )
    const same =
      asked ??
      this.accounts
        .all()
        .find(
          (other) =>
            other.provider === provider &&
            other.issuer === identity.issuer &&
            identity.subject !== undefined &&
            other.subject === identity.subject,
        )
    const wanted = label ?? same?.label ?? identity.label ?? identity.subject ?? outcome.provider_name
    const others = this.accounts.all().filter((other) => other.id !== same?.id)
    const signedIn: AccountRecord = {
      id: same?.id ?? randomId(this.ports.randomness),
      provider,
      provider_name: outcome.provider_name,
      label: distinctLabel(wanted, provider, others),
      issuer: identity.issuer,
      ...(identity.subject !== undefined && { subject: identity.subject }),
      scope: outcome.scope,
      renewable: canRenew(material),
      ...(isBound(material.connection) && { use_only: true }),
      linked_at: this.seconds(),
      ...(same?.last_used_at !== undefined && { last_used_at: same.last_used_at }),
      standing: 'connected',
    }
    const record = inProfile(this, signedIn, profile ?? same?.profile)
    const grant = await this.ports.vault.link(record, material)
    this.accounts.put(record)
    this.tokens.adopt(record.id, grant)
    this.shifts.watch()
    this.note({ action: 'link', outcome: same ? 'renewed' : 'linked', account_id: record.id, scope: outcome.scope })
    this.changed()
    return record.id
  }
}

export const candidate = (record: AccountRecord): { id: string; label: string; provider: string } => ({
  id: record.id,
  label: record.label,
  provider: record.provider,
})
