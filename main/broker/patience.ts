/**
 * Waiting for the person. The rule: whoever waits stops at the deadline or when the caller hangs up, whichever comes
 * first, and what was waited for goes on without them.
 */
import type { Line } from './doors.ts'
import type { Cancel, Clock } from './ports.ts'

/**
 * Resolves with what `awaited` brings, with `late` at `deadline` (monotonic milliseconds), or with `gone` when the caller
 * hangs up. Rejects only as `awaited` does.
 */
export async function patience<T>(
  clock: Clock,
  awaited: Promise<T>,
  line: Pick<Line, 'signal'> | undefined,
  deadline: number,
): Promise<T | 'late' | 'gone'> {
  let cancel: Cancel = () => undefined
  let hangUp = (): void => undefined
  const late = new Promise<'late'>((resolve) => {
    cancel = clock.after(Math.max(0, deadline - clock.monotonic()), () => {
      resolve('late')
    })
  })
  const gone = new Promise<'gone'>((resolve) => {
    hangUp = () => {
      resolve('gone')
    }
    line?.signal.addEventListener('abort', hangUp, { once: true })
  })
  return Promise.race([awaited, late, gone]).finally(() => {
    cancel()
    line?.signal.removeEventListener('abort', hangUp)
  })
}
