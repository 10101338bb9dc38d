/** How much of a token is left, in numbers and in words, odd moments included. */
import { describe, expect, it } from 'vitest'
import { lifetimeOf, spanWords } from '../../../renderer/lifetime.ts'

const now = 10_000
const of = (obtained_at: number, expires_at: number | null, renews_at: number | null = null): unknown =>
  lifetimeOf({ state: 'connected', token: { obtained_at, expires_at, renews_at } }, now)

describe('lifetimeOf', () => {
  it('tells the part that is left and the part at which it is renewed', () => {
    expect(of(now - 900, now + 2700, now + 2400)).toEqual({
      kind: 'running',
      left: 2700,
      part: 0.75,
      renewal: { in: 2400, part: 300 / 3600 },
    })
    expect(of(now - 900, now + 2700)).toEqual({ kind: 'running', left: 2700, part: 0.75 })
  })

  it('has a kind for everything else', () => {
    expect(lifetimeOf({ state: 'connected' }, now)).toEqual({ kind: 'none' })
    expect(lifetimeOf({ state: 'locked' }, now)).toEqual({ kind: 'hidden' })
    expect(of(0, null)).toEqual({ kind: 'endless' })
    expect(of(now - 100, now)).toEqual({ kind: 'over', ago: 0 })
    expect(of(now - 100, now - 40)).toEqual({ kind: 'over', ago: 40 })
  })

  it('stays between nothing and all with a clock that was set, and with numbers no provider should send', () => {
    for (const [obtained, expires, renews] of [
      [now + 500, now + 600, now + 550],
      [now + 600, now + 500, now - 5000],
      [now, 1e308, 1e307],
      [-1e308, 1e308, 0],
      [now - 10, now + 10, now + 5000],
    ] as const) {
      const lifetime = lifetimeOf(
        { state: 'connected', token: { obtained_at: obtained, expires_at: expires, renews_at: renews } },
        now,
      )
      if (lifetime.kind !== 'running') throw new Error(lifetime.kind)
      for (const part of [lifetime.part, lifetime.renewal?.part ?? Number.NaN]) {
        expect(part).toBeGreaterThanOrEqual(0)
        expect(part).toBeLessThanOrEqual(1)
      }
      expect(lifetime.renewal?.in).toBeGreaterThanOrEqual(0)
    }
    expect(of(0, Number.NaN)).toMatchObject({ kind: 'over' })
  })
})

describe('spanWords', () => {
  it('says how long in as few words as do', () => {
    expect([-5, 0, 59, 60, 3599, 3600, 7800, 7260, 4 * 3600, 47 * 3600, 3 * 86_400, 1e308].map(spanWords)).toEqual([
      ...['under 1 min', 'under 1 min', 'under 1 min', '1 min', '59 min', '1 h', '2 h 10 min', '2 h', '4 h', '47 h'],
      ...['3 days', 'years'],
    ])
  })
})
