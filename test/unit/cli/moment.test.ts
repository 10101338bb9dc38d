/** Moments in a person's words. */
import { describe, expect, it } from 'vitest'
import { momentOf } from '../../../main/cli/moment.ts'

const now = new Date(2026, 10, 21, 9, 30, 20).getTime()
const at = (...when: readonly [number, number, number, number, number]): number => new Date(...when).getTime() / 1000

describe('a moment', () => {
  it.each([
    ['18:00', at(2026, 10, 21, 18, 0)],
    ['9:30', at(2026, 10, 22, 9, 30)],
    ['09:31', at(2026, 10, 21, 9, 31)],
    ['8h', Math.floor(now / 1000) + 28_800],
    ['90m', Math.floor(now / 1000) + 5400],
    ['2d', Math.floor(now / 1000) + 172_800],
    ['2026-11-30T18:00', at(2026, 10, 30, 18, 0)],
    ['2026-11-30 18:00', at(2026, 10, 30, 18, 0)],
    ['2026-11-30T18:00:00Z', Date.UTC(2026, 10, 30, 18) / 1000],
  ])('%s is understood', (words, expected) => {
    expect(momentOf(words, now)).toBe(expected)
  })

  it.each(['', '24:00', '18', '18:60', 'tomorrow', '8 h', '-1h', '99999h', '1e3m', '2026-13-40T18:00', '2026-11-30'])(
    '“%s” is asked for again',
    (words) => {
      expect(() => momentOf(words, now)).toThrow(/is no time: say 18:00/u)
    },
  )
})
