/** An account's state: a picture and a word, never colour alone. */
import type { ReactElement } from 'react'
import type { Account, AccountState } from '../../main/contract/model.ts'
import { stateWords } from '../terms.ts'
import { Icon, type IconName } from './icons.tsx'
import { Name, Sentence } from './words.tsx'

const icons: Readonly<Record<AccountState, IconName>> = {
  connected: 'check',
  'signing-in': 'hourglass',
  offline: 'cloud',
  'needs-sign-in': 'door',
  unsaved: 'disk',
  misconfigured: 'wrench',
  locked: 'lock',
}

const tones: Readonly<Record<AccountState, 'good' | 'warning' | 'bad' | 'plain'>> = {
  connected: 'good',
  'signing-in': 'plain',
  offline: 'warning',
  'needs-sign-in': 'bad',
  unsaved: 'warning',
  misconfigured: 'bad',
  locked: 'plain',
}

export function StateWords({ account }: { readonly account: Account }): ReactElement {
  return (
    <span className={`state state-${tones[account.state]}`} data-state={account.state}>
      <Icon name={icons[account.state]} />
      <span>
        <Sentence of={stateWords(account.state).word} values={{ provider: <Name of={account.provider_name} /> }} />
      </span>
    </span>
  )
}
