/**
 * What a token is wanted for, and as a key. The rule: two requests that mean the same share one token and one refresh, whatever
 * order they name their scopes in.
 */
import type { TokenVariant } from './ports.ts'

export interface Want {
  readonly variant: TokenVariant
  /** Seconds. */
  readonly min_valid_period: number | undefined
  readonly force_refresh: boolean
  /** Milliseconds to wait for the provider. */
  readonly timeout: number
}

/** The variant that is simply the account's own token. */
export const SAME = ''

export function variantKey(variant: TokenVariant): string {
  if (variant.scope === undefined && variant.resource === undefined && variant.audience === undefined) return SAME
  return JSON.stringify([[...new Set(variant.scope?.split(' '))].toSorted(), variant.resource, variant.audience])
}
