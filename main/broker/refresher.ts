/**
 * One refresh, from re-reading the vault to its result. The rules: the intent is durable before the request, the new
 * refresh token before the access token (R4); only the provider's own word ends an account, and only if the vault still
 * says what it said when the question was sent (R5); what changed meanwhile (a new sign-in, an unlinking) always wins.
 */
import { BrokerError } from '../contract/errors.ts'
import { advance, type AccountEvent } from './accounts.ts'
import { canRenew, withScope } from './freshness.ts'
import type { Pauses } from './pauses.ts'
import {
  GenerationConflict,
  StorageFault,
  type AccessToken,
  type AccountRecord,
  type GrantMaterial,
  type Ports,
  type RefreshOutcome,
  type StoredGrant,
  type TokenVariant,
} from './ports.ts'
import type { Unsaved } from './unsaved.ts'
import { SAME, variantKey } from './variants.ts'

export interface Given {
  readonly kind: 'token'
  readonly access: AccessToken
  readonly grant: StoredGrant
}

export type Fresh =
  | Given
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

/** Milliseconds before an answer that got lost is asked for once more. */
const AGAIN_AFTER = 1000

const SUPERSEDED = 'The account was changed meanwhile; ask again.'
const NO_DISK = 'The vault cannot be written (disk full?)'

export class Refresher {
  readonly #ports: Ports
  readonly #standings: Standings
  readonly #pauses: Pauses
  readonly #unsaved: Unsaved

  constructor(ports: Ports, standings: Standings, pauses: Pauses, unsaved: Unsaved) {
    this.#ports = ports
    this.#standings = standings
    this.#pauses = pauses
    this.#unsaved = unsaved
  }

  /** Throws `locked` and faults of ours only. */
  refresh(accountId: string, variant: TokenVariant): Promise<Fresh> {
    return this.#attempt(accountId, variant, true)
  }

