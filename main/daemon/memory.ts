/**
 * Memory that a burst of requests left behind. The rule: only a broker that is idle again gives it back, once per burst,
 * because collecting stops everything for some tens of milliseconds; and V8 by itself keeps its young generation at the
 * size of the busiest moment for as long as nothing happens.
 */
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** Milliseconds between looks at how busy the event loop was since the last. */
const LOOK = 5_000
/** Shares of that time above which there was a burst, and below which it is over. */
const BUSY = 0.2
const IDLE = 0.02

/** Begins to look; keeps no process alive. */
export function giveBackMemory(): void {
  let last = performance.eventLoopUtilization()
  let burst = false
  setInterval(() => {
    const now = performance.eventLoopUtilization()
    const { utilization } = performance.eventLoopUtilization(now, last)
    last = now
    if (utilization > BUSY) burst = true
    else if (burst && utilization < IDLE) {
      burst = false
      collect()
    }
  }, LOOK).unref()
}

/** The thorough collection that V8 makes before it runs out of memory (v8.setFlagsFromString, `--expose-gc`). */
function collect(): void {
  setFlagsFromString('--expose-gc')
  const gc = runInNewContext('gc') as (options: Readonly<Record<string, string>>) => void
  setFlagsFromString('--no-expose-gc')
  gc({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}
