/**
 * One sign-in: authorization code with PKCE, `state`, `nonce` and `iss` (RFC 6749 section 4.1, RFC 7636, RFC 9207, RFC
 * 9700 section 2.1). The rule: issuer, endpoints, client, redirect URI and verifier are fixed when it starts; exactly one
 * answer is believed, once; and whatever happens, `done` resolves and nothing listens any more.
 */
import { randomBytes, randomInt } from 'node:crypto'
import type { Configuration, DPoPOptions } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { Redirect } from '../contract/model.ts'
import type { AccessToken, Clock, Connection, RunningSignIn, SignInOutcome } from '../broker/ports.ts'
import { Secret } from '../broker/secret.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { CAPTURED, withApiBase } from './api-base.ts'
import { shapeAuthorization } from './authorization-request.ts'
import { classify, describe } from './classify.ts'
import type { OpenidClient } from './configuration.ts'
import type { Claims, Identified } from './identity.ts'
import { openLoopback } from './loopback.ts'
import { plainText, quoted } from './plain-text.ts'
import { readRedirect, type PendingFlow } from './redirect-answer.ts'
import { callbackPath, redirectUri } from './redirects.ts'
import { accessToken, tokenFault } from './refresh.ts'
import type { Result } from './result-page.ts'
import { rulesOf, secretsOf } from './rules.ts'

export interface SignInStart {
  readonly oc: OpenidClient
  readonly clock: Clock
  readonly config: Configuration
  readonly connection: Connection
  readonly provider_name: string
  /** `undefined`: the provider has no issuer of its own to compare with. */
  readonly issuer: string | undefined
  readonly iss_expected: boolean
  /** An ID token is due, and checked. */
  readonly id_token: boolean
  readonly redirect: Redirect
  /** The ways left to try. */
  readonly rungs: readonly Redirect[]
  /** What is registered for them, and how this provider's requests and answers differ. */
  readonly definition: Pick<ProviderDefinition, 'authorization_request' | 'authorization_response'> & {
    readonly redirect: NonNullable<ProviderDefinition['redirect']>
  }
  readonly scope: string
  /** The account's key, where its tokens are to be bound to one (RFC 9449). */
  readonly proving: DPoPOptions
  /** Send the request ahead of the browser (RFC 9126). */
  readonly pushed: boolean
  /** Milliseconds. */
  readonly timeout: number
  /** Takes back what arrived after the person had cancelled. */
  readonly discard: (outcome: SignInOutcome) => void
  readonly identify: (access: AccessToken, claims: Claims | undefined) => Promise<Identified>
}

interface Flow extends PendingFlow {
  readonly verifier: Secret
  readonly nonce: string | undefined
}

