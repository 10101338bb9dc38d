/** What the popup says. The rule: a title in the person's words for every code that can come, and never only a code. */
import type { Account, Problem } from './messages.ts'

const titles: Readonly<Record<string, string>> = {
  not_running: 'Valetkey is not running',
  locked: 'Valetkey is locked',
  access_denied: 'That was not allowed',
  consent_required: 'That was not allowed',
  invalid_client: 'This extension is not paired any more',
  pairing_required: 'This extension is not paired',
  login_required: 'Sign in again',
  account_selection_required: 'Several accounts fit',
  not_found: 'There is no such account',
  timeout: 'Nobody answered in time',
  slow_down: 'Another question is waiting',
  temporarily_unavailable: 'Not just now',
  stopped: 'Stopped',
  unreachable: 'The API cannot be reached',
}

export const titleOf = ({ code }: Problem): string => titles[code] ?? 'That did not work'

const states: Readonly<Record<Account['state'], string>> = {
  connected: 'connected',
  'signing-in': 'signing in',
  offline: 'offline',
  'needs-sign-in': 'needs a sign-in',
  unsaved: 'connected, not saved',
  misconfigured: 'misconfigured',
  locked: 'locked',
}

export const stateOf = ({ state }: Account): string => states[state]
