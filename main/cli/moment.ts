/**
 * A moment to come, in a person's words. The rule: `18:00` is the next time a clock shows that here, `8h` and `90m` count
 * from now, and anything that is not clearly one of these, or a date with its time, is asked for again.
 */
import { BrokerError } from '../contract/errors.ts'

const units: Readonly<Record<string, number>> = { m: 60, h: 3600, d: 86_400 }

/** Seconds since the epoch. `now` in milliseconds. Throws `invalid_request`. */
export function momentOf(words: string, now: number): number {
  const [, amount, unit] = /^(\d{1,4})([mhd])$/u.exec(words) ?? []
  if (amount !== undefined && unit !== undefined) return Math.floor(now / 1000) + Number(amount) * (units[unit] ?? 0)
  const [, hour, minute] = /^([01]?\d|2[0-3]):([0-5]\d)$/u.exec(words) ?? []
  if (hour !== undefined && minute !== undefined) {
    const moment = new Date(now)
    moment.setHours(Number(hour), Number(minute), 0, 0)
    if (moment.getTime() <= now) moment.setDate(moment.getDate() + 1)
    return Math.floor(moment.getTime() / 1000)
  }
  const at = /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d/u.test(words) ? Date.parse(words.replace(' ', 'T')) : Number.NaN
  if (Number.isFinite(at)) return Math.floor(at / 1000)
  throw new BrokerError('invalid_request', `“${words}” is no time: say 18:00, 8h, 90m or 2026-01-31T18:00.`)
}
