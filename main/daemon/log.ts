/**
 * The daemon's log: one line of JSON per event on standard error. The rule (threat 12): only an event's name and its
 * allow-listed fields are written; no URL, header, body, provider text or error message passes through here. Of a fault
 * there is the error's class (`name`) and where in our code it came from (`at`); `reason` and `alarm` are sentences of
 * our own.
 */
import type { Log } from '../broker/ports.ts'

export const FIELDS: ReadonlySet<string> = new Set([
  'account',
  'alarm',
  'at',
  'attempt',
  'code',
  'count',
  'file',
  'generation',
  'http',
  'method',
  'name',
  'outcome',
  'pid',
  'provider',
  'reason',
  'route',
  'slot',
  'state',
  'status',
])
const LEVELS = ['debug', 'info', 'warn', 'error'] as const

/** Writes events of `least` and above to `write`. A field that is not on the list is dropped, its name kept. */
export function createLog(least: (typeof LEVELS)[number], write: (line: string) => void): Log {
  const from = LEVELS.indexOf(least)
  return (level, event, fields = {}) => {
    if (LEVELS.indexOf(level) < from) return
    const shown: Record<string, unknown> = { time: new Date().toISOString(), level, event }
    const dropped: string[] = []
    for (const [name, value] of Object.entries(fields)) {
      if (FIELDS.has(name)) shown[name] = typeof value === 'string' ? value.slice(0, 200) : value
      else dropped.push(name)
    }
    if (dropped.length > 0) shown['dropped'] = dropped
    write(`${JSON.stringify(shown)}\n`)
  }
}
