/**
 * How much of an account's access token is left. The rule: pure arithmetic on the moments the broker gave, in seconds,
 * and every odd case (none, endless, over, locked away) is a kind of its own, so that no screen invents a number.
 */
import type { Account } from '../main/contract/model.ts'

export type Lifetime =
  /** Locked away: nobody can tell. */
  | { readonly kind: 'hidden' }
  /** None is held. */
  | { readonly kind: 'none' }
  | { readonly kind: 'endless' }
  /** `ago`: seconds since it ended. */
  | { readonly kind: 'over'; readonly ago: number }
  | {
      readonly kind: 'running'
      /** Seconds it is still good for. */
      readonly left: number
      /** Part of its whole life that is left, 0 to 1. */
      readonly part: number
      /** When it will be renewed: seconds from now, and the part that will be left then; absent when nobody plans to. */
      readonly renewal?: { readonly in: number; readonly part: number }
    }

/** `now` in seconds since the epoch. */
export function lifetimeOf({ state, token }: Pick<Account, 'state' | 'token'>, now: number): Lifetime {
  if (state === 'locked') return { kind: 'hidden' }
  if (!token) return { kind: 'none' }
  const { obtained_at, expires_at, renews_at } = token
  if (expires_at === null) return { kind: 'endless' }
  const total = expires_at - obtained_at
  const left = expires_at - now
  if (!(left > 0)) return { kind: 'over', ago: Math.max(0, -left) }
  const partOf = (seconds: number): number =>
    total > 0 && Number.isFinite(seconds / total) ? Math.min(1, Math.max(0, seconds / total)) : 1
  return {
    kind: 'running',
    left,
    part: partOf(left),
    ...(renews_at !== null && { renewal: { in: Math.max(0, renews_at - now), part: partOf(expires_at - renews_at) } }),
  }
}

/** "41 min", "2 h 10 min", "3 days": how long, in as few words as an account's row has room for. Takes seconds. */
export function spanWords(seconds: number): string {
  const minutes = Math.floor(seconds / 60)
  if (minutes < 1) return 'under 1 min'
  if (minutes < 60) return `${String(minutes)} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 3 && minutes % 60 >= 5) return `${String(hours)} h ${String(minutes % 60)} min`
  if (hours < 48) return `${String(hours)} h`
  const days = Math.floor(hours / 24)
  return days > 9999 ? 'years' : `${String(days)} days`
}
