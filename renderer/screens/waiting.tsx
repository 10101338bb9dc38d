/**
 * Waiting for the browser to come back. The rule: what will happen is said beforehand, everything that can be done about
 * it is in reach, and when nothing comes the next way is offered without anything moving that is already there.
 */
import { type ReactElement, type ReactNode, useEffect, useState } from 'react'
import type { Redirect, SignIn } from '../../main/contract/model.ts'
import { spanWords } from '../lifetime.ts'
import { useNow, useStore } from '../state.ts'
import { redirectWords } from '../terms.ts'
import { text } from '../text.ts'
import { type Action, Button, Note, Problem, useAction } from '../ui/action.tsx'
import { CopyButton } from '../ui/copy.tsx'
import { Field } from '../ui/field.tsx'
import { Icon } from '../ui/icons.tsx'
import { Name, Sentence } from '../ui/words.tsx'

const words = text.link.sign_in

/** Milliseconds after which the next way is offered by itself. */
const OFFER_AFTER = 20_000

interface Props {
  readonly id: string
  readonly signIn: SignIn
  readonly keepsDraft: boolean
  /** Whether the browser has been opened already. */
  readonly hostOpens: boolean
  readonly change: Action
  readonly onAgain: (redirect: Redirect) => void
}

export function Waiting({ id, signIn, keepsDraft, hostOpens, change, onAgain }: Props): ReactElement {
  const store = useStore()
  const now = useNow(5000)
  const cancel = useAction()
  const address = safeAddress(signIn.authorization_url)
  const waiting = signIn.authorization_url === '' ? words.asking : words.waiting
  return (
    <div className="card form waiting">
      {signIn.authorization_url === '' ? null : address ? (
        <OpenLink address={address} how={howOf(signIn)} hostOpens={hostOpens} />
      ) : (
        <Note tone="bad">{words.unsafe}</Note>
      )}
      {signIn.user_code !== undefined && (
        <p className="code" aria-label={words.code}>
          <Name of={signIn.user_code} />
        </p>
      )}
      <div className="wait">
        <div className="wait-words">
          <span>{waiting}</span>
          <span className="row-more">
            <Sentence of={words.left} values={{ span: spanWords(signIn.expires_at - now) }} />
          </span>
        </div>
        <progress aria-label={waiting} />
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
      <Problem error={cancel.error ?? change.error} />
      {signIn.flow === 'browser' && <Paste id={id} signIn={signIn} />}
      {signIn.rungs.length > 0 && <Ladder rungs={signIn.rungs} keepsDraft={keepsDraft} onChoose={onAgain} />}
    </div>
  )
}

/** The address if the browser may be sent there, else `undefined`. */
export function safeAddress(url: string): URL | undefined {
  if (!URL.canParse(url)) return undefined
  const address = new URL(url)
  const here = ['127.0.0.1', '[::1]', 'localhost'].includes(address.hostname)
  return address.protocol === 'https:' || (address.protocol === 'http:' && here) ? address : undefined
}

function OpenLink({
  address,
  how,
  hostOpens,
}: {
  readonly address: URL
  readonly how: ReactNode
  readonly hostOpens: boolean
}): ReactElement {
  const [opened, setOpened] = useState(hostOpens)
  const [showLink, setShowLink] = useState(false)
  return (
    <>
      <p>
        <Sentence of={words.says} values={{ host: <strong>{<Name of={address.host} />}</strong> }} /> {how}
      </p>
      <div className="actions">
        <a
          className="button primary"
          href={address.href}
          target="_blank"
          rel="noopener noreferrer"
          onClick={() => {
            setOpened(true)
          }}
        >
          <Icon name="away" />
          <span>
            <Sentence of={opened ? words.openAgain : words.open} values={{ host: <Name of={address.host} /> }} />
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
  )
}

function Paste({ id, signIn }: { readonly id: string; readonly signIn: SignIn }): ReactElement {
  const { redirect, lands_on } = signIn
  const required = redirect === 'paste' || redirect === 'oob'
  const store = useStore()
  const paste = useAction()
  const [pasted, setPasted] = useState('')
  return (
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
        label={redirect === 'oob' ? words.pasteCode : words.paste}
        hint={pasteHint(redirect, lands_on)}
        code
        value={pasted}
        error={paste.error?.message}
        onChange={setPasted}
      />
      <div className="actions">
        <button
          type="submit"
          className={required ? 'button primary' : 'button'}
          disabled={paste.pending || pasted.trim() === ''}
        >
          <span>{words.submit}</span>
        </button>
      </div>
    </form>
  )
}

function pasteHint(redirect: Redirect, landsOn: string | undefined): string {
  if (redirect === 'oob') return words.pasteCodeHint
  if (redirect !== 'paste') return words.pasteHint
  return landsOn === undefined ? words.pasteRequired : words.pasteOwn
}

/** What will happen in the browser, said beforehand. */
function howOf({ user_code, redirect, lands_on }: SignIn): ReactNode {
  if (user_code !== undefined) return words.enterCode
  if (lands_on === undefined || !URL.canParse(lands_on)) return redirectWords(redirect).how
  return <Sentence of={words.ownPage} values={{ host: <strong>{<Name of={new URL(lands_on).host} />}</strong> }} />
}

/** The other ways, at once for who asks and by itself after a while; last on the page, so that nothing moves. */
function Ladder({
  rungs,
  keepsDraft,
  onChoose,
}: {
  readonly rungs: readonly Redirect[]
  readonly keepsDraft: boolean
  readonly onChoose: (redirect: Redirect) => void
}): ReactElement {
  const [open, setOpen] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => {
      setOpen(true)
    }, OFFER_AFTER)
    return () => {
      clearTimeout(timer)
    }
  }, [])
  return (
    <details
      className="ladder"
      open={open}
      onToggle={(event) => {
        setOpen(event.currentTarget.open)
      }}
    >
      <summary>{words.lost}</summary>
      <p className="hint">{keepsDraft ? words.lostSays : words.lostSaysForm}</p>
      <div className="actions">
        {rungs.map((redirect) => (
          <Button
            key={redirect}
            onPress={() => {
              onChoose(redirect)
            }}
          >
            {redirectWords(redirect).offer}
          </Button>
        ))}
      </div>
    </details>
  )
}
