/**
 * The broker's state, told to everything that shows it. The rule: one snapshot, whole, for all; the newest and never a
 * backlog; a listener that fails does not keep it from the others.
 */
import type { DecidingDoor } from '../broker/doors.ts'
import type { Cancel, Log } from '../broker/ports.ts'
import type { Snapshot } from '../contract/window-api.ts'

/** Tells `listeners` of the state now and after each change, until the answer is called. */
export function watchSnapshots(
  deciding: DecidingDoor,
  listeners: readonly ((snapshot: Snapshot) => void)[],
  log: Log,
): Cancel {
  let reading = false
  let stale = true
  let over = false
  const read = async (): Promise<void> => {
    if (reading) return
    reading = true
    try {
      while (stale) {
        stale = false
        const snapshot = await deciding.snapshot('window')
        if (over) return
        for (const listener of listeners) tell(listener, snapshot, log)
      }
    } catch {
      log('error', 'snapshot.failed')
    } finally {
      reading = false
    }
  }
  const cancel = deciding.onChange(() => {
    stale = true
    void read()
  })
  void read()
  return () => {
    over = true
    cancel()
  }
}

function tell(listener: (snapshot: Snapshot) => void, snapshot: Snapshot, log: Log): void {
  try {
    listener(snapshot)
  } catch (thrown) {
    log('error', 'snapshot.listener', { code: thrown instanceof Error ? thrown.name : 'unknown' })
  }
}
