/** What must be said on every screen: the connection, the vault's condition, results. */
import { type ReactElement, useState } from 'react'
import type { Snapshot } from '../../main/contract/window-api.ts'
import type { Connection } from '../bridge.ts'
import { type Notice, useStore } from '../state.ts'
import { connectionWords, vaultWords } from '../terms.ts'
import { text } from '../text.ts'
import { Note, Problem, useAction } from './action.tsx'
import { Field } from './field.tsx'
import { LongText } from './words.tsx'

export function ConnectionBanner({ connection }: { readonly connection: Connection }): ReactElement {
  const words = connectionWords(connection)
  return (
    <div aria-live="polite" className="connection">
      {words && (
        <Note tone={connection === 'connecting' ? 'info' : 'warning'}>
          <strong>{words.word}</strong> {words.more}
        </Note>
      )}
    </div>
  )
}

/** The vault's weaknesses stay; no way to close them, because closing would not mend them. */
export function VaultBanners({ vault }: { readonly vault: Snapshot['vault'] }): ReactElement {
  const { word, more } = vaultWords(vault.state)
  return (
    <>
      {vault.protection === 'key-file' && (
        <Note tone="warning">
          <strong>{text.vault.keyFile}</strong> <span>{text.vault.keyFileSays}</span>
        </Note>
      )}
      {(vault.state === 'read-only' || vault.state === 'damaged') && (
        <Note tone={vault.state === 'damaged' ? 'bad' : 'warning'}>
          <strong>
            {text.vault.title}: {word}
          </strong>{' '}
          {more}
        </Note>
      )}
      {vault.notice !== undefined && (
        <Note tone="warning">
          <LongText of={vault.notice} />
        </Note>
      )}
      {vault.state === 'locked' && (
        <Unlock withPassphrase={vault.protection === 'passphrase' || vault.protection === null} />
      )}
    </>
  )
}

/** Said on every screen, with the way back beside it. */
export function PausedBanner(): ReactElement {
  const store = useStore()
  const action = useAction()
  return (
    <>
      <Note
        tone="warning"
        closeLabel={text.vault.resume}
        onClose={() => {
          action.run(async () => {
            await store.call('setPaused', { paused: false })
          })
        }}
      >
        <strong>{text.vault.paused}</strong> {text.vault.pausedSays}
      </Note>
      <Problem error={action.error} />
    </>
  )
}

function Unlock({ withPassphrase }: { readonly withPassphrase: boolean }): ReactElement {
  const store = useStore()
  const action = useAction()
  const [passphrase, setPassphrase] = useState('')
  return (
    <section className="card unlock" aria-labelledby="unlock-title">
      <h2 id="unlock-title">{text.vault.locked}</h2>
      <p>{text.vault.lockedSays}</p>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          if (action.pending) return
          action.run(async () => {
            await store.call('unlock', passphrase === '' ? {} : { passphrase })
            setPassphrase('')
          })
        }}
      >
        {withPassphrase && (
          <Field
            label={text.vault.passphrase}
            hint={text.vault.passphraseHint}
            type="password"
            value={passphrase}
            onChange={setPassphrase}
          />
        )}
        <Problem error={action.error} />
        <div className="actions">
          <button type="submit" className="button primary" disabled={action.pending}>
            <span>{text.vault.unlock}</span>
          </button>
        </div>
      </form>
    </section>
  )
}

export function Notices({
  notices,
  onClose,
}: {
  readonly notices: readonly Notice[]
  readonly onClose: (id: number) => void
}): ReactElement {
  return (
    <div aria-live="polite" className="notices">
      {notices.map(({ id, tone, message, detail }) => (
        <Note
          key={id}
          tone={tone}
          closeLabel={text.close}
          onClose={() => {
            onClose(id)
          }}
        >
          {message} {detail !== undefined && <LongText of={detail} />}
        </Note>
      ))}
    </div>
  )
}
