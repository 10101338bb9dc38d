/** Where the tokens lie, how they are kept, and whether all is well with them. */
import { type ReactElement, useState } from 'react'
import type { Finding, Snapshot } from '../../main/contract/window-api.ts'
import { useStore } from '../state.ts'
import { protectionWords, vaultWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Note, Problem, useAction } from '../ui/action.tsx'
import { LongText } from '../ui/words.tsx'

export function VaultScreen({ snapshot }: { readonly snapshot: Snapshot }): ReactElement {
  const store = useStore()
  const action = useAction()
  const [findings, setFindings] = useState<readonly Finding[]>()
  const { vault } = snapshot
  const { word, more } = vaultWords(vault.state)
  return (
    <>
      <div className="head">
        <h1 tabIndex={-1}>{text.vault.title}</h1>
      </div>
      <section className="card">
        <dl className="facts">
          <dt>{text.vault.state}</dt>
          <dd>
            <strong>{word}</strong> {more !== undefined && <span className="row-more">{more}</span>}
          </dd>
          {vault.protection !== null && (
            <>
              <dt>{text.vault.protection}</dt>
              <dd>{protectionWords(vault.protection)}</dd>
            </>
          )}
          <dt>{text.vault.home}</dt>
          <dd>
            <LongText of={snapshot.home} />
          </dd>
          <dt>{text.vault.host}</dt>
          <dd>{text.vault.hosts[snapshot.host]}</dd>
          <dt>{text.vault.version}</dt>
          <dd>{snapshot.version}</dd>
        </dl>
        <Problem error={action.error} />
        <div className="actions">
          {vault.state === 'unlocked' && (
            <Button
              icon="lock"
              disabled={action.pending}
              onPress={() => {
                action.run(async () => {
                  await store.call('lock')
                })
              }}
            >
              {text.vault.lock}
            </Button>
          )}
          {!snapshot.paused && (
            <Button
              disabled={action.pending}
              onPress={() => {
                action.run(async () => {
                  await store.call('setPaused', { paused: true })
                })
              }}
            >
              {text.vault.pause}
            </Button>
          )}
          <Button
            disabled={action.pending}
            onPress={() => {
              action.run(async () => {
                setFindings((await store.call('doctor')).findings)
              })
            }}
          >
            {text.vault.examine}
          </Button>
        </div>
      </section>
      <div aria-live="polite">
        {findings && (
          <section className="card" aria-labelledby="findings">
            <h2 id="findings">{text.vault.findings}</h2>
            {findings.length === 0 && <p className="quiet-text">{text.vault.noFindings}</p>}
            <ul className="findings">
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
          </section>
        )}
      </div>
    </>
  )
}
