/**
 * What can be done about a refusal that says nothing of it itself. The rule: every code has something, so that no script
 * and no agent is ever left with a bare no.
 */
import type { ErrorCode } from '../contract/errors.ts'

/** What to type; at least it shows where the matter stands. */
export const nextSteps: Readonly<Record<ErrorCode, string>> = {
  invalid_request: 'valetkey --help',
  invalid_client: 'valetkey pair NAME',
  pairing_required: 'valetkey pair NAME',
  access_denied: 'valetkey consents',
  consent_required: 'valetkey requests',
  invalid_scope: 'valetkey consents',
  not_found: 'valetkey accounts',
  account_selection_required: 'valetkey accounts',
  login_required: 'valetkey link PROVIDER',
  locked: 'valetkey unlock',
  slow_down: 'valetkey requests',
  server_error: 'valetkey doctor',
  provider_error: 'valetkey activity',
  temporarily_unavailable: 'valetkey status',
  timeout: 'valetkey requests',
  not_running: 'valetkey daemon',
}
