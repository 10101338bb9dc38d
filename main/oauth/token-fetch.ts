/**
 * The one seam between openid-client and the network. The rule: whatever goes to a provider passes here, with a limit on
 * size and time, without redirects or retries; and a token endpoint's answer reaches openid-client either as the plain
 * success RFC 6749 section 5.1 describes or as a `TokenFault`, never as something its strictness could lose a token over.
 */
import { CAPTURED } from './api-base.ts'
import type { Http } from './http.ts'
import { HttpFault, type HttpAnswer } from './http.ts'
import type { Failure } from './classify.ts'
import { dpopNonce } from './dpop.ts'
import type { ExchangeRules, GrantType } from './rules.ts'
import { readTokenAnswer } from './token-answer.ts'
import { shapeRequest, type AskingClient } from './token-request.ts'

/** Bytes of a token, revocation or userinfo answer, and of a metadata document. */
const TOKEN_BYTES = 65_536
const DOCUMENT_BYTES = 1_048_576
/** Milliseconds. A token request is given time, because giving up on one may cost the refresh token. */
const TOKEN_TIME = 60_000
const DOCUMENT_TIME = 15_000

/** A token request that brought no token. It holds no part of the request. */
export class TokenFault extends Error {
  readonly failure: Failure

  constructor(failure: Failure) {
    super(`token request failed: ${failure.kind}`)
    this.name = 'TokenFault'
    this.failure = failure
  }
}

/** What openid-client calls instead of `fetch`. */
export type TokenFetch = (
  url: string,
  options: { readonly body?: unknown; readonly headers: Record<string, string>; readonly method: string },
) => Promise<Response>

/** Name under which a success carries our own remark through openid-client, which keeps members it does not know. */
export const ALARM = 'valetkey:alarm'

/** What a seam is for. */
export interface Use {
  /** `false` drops the ID token of an answer whose caller has no use for it, so that it cannot spoil the grant. */
  readonly id_token: boolean
  /** Where this provider differs from the standard; without it, nowhere. */
  readonly rules?: ExchangeRules
  /** For definitions that name the client in places of their own. */
  readonly client?: AskingClient
  /** Proofs of a key go with the requests, so tokens may be (`supported`) or have to be (`required`) bound to it. */
  readonly dpop?: 'required' | 'supported' | undefined
}

/** `agent` goes into the User-Agent field. */
export function createTokenFetch(http: Http, agent: string, use: Use): TokenFetch {
  const challenges = { passed: false }
  return async (url, options) => {
    const body = options.body instanceof URLSearchParams ? options.body : undefined
    const headers = { ...options.headers, 'user-agent': agent }
    if (body?.has('grant_type')) return exchange(http, { url, headers, body }, use, challenges)
    const answer = await http({
      url,
      method: body ? 'POST' : 'GET',
      headers,
      ...(body && { body: body.toString() }),
      max_bytes: DOCUMENT_BYTES,
      timeout: DOCUMENT_TIME,
    })
    if (answer.body === null) throw new HttpFault(true, 'the answer is too large')
    // RFC 7009 section 2.2 says 200, RFC 9126 section 2.2 says 201; servers also say it with their neighbours.
    const succeeded = body && answer.status >= 200 && answer.status < 300
    const status = succeeded ? (answer.body.includes('"request_uri"') ? 201 : 200) : answer.status
    return new Response(noBody(status) ? null : withStandardNames(answer.body), {
      status: inRange(status),
      headers: knownFields(answer, use.dpop !== undefined && !body),
    })
  }
}

async function exchange(
  http: Http,
  standard: {
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: URLSearchParams
  },
  { rules = {}, client = { client_id: '' }, ...use }: Use,
  challenges: { passed: boolean },
): Promise<Response> {
  const answer = await http({
    ...shapeRequest(standard, rules, client),
    max_bytes: TOKEN_BYTES,
    timeout: TOKEN_TIME,
  }).catch((thrown: unknown): never => {
    const fault = thrown instanceof HttpFault ? thrown : new HttpFault(true, 'the exchange failed')
    throw new TokenFault({ kind: fault.sent ? 'no-answer' : 'not-sent', detail: fault.message })
  })
  const operation = rules.grants?.[standard.body.get('grant_type') as GrantType]
  const read = readTokenAnswer(answer, {
    response: operation?.response ?? rules.response,
    error: operation?.error ?? rules.error,
    dpop: use.dpop,
    capture: rules.base_url_from?.in === 'identity' ? undefined : rules.base_url_from?.pointer,
  })
  // RFC 9449 section 8: a refusal that spends nothing. openid-client asks again with the nonce; once, then it is an error.
  const asks = read.kind === 'error' && read.error === 'use_dpop_nonce' && answer.status < 500
  const again = use.dpop !== undefined && asks && dpopNonce(answer.headers) !== undefined && !challenges.passed
  challenges.passed = again
  if (again) return Response.json({ error: 'use_dpop_nonce' }, { status: 400, headers: nonceField(answer) })
  if (read.kind !== 'token')
    throw new TokenFault({
      kind: 'answer',
      status: answer.status,
      retry_after: answer.headers['retry-after'],
      answer: read,
    })
  const members = {
    access_token: read.access_token,
    token_type: read.bound ? 'dpop' : 'bearer',
    ...(read.expires_in !== null && { expires_in: read.expires_in }),
    ...(read.refresh_token !== null && { refresh_token: read.refresh_token }),
    ...(read.scope !== undefined && { scope: read.scope }),
    ...(use.id_token && read.id_token !== undefined && { id_token: read.id_token }),
    ...(read.alarm !== undefined && { [ALARM]: read.alarm }),
    ...(read.captured !== undefined && { [CAPTURED]: read.captured }),
  }
  return new PlainSuccess(members, nonceField(answer))
}

/**
 * What openid-client reads of an answer's header: its type, the next nonce, and of a resource server how a proof has to be
 * (RFC 9449 section 9). Elsewhere an error speaks in the body.
 */
function knownFields(answer: HttpAnswer, byProof: boolean): Record<string, string> {
  const type = answer.headers['content-type']
  const challenge = byProof ? answer.headers['www-authenticate'] : undefined
  return {
    ...(type !== undefined && { 'content-type': type }),
    ...(challenge !== undefined && { 'www-authenticate': challenge }),
    ...nonceField(answer),
  }
}

function nonceField({ headers }: HttpAnswer): Record<string, string> {
  const nonce = dpopNonce(headers)
  return nonce === undefined ? {} : { 'dpop-nonce': nonce }
}

/** What openid-client reads as the JSON of an answer that was read and judged already; writing it out again would be waste. */
class PlainSuccess extends Response {
  override readonly json: () => Promise<unknown>

  constructor(value: object, headers: Readonly<Record<string, string>>) {
    super(null, { headers: { 'content-type': 'application/json', ...headers } })
    this.json = () => Promise.resolve(value)
  }
}

/** Google's device authorization answers in a draft's words (RFC 8628 section 3.2 has `verification_uri`). */
const withStandardNames = (body: string): string =>
  body.includes('"verification_url"') ? body.replace('"verification_url"', '"verification_uri"') : body

const noBody = (status: number): boolean => status === 204 || status === 205 || status === 304
/** `Response` refuses statuses it does not know; such an answer is a bad gateway to us. */
const inRange = (status: number): number => (status >= 200 && status <= 599 ? status : 502)
