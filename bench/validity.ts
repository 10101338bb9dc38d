/**
 * Many callers who want a token to be good for longer than it is, and longer than any the provider gives. The rule under
 * measurement (R3): they are one request to the provider, and nobody refreshes again because the new one is no better.
 */
import { crowd, measureCrowd } from './callers.ts'
import type { Row } from './harness.ts'
import type { Stage } from './stage.ts'

/** Seconds: what they want; the token has 3600 left, and the next has as many altogether. */
const wanted = 7_200

export function measureValidity(stage: Stage): Promise<readonly Row[]> {
  return measureCrowd(stage, {
    group: 'validity',
    name: `${String(crowd)} callers who want more validity than the token has`,
    each: 'tokens that were too short',
    account: () => stage.takeWorn(),
    wish: { min_valid_period: wanted },
    lifetime: 3_600,
  })
}
