/**
 * Rows of activity in words. The rule: as in `terms.ts`; an outcome that nobody has words for stands as it is, so that a row
 * of a later version is shown and not lost.
 */
import type { ActivityAction, ActivityEntry } from '../main/contract/model.ts'

export function actionWords({ action, outcome }: Pick<ActivityEntry, 'action' | 'outcome'>): string {
  // Pausing is written down as the locking it nearly is.
  if (outcome === 'paused' || outcome === 'resumed') return 'All access'
  return plainActionWords(action)
}

function plainActionWords(action: ActivityAction): string {
  switch (action) {
    case 'token':
      return 'A token'
    case 'invalidate':
      return 'A new token after a refusal'
    case 'proxy':
      return 'A call through Valetkey'
    case 'refresh':
      return 'Renewal'
    case 'pair':
      return 'Pairing'
    case 'link':
      return 'Sign-in'
    case 'unlink':
      return 'Removal of an account'
    case 'approve':
      return 'Approval'
    case 'revoke':
      return 'End of access'
    case 'lock':
      return 'Lock'
    case 'unlock':
      return 'Unlock'
    case 'provider':
      return 'Definition of a provider'
  }
}

type Tone = 'good' | 'bad' | 'plain'

/** Outcomes the broker writes; what is missing here is shown as it came. */
const outcomes: Readonly<Record<string, readonly [Tone, string]>> = {
  ok: ['good', 'Done'],
  'token ok': ['good', 'Allowed'],
  'invalidate ok': ['good', 'Allowed'],
  'proxy ok': ['good', 'Allowed'],
  gone: ['plain', 'App did not wait'],
  refreshed: ['good', 'Renewed'],
  unsaved: ['bad', 'Renewed, not saved to disk'],
  paused: ['plain', 'Paused'],
  resumed: ['good', 'Resumed'],
  added: ['good', 'Added'],
  removed: ['plain', 'Removed'],
  'request-refused': ['bad', 'Refused by the provider'],
  offline: ['plain', 'Provider not reached'],
  ambiguous: ['plain', 'Answer lost; tried again'],
  transient: ['plain', 'Provider in trouble; tried again'],
  throttled: ['plain', 'Provider asked to wait'],
  final: ['bad', 'Needs sign-in'],
  'client-configuration': ['bad', 'Client refused'],
  'interaction-needed': ['bad', 'Needs sign-in'],
  approved: ['good', 'Allowed'],
  denied: ['bad', 'Denied'],
  expired: ['plain', 'Timed out'],
  linked: ['good', 'Linked'],
  renewed: ['good', 'Signed in again'],
  revoked: ['good', 'Removed and signed out'],
  kept: ['good', 'Removed here only'],
  unsupported: ['plain', 'Removed here only'],
  failed: ['bad', 'Removed here; provider not told'],
  once: ['good', 'Allowed (once)'],
  '1h': ['good', 'Allowed for 1 hour'],
  '8h': ['good', 'Allowed for 8 hours'],
  'until-locked': ['good', 'Allowed until locked'],
  always: ['good', 'Allowed until stopped'],
  choice: ['plain', 'Remembered account forgotten'],
  'pair session': ['good', 'Session started'],
  'revoke session': ['plain', 'Session ended'],
  client: ['plain', 'App removed'],
  consent: ['plain', 'Access stopped'],
  asked: ['plain', 'Asked'],
  refused: ['bad', 'Refused'],
  invalid_request: ['bad', 'Bad request'],
  access_denied: ['bad', 'Denied'],
  consent_required: ['plain', 'Needs approval'],
  invalid_scope: ['bad', 'Scopes not granted'],
  not_found: ['bad', 'No such account'],
  account_selection_required: ['plain', 'Several accounts fit'],
  login_required: ['bad', 'Needs sign-in'],
  locked: ['bad', 'Vault locked'],
  slow_down: ['plain', 'Asked too often'],
  server_error: ['bad', 'Internal error'],
  provider_error: ['bad', 'Provider error'],
  temporarily_unavailable: ['plain', 'Provider not reached'],
  timeout: ['plain', 'Timed out'],
}

export function outcomeWords({ action, outcome }: Pick<ActivityEntry, 'action' | 'outcome'>): {
  readonly tone: Tone
  readonly words: string
} {
  const key = [`${action} ${outcome}`, outcome].find((candidate) => Object.hasOwn(outcomes, candidate))
  const [tone, words] = (key === undefined ? undefined : outcomes[key]) ?? (['plain', outcome] as const)
  return { tone, words }
}
