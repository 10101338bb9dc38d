/** What runs under an app just now, and which accounts its words mean; each with its end within reach. */
import type { ReactElement, ReactNode } from 'react'
import type { AccountChoice, Client } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { useNotify, useStore } from '../state.ts'
import { rightWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Problem, useAction } from '../ui/action.tsx'
import { Clock } from '../ui/time.tsx'
import { Name, Sentence } from '../ui/words.tsx'

interface Props {
  readonly client: Client
  readonly snapshot: Snapshot
  readonly now: number
}

export function ClientFacts({ client: { sessions = [], choices = [] }, snapshot, now }: Props): ReactElement {
  const store = useStore()
  const labelOf = (choice: AccountChoice): string =>
    snapshot.accounts.find(({ id }) => id === choice.account_id)?.label ?? text.activity.removedAccount
  return (
    <>
      {sessions.length > 0 && <h3>{text.apps.sessions}</h3>}
      <List>
        {sessions.map(({ id, name, right, expires_at }) => (
          <Row key={id} undo={text.apps.end} done={text.apps.ended} run={() => store.call('stopSession', { id })}>
            <Sentence
              of={text.apps.session}
              values={{
                name: <Name of={name} />,
                right: rightWords(right).short,
                time: <Clock at={expires_at} now={now} />,
              }}
            />
          </Row>
        ))}
      </List>
      {choices.length > 0 && <h3>{text.apps.choices}</h3>}
      <List>
        {choices.map((choice) => (
          <Row
            key={choice.id}
            undo={text.apps.forget}
            done={text.apps.forgotten}
            run={() => store.call('forgetChoice', { id: choice.id })}
          >
            <Sentence
              of={text.apps.choice}
              values={{ words: <Name of={wordsOf(choice)} />, account: <Name of={labelOf(choice)} /> }}
            />
          </Row>
        ))}
      </List>
    </>
  )
}

/** No list where there is nothing to list. */
function List({ children }: { readonly children: readonly ReactElement[] }): ReactElement | null {
  return children.length === 0 ? null : <ul className="grants">{children}</ul>
}

const wordsOf = ({ account, provider, issuer }: AccountChoice): string =>
  [account, provider, issuer].filter((word) => word !== undefined).join(' ') || text.apps.anyAccount

interface RowProps {
  readonly undo: string
  readonly done: string
  readonly run: () => Promise<unknown>
  readonly children: ReactNode
}

function Row({ undo, done, run, children }: RowProps): ReactElement {
  const notify = useNotify()
  const action = useAction()
  return (
    <li className="grant">
      <div className="row-body">
        <div>{children}</div>
        <Problem error={action.error} />
      </div>
      <Button
        disabled={action.pending}
        onPress={() => {
          action.run(async () => {
            await run()
            notify({ tone: 'good', message: done })
          })
        }}
      >
        {undo}
      </Button>
    </li>
  )
}
