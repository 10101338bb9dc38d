/**
 * A sign-in under way: the person opens the provider by their own click, this page waits for what comes of it. The rule:
 * only an https address, or one on this computer, is ever offered as a link; and another way is tried in this same place.
 */
import { type ReactElement, useContext, useEffect, useState } from 'react'
import type { Redirect, SignIn } from '../../main/contract/model.ts'
import type { LinkRequest, Snapshot } from '../../main/contract/window-api.ts'
import { LinkMemoryContext, missingScopes } from '../link-memory.ts'
import { hrefOf, navigate } from '../navigation.ts'
import { useNotify, useStore } from '../state.ts'
import { redirectWords } from '../terms.ts'
import { text } from '../text.ts'
import { type Action, Button, Note, Problem, useAction } from '../ui/action.tsx'
import { Icon } from '../ui/icons.tsx'
import { Steps } from '../ui/steps.tsx'
import { LongText } from '../ui/words.tsx'
import { Waiting } from './waiting.tsx'

const words = text.link.sign_in

interface Props {
  readonly id: string
  /** `undefined` once the broker has forgotten it. */
  readonly signIn: SignIn | undefined
  readonly snapshot: Snapshot
  /** A new one took its place. */
  readonly onStarted: (signIn: SignIn) => void
  /** The form has to be filled in first, for this way back. */
  readonly onForm: (redirect: Redirect) => void
}

export function SignInPanel({ id, signIn, snapshot, onStarted, onForm }: Props): ReactElement {
  const memory = useContext(LinkMemoryContext)
  const store = useStore()
  const change = useAction()
  const [last, setLast] = useState(signIn)
  if (signIn && signIn !== last) setLast(signIn)
  const shown = signIn ?? last
  useArrival(id, shown, snapshot)

  const request = shown && requestAgain(shown, memory.get(id)?.request)
  const startAgain = (redirect: Redirect | undefined): void => {
    change.run(async () => {
      if (signIn?.state === 'waiting') await store.call('cancelSignIn', { id })
      if (!request) {
        memory.delete(id)
        if (redirect === undefined) navigate('link')
        else onForm(redirect)
        return
      }
      const wish = {
        ...request,
        open_browser: snapshot.surface === 'window',
        ...(redirect !== undefined && { redirect }),
      }
      const next = await store.call('link', wish)
      memory.set(next.id, { request: wish, known: memory.get(id)?.known ?? new Set() })
      memory.delete(id)
      onStarted(next)
      navigate('link', next.id, 'replace')
    })
  }
  return (
    <>
      <a className="back" href={hrefOf('accounts')}>
        <Icon name="back" /> {text.accounts.title}
      </a>
      <Steps at={2} />
      <div className="head">
        <h1 tabIndex={-1}>{change.pending ? words.changing : titleOf(shown)}</h1>
      </div>
      {change.pending ? (
        <div className="card form">
          <progress aria-label={words.changing} />
        </div>
      ) : shown ? (
        <Body
          id={id}
          signIn={shown}
          known={signIn !== undefined}
          keepsDraft={request !== undefined}
          hostOpens={snapshot.surface === 'window'}
          change={change}
          onAgain={startAgain}
        />
      ) : (
        <Over />
      )}
    </>
  )
}

/** What would start the same again: what this page asked for, or an account's own sign-in; else only a form can tell. */
function requestAgain(signIn: SignIn, remembered: LinkRequest | undefined): LinkRequest | undefined {
  if (remembered) return remembered
  return signIn.account_id === undefined ? undefined : { provider: signIn.provider, account: signIn.account_id }
}

/** Goes on to the account once it is there, and says what was otherwise than asked. */
function useArrival(id: string, signIn: SignIn | undefined, snapshot: Snapshot): void {
  const memory = useContext(LinkMemoryContext)
  const notify = useNotify()
  const arrivedAt = signIn?.state === 'done' ? signIn.account_id : undefined
  const account = snapshot.accounts.find((candidate) => candidate.id === arrivedAt)
  const scope = account?.scope
  useEffect(() => {
    if (arrivedAt === undefined || scope === undefined) return
    const remembered = memory.get(id)
    memory.delete(id)
    const missing = missingScopes(remembered?.request.scope, scope)
    if (missing !== '') notify({ tone: 'warning', message: text.link.fewer, detail: missing })
    if (remembered?.known.has(arrivedAt) && remembered.request.account === undefined)
      notify({ tone: 'good', message: text.link.already })
    navigate('accounts', arrivedAt, 'replace')
  }, [arrivedAt, scope, id, memory, notify])
}

/** Nobody has to go anywhere: the provider is asked, and that is all. */
const isAsked = ({ flow }: SignIn): boolean => flow === 'client-credentials' || flow === 'password'

function titleOf(signIn: SignIn | undefined): string {
  switch (signIn?.state) {
    case 'waiting':
      return isAsked(signIn) ? words.asking : words.title
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

interface BodyProps {
  readonly id: string
  readonly signIn: SignIn
  readonly known: boolean
  /** Whether another way can be tried without asking for anything again. */
  readonly keepsDraft: boolean
  readonly hostOpens: boolean
  readonly change: Action
  readonly onAgain: (redirect: Redirect | undefined) => void
}

function Body({ id, signIn, known, keepsDraft, hostOpens, change, onAgain }: BodyProps): ReactElement {
  switch (signIn.state) {
    case 'waiting':
      return known ? (
        <Waiting
          id={id}
          signIn={signIn}
          keepsDraft={keepsDraft}
          hostOpens={hostOpens}
          change={change}
          onAgain={onAgain}
        />
      ) : (
        <Over />
      )
    case 'finishing':
    case 'done':
      return (
        <div className="card form">
          <progress aria-label={words.finishing} />
        </div>
      )
    case 'failed':
      return <Failed signIn={signIn} change={change} onAgain={onAgain} />
    case 'cancelled':
      return change.error ? <Failed signIn={signIn} change={change} onAgain={onAgain} /> : <Over />
  }
}

/** Tries the same again, or another way: with what was typed where this page still knows it, else from the form. */
function Failed({ signIn, change, onAgain }: Pick<BodyProps, 'signIn' | 'change' | 'onAgain'>): ReactElement {
  return (
    <div className="card form">
      {signIn.state === 'failed' && (
        <Note tone="bad">
          <LongText of={signIn.error?.description ?? words.failed} />
        </Note>
      )}
      <Problem error={change.error} />
      <div className="actions">
        <Button
          tone="primary"
          onPress={() => {
            // A new account's form still has what was typed, and may be what has to be mended.
            if (signIn.account_id === undefined) navigate('link')
            else onAgain(undefined)
          }}
        >
          {words.retry}
        </Button>
        {signIn.rungs.map((redirect) => (
          <Button
            key={redirect}
            onPress={() => {
              onAgain(redirect)
            }}
          >
            {redirectWords(redirect).offer}
          </Button>
        ))}
      </div>
    </div>
  )
}