/** Throws `temporarily_unavailable` when no port can be had; from then on everything ends in `done`. */
export async function startSignIn(start: SignInStart): Promise<RunningSignIn> {
  const { oc, config, connection, provider_name } = start
  const { loopback } = start.definition.redirect
  const path = callbackPath(connection.provider, loopback)
  const { promise: done, resolve: settle } = Promise.withResolvers<SignInOutcome>()
  /** Waiting for an answer while there is a flow here; taking it out is what makes an answer count once. */
  let pending: Flow | undefined
  let over = false
  const end = (outcome: SignInOutcome): void => {
    pending = undefined
    over = true
    settle(outcome)
  }

  /** Judges a URL: what is not this flow's answer leaves no trace (and gets a reason), what is ends the waiting. */
  const receive = (url: string): string | undefined => {
    if (!pending) return 'the sign-in is over'
    const flow = pending
    const answer = readRedirect(url, flow)
    if (answer.kind === 'dropped') return answer.reason
    pending = undefined
    if (answer.kind === 'refused') end(answer)
    else
      void finish(start, flow, answer).then((outcome) => {
        if (over) start.discard(outcome)
        else end(outcome)
      })
    return undefined
  }

  const listener =
    start.redirect === 'loopback'
      ? await openLoopback({ path, host: loopback?.host, ports: loopback?.port }, (url) =>
          receive(url) === undefined ? done.then((outcome) => resultOf(outcome, provider_name)) : undefined,
        )
      : undefined
  try {
    // Without a listener the browser shows an error page whose address is the answer; the port is one nobody is given.
    const port = listener?.port ?? loopback?.port?.[0] ?? randomInt(49_152, 65_536)
    const flow: Flow = {
      state: randomBytes(32).toString('base64url'),
      nonce: start.id_token ? randomBytes(32).toString('base64url') : undefined,
      verifier: new Secret(randomBytes(48).toString('base64url')),
      issuer: start.issuer,
      redirect_uri: redirectUri(start.redirect, connection.provider, port, start.definition.redirect),
      iss_expected: start.iss_expected && start.definition.authorization_response?.iss !== 'ignore',
      out_of_band: start.redirect === 'oob',
      secrets: secretsOf(connection),
      ...(start.definition.authorization_response && { names: start.definition.authorization_response }),
    }
    const authorization_url = await authorizationUrl(oc, config, start, flow)
    pending = flow
    const cancelTimer = start.clock.after(start.timeout, () => {
      if (pending) end({ kind: 'expired' })
    })
    void done.then(() => {
      cancelTimer()
      listener?.close()
    })
    return {
      provider_name,
      flow: 'browser',
      authorization_url,
      redirect: start.redirect,
      rungs: start.rungs,
      ...(start.redirect === 'paste' &&
        start.definition.redirect.https_url !== undefined && { lands_on: start.definition.redirect.https_url }),
      done,
      submit: (pasted) => {
        const reason = receive(pasted.trim())
        if (reason === undefined) return Promise.resolve()
        const paste = flow.out_of_band ? 'the code the provider shows' : 'the whole address the browser ended on'
        const sentence = `That is not the answer to this sign-in: ${reason}. Paste ${paste}.`
        return Promise.reject(new BrokerError('invalid_request', sentence))
      },
      cancel: () => {
        if (!over) end({ kind: 'cancelled' })
      },
    }
  } catch (thrown) {
    listener?.close()
    throw thrown
  }
}

async function authorizationUrl(
  oc: OpenidClient,
  config: Configuration,
  start: SignInStart,
  flow: Flow,
): Promise<string> {
  const request = start.definition.authorization_request ?? {}
  const { params = {}, pkce } = request
  const { delimiter = ' ', param = 'scope' } = rulesOf(start.connection).scope ?? {}
  const standard = {
    ...params,
    redirect_uri: flow.redirect_uri,
    ...(start.scope !== '' && { [param]: start.scope.split(' ').join(delimiter) }),
    state: flow.state,
    ...resourceOf(start.connection),
    ...(start.proving.DPoP && { dpop_jkt: await start.proving.DPoP.calculateThumbprint() }),
    ...(flow.nonce !== undefined && { nonce: flow.nonce }),
    ...(pkce !== 'none' && {
      code_challenge: await oc.calculatePKCECodeChallenge(flow.verifier.reveal()),
      code_challenge_method: 'S256',
    }),
  }
  const url = start.pushed
    ? await oc.buildAuthorizationUrlWithPAR(config, standard, start.proving).catch((thrown: unknown): never => {
        throw pushError(oc, thrown, start)
      })
    : oc.buildAuthorizationUrl(config, standard)
  shapeAuthorization(url.searchParams, request)
  return url.href
}

/** Why a pushed request was not taken (RFC 9126 section 2.3). */
function pushError(oc: OpenidClient, thrown: unknown, { provider_name, connection }: SignInStart): BrokerError {
  const said =
    thrown instanceof oc.ResponseBodyError
      ? `: ${quoted(thrown.error, thrown.error_description, secretsOf(connection))}`
      : '.'
  return new BrokerError('provider_error', `${provider_name} did not take the request to sign in${said}`, {
    cause: thrown,
  })
}

