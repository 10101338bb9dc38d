/**
 * The end of the process. The rule: asked once, everything closes in order; asked twice, or stuck for ten seconds, it
 * ends anyway, because the vault is written to survive exactly that.
 */
import type { Log } from '../broker/ports.ts'

/** Milliseconds. */
const PATIENCE = 10_000

/** Runs `close` on SIGTERM, SIGINT or SIGHUP, then ends the process. */
export function whenAskedToStop(close: () => Promise<void>, log: Log): void {
  let asked = false
  const stop = (): void => {
    if (asked) process.exit(1)
    asked = true
    setTimeout(() => process.exit(1), PATIENCE).unref()
    close().then(
      () => process.exit(0),
      () => {
        log('error', 'daemon.close')
        process.exit(1)
      },
    )
  }
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, stop)
}
