/**
 * Fault points, for the tests that kill this process in the middle of a refresh. The rule: without the variable in the
 * environment a fault point does nothing, and with it the only thing it can do is end this very process.
 */
import type { FaultPoint, FaultPoints } from '../broker/ports.ts'

const points: readonly FaultPoint[] = ['beforeSend', 'afterReceive', 'beforeCommit', 'afterCommit']

/** `VALETKEY_FAULT_POINT=name`: SIGKILL there, which no handler sees, as a power cut would. */
export function faultPoints(env: Readonly<Record<string, string | undefined>>): FaultPoints {
  const chosen = points.find((point) => point === env['VALETKEY_FAULT_POINT'])
  return (point) => {
    if (point === chosen) process.kill(process.pid, 'SIGKILL')
  }
}
