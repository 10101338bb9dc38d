/**
 * The end of the app. The rule: asked once, everything closes in order before the process goes; stuck for ten seconds, it
 * goes anyway, because the vault is written to survive exactly that.
 */
import type { App } from 'electron'
import type { Log } from '../broker/ports.ts'

/** Milliseconds. */
const PATIENCE = 10_000

/** Runs `close` when the app quits, then ends it; the signals that stop a daemon quit it too. */
export function whenQuitting(app: App, close: () => Promise<void>, log: Log): void {
  let closing = false
  for (const e of ['before-quit','will-quit','quit','window-all-closed']) app.on(e as 'quit', () => log('info', 'dbg.' + e))
  setInterval(() => log('info','dbg.tick',{count: Number(closing)}), 2000)
  app.on('will-quit', (event) => {
    event.preventDefault()
    if (closing) return
    closing = true
    setTimeout(() => {
      app.exit(1)
    }, PATIENCE)
    close().then(
      () => {
        app.exit(0)
      },
      () => {
        log('error', 'desktop.close')
        app.exit(1)
      },
    )
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      app.quit()
    })
}
