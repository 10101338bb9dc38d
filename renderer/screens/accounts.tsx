/** The linked accounts, and beside them the one that is open. */
import { type ReactElement, useMemo, useState } from 'react'
import type { Account } from '../../main/contract/model.ts'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { hrefOf } from '../navigation.ts'
import { byName, useNow } from '../state.ts'
import { text } from '../text.ts'
import { Field } from '../ui/field.tsx'
import { Icon, Mark } from '../ui/icons.tsx'
import { LifetimeBar } from '../ui/lifetime.tsx'
import { StateWords } from '../ui/state-words.tsx'
import { When } from '../ui/time.tsx'
import { Name, Sentence } from '../ui/words.tsx'
import { AccountDetail } from './account-detail.tsx'
import { Shifts } from './shifts.tsx'

/** With fewer accounts a filter is only in the way. */
const FILTER_FROM = 9

export function AccountsScreen({
  snapshot,
  id,
}: {
  readonly snapshot: Snapshot
  readonly id: string | undefined
}): ReactElement {
  const { accounts, sign_ins } = snapshot
  const [filter, setFilter] = useState('')
  const now = useNow(15_000)
  const open = accounts.find((account) => account.id === id)
  const sorted = useMemo(() => byName(accounts, (account) => account.label), [accounts])
  const shown = sorted.filter((account) => fits(account, filter))
  const adding = sign_ins.filter((sign_in) => sign_in.account_id === undefined && sign_in.state === 'waiting')
  return (
    <>
      <div className="head">
        <h1 tabIndex={-1}>{text.accounts.title}</h1>
        {accounts.length > 0 && (
          <a className="button primary" href={hrefOf('link')}>
            <Icon name="plus" />
            <span>{text.accounts.link}</span>
          </a>
        )}
      </div>
      <Shifts snapshot={snapshot} now={now} />
      {adding.map((sign_in) => (
        <a key={sign_in.id} className="row card" href={hrefOf('link', sign_in.id)}>
          <Icon name="hourglass" />
          <span className="row-body">
            <span className="row-title">
              <Sentence of={text.accounts.signingInTo} values={{ provider: <Name of={sign_in.provider_name} /> }} />
            </span>
            <span className="row-more">{text.accounts.signingIn}</span>
          </span>
        </a>
      ))}
      {accounts.length === 0 && id === undefined ? (
        <div className="empty">
          <Icon name="people" />
          <p>{text.accounts.empty}</p>
          <a className="button primary" href={hrefOf('link')}>
            <Icon name="plus" />
            <span>{text.accounts.link}</span>
          </a>
        </div>
      ) : (
        <div className={id === undefined ? 'split split-none' : 'split'}>
          <section className="split-list" aria-label={text.accounts.list}>
            {accounts.length >= FILTER_FROM && (
              <Field label={text.accounts.filter} type="search" value={filter} onChange={setFilter} />
            )}
            {shown.length === 0 && accounts.length > 0 && <p className="quiet-text">{text.accounts.noMatch}</p>}
            <ul className="rows">
              {shown.map((account) => (
                <AccountRow
                  key={account.id}
                  account={account}
                  apps={appsOf(snapshot, account.id)}
                  current={account.id === id}
                  now={now}
                />
              ))}
            </ul>
          </section>
          {id !== undefined && (
            <section className="split-detail card">
              <a className="back" href={hrefOf('accounts')}>
                <Icon name="back" /> {text.accounts.back}
              </a>
              {open ? (
                <AccountDetail key={open.id} account={open} snapshot={snapshot} now={now} />
              ) : (
                <h2 data-heading tabIndex={-1}>
                  {text.accounts.gone}
                </h2>
              )}
            </section>
          )}
        </div>
      )}
    </>
  )
}

interface RowProps {
  readonly account: Account
  readonly apps: number
  readonly current: boolean
  readonly now: number
}

function AccountRow({ account, apps, current, now }: RowProps): ReactElement {
  return (
    <li>
      <a className="row row-account" href={hrefOf('accounts', account.id)} aria-current={current ? 'true' : undefined}>
        <Mark of={account.provider_name} />
        <span className="row-body">
          <span className="row-title clip">
            <Name of={account.label} />
          </span>
          <span className="row-more clip">
            <Name of={hostOf(account)} /> · {text.accounts.apps(apps)}
          </span>
          <span className="row-state">
            <StateWords account={account} />
            {account.state === 'connected' && account.last_used_at !== undefined && (
              <span className="row-more row-used">
                {text.account.lastUsed.toLowerCase()} <When at={account.last_used_at} now={now} />
              </span>
            )}
          </span>
        </span>
        <LifetimeBar account={account} now={now} inRow />
      </a>
    </li>
  )
}

/** The issuer's host where there is one: two accounts at one provider may be at two hosts. */
function hostOf(account: Account): string {
  return account.issuer !== undefined && URL.canParse(account.issuer)
    ? new URL(account.issuer).host
    : account.provider_name
}

/** How many clients have any consent for this account. */
function appsOf(snapshot: Snapshot, accountId: string): number {
  return new Set(snapshot.grants.filter((grant) => grant.account_id === accountId).map((grant) => grant.client_id)).size
}

function fits(account: Account, filter: string): boolean {
  const words = filter.trim().toLowerCase()
  return (
    words === '' ||
    [account.label, account.provider_name, account.provider, account.issuer ?? ''].some((value) =>
      value.toLowerCase().includes(words),
    )
  )
}
