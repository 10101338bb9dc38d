/** `expires_in` and `Retry-After` in every form servers send them. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { lifetimeOf, retryAfter, UNKNOWN_LIFETIME } from '../../../main/oauth/lifetimes.ts'

const NOW = Date.UTC(2026, 0, 1)

describe('lifetimeOf', () => {
  it.each<readonly [unknown, number | null]>([
    [3600, 3600],
    ['3600', 3600],
    [' 3600 ', 3600],
    ['3600s', 3600],
    ['3599.9', 3599],
    [3599.9, 3599],
    [0.4, 1],
    [2_592_000, 2_592_000],
    [Number('1e309'), 31_536_000],
    [Number.MAX_SAFE_INTEGER, 31_536_000],
    [0, UNKNOWN_LIFETIME],
    [-1, UNKNOWN_LIFETIME],
    ['-3600', UNKNOWN_LIFETIME],
    [Number.NaN, UNKNOWN_LIFETIME],
    ['NaN', UNKNOWN_LIFETIME],
    ['', UNKNOWN_LIFETIME],
    ['soon', UNKNOWN_LIFETIME],
    [true, UNKNOWN_LIFETIME],
    [[3600], UNKNOWN_LIFETIME],
    [{}, UNKNOWN_LIFETIME],
    [undefined, null],
    [null, null],
  ])('%j is %j seconds', (value, seconds) => {
    expect(lifetimeOf(value)).toBe(seconds)
  })

  it('is null or a whole number of seconds within a year, whatever arrives', () => {
    fc.assert(
      fc.property(fc.oneof(fc.anything(), fc.double(), fc.string()), (value) => {
        const seconds = lifetimeOf(value)
        expect(seconds === null || (Number.isInteger(seconds) && seconds >= 1 && seconds <= 31_536_000)).toBe(true)
      }),
    )
  })
})

describe('retryAfter', () => {
  it.each<readonly [string | undefined, number]>([
    ['120', 120],
    [' 120 ', 120],
    ['0', 1],
    ['-5', 1],
    ['1.5', 2],
    ['1000000000', 3600],
    ['99999999999999999999999', 3600],
    ['1e9', 60],
    ['2', 2],
    ['soon', 60],
    ['', 60],
    [undefined, 60],
    [new Date(NOW + 90_000).toUTCString(), 90],
    ['Thu, 01 Jan 2026 00:01:30 GMT', 90],
    ['Thursday, 01-Jan-26 00:01:30 GMT', 90],
    ['Thu Jan  1 00:01:30 2026', 90],
    ['Thu, 01 Jan 1970 00:00:00 GMT', 1],
    ['Fri, 01 Jan 2100 00:00:00 GMT', 3600],
    ['Mon, 99 Foo 2026 00:00:00 GMT', 60],
  ])('%j is %j seconds', (value, seconds) => {
    expect(retryAfter(value, NOW)).toBe(seconds)
  })
})
