/** Profiles as the screens show them: accounts by the bundle they are in. The rule: pure, and in the order of their names. */
import type { Account } from '../main/contract/model.ts'
import type { ShiftReport } from '../main/contract/window-api.ts'
import { text } from './text.ts'

export interface Profile {
  readonly name: string
  readonly accounts: readonly Account[]
  /** Seconds since the epoch. */
  readonly ends_at: number | undefined
}

export function profilesOf(accounts: readonly Account[]): readonly Profile[] {
  const inOne = accounts.filter(({ profile }) => profile !== undefined)
  return [...Map.groupBy(inOne, ({ profile = '' }) => profile)]
    .map(([name, members]) => ({
      name,
      accounts: members,
      ends_at: members.find(({ ends_at }) => ends_at !== undefined)?.ends_at,
    }))
    .toSorted((a, b) => a.name.localeCompare(b.name, 'en'))
}

/** The next second at which a clock shows `time` (`18:00`) here; `now` in milliseconds. `undefined` for no such time. */
export function nextTime(time: string, now: number): number | undefined {
  const [, hour, minute] = /^(\d\d):(\d\d)$/u.exec(time) ?? []
  if (hour === undefined || minute === undefined) return undefined
  const moment = new Date(now)
  moment.setHours(Number(hour), Number(minute), 0, 0)
  if (moment.getTime() <= now) moment.setDate(moment.getDate() + 1)
  return Math.floor(moment.getTime() / 1000)
}

/** What became of one account at the end of a shift; `order` puts what the person has to see to first. */
export function shiftWords({ remote, still_linked }: ShiftReport['accounts'][number]): {
  readonly words: string
  readonly order: number
} {
  if (still_linked) return { words: text.shifts.stillLinked, order: 0 }
  const order = { failed: 1, unsupported: 2, kept: 3, revoked: 4 } as const
  return { words: text.shifts[remote], order: order[remote] }
}
