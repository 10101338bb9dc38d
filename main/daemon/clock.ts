/**
 * Time and chance from Node. The rule: no timer is ever longer than Node can hold, because a longer one fires at once and
 * turns a far-away renewal into a storm of them.
 */
import { randomBytes } from 'node:crypto'
import type { Clock, Randomness } from '../broker/ports.ts'

/** One hour: far below Node's limit of 2^31 - 1 ms, and short enough to notice that the machine slept. */
const LONGEST = 3_600_000

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(delay, task) {
    const due = Date.now() + Math.max(0, delay)
    let timer: NodeJS.Timeout | undefined
    const wait = (left: number): void => {
      timer = setTimeout(
        () => {
          // Only a long wait is measured again by the wall clock: it may have slept through part of it.
          const rest = delay > LONGEST ? due - Date.now() : 0
          if (rest > 0) wait(rest)
          else task()
        },
        Math.min(Math.max(0, left), LONGEST),
      )
      timer.unref()
    }
    wait(delay)
    return () => {
      clearTimeout(timer)
    }
  },
}

export const systemRandomness: Randomness = { bytes: (length) => randomBytes(length) }
