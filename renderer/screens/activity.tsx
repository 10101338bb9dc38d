/**
 * Who asked for what, and what came of it: a day at a glance, then row by row, newest first, growing at the top while it
 * is watched. The rule: one row per request, in words, and nothing shown that was not loaded.
 */
import { type ReactElement, useMemo, useState } from 'react'
import type { ActivityEntry } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { type Feed, useActivityFeed } from '../activity-feed.ts'
import { accountWords, everything, type Filter, fits, who, whoWords } from '../activity-filter.ts'
import { countByHour } from '../hours.ts'
import { useNow } from '../state.ts'
import { actionWords, outcomeWords } from '../activity-terms.ts'
import { text } from '../text.ts'
import { Button, Problem } from '../ui/action.tsx'
import { HourChart } from '../ui/hour-chart.tsx'
import { Icon } from '../ui/icons.tsx'
import { When } from '../ui/time.tsx'
import { LongText, Name, Scopes } from '../ui/words.tsx'
import { ActivityTools } from './activity-tools.tsx'

/** Rows shown at a time. */
const STEP = 50

interface Props {
  readonly snapshot: Snapshot
  /** The app whose rows are shown first. */
  readonly app: string | undefined
}

export function ActivityScreen({ snapshot, app }: Props): ReactElement {
  const now = useNow(15_000)
  const feed = useActivityFeed()
  const { entries } = feed
  const [filter, setFilter] = useState<Filter>({ ...everything, ...(app !== undefined && { app }) })
  const fitting = useMemo(() => entries?.filter((entry) => fits(entry, filter)), [entries, filter])
  const hours = useMemo(() => countByHour(fitting ?? [], now), [fitting, now])
  const oldest = entries?.at(-1)?.at
  const since = !feed.ended && oldest !== undefined && oldest > (hours[0]?.start ?? 0) ? oldest : undefined
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
      {entries && fitting && entries.length > 0 && (
        <>
          <HourChart hours={hours} now={now} since={since} onOlder={feed.more} />
          <ActivityTools entries={entries} snapshot={snapshot} filter={filter} onChange={setFilter} />
          <Rows
            key={`${filter.app} ${filter.account} ${filter.result}`}
            entries={fitting}
            feed={feed}
            snapshot={snapshot}
            now={now}
          />
        </>
      )}
    </>
  )
}

function Rows({
  entries,
  feed,
  snapshot,
  now,
}: {
  readonly entries: readonly ActivityEntry[]
  readonly feed: Feed
  readonly snapshot: Snapshot
  readonly now: number
}): ReactElement {
  const [room, setRoom] = useState(STEP)
  const shown = entries.slice(0, room)
  const ended = feed.ended && entries.length <= room
  return (
    <>
      {shown.length === 0 ? (
        <p className="quiet-text">{text.activity.noMatch}</p>
      ) : (
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
            {shown.map((entry) => (
              <Row key={entry.id} entry={entry} snapshot={snapshot} now={now} />
            ))}
          </tbody>
        </table>
      )}
      <Problem error={feed.older.error} />
      <div className="actions">
        {ended ? (
          <p className="quiet-text">{text.activity.end}</p>
        ) : (
          <Button
            disabled={feed.older.pending}
            onPress={() => {
              if (entries.length < room + STEP && !feed.ended) feed.more()
              setRoom(room + STEP)
            }}
          >
            {text.activity.more}
          </Button>
        )}
      </div>
    </>
  )
}

function Row({
  entry,
  snapshot,
  now,
}: {
  readonly entry: ActivityEntry
  readonly snapshot: Snapshot
  readonly now: number
}): ReactElement {
  const { tone, words } = outcomeWords(entry)
  return (
    <tr>
      <td data-label={text.activity.time}>
        <When at={entry.at} now={now} />
      </td>
      <td data-label={text.activity.app}>
        {entry.client_id === undefined ? (
          <span className="quiet-text">{whoWords(who(entry), snapshot.clients)}</span>
        ) : (
          <Name of={whoWords(entry.client_id, snapshot.clients)} />
        )}
      </td>
      <td data-label={text.activity.account}>
        {entry.account_id !== undefined && <Name of={accountWords(entry.account_id, snapshot.accounts)} />}
      </td>
      <td data-label={text.activity.asked}>
        <span>{actionWords(entry)}</span>
        {entry.scope !== undefined && entry.scope !== '' && <Scopes of={entry.scope} most={4} />}
      </td>
      <td data-label={text.activity.result}>
        <span className={`outcome outcome-${tone}`}>
          <Icon name={tone === 'good' ? 'check' : tone === 'bad' ? 'cross' : 'dot'} />
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
