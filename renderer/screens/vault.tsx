/** Where the tokens lie, how they are kept and from whom, whether all is well with them, and closing them away. */
import { type ReactElement, type ReactNode, useState } from 'react'
import type { Finding, Snapshot } from '../../main/contract/window-api.ts'
import { useStore } from '../state.ts'
import { protectionWords, vaultWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Note, Problem, useAction } from '../ui/action.tsx'
import type { IconName } from '../ui/icons.tsx'
import { LongText } from '../ui/words.tsx'

export function VaultCards({ snapshot }: { readonly snapshot: Snapshot }): ReactElement {
  const store = useStore()
  const { vault } = snapshot
  return (
    <>
      {(vault.state === 'unlocked' || !snapshot.paused) && (
        <section className="card" aria-labelledby="access">
          <h2 id="access">{text.settings.access}</h2>
          {!snapshot.paused && (
            <Act
              icon="pause"
              label={text.vault.pause}
              says={text.vault.pauseSays}
              act={async () => {
                await store.call('setPaused', { paused: true })
              }}
            />
          )}
          {vault.state === 'unlocked' && (
            <Act
              icon="lock"
              label={text.vault.lock}
              says={text.vault.lockSays}
              act={async () => {
                await store.call('lock')
              }}
            />
          )}
        </section>
      )}
      <VaultCard snapshot={snapshot} />
    </>
  )
}

function VaultCard({ snapshot }: { readonly snapshot: Snapshot }): ReactElement {
  const store = useStore()
  const [findings, setFindings] = useState<readonly Finding[]>()
  const { vault } = snapshot
  const { word, more } = vaultWords(vault.state)
  const kept = vault.protection === null ? undefined : protectionWords(vault.protection)
  return (
    <section className="card" aria-labelledby="vault">
      <h2 id="vault">{text.vault.title}</h2>
      <dl className="facts">
        <dt>{text.vault.state}</dt>
        <dd>
          <strong>{word}</strong> {more !== undefined && <span className="row-more">{more}</span>}
        </dd>
        {kept && (
          <>
            <dt>{text.vault.protection}</dt>
            <dd>{kept.word}</dd>
            <dt>{text.vault.protects}</dt>
            <dd>{kept.does}</dd>
            <dt>{text.vault.protectsNot}</dt>
            <dd>{kept.doesNot}</dd>
          </>
        )}
        <dt>{text.vault.home}</dt>
        <dd className="path">
          <LongText of={snapshot.home} />
        </dd>
      </dl>
      <Act
        label={text.vault.examine}
        says={text.vault.examineSays}
        act={async () => {
          setFindings((await store.call('doctor')).findings)
        }}
      />
      <div aria-live="polite">{findings && <Findings findings={findings} />}</div>
    </section>
  )
}

/** A button, what it does, and what went wrong with it. */
function Act({
  icon,
  label,
  says,
  act,
}: {
  readonly icon?: IconName
  readonly label: ReactNode
  readonly says: string
  readonly act: () => Promise<void>
}): ReactElement {
  const action = useAction()
  return (
    <div className="setting">
      <div className="setting-words">
        <p className="hint">{says}</p>
        <Problem error={action.error} />
      </div>
      <Button
        {...(icon && { icon })}
        disabled={action.pending}
        onPress={() => {
          action.run(act)
        }}
      >
        {label}
      </Button>
    </div>
  )
}

function Findings({ findings }: { readonly findings: readonly Finding[] }): ReactElement {
  return (
    <>
      <h3 id="findings">{text.vault.findings}</h3>
      {findings.length === 0 && <p className="quiet-text">{text.vault.noFindings}</p>}
      <ul className="findings" aria-labelledby="findings">
        {findings.map((finding) => (
          <li key={`${finding.subject} ${finding.message}`}>
            <Note tone={finding.level === 'ok' ? 'good' : finding.level === 'warning' ? 'warning' : 'bad'}>
              <strong>
                {text.shown[finding.level]}: {finding.subject}
              </strong>{' '}
              <LongText of={finding.message} />
              {finding.mend !== undefined && (
                <div>
                  {text.vault.mend} <LongText of={finding.mend} />
                </div>
              )}
            </Note>
          </li>
        ))}
      </ul>
    </>
  )
}
