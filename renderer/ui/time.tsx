/** Moments in words. The rule: relative for the eye, exact for whoever asks (the `title` and `datetime`). */
import type { ReactElement } from 'react'

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto', style: 'long' })
const clock = new Intl.DateTimeFormat('en', { timeStyle: 'short' })
const dayAndClock = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'short' })
const hour = new Intl.DateTimeFormat('en', { hour: 'numeric' })
const exact = new Intl.DateTimeFormat('en', { dateStyle: 'medium', timeStyle: 'medium' })

const units: readonly (readonly [Intl.RelativeTimeFormatUnit, number])[] = [
  ['year', 31_536_000],
  ['month', 2_592_000],
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
]

/** "3 minutes ago", "in 5 seconds"; both arguments in seconds since the epoch. */
export function relativeTime(at: number, now: number): string {
  const distance = at - now
  const [unit, size] = units.find(([, seconds]) => Math.abs(distance) >= seconds) ?? (['second', 1] as const)
  return relative.format(Math.trunc(distance / size), unit)
}

function exactTime(at: number): string {
  return exact.format(new Date(clamped(at)))
}

/** JavaScript dates end 8.64e15 ms around the epoch; a provider's `expires_in` need not. */
const clamped = (at: number): number => Math.max(-8.64e15, Math.min(8.64e15, at * 1000))

/** The hour that begins at `at` (seconds since the epoch): "4 PM". */
export function hourWords(at: number): string {
  return hour.format(new Date(clamped(at)))
}

export function When({ at, now }: { readonly at: number; readonly now: number }): ReactElement {
  return (
    <time dateTime={new Date(clamped(at)).toISOString()} title={exactTime(at)}>
      {relativeTime(at, now)}
    </time>
  )
}

/** The moment itself, "4:30 PM", with the date when it is another day: what reads well after "until". */
export function Clock({ at, now }: { readonly at: number; readonly now: number }): ReactElement {
  const date = new Date(clamped(at))
  const sameDay = date.toDateString() === new Date(clamped(now)).toDateString()
  return (
    <time dateTime={date.toISOString()} title={exactTime(at)}>
      {(sameDay ? clock : dayAndClock).format(date)}
    </time>
  )
}
