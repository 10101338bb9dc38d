/**
 * The machine's sleeping and waking, carried to the rule in `power.ts` and back. The rule: locking does not wait; looking
 * at everything again after a sleep does, because the network comes back later than the machine, and not for all programs
 * at the same second.
 */
import type { PowerMonitor } from 'electron'
import type { Clock, Log, Randomness } from '../broker/ports.ts'
import type { Snapshot, WindowApi } from '../contract/window-api.ts'
import { createPowerRule, type PowerEvent } from './power.ts'

export interface PowerOptions {
  readonly monitor: Pick<PowerMonitor, 'on'>
  readonly platform: string
  readonly door: Pick<WindowApi, 'lock' | 'unlock'>
  /** `undefined` until there is one. */
  newest(): Snapshot | undefined
  /** Looks again at what was left undecided. */
  review(): Promise<void>
  readonly clock: Clock
  readonly randomness: Randomness
  readonly log: Log
}

/** Milliseconds after waking: at least, and at most that more. */
const REVIEW = { least: 5000, spread: 25_000 }

export function watchPower(options: PowerOptions): void {
  const { platform, door, clock, randomness, log } = options
  const rule = createPowerRule(platform !== 'linux')
  const act = (event: PowerEvent): void => {
    const snapshot = options.newest()
    const what = snapshot && rule.on(event, { ...snapshot.vault, ...snapshot.preferences })
    if (what === undefined) return
    log('info', 'power', { state: event, outcome: what })
    if (what === 'lock') settle(door.lock(), log)
    if (what === 'reopen') settle(door.unlock({}), log)
    if (what !== 'lock') {
      const chance = (randomness.bytes(1)[0] ?? 0) / 256
      clock.after(REVIEW.least + REVIEW.spread * chance, () => {
        settle(options.review(), log)
      })
    }
  }
  // One by one: each event has its own type in Electron's overloads.
  options.monitor.on('suspend', () => {
    act('suspend')
  })
  options.monitor.on('resume', () => {
    act('resume')
  })
  options.monitor.on('lock-screen', () => {
    act('lock-screen')
  })
  options.monitor.on('unlock-screen', () => {
    act('unlock-screen')
  })
}

/** A vault that stays locked says so itself. */
function settle(work: Promise<unknown>, log: Log): void {
  work.catch(() => {
    log('warn', 'power.failed')
  })
}
