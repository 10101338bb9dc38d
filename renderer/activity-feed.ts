/**
 * The rows of the activity as far as they are loaded. The rule: each row once, newest first; what is new is looked for
 * while the page can be seen, what is older only when somebody wants it.
 */
import { useCallback, useEffect, useRef, useState } from 'react'
import type { ActivityEntry } from '../main/contract/model.ts'
import { type Store, useStore } from './state.ts'
import { type Action, useAction } from './ui/action.tsx'

/** Rows fetched at a time: enough for a day of the per-hour chart on most machines. */
const PAGE = 500
/** The most the broker gives at a time. */
const MOST = 1000
/** Milliseconds between looks at what is new: not every row comes with a change of the snapshot. */
const LOOK = 2000

export interface Feed {
  /** `undefined` until the first answer. */
  readonly entries: readonly ActivityEntry[] | undefined
  /** There is nothing older. */
  readonly ended: boolean
  readonly older: Action
  /** Loads what is older. */
  readonly more: () => void
}

export function useActivityFeed(): Feed {
  const store = useStore()
  const older = useAction()
  const [entries, setEntries] = useState<readonly ActivityEntry[]>()
  const [ended, setEnded] = useState(false)
  const newest = useRef<number>(undefined)
  const looking = useRef(false)

  const look = useCallback(async () => {
    if (looking.current) return
    looking.current = true
    try {
      const after = newest.current
      const answer = await store.call('activity', { limit: PAGE, ...(after !== undefined && { after }) })
      setEntries((before) => mergeEntries(before ?? [], answer.entries))
      newest.current = Math.max(newest.current ?? 0, ...answer.entries.map((entry) => entry.id))
      if (after === undefined && answer.entries.length < PAGE) setEnded(true)
    } catch {
      // The connection banner says what is wrong; the next look tries again.
    } finally {
      looking.current = false
    }
  }, [store])
  useEffect(() => {
    void look()
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') void look()
    }, LOOK)
    return () => {
      clearInterval(timer)
    }
  }, [look])

  const more = (): void => {
    const oldest = entries?.at(-1)?.id
    older.run(async () => {
      const answer = await store.call('activity', { limit: PAGE, ...(oldest !== undefined && { before: oldest }) })
      setEntries((before) => mergeEntries(before ?? [], answer.entries))
      setEnded(answer.entries.length < PAGE)
    })
  }
  return { entries, ended, older, more }
}

/** Everything there is, newest first, for a file. Throws what the broker refuses with. */
export async function wholeActivity(store: Store): Promise<readonly ActivityEntry[]> {
  const rows: ActivityEntry[] = []
  for (;;) {
    const before = rows.at(-1)?.id
    const { entries } = await store.call('activity', { limit: MOST, ...(before !== undefined && { before }) })
    rows.push(...entries)
    if (entries.length < MOST) return rows
  }
}

/** Both, each entry once, newest first. */
export function mergeEntries(
  before: readonly ActivityEntry[],
  more: readonly ActivityEntry[],
): readonly ActivityEntry[] {
  const known = new Set(before.map((entry) => entry.id))
  const added = more.filter((entry) => !known.has(entry.id))
  return added.length === 0 ? before : [...before, ...added].toSorted((a, b) => b.id - a.id)
}
