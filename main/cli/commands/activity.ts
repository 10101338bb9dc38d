/**
 * `activity`: what was asked and how it ended. The rule: oldest first like every log, ids resolved to names when shown,
 * and a follower misses no row, however many come at once.
 */
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
    last = await showRows(session, await since(session, last), last)
  }
}

/** Rows after the one with id `after`, oldest first. */
async function since(session: Session, after: number): Promise<readonly ActivityEntry[]> {
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
