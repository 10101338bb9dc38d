/** One account: what it is, what it may do, who may use it, and what the person can do with it. */
import { type ReactElement, useState } from 'react'
import type { Account } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { navigate } from '../navigation.ts'
import { useNotify, useStore } from '../state.ts'
import { stateWords, unlinkWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Note, Problem, useAction } from '../ui/action.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Field } from '../ui/field.tsx'
import { Mark } from '../ui/icons.tsx'
import { LifetimeBar } from '../ui/lifetime.tsx'
import { StateWords } from '../ui/state-words.tsx'
import { Clock, When } from '../ui/time.tsx'
import { LongText, Name, Scopes, Sentence } from '../ui/words.tsx'
import { GrantList } from './grants.tsx'
import { ChooseProfile } from './shifts.tsx'

interface Props {
  readonly account: Account
  readonly snapshot: Snapshot
  readonly now: number
}

export function AccountDetail({ account, snapshot, now }: Props): ReactElement {
  const store = useStore()
  const action = useAction()
  const [asking, setAsking] = useState<'profile' | 'rename' | 'remove'>()
  const grants = snapshot.grants.filter((grant) => grant.account_id === account.id)
  const running = snapshot.sign_ins.find((sign_in) => sign_in.account_id === account.id && sign_in.state === 'waiting')
  const signIn = (): void => {
    if (running) navigate('link', running.id)
    else
      action.run(async () => {
        const { id } = await store.call('link', {
          provider: account.provider,
          account: account.id,
          open_browser: snapshot.surface === 'window',
        })
        navigate('link', id)
      })
  }
  const close = (): void => {
    setAsking(undefined)
  }
  return (
    <>
      <div className="detail-head">
        <Mark of={account.provider_name} />
        <div className="row-body">
          <h2 data-heading tabIndex={-1} className="clip-lines">
            <Name of={account.label} />
          </h2>
          <StateWords account={account} />
        </div>
      </div>
      <StateNote account={account} />
      <Problem error={action.error} />
      <div className="actions">
        {(account.state === 'offline' || account.state === 'unsaved') && (
          <Button
            tone="primary"
            disabled={action.pending}
            onPress={() => {
              action.run(async () => {
                await store.call('retry', { account: account.id })
              })
            }}
          >
            {text.retryNow}
          </Button>
        )}
        {account.state !== 'locked' && (
          <Button
            tone={account.state === 'needs-sign-in' || account.state === 'misconfigured' ? 'primary' : 'plain'}
            disabled={action.pending}
            onPress={signIn}
          >
            {text.account.again}
          </Button>
        )}
        {running && (
          <Button
            disabled={action.pending}
            onPress={() => {
              action.run(async () => {
                await store.call('cancelSignIn', { id: running.id })
              })
            }}
          >
            {text.account.cancelSignIn}
          </Button>
        )}
        <Button
          onPress={() => {
            setAsking('rename')
          }}
        >
          {text.account.rename}
        </Button>
        <Button
          onPress={() => {
            setAsking('profile')
          }}
        >
          {text.account.profile}
        </Button>
        <Button
          tone="danger"
          onPress={() => {
            setAsking('remove')
          }}
        >
          {text.account.remove}
        </Button>
      </div>
      <Facts account={account} now={now} />
      <h3>{text.account.scopes}</h3>
      {account.scope.trim() === '' ? (
        <p className="quiet-text">{text.account.noScopes}</p>
      ) : (
        <Scopes of={account.scope} />
      )}
      <h3>{text.account.apps}</h3>
      {grants.length === 0 ? (
        <p className="quiet-text">{text.account.noApps}</p>
      ) : (
        <GrantList grants={grants} snapshot={snapshot} now={now} by="app" />
      )}
      <Rename
        key={`rename-${account.label.slice(0, 64)}`}
        account={account}
        open={asking === 'rename'}
        onClose={close}
      />
      <ChooseProfile
        key={`profile-${account.profile ?? ''}`}
        account={account}
        accounts={snapshot.accounts}
        open={asking === 'profile'}
        onClose={close}
      />
      <Remove
        account={account}
        apps={new Set(grants.map((grant) => grant.client_id)).size}
        open={asking === 'remove'}
        onClose={close}
      />
    </>
  )
}

