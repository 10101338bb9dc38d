/**
 * The one seam between openid-client and the network. The rule: whatever goes to a provider passes here, with a limit on
 * size and time, without redirects or retries; and a token endpoint's answer reaches openid-client either as the plain
 * success RFC 6749 section 5.1 describes or as a `TokenFault`, never as something its strictness could lose a token over.
 */
import type { Http } from './http.ts'
import { HttpFault } from './http.ts'
import type { Failure } from './classify.ts'
import { readTokenAnswer } from './token-answer.ts'

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

/** `id_token: false` drops the ID token of an answer whose caller has no use for it, so that it cannot spoil the grant. */
export function createTokenFetch(http: Http, agent: string, use: { readonly id_token: boolean }): TokenFetch {
  return async (url, options) => {
    const body = options.body instanceof URLSearchParams ? options.body : undefined
    const headers = { ...options.headers, 'user-agent': agent }
    if (body?.has('grant_type')) return exchange(http, url, headers, body, use)
    const answer = await http({
      url,
      method: body ? 'POST' : 'GET',
      headers,
      ...(body && { body: body.toString() }),
      max_bytes: DOCUMENT_BYTES,
      timeout: DOCUMENT_TIME,
    })
    if (answer.body === null) throw new HttpFault(true, 'the answer is too large')
    // RFC 7009 section 2.2 says 200; servers also say it with 202 and 204.
    const status = body && answer.status > 200 && answer.status < 300 ? 200 : answer.status
    const type = answer.headers['content-type']
    return new Response(noBody(status) ? null : answer.body, {
      status: inRange(status),
      ...(type !== undefined && { headers: { 'content-type': type } }),
    })
  }
}

async function exchange(
  http: Http,
  url: string,
  headers: Record<string, string>,
  body: URLSearchParams,
  use: { readonly id_token: boolean },
): Promise<Response> {
  const answer = await http({
    url,
    method: 'POST',
    headers,
    body: body.toString(),
    max_bytes: TOKEN_BYTES,
    timeout: TOKEN_TIME,
  }).catch((thrown: unknown): never => {
    const fault = thrown instanceof HttpFault ? thrown : new HttpFault(true, 'the exchange failed')
    throw new TokenFault({ kind: fault.sent ? 'no-answer' : 'not-sent', detail: fault.message })
  })
  const read = readTokenAnswer(answer)
  if (read.kind !== 'token')
    throw new TokenFault({
      kind: 'answer',
      status: answer.status,
      retry_after: answer.headers['retry-after'],
      answer: read,
    })
  return new PlainSuccess({
    access_token: read.access_token,
    token_type: 'bearer',
    ...(read.expires_in !== null && { expires_in: read.expires_in }),
    ...(read.refresh_token !== null && { refresh_token: read.refresh_token }),
    ...(read.scope !== undefined && { scope: read.scope }),
    ...(use.id_token && read.id_token !== undefined && { id_token: read.id_token }),
    ...(read.alarm !== undefined && { [ALARM]: read.alarm }),
  })
}

/** What openid-client reads as the JSON of an answer that was read and judged already; writing it out again would be waste. */
class PlainSuccess extends Response {
  override readonly json: () => Promise<unknown>

  constructor(value: object) {
    super(null, { headers: { 'content-type': 'application/json' } })
    this.json = () => Promise.resolve(value)
  }
}

const noBody = (status: number): boolean => status === 204 || status === 205 || status === 304
/** `Response` refuses statuses it does not know; such an answer is a bad gateway to us. */
const inRange = (status: number): number => (status >= 200 && status <= 599 ? status : 502)
