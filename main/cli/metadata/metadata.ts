/**
 * What the two metadata servers share: how one of their requests looks, and where tokens come from. The rule: nothing is
 * kept here; every token asked for is asked of the broker, which counts, notes and refuses as for everybody.
 */
import type { TokenAnswer } from '../../contract/client-api.ts'
import { type BrokerError, errorTable } from '../../contract/errors.ts'
import { callBroker } from '../broker-call.ts'
import { describe } from '../output.ts'
import type { Environment } from '../place.ts'

export interface MetadataRequest {
  /** As it came, without the query. */
  readonly path: string
  readonly query: URLSearchParams
  /** The value of a header, its several values joined; `undefined` when there is none. */
  header(name: string): string | undefined
}

export interface MetadataAnswer {
  readonly status: number
  readonly type: string
  readonly body: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Answers one request; throws a `BrokerError` for what the broker refuses. */
export type Answerer = (request: MetadataRequest) => Promise<MetadataAnswer>

/** What an SDK has to be told: names and values of environment variables. */
export type Variables = Readonly<Record<string, string>>

export interface Cloud {
  readonly answer: Answerer
  /** A refusal in this cloud's own shape. */
  readonly refuse: (error: BrokerError, request: MetadataRequest) => MetadataAnswer
}

export interface TokenSource {
  /** A token of the account, of these scopes or of all it has. Throws what the broker refuses with. */
  token(scope: string | undefined): Promise<TokenAnswer>
  /** What the account is called and was granted, as this client may know it. */
  account(): Promise<{ readonly label: string; readonly scope: string }>
}

/**
 * Seconds a token given out is good for at least, where the provider gives so much: SDKs renew some minutes before the
 * end, and would ask again and again for one that is nearer to it.
 */
const minValid = 300
/** Seconds to wait for the provider. A person is not waited for: the question stays open and the SDK is told. */
const wait = 60

/** Asks the broker for tokens of the account with this id, as the client that `env` names. */
export function tokenSource(env: Environment, account: string, reason: string): TokenSource {
  return {
    token: (scope) =>
      callBroker(
        env,
        'token',
        {
          account,
          min_valid_period: minValid,
          interaction: 'notify',
          timeout: wait,
          reason,
          ...(scope !== undefined && { scope }),
        },
        { wait: wait + 15 },
      ),
    account: async () => {
      const { accounts } = await callBroker(env, 'accounts', undefined)
      return accounts.find(({ id }) => id === account) ?? { label: '', scope: '' }
    },
  }
}

/** Seconds since the epoch. */
export const now = (): number => Math.floor(Date.now() / 1000)

/** Seconds a token is good for, by the SDK's own clock; an hour for one without an end, so that it is asked for again. */
export function lifetime({ expires_at }: TokenAnswer): number {
  return expires_at === null ? 3600 : Math.max(0, Math.floor(expires_at - now()))
}

/**
 * The HTTP status of a refusal as SDKs understand it: they try again on 429 and 5xx, so only what passes by itself is
 * one of these; whatever needs the person is a plain 403.
 */
export function statusOf({ code, status }: BrokerError): number {
  switch (code) {
    case 'invalid_request':
    case 'not_found':
    case 'slow_down':
    case 'temporarily_unavailable':
    case 'timeout':
    case 'not_running':
    case 'provider_error':
    case 'server_error':
      return status
    case 'access_denied':
    case 'account_selection_required':
    case 'consent_required':
    case 'invalid_client':
    case 'invalid_scope':
    case 'locked':
    case 'login_required':
    case 'pairing_required':
      return errorTable.access_denied.status
  }
}

/** What went wrong and what to do about it, in one text. */
export function wordsOf(error: BrokerError): string {
  return describe(error).join('\n')
}
