/**
 * The end of the app. The rule: asked once, everything closes in order before the process goes; a window that does not
 * close holds that up for three seconds, and what is stuck for ten is left, because the vault is written to survive that.
 */
import type { App } from 'electron'
import type { Log } from '../broker/ports.ts'

/** Milliseconds for the windows to close, and for everything else. */
const WINDOWS = 3000
const PATIENCE = 10_000

/** Runs `close` when the app quits, then ends it; the signals that stop a daemon quit it too. */
export function whenQuitting(app: App, close: () => Promise<void>, log: Log): void {
  let closing = false
  const end = (): void => {
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
  }
  app.on('before-quit', () => {
    setTimeout(end, WINDOWS)
  })
  app.on('will-quit', (event) => {
    event.preventDefault()
    end()
  })
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      app.quit()
    })
}
