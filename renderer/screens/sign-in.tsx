/**
 * A sign-in under way: the person opens the provider by their own click, this page waits for what comes of it. The rule:
 * only an https address, or one on this computer, is ever offered as a link.
 */
import { type ReactElement, useEffect, useState } from 'react'
import type { SignIn } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { hrefOf, navigate } from '../navigation.ts'
import { useNow, useStore } from '../state.ts'
import { text } from '../text.ts'
import { Button, Note, Problem, useAction } from '../ui/action.tsx'
import { CopyButton } from '../ui/banners.tsx'
import { Field } from '../ui/field.tsx'
import { Icon } from '../ui/icons.tsx'
import { Clock } from '../ui/time.tsx'
import { LongText, Name, Sentence } from '../ui/words.tsx'

const words = text.link.sign_in

interface Props {
  readonly id: string
  /** `undefined` once the broker has forgotten it. */
  readonly signIn: SignIn | undefined
  readonly snapshot: Snapshot
}

export function SignInPanel({ id, signIn, snapshot }: Props): ReactElement {
  const [last, setLast] = useState(signIn)
  if (signIn && signIn !== last) setLast(signIn)
  const shown = signIn ?? last
  const arrivedAt = shown?.state === 'done' ? shown.account_id : undefined
  useEffect(() => {
    if (arrivedAt !== undefined) navigate('accounts', arrivedAt, 'replace')
  }, [arrivedAt])
  return (
    <>
      <a className="back" href={hrefOf('accounts')}>
        <Icon name="back" /> {text.accounts.title}
      </a>
      <div className="head">
        <h1 tabIndex={-1}>{titleOf(shown)}</h1>
      </div>
      {shown ? <Body id={id} signIn={shown} snapshot={snapshot} known={signIn !== undefined} /> : <Over />}
    </>
  )
}

function titleOf(signIn: SignIn | undefined): string {
  switch (signIn?.state) {
    case 'waiting':
      return words.title
    case 'finishing':
      return words.finishing
    case 'done':
      return words.done
    case 'failed':
      return words.failed
    case 'cancelled':
      return words.cancelled
    case undefined:
      return text.link.unknown
  }
}

function Over(): ReactElement {
  return (
    <a className="button primary" href={hrefOf('link')}>
      {text.link.startOver}
    </a>
  )
}

function Body({
  id,
  signIn,
  snapshot,
  known,
}: {
  readonly id: string
  readonly signIn: SignIn
  readonly snapshot: Snapshot
  readonly known: boolean
}): ReactElement {
  switch (signIn.state) {
    case 'waiting':
      return known ? <Waiting id={id} signIn={signIn} /> : <Over />
    case 'finishing':
    case 'done':
      return <p aria-live="polite">{words.finishing}</p>
    case 'failed':
      return <Failed signIn={signIn} snapshot={snapshot} />
    case 'cancelled':
      return <Over />
  }
}

/** The address if the browser may be sent there, else `undefined`. */
export function safeAddress(url: string): URL | undefined {
  if (!URL.canParse(url)) return undefined
  const address = new URL(url)
  const here = ['127.0.0.1', '[::1]', 'localhost'].includes(address.hostname)
  return address.protocol === 'https:' || (address.protocol === 'http:' && here) ? address : undefined
}

function Waiting({ id, signIn }: { readonly id: string; readonly signIn: SignIn }): ReactElement {
  const store = useStore()
  const now = useNow(60_000)
  const paste = useAction()
  const cancel = useAction()
  const [pasted, setPasted] = useState('')
  const [showLink, setShowLink] = useState(false)
  const address = safeAddress(signIn.authorization_url)
  return (
    <div className="card form">
      {address ? (
        <>
          <p>
            <Sentence of={words.says} values={{ host: <strong>{<Name of={address.host} />}</strong> }} />
          </p>
          <div className="actions">
            <a className="button primary" href={address.href} target="_blank" rel="noopener noreferrer">
              <Icon name="away" />
              <span>
                <Sentence of={words.open} values={{ host: <Name of={address.host} /> }} />
              </span>
            </a>
            <CopyButton
              value={address.href}
              label={words.copy}
              onRefused={() => {
                setShowLink(true)
              }}
            />
          </div>
          <details
            open={showLink}
            onToggle={(event) => {
              setShowLink(event.currentTarget.open)
            }}
          >
            <summary>{words.showLink}</summary>
            <Field label={words.showLink} code value={address.href} onChange={() => undefined} />
          </details>
        </>
      ) : (
        <Note tone="bad">{words.unsafe}</Note>
      )}
      <form
        className="paste"
        onSubmit={(event) => {
          event.preventDefault()
          if (paste.pending) return
          paste.run(async () => {
            await store.call('submitRedirect', { id, url: pasted.trim() })
          })
        }}
      >
        <Field
          label={words.paste}
          hint={signIn.redirect === 'paste' ? words.pasteRequired : words.pasteHint}
          code
          value={pasted}
          error={paste.error?.message}
          onChange={setPasted}
        />
        <div className="actions">
          <button type="submit" className="button" disabled={paste.pending || pasted.trim() === ''}>
            <span>{words.submit}</span>
          </button>
        </div>
      </form>
      <Problem error={cancel.error} />
      <div className="actions actions-end">
        <span className="row-more">
          <Sentence of={words.until} values={{ time: <Clock at={signIn.expires_at} now={now} /> }} />
        </span>
        <Button
          disabled={cancel.pending}
          onPress={() => {
            cancel.run(async () => {
              await store.call('cancelSignIn', { id })
            })
          }}
        >
          {text.cancel}
        </Button>
      </div>
    </div>
  )
}

/** Tries the same again: an account's own sign-in from here, a new account from its form, which still has what was typed. */
function Failed({ signIn, snapshot }: { readonly signIn: SignIn; readonly snapshot: Snapshot }): ReactElement {
  const store = useStore()
  const action = useAction()
  const account = snapshot.accounts.find((candidate) => candidate.id === signIn.account_id)
  return (
    <div className="card form">
      <Note tone="bad">
        <LongText of={signIn.error?.description ?? words.failed} />
      </Note>
      <Problem error={action.error} />
      <div className="actions">
        <Button
          tone="primary"
          disabled={action.pending}
          onPress={() => {
            if (!account) {
              navigate('link')
              return
            }
            action.run(async () => {
              const again = await store.call('link', {
                provider: account.provider,
                account: account.id,
                open_browser: snapshot.surface === 'window',
              })
              navigate('link', again.id, 'replace')
            })
          }}
        >
          {words.retry}
        </Button>
      </div>
    </div>
  )
}