/** The code for tokens (RFC 6749 section 4.1.3). Never rejects. */
async function finish(
  start: SignInStart,
  flow: Flow,
  { code, iss }: { readonly code: string; readonly iss: string | undefined },
): Promise<SignInOutcome> {
  const { oc, clock, config, connection, provider_name } = start
  const obtained = clock.now()
  try {
    const answer = new URL(flow.redirect_uri)
    answer.search = new URLSearchParams({
      code,
      state: flow.state,
      ...(iss !== undefined && flow.issuer !== undefined && { iss }),
    }).toString()
    const checks = {
      ...(start.definition.authorization_request?.pkce !== 'none' && { pkceCodeVerifier: flow.verifier.reveal() }),
      expectedState: flow.state,
      ...(flow.nonce !== undefined && { expectedNonce: flow.nonce, idTokenExpected: true }),
    }
    const tokens = await oc.authorizationCodeGrant(config, answer, checks, resourceOf(connection), start.proving)
    return await signedIn(start, tokens, obtained)
  } catch (thrown) {
    const secrets = [new Secret(code), flow.verifier, ...secretsOf(connection)]
    return { kind: 'refused', error: exchangeError(provider_name, thrown, clock.now(), secrets) }
  }
}

/** RFC 8707: in every request that asks for tokens. */
export const resourceOf = ({ requested_resource: resource }: Connection): { readonly resource?: string } =>
  resource === undefined ? {} : { resource }

/** What a token answer makes of a sign-in. `obtained` in milliseconds since the epoch. */
export async function signedIn(
  {
    connection,
    scope,
    identify,
    provider_name,
    discard,
  }: Pick<SignInStart, 'connection' | 'scope' | 'identify' | 'provider_name' | 'discard'>,
  tokens: Awaited<ReturnType<OpenidClient['authorizationCodeGrant']>>,
  obtained: number,
): Promise<SignInOutcome> {
  const access = accessToken(tokens, scope, obtained)
  const refresh_token = tokens.refresh_token === undefined ? null : new Secret(tokens.refresh_token)
  const { captured, ...identity } = await identify(access, tokens.claims())
  const outcome: SignInOutcome = {
    kind: 'signed-in',
    material: {
      connection: asBound(connection, access),
      refresh_token: connection.renew === undefined ? refresh_token : null,
      access,
    },
    identity,
    scope: access.scope,
    provider_name,
  }
  try {
    const placed = withApiBase(outcome.material.connection, tokens[CAPTURED] ?? captured)
    return { ...outcome, material: { ...outcome.material, connection: placed } }
  } catch (thrown) {
    discard(outcome)
    throw thrown
  }
}

/** A provider that was shown a key and bound nothing to it has none of it to keep. */
function asBound(connection: Connection, { token_type }: AccessToken): Connection {
  if (token_type === 'DPoP') return connection
  const { dpop_key: _, ...unbound } = connection
  return unbound
}

/** Why a token request of a sign-in brought nothing, in a sentence without any of `secrets`. `now` in milliseconds. */
export function exchangeError(provider: string, thrown: unknown, now: number, secrets: readonly Secret[]): BrokerError {
  if (thrown instanceof BrokerError) return thrown
  const fault = tokenFault(thrown)
  if (!fault) {
    // The library's own messages are about standards, not about values; its causes quote values and stay behind.
    const why = thrown instanceof Error ? plainText(thrown.message, 120, secrets) : ''
    return new BrokerError(
      'provider_error',
      `${provider} answered the sign-in with something that does not check out${why === '' ? '' : ` (${why})`}. Nothing of it was used.`,
    )
  }
  const { failure } = fault
  const outcome = classify(failure, now, secrets)
  if (
    outcome.kind === 'offline' ||
    outcome.kind === 'ambiguous' ||
    outcome.kind === 'transient' ||
    outcome.kind === 'throttled'
  )
    return new BrokerError('temporarily_unavailable', `${outcome.detail} Sign in again.`)
  return new BrokerError('provider_error', failure.kind === 'answer' ? describe(failure, secrets) : outcome.detail)
}

function resultOf(outcome: SignInOutcome, provider: string): Result {
  switch (outcome.kind) {
    case 'signed-in':
      return { title: 'Signed in', text: `${provider} has signed you in. You can close this window.` }
    case 'refused':
      return {
        title: 'Not signed in',
        text: `${outcome.error.message} You can close this window and go back to Valetkey.`,
      }
    case 'cancelled':
    case 'expired':
      return {
        title: 'Not signed in',
        text: 'The sign-in was ended before the browser came back. You can close this window.',
      }
  }
}
