/**
 * What apps asked for, counted per hour. The rule: only whole rows are counted, each once, and what has not been loaded is
 * not guessed at: the counts say since when they are complete.
 */
import type { ActivityEntry } from '../main/contract/model.ts'
import { outcomeWords } from './activity-terms.ts'

export interface Hour {
  /** Seconds since the epoch. */
  readonly start: number
  readonly allowed: number
  readonly refused: number
}

const HOURS = 24
const HOUR = 3600

/** Whether a row is a request of an app for a token. */
function isRequest({ action, client_id }: ActivityEntry): boolean {
  return client_id !== undefined && (action === 'token' || action === 'invalidate' || action === 'proxy')
}

/**
 * The requests of the 24 hours that end with the one `now` (seconds since the epoch) is in, oldest first; hours begin when
 * the clock on the wall says so.
 */
export function countByHour(entries: readonly ActivityEntry[], now: number): readonly Hour[] {
  const current = Math.floor(new Date(now * 1000).setMinutes(0, 0, 0) / 1000)
  const first = current - (HOURS - 1) * HOUR
  const hours = Array.from({ length: HOURS }, (_, index) => ({ start: first + index * HOUR, allowed: 0, refused: 0 }))
  for (const entry of entries) {
    const hour = isRequest(entry) ? hours[Math.floor((entry.at - first) / HOUR)] : undefined
    if (hour) hour[outcomeWords(entry).tone === 'good' ? 'allowed' : 'refused']++
  }
  return hours
}

/** The hour with the most requests; `undefined` when there were none. */
export function busiest(hours: readonly Hour[]): Hour | undefined {
  const most = hours.reduce<Hour | undefined>(
    (best, hour) => (best && total(best) >= total(hour) ? best : hour),
    undefined,
  )
  return most && total(most) > 0 ? most : undefined
}

export const total = (hour: Hour): number => hour.allowed + hour.refused
