/**
 * What to do after a refusal that does not say it itself. The rule: whoever reads an error of ours, a person, a script or
 * an agent, is told one command to go on with; what the broker says about that is better and is left as it is.
 */
import type { BrokerError, ErrorBody, ErrorCode, Resolve } from '../contract/errors.ts'

/** `null`: the sentence and the word `--help` say more than any other command would. */
const steps: Readonly<Record<ErrorCode, string | null>> = {
  invalid_request: null,
  invalid_client: 'valetkey pair NAME',
  pairing_required: 'valetkey pair NAME',
  access_denied: 'valetkey consents',
  consent_required: null,
  invalid_scope: 'valetkey accounts',
  not_found: 'valetkey accounts',
  account_selection_required: 'valetkey accounts',
  login_required: 'valetkey accounts --all',
  locked: 'valetkey unlock',
  slow_down: 'valetkey requests',
  server_error: 'valetkey doctor',
  provider_error: 'valetkey doctor',
  temporarily_unavailable: 'valetkey status',
  timeout: 'valetkey requests',
  not_running: 'valetkey daemon',
}

/** Where what was not found is to be found, for commands that are not about accounts. */
const lists: Readonly<Record<string, string>> = {
  approve: 'valetkey requests',
  deny: 'valetkey requests',
  revoke: 'valetkey clients',
  link: 'valetkey providers',
  providers: 'valetkey providers',
}

/** What to do next about a refusal of `command`; `undefined` where it says it, or says how long to wait. */
export function nextStep(error: BrokerError, command: string | undefined): Resolve | undefined {
  if (error.resolve !== undefined || error.retry_after !== undefined) return undefined
  const listed = error.code === 'not_found' && command !== undefined ? lists[command] : undefined
  return {
    command:
      listed ?? steps[error.code] ?? ['valetkey', ...(command === undefined ? [] : [command]), '--help'].join(' '),
  }
}

/** The body of a refusal as the command line gives it, what to do next included. */
export function bodyWithStep(error: BrokerError, command: string | undefined): ErrorBody {
  const resolve = nextStep(error, command)
  return { ...error.toBody(), ...(resolve && { resolve }) }
}
