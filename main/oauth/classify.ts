/**
 * What a failed exchange with a token endpoint means for a refresh token: a pure table. The rule (R5): only the provider's
 * own word, spoken as a token endpoint speaks, is final for a grant; networks, outages, portals and mistakes in our own
 * configuration never are.
 */
import type { RefreshOutcome, TokenVariant } from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import { retryAfter } from './lifetimes.ts'
import { plainText, quoted } from './plain-text.ts'
import type { TokenAnswer } from './token-answer.ts'

/** How far an exchange got, and what came back. */
export type Failure =
  | { readonly kind: 'not-sent'; readonly detail: string }
  | { readonly kind: 'no-answer'; readonly detail: string }
  | {
      readonly kind: 'answer'
      readonly status: number
      readonly retry_after: string | undefined
      readonly answer: Exclude<TokenAnswer, { kind: 'token' }>
    }

export type FailedRefresh = Exclude<RefreshOutcome, { kind: 'refreshed' }>
type Class = Exclude<FailedRefresh['kind'], 'offline' | 'ambiguous' | 'throttled'>

/** RFC 6749 section 5.2, OpenID Connect Core section 3.1.2.6, and what large providers add to them. */
const classes: Readonly<Record<string, Class>> = {
  invalid_grant: 'final',
  invalid_client: 'client-configuration',
  unauthorized_client: 'client-configuration',
  unsupported_grant_type: 'client-configuration',
  invalid_request: 'client-configuration',
  invalid_scope: 'client-configuration',
  // RFC 8707 section 2.
  invalid_target: 'request-refused',
  // Atlassian: a wrong client secret.
  access_denied: 'client-configuration',
  interaction_required: 'interaction-needed',
  consent_required: 'interaction-needed',
  login_required: 'interaction-needed',
  account_selection_required: 'interaction-needed',
  // Google: the session needs to be confirmed again.
  invalid_rapt: 'interaction-needed',
  temporarily_unavailable: 'transient',
  server_error: 'transient',
  // Google.
  internal_failure: 'transient',
}

/** What a provider may say of a wish beyond the account's own token (scope, resource, audience) and not of the account. */
const aboutTheWish = new Set(['invalid_request', 'invalid_scope', 'invalid_target', 'access_denied'])

/** Microsoft's `suberror` and Google's `error_subtype` values that send the person back without ending the grant. */
const interactive = new Set([
  'invalid_rapt',
  'message_only',
  'additional_action',
  'basic_action',
  'user_password_expired',
  'consent_required',
])

/** Ory Fosite, when two refreshes met: "Failed to refresh token because of multiple concurrent requests ... Please retry the request." */
const RETRY_THE_REQUEST = /retry the request/iu

/**
 * The outcome of a refresh that brought no token. `now` in milliseconds since the epoch; `secrets` were in the request
 * and are struck from whatever the provider says about it; `wish` is what was asked beyond the account's own token.
 */
export function classify(
  failure: Failure,
  now: number,
  secrets: readonly Secret[] = [],
  wish: TokenVariant = {},
): FailedRefresh {
  if (failure.kind === 'not-sent')
    return { kind: 'offline', detail: `The provider cannot be reached: ${failure.detail}.` }
  if (failure.kind === 'no-answer')
    return { kind: 'ambiguous', detail: `The provider's answer did not arrive: ${failure.detail}.` }
  const { status, answer } = failure
  const named = answer.kind === 'error' && status < 500 && status !== 429 ? classOf(answer, wish) : undefined
  const detail = describe(failure, secrets)
  if (named !== undefined && named !== 'transient') return { kind: named, detail }
  const succeeded = status >= 200 && status <= 299
  if (status === 429 || (!succeeded && failure.retry_after !== undefined))
    return { kind: 'throttled', retry_after: retryAfter(failure.retry_after, now), detail }
  if (named !== undefined) return { kind: named, detail }
  if (answer.kind === 'unsupported-type') return { kind: 'client-configuration', detail }
  if (succeeded && answer.kind === 'foreign') return { kind: 'offline', detail }
  if (succeeded && answer.kind === 'cut') return { kind: 'ambiguous', detail }
  // RFC 6749 section 5.2: 401 is how a server may refuse the client; a portal's page is not that.
  if (status === 401 && (answer.kind === 'empty' || answer.kind === 'no-token'))
    return { kind: 'client-configuration', detail }
  return { kind: 'transient', detail }
}

function classOf(answer: Extract<TokenAnswer, { kind: 'error' }>, wish: TokenVariant): Class | undefined {
  if (answer.suberror !== undefined && interactive.has(answer.suberror)) return 'interaction-needed'
  if (answer.error === 'invalid_request' && RETRY_THE_REQUEST.test(answer.description ?? '')) return 'transient'
  if (aboutTheWish.has(answer.error) && Object.values(wish).some((part) => part !== undefined)) return 'request-refused'
  return Object.hasOwn(classes, answer.error) ? classes[answer.error] : undefined
}

/** One sentence of ours, with the provider's words made harmless. */
export function describe(failure: Extract<Failure, { kind: 'answer' }>, secrets: readonly Secret[] = []): string {
  const { answer, status } = failure
  switch (answer.kind) {
    case 'error':
      if (answer.by_status !== undefined)
        return `The provider refused (status ${String(status)}) and does not say whether what it was sent, the client or its secret is wrong.`
      return `The provider answered ${quoted(answer.error, answer.description, secrets)}`
    case 'unsupported-type':
      return `The provider issued a token of type "${plainText(answer.token_type, 32, secrets)}", and ${
        answer.wanted === undefined
          ? 'only Bearer is understood'
          : 'this account takes only tokens bound to its key (DPoP)'
      }.`
    case 'foreign':
      return `What answered is not the provider's token endpoint (status ${String(status)}); a network sign-in page may be in the way.`
    case 'cut':
      return `The provider's answer (status ${String(status)}) ends too soon.`
    case 'oversized':
      return `The answer (status ${String(status)}) is larger than any token answer.`
    case 'empty':
    case 'no-token':
      return status >= 300 && status <= 399
        ? `The token endpoint redirects (status ${String(status)}); a refresh token is never sent after it.`
        : `The provider answered with status ${String(status)} and no token.`
  }
}
