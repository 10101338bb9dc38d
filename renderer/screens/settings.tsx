/**
 * The sixth screen: how Valetkey behaves, how its vault is kept, and what it is. The rule: each setting is saved when it
 * is changed, and what means nothing on this host is not there.
 */
import { type ReactElement, useState } from 'react'
import type { Preferences } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { useStore } from '../state.ts'
import { durations, durationWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Problem, useAction } from '../ui/action.tsx'
import { CommandLine, CopyButton } from '../ui/copy.tsx'
import { Field } from '../ui/field.tsx'
import { Select, Switch } from '../ui/switch.tsx'
import { VaultCards } from './vault.tsx'

const EXAMPLE = 'valetkey token github'

/** What only an app with a window, a tray and a screen of its own can do. */
const ofTheDesktop = ['launch_at_login', 'close_to_tray', 'lock_with_screen', 'notify'] as const

export function SettingsScreen({ snapshot }: { readonly snapshot: Snapshot }): ReactElement {
  return (
    <>
      <div className="head">
        <h1 tabIndex={-1}>{text.settings.title}</h1>
      </div>
      <div className="settings">
        {snapshot.host === 'desktop' && (
          <section className="card" aria-labelledby="behaviour">
            <h2 id="behaviour">{text.settings.behaviour}</h2>
            {ofTheDesktop.map((name) => (
              <PreferenceSwitch key={name} name={name} preferences={snapshot.preferences} />
            ))}
          </section>
        )}
        <section className="card" aria-labelledby="approvals">
          <h2 id="approvals">{text.settings.approvals}</h2>
          <DefaultDuration preferences={snapshot.preferences} />
        </section>
        <section className="card" aria-labelledby="record">
          <h2 id="record">{text.settings.record}</h2>
          <Retention preferences={snapshot.preferences} />
        </section>
        <VaultCards snapshot={snapshot} />
        <section className="card" aria-labelledby="command-line">
          <h2 id="command-line">{text.settings.commandLine}</h2>
          <p>{text.settings.commandLineSays}</p>
          <CommandLine line={EXAMPLE} />
          <p className="hint">{text.settings.commandLineMore}</p>
        </section>
        {(snapshot.surface === 'console' || snapshot.http_url !== undefined) && <ConsoleLink />}
        <section className="card" aria-labelledby="security">
          <h2 id="security">{text.settings.security}</h2>
          <ul className="points">
            {text.settings.securitySays.map((sentence) => (
              <li key={sentence}>{sentence}</li>
            ))}
          </ul>
        </section>
        <section className="card" aria-labelledby="about">
          <h2 id="about">{text.settings.about}</h2>
          <dl className="facts">
            <dt>{text.settings.version}</dt>
            <dd>{snapshot.version}</dd>
            <dt>{text.settings.host}</dt>
            <dd>{text.settings.hosts[snapshot.host]}</dd>
          </dl>
        </section>
      </div>
    </>
  )
}

/** One preference: what is in force, or what was just asked for until the broker has said so itself. */
function usePreference<Name extends keyof Preferences>(
  name: Name,
  preferences: Preferences,
): {
  readonly value: Preferences[Name]
  readonly error: ReturnType<typeof useAction>['error']
  readonly set: (value: Preferences[Name]) => void
} {
  const store = useStore()
  const action = useAction()
  const [wanted, setWanted] = useState<Preferences[Name]>()
  if (wanted !== undefined && wanted === preferences[name]) setWanted(undefined)
  return {
    value: wanted ?? preferences[name],
    error: action.error,
    set(value) {
      if (action.pending) return
      setWanted(value)
      action.run(async () => {
        try {
          await store.call('configure', { [name]: value })
        } catch (thrown) {
          setWanted(undefined)
          throw thrown
        }
      })
    },
  }
}

function PreferenceSwitch({
  name,
  preferences,
}: {
  readonly name: (typeof ofTheDesktop)[number]
  readonly preferences: Preferences
}): ReactElement {
  const { value, error, set } = usePreference(name, preferences)
  const [label, hint] = text.settings[name]
  return <Switch label={label} hint={hint} checked={value} error={error} onChange={set} />
}

function DefaultDuration({ preferences }: { readonly preferences: Preferences }): ReactElement {
  const { value, error, set } = usePreference('approval_duration', preferences)
  return (
    <Select
      label={text.settings.duration}
      hint={text.settings.durationSays}
      value={value}
      choices={durations.map((duration) => ({ value: duration, label: durationWords(duration) }))}
      error={error}
      onChange={set}
    />
  )
}

const OFFERED_DAYS = [7, 30, 90, 365]

function Retention({ preferences }: { readonly preferences: Preferences }): ReactElement {
  const { value, error, set } = usePreference('activity_days', preferences)
  const choices = [...new Set([...OFFERED_DAYS, value])].toSorted((a, b) => a - b)
  return (
    <Select
      label={text.settings.retention}
      hint={text.settings.retentionSays}
      value={String(value)}
      choices={choices.map((days) => ({ value: String(days), label: text.settings.days(days) }))}
      error={error}
      onChange={(days) => {
        set(Number(days))
      }}
    />
  )
}

function ConsoleLink(): ReactElement {
  const store = useStore()
  const action = useAction()
  const [url, setUrl] = useState<string>()
  return (
    <section className="card" aria-labelledby="console">
      <h2 id="console">{text.settings.console}</h2>
      <p>{text.settings.consoleSays}</p>
      <Problem error={action.error} />
      {url !== undefined && <Field label={text.settings.consoleLink} code value={url} onChange={() => undefined} />}
      <div className="actions">
        <Button
          disabled={action.pending}
          onPress={() => {
            action.run(async () => {
              setUrl((await store.call('consoleLink')).url)
            })
          }}
        >
          {text.settings.consoleMake}
        </Button>
        {url !== undefined && <CopyButton key={url} value={url} label={text.copy} />}
      </div>
    </section>
  )
}
