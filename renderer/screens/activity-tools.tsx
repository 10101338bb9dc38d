/** What narrows the activity, and what takes it away as a file. */
import { type ReactElement, useId, useState } from 'react'
import type { ActivityEntry } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { wholeActivity } from '../activity-feed.ts'
import { type Choice, choicesOf, everything, type Filter, fits, toJson } from '../activity-filter.ts'
import { copyText } from '../clipboard.ts'
import { useStore } from '../state.ts'
import { text } from '../text.ts'
import { Button, Problem, useAction } from '../ui/action.tsx'

interface Props {
  readonly entries: readonly ActivityEntry[]
  readonly snapshot: Snapshot
  readonly filter: Filter
  readonly onChange: (filter: Filter) => void
}

export function ActivityTools({ entries, snapshot, filter, onChange }: Props): ReactElement {
  const choices = choicesOf(entries, snapshot, filter)
  const filtered = filter.app !== '' || filter.account !== '' || filter.result !== ''
  return (
    <div className="tools">
      <fieldset className="filters">
        <legend className="only-read">{text.activity.filters}</legend>
        <Narrow
          label={text.activity.app}
          all={text.activity.allApps}
          value={filter.app}
          choices={choices.apps}
          onChange={(app) => {
            onChange({ ...filter, app })
          }}
        />
        <Narrow
          label={text.activity.account}
          all={text.activity.allAccounts}
          value={filter.account}
          choices={choices.accounts}
          onChange={(account) => {
            onChange({ ...filter, account })
          }}
        />
        <Narrow
          label={text.activity.result}
          all={text.activity.allResults}
          value={filter.result}
          choices={choices.results}
          onChange={(result) => {
            onChange({ ...filter, result })
          }}
        />
        {filtered && (
          <Button
            tone="quiet"
            onPress={() => {
              onChange(everything)
            }}
          >
            {text.activity.clear}
          </Button>
        )}
      </fieldset>
      <Export snapshot={snapshot} filter={filter} />
    </div>
  )
}

interface NarrowProps {
  readonly label: string
  readonly all: string
  readonly value: string
  readonly choices: readonly Choice[]
  readonly onChange: (value: string) => void
}

function Narrow({ label, all, value, choices, onChange }: NarrowProps): ReactElement {
  const id = useId()
  return (
    <div className="narrow">
      <label htmlFor={id} className="only-read">
        {label}
      </label>
      <select
        id={id}
        value={value}
        onChange={(event) => {
          onChange(event.target.value)
        }}
      >
        <option value="">{all}</option>
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
    </div>
  )
}

/** A file from the console; in the app's window, where nothing may be downloaded, the same text on the clipboard. */
function Export({ snapshot, filter }: { readonly snapshot: Snapshot; readonly filter: Filter }): ReactElement {
  const store = useStore()
  const action = useAction()
  const hint = useId()
  const [done, setDone] = useState<number>()
  const inWindow = snapshot.surface === 'window'
  return (
    <div className="export">
      <span id={hint} className="only-read">
        {text.activity.exportSays}
      </span>
      <span aria-live="polite" className="hint">
        {done !== undefined && text.activity.exported(done)}
      </span>
      <Button
        disabled={action.pending}
        describedBy={hint}
        onPress={() => {
          action.run(async () => {
            const rows = (await wholeActivity(store)).filter((entry) => fits(entry, filter))
            const json = toJson(rows, snapshot, Date.now() / 1000)
            if (inWindow) await copyText(json)
            else download(json, 'valetkey-activity.json')
            setDone(rows.length)
          })
        }}
      >
        {inWindow ? text.activity.exportCopy : text.activity.export}
      </Button>
      <Problem error={action.error} />
    </div>
  )
}

function download(json: string, name: string): void {
  const address = URL.createObjectURL(new Blob([json], { type: 'application/json' }))
  const link = document.createElement('a')
  link.href = address
  link.download = name
  link.click()
  // The browser has taken it when the click has been handled.
  setTimeout(() => {
    URL.revokeObjectURL(address)
  }, 0)
}
