/**
 * Accounts: the states they can be in, the only legal ways from one to another, and how a caller's words name one. The
 * rule: nothing here waits, reads or writes; a standing changes only along the table below, so an account can be ended
 * by its provider or its person and by nothing else (R5).
 */
import type { Account, AccountState } from '../contract/model.ts'
import { BrokerError } from '../contract/errors.ts'
import type { AccessToken, AccountRecord } from './ports.ts'

export type Standing = AccountRecord['standing']

/** What can happen to an account that is worth remembering. */
export type AccountEvent = 'linked' | 'refreshed' | 'ended-by-provider' | 'client-refused'

const transitions: Readonly<Record<Standing, Readonly<Partial<Record<AccountEvent, Standing>>>>> = {
  connected: {
    linked: 'connected',
    refreshed: 'connected',
    'ended-by-provider': 'needs-sign-in',
    'client-refused': 'misconfigured',
  },
  misconfigured: {
    linked: 'connected',
    refreshed: 'connected',
    'ended-by-provider': 'needs-sign-in',
    'client-refused': 'misconfigured',
  },
  'needs-sign-in': { linked: 'connected' },
}

/** The record after `event`, with `problem` said or cleared. Throws `server_error` for a transition that is not legal. */
export function advance(record: AccountRecord, event: AccountEvent, problem?: string): AccountRecord {
  const standing = transitions[record.standing][event]
  if (!standing) throw new BrokerError('server_error', `An account that ${record.standing} cannot be ${event}.`)
  const { problem: _cleared, ...rest } = record
  return { ...rest, standing, ...(problem !== undefined && { problem }) }
}

/** What is true of an account just now and not worth remembering. */
export interface Moment {
  readonly locked: boolean
  readonly signing_in: boolean
  readonly unsaved: boolean
  /** Why the provider cannot be used just now. */
  readonly offline: string | undefined
  readonly access: AccessToken | null
  /** Seconds since the epoch. */
  readonly renews_at: number | null
}

/** The one state a person sees: what stops everything first, then what the person can act on, then the passing things. */
export function accountState(standing: Standing, moment: Moment): AccountState {
  if (moment.locked) return 'locked'
  if (moment.signing_in) return 'signing-in'
  if (moment.unsaved) return 'unsaved'
  if (standing !== 'connected') return standing
  return moment.offline === undefined ? 'connected' : 'offline'
}

/** An account as surfaces see it. */
export function viewAccount(record: AccountRecord, moment: Moment): Account {
  const { standing, problem, ...rest } = record
  const said = moment.unsaved
    ? 'A new refresh token could not be written to disk; make room and leave Valetkey running.'
    : (problem ?? moment.offline)
  return {
    ...rest,
    state: accountState(standing, moment),
    ...(said !== undefined && { problem: said }),
    ...(moment.access && {
      token: {
        obtained_at: moment.access.obtained_at,
        expires_at: moment.access.expires_at,
        renews_at: moment.renews_at,
      },
    }),
  }
}

/** The accounts in memory, findable by id, by label and by provider without looking at all of them. */
export class AccountIndex {
  readonly #byId = new Map<string, AccountRecord>()
  readonly #byName = new Map<string, Set<string>>()

  put(record: AccountRecord): void {
    this.delete(record.id)
    this.#byId.set(record.id, record)
    for (const name of namesOf(record)) {
      const ids = this.#byName.get(name)
      if (ids) ids.add(record.id)
      else this.#byName.set(name, new Set([record.id]))
    }
  }

  delete(id: string): void {
    const record = this.#byId.get(id)
    if (!record) return
    this.#byId.delete(id)
    for (const name of namesOf(record)) {
      const ids = this.#byName.get(name)
      ids?.delete(id)
      if (ids?.size === 0) this.#byName.delete(name)
    }
  }

  get(id: string): AccountRecord | undefined {
    return this.#byId.get(id)
  }

  get size(): number {
    return this.#byId.size
  }

  all(): readonly AccountRecord[] {
    return [...this.#byId.values()]
  }

  /** Every account the words may mean: an id means itself; otherwise label, provider and issuer must all fit. */
  matching(words: {
    readonly account?: string
    readonly provider?: string
    readonly issuer?: string
  }): readonly AccountRecord[] {
    const fits = (record: AccountRecord): boolean =>
      (words.provider === undefined || record.provider === words.provider) &&
      (words.issuer === undefined || record.issuer === words.issuer)
    if (words.account === undefined) {
      const pool = words.provider === undefined ? this.all() : this.#named(words.provider)
      return pool.filter(fits)
    }
    const exact = this.#byId.get(words.account)
    return (exact ? [exact] : this.#named(words.account)).filter(fits)
  }

  #named(name: string): readonly AccountRecord[] {
    return [...(this.#byName.get(name) ?? [])].flatMap((id) => this.#byId.get(id) ?? [])
  }
}

const namesOf = (record: AccountRecord): readonly string[] => [record.label, record.provider]

/** A label nobody else at this provider has: `ada`, then `ada (2)`. */
export function distinctLabel(wanted: string, provider: string, others: readonly AccountRecord[]): string {
  const taken = new Set(others.filter((other) => other.provider === provider).map((other) => other.label))
  if (!taken.has(wanted)) return wanted
  for (let n = 2; ; n++) if (!taken.has(`${wanted} (${String(n)})`)) return `${wanted} (${String(n)})`
}