function StateNote({ account }: { readonly account: Account }): ReactElement | null {
  const { more } = stateWords(account.state)
  if (account.state === 'connected' && account.problem === undefined) return null
  if (more === undefined && account.problem === undefined) return null
  return (
    <Note
      tone={
        account.state === 'needs-sign-in' || account.state === 'misconfigured'
          ? 'bad'
          : account.state === 'locked'
            ? 'info'
            : 'warning'
      }
    >
      {more !== undefined && <Sentence of={more} values={{ provider: <Name of={account.provider_name} /> }} />}{' '}
      {account.problem !== undefined && <LongText of={account.problem} />}
    </Note>
  )
}

function Facts({ account, now }: { readonly account: Account; readonly now: number }): ReactElement {
  const { token } = account
  return (
    <dl className="facts">
      <dt>{text.account.name}</dt>
      <dd>
        <LongText of={account.label} />
      </dd>
      <dt>{text.account.provider}</dt>
      <dd>
        <LongText of={account.provider_name} />
      </dd>
      {account.issuer !== undefined && (
        <>
          <dt>{text.account.issuer}</dt>
          <dd>
            <LongText of={account.issuer} />
          </dd>
        </>
      )}
      {account.subject !== undefined && (
        <>
          <dt>{text.account.subject}</dt>
          <dd>
            <LongText of={account.subject} />
          </dd>
        </>
      )}
      {account.profile !== undefined && (
        <>
          <dt>{text.account.profileIs}</dt>
          <dd>
            <LongText of={account.profile} />
          </dd>
        </>
      )}
      <dt>{text.account.linked}</dt>
      <dd>
        <When at={account.linked_at} now={now} />
      </dd>
      <dt>{text.account.lastUsed}</dt>
      <dd>{account.last_used_at === undefined ? text.never : <When at={account.last_used_at} now={now} />}</dd>
      <dt>{text.account.token}</dt>
      <dd>
        <LifetimeBar account={account} now={now} />
        {typeof token?.expires_at === 'number' && (
          <div className="row-more">
            <Sentence of={text.account.goodUntil} values={{ time: <Clock at={token.expires_at} now={now} /> }} />
          </div>
        )}
        {typeof token?.renews_at === 'number' && (
          <div className="row-more">
            <Sentence of={text.account.renews} values={{ time: <When at={token.renews_at} now={now} /> }} />
          </div>
        )}
        {!account.renewable && <div className="row-more">{text.account.notRenewable}</div>}
      </dd>
    </dl>
  )
}

interface AskProps {
  readonly account: Account
  readonly open: boolean
  readonly onClose: () => void
}

function Rename({ account, open, onClose }: AskProps): ReactElement {
  const store = useStore()
  const action = useAction()
  const [label, setLabel] = useState(account.label)
  return (
    <Dialog title={text.account.renameTitle} open={open} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          action.run(async () => {
            await store.call('rename', { account: account.id, label: label.trim() })
            onClose()
          })
        }}
      >
        <Field label={text.account.name} value={label} onChange={setLabel} required error={action.error?.message} />
        <div className="actions actions-end">
          <Button onPress={onClose}>{text.cancel}</Button>
          <button type="submit" className="button primary" disabled={action.pending || label.trim() === ''}>
            <span>{text.account.renameSave}</span>
          </button>
        </div>
      </form>
    </Dialog>
  )
}

function Remove({ account, apps, open, onClose }: AskProps & { readonly apps: number }): ReactElement {
  const store = useStore()
  const notify = useNotify()
  const action = useAction()
  const [keep, setKeep] = useState(false)
  const remove = (): void => {
    action.run(async () => {
      const report = await store.call('unlink', { account: account.id, ...(keep && { keep_remote: true }) })
      notify({ ...unlinkWords(report.remote), ...(report.detail !== undefined && { detail: report.detail }) })
      navigate('accounts')
    })
  }
  return (
    <Dialog
      title={<Sentence of={text.account.removeTitle} values={{ account: <Name of={account.label} /> }} />}
      open={open}
      onClose={onClose}
    >
      <p>
        <Sentence of={text.account.removeSays} values={{ provider: <Name of={account.provider_name} /> }} />{' '}
        {text.account.removeApps(apps)}
      </p>
      <label className="choice">
        <input
          type="checkbox"
          checked={keep}
          onChange={(event) => {
            setKeep(event.target.checked)
          }}
        />
        <span>{text.account.keepRemote}</span>
      </label>
      <Problem error={action.error} />
      <div className="actions actions-end">
        <Button onPress={onClose}>{text.cancel}</Button>
        <Button tone="danger" disabled={action.pending} onPress={remove}>
          {text.account.removeDo}
        </Button>
      </div>
    </Dialog>
  )
}
