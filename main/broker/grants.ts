/**
 * Who may do what with which account: one pure question over the consents the person gave. The rule: no consent, no
 * token (R7); a consent for `use` is never one for `read` (R6); nothing here waits.
 */
import type { Duration, Grant, Right } from '../contract/model.ts'

/** A space-separated scope as a set (RFC 6749 section 3.3: order and repetition mean nothing). */
export function scopeSet(scope: string): ReadonlySet<string> {
  return new Set(scope.split(' ').filter((token) => token !== ''))
}

/** The members of `wanted` that are not in `held`, space separated. */
export function scopeBeyond(wanted: string, held: ReadonlySet<string>): string {
  return [...scopeSet(wanted)].filter((token) => !held.has(token)).join(' ')
}

export interface Wish {
  /** What the caller asked for; `undefined` means "what I may have". */
  readonly scope: string | undefined
  readonly right: Right
  /** What the account itself was granted. */
  readonly account_scope: string
}

export type Answer =
  | {
      readonly kind: 'allow'
      /** The scope to ask the provider for; `undefined` when it is all the account has. */
      readonly scope: string | undefined
      /** What the token may be good for at most; `undefined`: all the account has. */
      readonly covers: ReadonlySet<string> | undefined
      /** Consents that this use spends. */
      readonly spends: readonly Grant[]
    }
  | {
      readonly kind: 'ask'
      /** Only what is new. */
      readonly scope: string
    }

export function isLive(grant: Grant, now: number): boolean {
  return grant.until === null || grant.until > now
}

/**
 * May this wish be granted from these consents (all of one client and one account) at `now` (seconds since the epoch)?
 * A consent with an empty scope covers whatever the account has.
 */
export function may(grants: readonly Grant[], wish: Wish, now: number): Answer {
  const fitting = grants.filter((grant) => isLive(grant, now) && (wish.right === 'use' || grant.right === 'read'))
  // What is for one use is kept for the use that nothing else allows.
  const lasting = judge(
    fitting.filter((grant) => !grant.once),
    wish,
  )
  return lasting.kind === 'allow' ? lasting : judge(fitting, wish)
}

function judge(fitting: readonly Grant[], wish: Wish): Answer {
  const wanted = wish.scope ?? wish.account_scope
  if (fitting.length === 0) return { kind: 'ask', scope: wanted }
  const spends = fitting.filter((grant) => grant.once)
  if (fitting.some((grant) => grant.scope === ''))
    return { kind: 'allow', scope: narrower(wish.scope, wish.account_scope), covers: undefined, spends }
  const held = new Set(fitting.flatMap((grant) => [...scopeSet(grant.scope)]))
  const missing = scopeBeyond(wish.scope ?? '', held)
  if (missing !== '') return { kind: 'ask', scope: missing }
  return { kind: 'allow', scope: narrower(wish.scope ?? [...held].join(' '), wish.account_scope), covers: held, spends }
}

/** `scope` when it is less than the account's, `undefined` when it is all of it. */
function narrower(scope: string | undefined, accountScope: string): string | undefined {
  // An account whose scope nobody said may have more than any name for it.
  if (scope === undefined || (accountScope !== '' && scopeBeyond(accountScope, scopeSet(scope)) === ''))
    return undefined
  return scope
}

/** When a consent given at `now` for `duration` ends, in seconds since the epoch. */
export function untilOf(duration: Duration, now: number): Pick<Grant, 'until' | 'once' | 'until_locked'> {
  switch (duration) {
    case 'once':
      // A use that never comes should not leave a door open for ever.
      return { until: now + 600, once: true }
    case '1h':
      return { until: now + 3600 }
    case '8h':
      return { until: now + 8 * 3600 }
    case 'until-locked':
      return { until: null, until_locked: true }
    case 'always':
      return { until: null }
  }
}

/** The consents, findable by client and account without looking at all of them. */
export class GrantIndex {
  readonly #byPair = new Map<string, Grant[]>()
  readonly #byId = new Map<string, Grant>()

  put(grant: Grant): void {
    this.delete(grant.id)
    this.#byId.set(grant.id, grant)
    const key = pair(grant.client_id, grant.account_id)
    const list = this.#byPair.get(key)
    if (list) list.push(grant)
    else this.#byPair.set(key, [grant])
  }

  delete(id: string): Grant | undefined {
    const grant = this.#byId.get(id)
    if (!grant) return undefined
    this.#byId.delete(id)
    const key = pair(grant.client_id, grant.account_id)
    const rest = (this.#byPair.get(key) ?? []).filter((other) => other.id !== id)
    if (rest.length === 0) this.#byPair.delete(key)
    else this.#byPair.set(key, rest)
    return grant
  }

  get(id: string): Grant | undefined {
    return this.#byId.get(id)
  }

  of(clientId: string, accountId: string): readonly Grant[] {
    return this.#byPair.get(pair(clientId, accountId)) ?? []
  }

  all(): readonly Grant[] {
    return [...this.#byId.values()]
  }
}

const pair = (clientId: string, accountId: string): string => `${clientId}\n${accountId}`
