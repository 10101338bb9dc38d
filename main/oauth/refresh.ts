/**
 * One refresh (RFC 6749 section 6), told as an outcome. The rules: the refresh token is sent once, to the connection's
 * own token endpoint; never again after an answer that leaves open whether it was used (a server that only wants a nonce
 * in the proof has not used it, RFC 9449 section 8); and nothing is thrown.
 */
import type { AccessToken, Clock, Connection, RefreshOutcome, TokenVariant } from '../broker/ports.ts'
import { Secret } from '../broker/secret.ts'
import { classify, type Failure } from './classify.ts'
import { configurationOf, type OpenidClient } from './configuration.ts'
import { dpopHandle } from './dpop.ts'
import { secretsOf } from './rules.ts'
import { ALARM, TokenFault, type TokenFetch } from './token-fetch.ts'

interface RefreshRequest {
  readonly connection: Connection
  /** `null`: the same grant again, where `connection.renew` says so. */
  readonly refresh_token: Secret | null
  readonly variant: TokenVariant
}

/**
 * Refreshes. `access.scope` is what the provider says it granted, else the scope asked for, else empty: unchanged (RFC
 * 6749 section 5.1). A scope the provider does not accept here is left out once, which asks for what was granted; then
 * the outcome says so (`scope_dropped`), because an answer without a scope confirms the account's and not the one wanted.
 */
export async function refresh(
  oc: OpenidClient,
  fetch: TokenFetch,
  clock: Clock,
  wanted: RefreshRequest,
): Promise<RefreshOutcome> {
  const first = await refreshOnce(oc, fetch, clock, wanted)
  if (first.refused !== 'invalid_scope' || wanted.variant.scope === undefined) return first.outcome
  const { scope: _, ...variant } = wanted.variant
  const { outcome } = await refreshOnce(oc, fetch, clock, { ...wanted, variant })
  return outcome.kind === 'refreshed' ? { ...outcome, scope_dropped: true } : outcome
}

async function refreshOnce(
  oc: OpenidClient,
  fetch: TokenFetch,
  clock: Clock,
  { connection, refresh_token, variant }: RefreshRequest,
): Promise<{ readonly outcome: RefreshOutcome; readonly refused?: string }> {
  // The lifetime counts from the request, so that a slow answer never makes a token look younger than it is.
  const obtained = clock.now()
  let asked = false
  const watched: TokenFetch = (url, options) => {
    asked = true
    return fetch(url, options)
  }
  try {
    const config = configurationOf(oc, connection, watched)
    const scope = variant.scope ?? (refresh_token === null ? connection.requested_scope : '')
    const resource = variant.resource ?? connection.requested_resource
    const wish = {
      ...(scope !== '' && { scope }),
      ...(resource !== undefined && { resource }),
      ...(variant.audience !== undefined && { audience: variant.audience }),
    }
    const proving = connection.dpop_key && { DPoP: dpopHandle(oc, config, connection.dpop_key) }
    const answer = refresh_token
      ? await oc.refreshTokenGrant(config, refresh_token.reveal(), wish, proving)
      : await oc.clientCredentialsGrant(config, wish, proving)
    const alarm = answer[ALARM]
    return {
      outcome: {
        kind: 'refreshed',
        access: accessToken(answer, variant.scope ?? '', obtained),
        refresh_token:
          refresh_token === null || answer.refresh_token === undefined ? null : new Secret(answer.refresh_token),
        ...(typeof alarm === 'string' && { alarm }),
      },
    }
  } catch (thrown) {
    const fault = tokenFault(thrown)
    if (!fault) {
      // The library itself: over a connection it will not use (a plain http endpoint), or, never seen, an answer.
      const detail = asked
        ? 'The answer of the provider could not be used.'
        : 'The stored connection cannot be used; sign in again.'
      return { outcome: { kind: asked ? 'ambiguous' : 'client-configuration', detail } }
    }
    const secrets = [...(refresh_token ? [refresh_token] : []), ...secretsOf(connection)]
    const judged = classify(fault.failure, clock.now(), secrets, variant)
    const outcome: RefreshOutcome = proves(judged.kind, fault.failure)
      ? judged
      : { kind: 'transient', detail: judged.detail }
    const refused =
      fault.failure.kind === 'answer' && fault.failure.answer.kind === 'error' ? fault.failure.answer.error : undefined
    return { outcome, ...(refused !== undefined && { refused }) }
  }
}

/**
 * Whether it may be believed. A status alone ends no grant (R5), and a page's does not even refuse a client, whoever's page
 * it is: a proxy on the way has statuses too.
 */
function proves(kind: RefreshOutcome['kind'], failure: Failure): boolean {
  const by = failure.kind === 'answer' && failure.answer.kind === 'error' ? failure.answer.by_status : undefined
  if (kind === 'final') return by === undefined
  return kind !== 'client-configuration' || by !== 'page'
}

/** An answer of openid-client as we hold it; `requested` is the scope that an answer without one confirms. */
export function accessToken(
  answer: {
    readonly access_token: string
    /** In lower case. */
    readonly token_type: string
    readonly expires_in?: number | undefined
    readonly scope?: string | undefined
  },
  requested: string,
  obtained: number,
): AccessToken {
  const obtained_at = Math.floor(obtained / 1000)
  return {
    value: new Secret(answer.access_token),
    token_type: answer.token_type === 'dpop' ? 'DPoP' : 'Bearer',
    scope: answer.scope ?? requested,
    obtained_at,
    expires_at: answer.expires_in === undefined ? null : obtained_at + answer.expires_in,
  }
}

/** The seam's fault under whatever openid-client wrapped it in. */
export function tokenFault(thrown: unknown): TokenFault | undefined {
  for (let error = thrown, depth = 0; error instanceof Error && depth < 4; error = error.cause, depth++)
    if (error instanceof TokenFault) return error
  return undefined
}
