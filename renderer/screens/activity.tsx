/** Who asked for what, and what came of it: newest first, growing at the top while it is watched. */
import { type ReactElement, useCallback, useEffect, useRef, useState } from 'react'
import type { ActivityEntry } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { useNow, useStore } from '../state.ts'
import { actionWords, outcomeWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Problem, useAction } from '../ui/action.tsx'
import { Icon } from '../ui/icons.tsx'
import { When } from '../ui/time.tsx'
import { LongText, Name, Scopes } from '../ui/words.tsx'

/** Rows fetched at a time. */
const PAGE = 50
/** Milliseconds between looks at what is new: not every row comes with a change of the snapshot. */
const LOOK = 2000

export function ActivityScreen({ snapshot }: { readonly snapshot: Snapshot }): ReactElement {
  const store = useStore()
  const now = useNow(15_000)
  const action = useAction()
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
    action.run(async () => {
      const answer = await store.call('activity', { limit: PAGE, ...(oldest !== undefined && { before: oldest }) })
      setEntries((before) => mergeEntries(before ?? [], answer.entries))
      setEnded(answer.entries.length < PAGE)
    })
  }

  return (
    <>
      <div className="head">
        <h1 tabIndex={-1}>{text.activity.title}</h1>
      </div>
      {entries?.length === 0 && (
        <div className="empty">
          <Icon name="list" />
          <p>{text.activity.empty}</p>
        </div>
      )}
      {entries && entries.length > 0 && (
        <>
          <table className="activity">
            <thead>
              <tr>
                <th scope="col">{text.activity.time}</th>
                <th scope="col">{text.activity.app}</th>
                <th scope="col">{text.activity.account}</th>
                <th scope="col">{text.activity.asked}</th>
                <th scope="col">{text.activity.result}</th>
              </tr>
            </thead>
            <tbody>
              {entries.map((entry) => (
                <Row key={entry.id} entry={entry} snapshot={snapshot} now={now} />
              ))}
            </tbody>
          </table>
          <Problem error={action.error} />
          <div className="actions">
            {ended ? (
              <p className="quiet-text">{text.activity.end}</p>
            ) : (
              <Button disabled={action.pending} onPress={more}>
                {text.activity.more}
              </Button>
            )}
          </div>
        </>
      )}
    </>
  )
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

/** What nobody asked for is the broker's own doing; what no program asked for is the person's. */
const byItself = new Set<ActivityEntry['action']>(['refresh'])

function Row({
  entry,
  snapshot,
  now,
}: {
  readonly entry: ActivityEntry
  readonly snapshot: Snapshot
  readonly now: number
}): ReactElement {
  const client = snapshot.clients.find((other) => other.id === entry.client_id)
  const account = snapshot.accounts.find((other) => other.id === entry.account_id)
  const { tone, words } = outcomeWords(entry)
  return (
    <tr>
      <td data-label={text.activity.time}>
        <When at={entry.at} now={now} />
      </td>
      <td data-label={text.activity.app}>
        {entry.client_id === undefined ? (
          <span className="quiet-text">{byItself.has(entry.action) ? text.activity.valetkey : text.activity.you}</span>
        ) : (
          <Name of={client?.name ?? text.activity.removedApp} />
        )}
      </td>
      <td data-label={text.activity.account}>
        {entry.account_id !== undefined && <Name of={account?.label ?? text.activity.removedAccount} />}
      </td>
      <td data-label={text.activity.asked}>
        {actionWords(entry.action)}
        {entry.scope !== undefined && entry.scope !== '' && <Scopes of={entry.scope} />}
      </td>
      <td data-label={text.activity.result}>
        <span className={`outcome outcome-${tone}`}>
          <Name of={words} />
        </span>
        {entry.detail !== undefined && (
          <div className="row-more">
            <LongText of={entry.detail} />
          </div>
        )}
      </td>
    </tr>
  )
}
