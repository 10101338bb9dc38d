/**
 * What a token is good for, until when, and when to get the next one: pure arithmetic. The rule: seconds in, seconds out, and no
 * answer ever makes a caller refresh in a loop.
 */
import type { AccessToken, GrantMaterial } from './ports.ts'

/** Seconds of validity a caller gets who did not ask for a number. */
const DEFAULT_MIN_VALID = 60
/** How far the wall clock may be behind the moment a token was obtained before we stop trusting its expiry. */
const CLOCK_SLACK = 300

/**
 * Is `access` good for a caller who wants `minValid` seconds of it at `now`? A wish that a new token could meet is met
 * exactly. A wish longer than the token's whole lifetime cannot be met, so it is good for the first half of its life:
 * otherwise every call would refresh and none would be satisfied.
 */
export function isFreshEnough(access: AccessToken, minValid: number | undefined, now: number): boolean {
  if (access.expires_at === null) return true
  // The clock went back: its expiry says nothing any more. The refresh token is not in doubt.
  if (now < access.obtained_at - CLOCK_SLACK) return false
  const remaining = access.expires_at - now
  const lifetime = access.expires_at - access.obtained_at
  const wanted = minValid ?? Math.min(DEFAULT_MIN_VALID, lifetime / 2)
  return remaining > 0 && remaining >= (wanted < lifetime ? wanted : lifetime / 2)
}

export function isExpired(access: AccessToken, now: number): boolean {
  return access.expires_at !== null && (access.expires_at <= now || now < access.obtained_at - CLOCK_SLACK)
}

/**
 * When a token in use should be renewed ahead of time, in seconds since the epoch: a fifth of its life before the end but
 * at most five minutes, moved by up to a tenth of that either way (`chance` in [0, 1)) so that many do not come at once.
 */
export function renewalTime(access: AccessToken, chance: number): number | null {
  if (access.expires_at === null) return null
  const early = Math.min(300, (access.expires_at - access.obtained_at) / 5)
  return access.expires_at - early * (0.9 + 0.2 * chance)
}

/** Milliseconds before attempt `n` (from 1) after a passing failure: 1 s doubling to 5 minutes, plus or minus a tenth. */
export function backoff(attempt: number, chance: number): number {
  return Math.min(1000 * 2 ** Math.min(attempt - 1, 20), 300_000) * (0.9 + 0.2 * chance)
}

/** A token answer without `scope` has the scope that was asked for (RFC 6749 section 5.1). */
export function withScope(access: AccessToken, asked: string | undefined): AccessToken {
  return access.scope === '' && asked !== undefined ? { ...access, scope: asked } : access
}

/** Whether a new access token can be had without the person. */
export const canRenew = ({ refresh_token, connection }: GrantMaterial): boolean =>
  refresh_token !== null || connection.renew === 'reobtain'
