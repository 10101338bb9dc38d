/**
 * Profiles: accounts that are linked together for a stretch of work and go together when it ends. The rule: the person
 * says when (R5), by hand or beforehand; from that second on the accounts give nothing, whatever becomes of unlinking
 * them; and what could not be revoked is reported, account by account.
 */
import { asBrokerError, BrokerError } from '../contract/errors.ts'
import type { ShiftReport, UnlinkReport } from '../contract/window-api.ts'
import type { Desk } from './desk.ts'
import type { AccountRecord, Cancel, RevokeOutcome } from './ports.ts'

/** Milliseconds between looks at the clock while a shift's end is awaited: a sleeping machine's timers stand still. */
const LOOK_EVERY = 60_000

/** Whether the shift an account was linked for is over. `now`: seconds since the epoch. */
export function isOver(record: Pick<AccountRecord, 'ends_at'>, now: number): boolean {
  return record.ends_at !== undefined && record.ends_at <= now
}

/** Throws `login_required` for an account whose shift is over. */
export function requireShift(desk: Desk, record: AccountRecord): void {
  if (isOver(record, desk.seconds()))
    throw new BrokerError('login_required', `The shift that ${record.label} was linked for has ended.`, {
      resolve: { command: `valetkey link ${record.provider}` },
    })
}

/** The accounts of a profile. Throws `not_found`. */
export function accountsOf(desk: Desk, profile: string): readonly AccountRecord[] {
  const records = desk.accounts.all().filter((record) => record.profile === profile)
  if (records.length === 0)
    throw new BrokerError('not_found', `There is no profile “${profile}”.`, {
      resolve: { command: 'valetkey profile' },
    })
  return records
}

/** The record in a profile, or in none. It ends when the others there do, if that is still to come. */
export function inProfile(desk: Desk, record: AccountRecord, profile: string | undefined): AccountRecord {
  const { profile: _profile, ends_at: _endsAt, ...rest } = record
  if (profile === undefined) return rest
  const inIt = desk.accounts.all().filter((other) => other.profile === profile)
  const ends_at = inIt.find((other) => !isOver(other, desk.seconds()))?.ends_at
  return { ...rest, profile, ...(ends_at !== undefined && { ends_at }) }
}

/** Removes an account, its consents and, unless told otherwise, its tokens at the provider. */
export async function unlinkAccount(desk: Desk, record: AccountRecord, keepRemote: boolean): Promise<UnlinkReport> {
  const { vault, servers } = desk.ports
  if (!keepRemote) desk.requireUnlocked()
  desk.signIns.cancelOf(record.id)
  await desk.tokens.close(record.id)
  let revoked: RevokeOutcome | undefined
  try {
    const stored = keepRemote ? null : (desk.tokens.unsaved(record.id) ?? (await vault.grant(record.id)))
    if (stored) revoked = await servers.revoke(stored.material)
    await vault.unlink(record.id)
    desk.accounts.delete(record.id)
    desk.uses.review()
    desk.tokens.forget(record.id)
  } finally {
    desk.tokens.reopen(record.id)
  }
  for (const grant of desk.grants.all()) if (grant.account_id === record.id) await desk.dropGrant(grant)
  await desk.forgetChoices((choice) => choice.account_id === record.id)
  const report: UnlinkReport = {
    account_id: record.id,
    remote: keepRemote ? 'kept' : (revoked?.kind ?? 'unsupported'),
    ...(revoked?.detail !== undefined && { detail: revoked.detail }),
  }
  desk.note({ action: 'unlink', outcome: report.remote, account_id: record.id, detail: record.label })
  desk.changed()
  return report
}

export class Shifts {
  readonly #desk: Desk
  #timer: Cancel | undefined
  readonly #ending = new Set<string>()

  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** Ends the shifts that are over, and waits for the next. To be called whenever one may have come to its end. */
  watch(): void {
    const desk = this.#desk
    const over = desk.accounts.all().filter((record) => isOver(record, desk.seconds()))
    if (desk.state() === 'unlocked')
      for (const [profile, records] of Map.groupBy(over, (record) => record.profile ?? ''))
        // Those alone: who was linked for the next shift is none of this one's. What could not be removed is tried again at
        // the next look.
        void this.#end(profile, records, false).catch(() => undefined)
    this.#await()
  }

  #await(): void {
    this.stop()
    const desk = this.#desk
    const ends = desk.accounts.all().flatMap(({ ends_at }) => ends_at ?? [])
    if (ends.length === 0) return
    const next = Math.min(...ends.filter((at) => at > desk.seconds())) - desk.seconds()
    this.#timer = desk.ports.clock.after(Math.min(LOOK_EVERY, next * 1000), () => {
      this.watch()
    })
  }

  stop(): void {
    this.#timer?.()
    this.#timer = undefined
  }

  /**
   * Ends a profile's shift now: nothing more is given, each account is revoked and unlinked, the vault is locked if
   * wanted. Throws `not_found`, `locked`, and `slow_down` when it is being ended already.
   */
  async end(
    profile: string,
    { keepRemote, lock }: { readonly keepRemote: boolean; readonly lock: boolean },
  ): Promise<ShiftReport> {
    const desk = this.#desk
    desk.requireUnlocked()
    const accounts = await this.#end(profile, accountsOf(desk, profile), keepRemote)
    if (lock) {
      void desk.lock()
      desk.approvals.expireAll()
      desk.signIns.cancelAll()
      desk.note({ action: 'lock', outcome: 'ok', detail: `the shift “${profile}” has ended` })
    }
    desk.changed()
    return { profile, accounts, locked: lock }
  }

  async #end(
    profile: string,
    records: readonly AccountRecord[],
    keepRemote: boolean,
  ): Promise<ShiftReport['accounts']> {
    if (this.#ending.has(profile))
      throw new BrokerError('slow_down', 'That shift is being ended already.', { retry_after: 5 })
    this.#ending.add(profile)
    try {
      const now = this.#desk.seconds()
      const ended = records.map((record) => (isOver(record, now) ? record : { ...record, ends_at: now }))
      for (const record of ended) this.#desk.accounts.put(record)
      this.#desk.uses.review()
      return await Promise.all(ended.map((record) => this.#part(record, keepRemote)))
    } finally {
      this.#ending.delete(profile)
      this.#await()
    }
  }

  async #part(record: AccountRecord, keepRemote: boolean): Promise<ShiftReport['accounts'][number]> {
    const { label, provider_name } = record
    try {
      // Should the rest fail, it is over after a restart as well.
      await this.#desk.ports.vault.saveAccount(record)
      return { ...(await unlinkAccount(this.#desk, record, keepRemote)), label, provider_name }
    } catch (thrown) {
      const detail = asBrokerError(thrown).message
      return { account_id: record.id, remote: 'failed', detail, label, provider_name, still_linked: true }
    }
  }
}
