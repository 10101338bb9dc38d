/** The paired programs, and beside them the one that is open with everything it may do. */
import { type ReactElement, useState } from 'react'
import type { Client } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { hrefOf, navigate } from '../navigation.ts'
import { byName, useNotify, useNow, useStore } from '../state.ts'
import { kindWords } from '../terms.ts'
import { text } from '../text.ts'
import { Button, Problem, useAction } from '../ui/action.tsx'
import { CommandLine } from '../ui/copy.tsx'
import { Dialog } from '../ui/dialog.tsx'
import { Icon, Mark } from '../ui/icons.tsx'
import { When } from '../ui/time.tsx'
import { ExtensionId, LongText, Name, Sentence } from '../ui/words.tsx'
import { ClientFacts } from './client-facts.tsx'
import { GrantList } from './grants.tsx'

const EXAMPLE = 'valetkey token github'

export function AppsScreen({
  snapshot,
  id,
}: {
  readonly snapshot: Snapshot
  readonly id: string | undefined
}): ReactElement {
  const now = useNow(15_000)
  const open = snapshot.clients.find((client) => client.id === id)
  return (
    <>
      <div className="head">
        <h1 tabIndex={-1}>{text.apps.title}</h1>
      </div>
      {snapshot.clients.length === 0 && id === undefined ? (
        <div className="empty">
          <Icon name="grid" />
          <p>
            {text.apps.empty} {text.apps.emptyHint}
          </p>
          <CommandLine line={EXAMPLE} />
        </div>
      ) : (
        <div className={id === undefined ? 'split split-none' : 'split'}>
          <section className="split-list" aria-label={text.apps.list}>
            <ul className="rows">
              {byName(snapshot.clients, (client) => client.name).map((client) => (
                <li key={client.id}>
                  <a
                    className="row"
                    href={hrefOf('apps', client.id)}
                    aria-current={client.id === id ? 'true' : undefined}
                  >
                    <Mark of={client.name} round />
                    <span className="row-body">
                      <span className="row-title clip">
                        <Name of={client.name} />
                      </span>
                      <span className="row-more">
                        {kindWords(client.kind)} · {text.apps.lastUsed.toLowerCase()}{' '}
                        {client.last_used_at === undefined ? text.never : <When at={client.last_used_at} now={now} />}
                      </span>
                    </span>
                  </a>
                </li>
              ))}
            </ul>
          </section>
          {id !== undefined && (
            <section className="split-detail card">
              <a className="back" href={hrefOf('apps')}>
                <Icon name="back" /> {text.apps.back}
              </a>
              {open ? (
                <AppDetail key={open.id} client={open} snapshot={snapshot} now={now} />
              ) : (
                <h2 data-heading tabIndex={-1}>
                  {text.apps.gone}
                </h2>
              )}
            </section>
          )}
        </div>
      )}
    </>
  )
}

function AppDetail({
  client,
  snapshot,
  now,
}: {
  readonly client: Client
  readonly snapshot: Snapshot
  readonly now: number
}): ReactElement {
  const store = useStore()
  const notify = useNotify()
  const action = useAction()
  const [asking, setAsking] = useState(false)
  const grants = snapshot.grants.filter((grant) => grant.client_id === client.id)
  const close = (): void => {
    setAsking(false)
  }
  return (
    <>
      <div className="detail-head">
        <Mark of={client.name} round />
        <div className="row-body">
          <h2 data-heading tabIndex={-1} className="clip-lines">
            <Name of={client.name} />
          </h2>
          <span className="quiet-text">{text.approvals.unverified}</span>
        </div>
      </div>
      <div className="actions">
        <a className="button" href={hrefOf('activity', client.id)}>
          <span>{text.apps.requests}</span>
        </a>
        <Button
          tone="danger"
          onPress={() => {
            setAsking(true)
          }}
        >
          {text.apps.revoke}
        </Button>
      </div>
      <dl className="facts">
        <dt>{text.account.name}</dt>
        <dd>
          <LongText of={client.name} />
        </dd>
        <dt>{text.apps.kind}</dt>
        <dd>
          {kindWords(client.kind)}
          {client.origin !== undefined && (
            <>
              {' '}
              <ExtensionId of={client.origin} />
            </>
          )}
        </dd>
        <dt>{text.apps.key}</dt>
        <dd>{client.keyed ? text.apps.keyed : text.apps.unkeyed}</dd>
        <dt>{text.apps.paired}</dt>
        <dd>
          <When at={client.paired_at} now={now} />
        </dd>
        <dt>{text.apps.lastUsed}</dt>
        <dd>{client.last_used_at === undefined ? text.never : <When at={client.last_used_at} now={now} />}</dd>
      </dl>
      <ClientFacts client={client} snapshot={snapshot} now={now} />
      <h3>{text.apps.grants}</h3>
      {grants.length === 0 ? (
        <p className="quiet-text">{text.apps.noGrants}</p>
      ) : (
        <GrantList grants={grants} snapshot={snapshot} now={now} by="account" />
      )}
      <Dialog
        title={<Sentence of={text.apps.revokeTitle} values={{ client: <Name of={client.name} /> }} />}
        open={asking}
        onClose={close}
      >
        <p>{text.apps.revokeSays}</p>
        <Problem error={action.error} />
        <div className="actions actions-end">
          <Button onPress={close}>{text.cancel}</Button>
          <Button
            tone="danger"
            disabled={action.pending}
            onPress={() => {
              action.run(async () => {
                await store.call('revokeClient', { client: client.id })
                notify({ tone: 'good', message: text.apps.revoked })
                navigate('apps')
              })
            }}
          >
            {text.apps.revokeDo}
          </Button>
        </div>
      </Dialog>
    </>
  )
}