  /** `again`: a second try is still allowed. */
  async #attempt(accountId: string, variant: TokenVariant, again: boolean): Promise<Fresh> {
    const record = this.#standings.record(accountId)
    if (!record) return { kind: 'unavailable', error: new BrokerError('not_found', 'That account was unlinked.') }
    if (record.standing === 'needs-sign-in') return needsPerson(record.problem ?? 'The provider ended this session.')
    const pause = this.#pauses.holding(accountId)
    if (pause) return unavailable(pause.detail, pause.retry_after)
    if (!(await this.#unsaved.save(accountId)))
      return unavailable(`${NO_DISK}, and refreshing again could lose the session.`, 5)
    const { vault, servers, faults } = this.#ports
    const stored = await vault.grant(accountId)
    if (!stored) return needsPerson('No sign-in is stored for this account.')
    const { connection, refresh_token: sent } = stored.material
    if (!canRenew(stored.material))
      return needsPerson(`${record.provider_name} gave no refresh token, so its sessions end.`)
    try {
      if (connection.rotation !== 'never') await vault.beginRefresh(accountId, stored.generation)
    } catch (thrown) {
      if (!(thrown instanceof StorageFault)) throw thrown
      return unavailable(`${NO_DISK}, so no refresh token is put at risk.`, 5, thrown)
    }
    faults('beforeSend')
    const outcome = await servers.refresh(connection, sent, variant)
    faults('afterReceive')
    return outcome.kind === 'refreshed'
      ? this.#keep(accountId, stored, variant, outcome)
      : this.#failed(accountId, stored, variant, outcome, again)
  }

  async #failed(
    accountId: string,
    stored: StoredGrant,
    variant: TokenVariant,
    outcome: Exclude<RefreshOutcome, { kind: 'refreshed' }>,
    again: boolean,
  ): Promise<Fresh> {
    const { kind, detail } = outcome
    this.#standings.refreshed(accountId, kind, detail)
    const ends = kind === 'final' || kind === 'interaction-needed' || kind === 'client-configuration'
    if (ends && !(await this.#isStill(accountId, stored)))
      return again ? this.#attempt(accountId, variant, false) : unavailable(SUPERSEDED, 1)
    switch (kind) {
      case 'final':
        await this.#settle(accountId, 'ended-by-provider', detail, stored.generation)
        return needsPerson(detail)
      case 'interaction-needed':
        await this.#end(accountId, stored)
        await this.#settle(accountId, 'ended-by-provider', detail)
        return needsPerson(detail)
      case 'client-configuration':
        await this.#end(accountId, stored)
        this.#pauses.wait(accountId, 60_000, false, detail)
        await this.#settle(accountId, 'client-refused', detail)
        return refusedClient(this.#standings.record(accountId), accountId, detail)
      case 'request-refused':
        await this.#end(accountId, stored)
        return { kind: 'unavailable', error: new BrokerError('invalid_request', detail) }
      case 'ambiguous':
        // It may have rotated, and a grace period may be running: the one case in which asking again at once is right.
        if (again) {
          await new Promise<void>((resolve) => this.#ports.clock.after(AGAIN_AFTER, resolve))
          return this.#attempt(accountId, variant, false)
        }
        return this.#backOff(accountId, detail)
      case 'throttled':
        await this.#end(accountId, stored)
        this.#pauses.wait(accountId, outcome.retry_after * 1000, true, detail)
        this.#standings.changed(accountId)
        return unavailable(detail, outcome.retry_after)
      case 'transient':
        // With rotation a 5xx does not tell whether the token was used: the intent stays until an answer is known.
        return this.#backOff(accountId, detail)
      case 'offline':
        await this.#end(accountId, stored)
        return this.#backOff(accountId, detail)
    }
  }

  /** A refresh succeeded: make it durable, then release it. */
  async #keep(
    accountId: string,
    stored: StoredGrant,
    variant: TokenVariant,
    outcome: Extract<RefreshOutcome, { kind: 'refreshed' }>,
  ): Promise<Fresh> {
    const old = stored.material.refresh_token
    const rotated = outcome.refresh_token !== null && !(old?.equals(outcome.refresh_token) ?? false)
    const whole = this.#standings.record(accountId)?.scope
    const access = withScope(outcome.access, outcome.scope_dropped ? whole : (variant.scope ?? whole))
    const material: GrantMaterial = {
      connection: stored.material.connection,
      refresh_token: outcome.refresh_token ?? old,
      access: variantKey(variant) === SAME ? access : stored.material.access,
    }
    const { faults, vault } = this.#ports
    faults('beforeCommit')
    let grant: StoredGrant = { generation: stored.generation, material }
    let kept: 'refreshed' | 'unsaved' = 'refreshed'
    try {
      grant = await vault.commitRefresh(accountId, stored.generation, material, { lazy: !rotated })
    } catch (thrown) {
      // Somebody signed in again, or unlinked, meanwhile; theirs is newer than anything this refresh brought.
      if (thrown instanceof GenerationConflict) return unavailable(SUPERSEDED, 1)
      if (!(thrown instanceof StorageFault) && !(thrown instanceof BrokerError && thrown.code === 'locked'))
        throw thrown
      // The only copy of a new refresh token is here now, whatever kept the vault from taking it.
      if (rotated) {
        kept = 'unsaved'
        this.#unsaved.keep(accountId, grant)
      }
    }
    faults('afterCommit')
    this.#pauses.clear(accountId)
    this.#standings.refreshed(accountId, kept, outcome.alarm)
    const record = this.#standings.record(accountId)
    if (record && (record.standing !== 'connected' || record.problem !== undefined))
      await this.#settle(accountId, 'refreshed')
    return { kind: 'token', access, grant }
  }

  /** Whether the account is linked as it was when the question was sent. */
  async #isStill(accountId: string, stored: StoredGrant): Promise<boolean> {
    const now = this.#standings.record(accountId) && (await this.#ports.vault.grant(accountId))
    return now?.generation === stored.generation
  }

  /** What happened, remembered durably; with `generation`, that refresh token is quarantined in the same commit. */
  async #settle(accountId: string, event: AccountEvent, detail?: string, generation?: number): Promise<void> {
    const before = this.#standings.record(accountId)
    if (!before || (before.standing === 'needs-sign-in' && event !== 'linked')) return
    const record = advance(before, event, detail)
    try {
      if (generation === undefined) await this.#ports.vault.saveAccount(record)
      else await this.#ports.vault.quarantine(record, generation)
    } catch (thrown) {
      if (!(thrown instanceof StorageFault)) throw thrown
      this.#ports.log('warn', 'vault.unsaved', { account: accountId })
    }
    if (this.#standings.record(accountId)) this.#standings.settled(record)
  }

  /** The refresh ended without a new generation. Nothing depends on it reaching the disk: at worst it is tried once more. */
  async #end(accountId: string, { material }: StoredGrant): Promise<void> {
    if (material.connection.rotation === 'never') return
    await this.#ports.vault.endRefresh(accountId).catch((thrown: unknown) => {
      if (!(thrown instanceof BrokerError)) throw thrown
    })
  }

  #backOff(accountId: string, detail: string): Fresh {
    this.#pauses.backOff(accountId, detail)
    this.#standings.changed(accountId)
    return unavailable(detail, 1)
  }
}

const needsPerson = (detail: string): Fresh => ({ kind: 'sign-in-needed', detail })

function refusedClient(record: AccountRecord | undefined, accountId: string, detail: string): Fresh {
  const provider = record?.provider ?? ''
  return {
    kind: 'unavailable',
    error: new BrokerError(
      'provider_error',
      `${record?.provider_name ?? 'The provider'} refuses this client: ${detail}`,
      {
        resolve: { command: `valetkey link ${provider} --account ${accountId}` },
      },
    ),
  }
}

/** `retryAfter` in seconds. */
export function unavailable(detail: string, retryAfter: number, cause?: unknown): Fresh {
  return {
    kind: 'unavailable',
    error: new BrokerError('temporarily_unavailable', detail, { retry_after: retryAfter, cause }),
  }
}
