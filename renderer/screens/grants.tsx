/** Consents, each with what it allows, how long, and its end within reach. */
import type { ReactElement } from 'react'
import type { Grant } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { hrefOf } from '../navigation.ts'
import { useNotify, useStore } from '../state.ts'
import { rightWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Problem, useAction } from '../ui/action.tsx'
import { Clock } from '../ui/time.tsx'
import { Name, Scopes, Sentence } from '../ui/words.tsx'

interface ListProps {
  readonly grants: readonly Grant[]
  readonly snapshot: Snapshot
  readonly now: number
  /** What each is titled with: on an account's screen its app, on an app's its account. */
  readonly by: 'app' | 'account'
}

export function GrantList({ grants, snapshot, now, by }: ListProps): ReactElement {
  return (
    <ul className="grants">
      {grants.map((grant) => (
        <GrantRow
          key={grant.id}
          grant={grant}
          now={now}
          name={nameOf(grant, snapshot, by)}
          href={by === 'app' ? hrefOf('apps', grant.client_id) : hrefOf('accounts', grant.account_id)}
        />
      ))}
    </ul>
  )
}

function nameOf(grant: Grant, snapshot: Snapshot, by: ListProps['by']): string {
  return by === 'app'
    ? (snapshot.clients.find((client) => client.id === grant.client_id)?.name ?? text.activity.removedApp)
    : (snapshot.accounts.find((account) => account.id === grant.account_id)?.label ?? text.activity.removedAccount)
}

interface RowProps {
  readonly grant: Grant
  readonly now: number
  readonly name: string
  readonly href: string
}

function GrantRow({ grant, now, name, href }: RowProps): ReactElement {
  const store = useStore()
  const notify = useNotify()
  const action = useAction()
  return (
    <li className="grant">
      <div className="row-body">
        <a className="row-title clip" href={href}>
          <Name of={name} />
        </a>
        <div className="row-more">
          {rightWords(grant.right).short},{' '}
          {grant.once ? (
            text.apps.once
          ) : grant.until_locked ? (
            text.apps.untilLocked
          ) : grant.until === null ? (
            text.apps.always
          ) : (
            <Sentence of={text.apps.until} values={{ time: <Clock at={grant.until} now={now} /> }} />
          )}
        </div>
        {grant.scope === '' ? <div className="row-more">{text.approvals.allScopes}</div> : <Scopes of={grant.scope} />}
        <Problem error={action.error} />
      </div>
      <Button
        disabled={action.pending}
        onPress={() => {
          action.run(async () => {
            await store.call('revokeGrant', { id: grant.id })
            notify({ tone: 'good', message: text.apps.stopped })
          })
        }}
      >
        {text.apps.stop}
      </Button>
    </li>
  )
}
