/**
 * `activity`: what was asked and how it ended. The rule: oldest first like every log, ids resolved to names when shown,
 * and a follower misses no row, however many come at once.
 */
import { BrokerError } from '../../contract/errors.ts'
import type { ActivityEntry } from '../../contract/model.ts'
import type { Snapshot } from '../../contract/window-api.ts'
import { neutralise, print, printJson, say } from '../output.ts'
import { formatTime, printTable } from '../table.ts'
import { labelOf, nameOfClient } from './consent.ts'
import type { Session } from './session.ts'

const headings = ['time', 'program', 'account', 'what', 'outcome', 'took', 'detail'] as const
/** Rows one call fetches at most. */
const page = 1000
/** Milliseconds between looks for new rows. */
const interval = 500

/** The last `limit` rows; with `follow` also every later one, until the broker or the person ends it. */
export async function showActivity(
  session: Session,
  options: { readonly follow?: boolean; readonly limit: number },
): Promise<void> {
  const { entries } = await session.decide('activity', { limit: options.limit })
  if (!options.follow) {
    if (session.json) printJson({ entries })
    else printTable(headings, await toRows(session, entries.toReversed()), 'nothing has happened yet')
    return
  }
  let last = await showRows(session, entries.toReversed(), 0)
  if (!session.json) say('waiting for more (Ctrl-C ends)')
  for (;;) {
    await new Promise((resolve) => {
      setTimeout(resolve, interval)
    })
    last = await showRows(session, await laterThan(session, last), last)
  }
}

/** Rows after the one with id `after`, oldest first. */
async function laterThan(session: Session, after: number): Promise<readonly ActivityEntry[]> {
  const found: ActivityEntry[] = []
  let before: number | undefined
  for (;;) {
    const { entries } = await session.decide('activity', {
      after,
      limit: page,
      ...(before !== undefined && { before }),
    })
    found.push(...entries)
    before = entries.at(-1)?.id
    if (entries.length < page || before === undefined) return found.toReversed()
  }
}

/** Prints rows one by one and gives the id of the newest. */
async function showRows(session: Session, entries: readonly ActivityEntry[], last: number): Promise<number> {
  if (session.json) for (const entry of entries) printJson(entry)
  else if (entries.length > 0)
    for (const row of await toRows(session, entries)) print(row.map((cell) => neutralise(cell) || '-').join('  '))
  return entries.at(-1)?.id ?? last
}

/** Every row to stdout, as JSON or as comma-separated values (RFC 4180), with the names that are known now beside the ids. */
export async function exportActivity(session: Session, { csv = false }: { readonly csv?: boolean }): Promise<void> {
  const names = await session.decide('snapshot')
  if (csv) print(columns.join(','))
  let after = 0
  for (;;) {
    const { entries } = await session.decide('activity', { after, limit: page })
    for (const entry of entries.toReversed()) {
      const { at, client_id, account_id, ...rest } = entry
      const row = {
        ...rest,
        time: new Date(at * 1000).toISOString(),
        ...(client_id !== undefined && { client_id, client: nameOfClient(names, client_id) }),
        ...(account_id !== undefined && { account_id, account: labelOf(names, account_id) }),
      }
      if (csv) print(columns.map((column) => quoted(row[column as keyof typeof row])).join(','))
      else printJson(row)
    }
    after = entries[0]?.id ?? after
    if (entries.length < page) return
  }
}

const columns = [
  ...['id', 'time', 'client', 'client_id', 'account', 'account_id', 'action', 'outcome', 'took_ms', 'scope', 'detail'],
]

/** A cell; what a spreadsheet would take for a formula is made text, because names and reasons are others' words. */
function quoted(value: string | number | undefined): string {
  if (value === undefined) return ''
  if (typeof value === 'number') return String(value)
  const harmless = /^[=+\-@\t\r]/u.test(value) ? `'${value}` : value
  return `"${neutralise(harmless).replaceAll('"', '""')}"`
}

/** Exit status 0 when every row is as it was written, else 1. */
export async function verifyActivity(session: Session, expected: string | undefined): Promise<number> {
  if (expected !== undefined && !/^[\da-f]{64}$/u.test(expected))
    throw new BrokerError(
      'invalid_request',
      'A head is 64 hexadecimal digits, as `valetkey activity verify` prints it.',
    )
  // Reading millions of rows takes its time.
  const verdict = await session.decide('verifyActivity', expected === undefined ? {} : { expected }, 600)
  const { intact, rows, since, head, passes_expected, problem } = verdict
  if (session.json) printJson(verdict)
  else if (intact) {
    const from = since === undefined ? '' : ` since ${formatTime(since)}`
    say(`${String(rows)} rows${from}, each as it was written`)
    if (passes_expected === false)
      say('but they do not pass through that head: the record was made anew, or cut, since')
    print(head)
  } else say(`after row ${String(problem?.after_id ?? 0)}: ${problem?.what ?? 'damaged'}`)
  return intact && passes_expected !== false ? 0 : 1
}

/** Rows older than `days` are forgotten from now on. */
export async function retainActivity(session: Session, days: string): Promise<void> {
  const activity_days = /^\d{1,4}$/u.test(days) ? Number(days) : 0
  if (activity_days < 1 || activity_days > 3650)
    throw new BrokerError('invalid_request', 'Give a number of days from 1 to 3650.')
  const preferences = await session.decide('configure', { activity_days })
  if (session.json) printJson(preferences)
  else say(`rows of activity are forgotten after ${String(preferences.activity_days)} days`)
}

async function toRows(session: Session, entries: readonly ActivityEntry[]): Promise<readonly (readonly string[])[]> {
  if (entries.length === 0) return []
  const snapshot = await session.decide('snapshot')
  return entries.map((entry) => activityRow(entry, snapshot))
}

/** One row of activity in words. */
function activityRow(entry: ActivityEntry, names: Snapshot): readonly string[] {
  const { at, action, outcome, client_id, account_id, took_ms, detail, scope } = entry
  return [
    formatTime(at),
    nameOfClient(names, client_id),
    labelOf(names, account_id),
    action,
    outcome,
    took_ms === undefined ? '' : `${String(took_ms)} ms`,
    [detail, scope].filter((part) => part !== undefined && part !== '').join(' '),
  ]
}
