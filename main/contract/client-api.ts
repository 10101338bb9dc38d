/**
 * What OTHER PROGRAMS may ask: the local endpoint, version 1 (DESIGN section 4). The only file in which an access token
 * has a type. The rule: a program can ask and can be told; nothing here approves, links, unlinks or configures, so
 * deciding is out of reach of the door that asks, not merely forbidden behind it.
 */
import { BrokerError } from './errors.ts'
import {
  base64url,
  boolean,
  type Calls,
  type Parser,
  integer,
  nothing,
  object,
  oneOf,
  optional,
  text,
} from './parse.ts'
import type { AccountState, ClientKind, RequestKind, RequestState, Right } from './model.ts'

/** `never`: answer from what is there. `notify`: leave a question for the person and answer at once. `prompt`: wait for the person. */
export type Interaction = 'never' | 'notify' | 'prompt'

export interface HelloRequest {
  /** 16 to 64 random bytes, base64url, chosen by the caller and never used twice. */
  readonly nonce: string
}

export interface HelloAnswer {
  /** The broker's Ed25519 identity key, raw, base64url; equal to `public_key` in `run/endpoint.json`. */
  readonly public_key: string
  /** Ed25519 over `helloMessage(nonce, address)`, base64url. */
  readonly signature: string
}

export interface PairRequest {
  readonly name: string
  readonly kind: ClientKind
  /** The client's own Ed25519 key, raw, base64url; kept for proof of possession. */
  readonly public_key?: string
}

export interface PairAnswer {
  readonly client_id: string
  /** Given once; the broker keeps a hash of it. */
  readonly client_token: string
}

export interface TokenRequest {
  /** An account's id, its label, or its provider's id where that is unique. */
  readonly account?: string
  readonly provider?: string
  readonly issuer?: string
  readonly scope?: string
  /** RFC 8707. */
  readonly resource?: string
  readonly audience?: string
  /** Seconds the token should still be good for. */
  readonly min_valid_period?: number
  readonly force_refresh?: boolean
  readonly interaction?: Interaction
  /** Seconds to wait for the person and the provider. */
  readonly timeout?: number
  readonly reason?: string
  /** The `WWW-Authenticate` value of the answer that made the caller ask (RFC 6750 section 3). */
  readonly www_authenticate?: string
}

export interface TokenAnswer {
  readonly access_token: string
  readonly token_type: string
  /** Seconds; `null` when the provider says it does not expire. */
  readonly expires_in: number | null
  /** Seconds since the epoch. */
  readonly expires_at: number | null
  readonly scope: string
  readonly account: { readonly id: string; readonly label: string }
  readonly provider: string
  readonly issuer?: string
  /** Names this token without being it; for `invalidate`. */
  readonly token_id: string
  /** The ready `Authorization` value in the provider's own scheme. */
  readonly authorization: string
}

export interface InvalidateRequest {
  readonly account: string
  readonly token_id: string
}

export interface AccountsAnswer {
  readonly accounts: readonly {
    readonly id: string
    readonly label: string
    readonly provider: string
    readonly state: AccountState
    readonly scope: string
    readonly rights: readonly Right[]
  }[]
}

export interface RequestAnswer {
  readonly id: string
  readonly kind: RequestKind
  readonly state: RequestState
  /** What the asking client shows, for the person to compare. */
  readonly code: string
  readonly expires_at: number
}

export interface StatusAnswer {
  readonly version: string
  readonly locked: boolean
  /** Of what this client may see. */
  readonly counts: { readonly accounts: number; readonly requests: number }
}

export interface ClientApi {
  hello(request: HelloRequest): Promise<HelloAnswer>
  pair(request: PairRequest): Promise<PairAnswer>
  token(request: TokenRequest): Promise<TokenAnswer>
  invalidate(request: InvalidateRequest): Promise<TokenAnswer>
  accounts(): Promise<AccountsAnswer>
  request(request: { readonly id: string }): Promise<RequestAnswer>
  status(): Promise<StatusAnswer>
}

/** RFC 6749 section 3.3, with the words once each and one space between them, so that equal wishes look equal. */
const scope: Parser<string> = (value, path) => {
  const words = new Set(text(4096)(value, path).split(' '))
  words.delete('')
  if (words.size > 0) return [...words].join(' ')
  throw new BrokerError('invalid_request', `${path} must name at least one scope, or be left out.`)
}

export const clientCalls: Calls<ClientApi> = {
  hello: object({ nonce: base64url(86, 22) }),
  pair: object({
    name: text(64),
    kind: oneOf('cli', 'script', 'extension', 'agent'),
    public_key: optional(base64url(43)),
  }),
  token: object({
    account: optional(text(256)),
    provider: optional(text(64)),
    issuer: optional(text(1024)),
    scope: optional(scope),
    resource: optional(text(2048)),
    audience: optional(text(1024)),
    min_valid_period: optional(integer(0, 31_536_000)),
    force_refresh: optional(boolean),
    interaction: optional(oneOf('never', 'notify', 'prompt')),
    timeout: optional(integer(0, 600)),
    reason: optional(text(200)),
    www_authenticate: optional(text(4096)),
  }),
  invalidate: object({ account: text(256), token_id: text(64) }),
  accounts: nothing,
  request: object({ id: text(64) }),
  status: nothing,
}

/** Where each call lives. `{id}` is one path segment of unreserved characters; `open` calls need no credential. */
export const clientRoutes = {
  hello: { method: 'GET', path: '/v1/hello', open: true },
  pair: { method: 'POST', path: '/v1/pair', open: true },
  token: { method: 'POST', path: '/v1/token', open: false },
  invalidate: { method: 'POST', path: '/v1/invalidate', open: false },
  accounts: { method: 'GET', path: '/v1/accounts', open: false },
  request: { method: 'GET', path: '/v1/requests/{id}', open: false },
  status: { method: 'GET', path: '/v1/status', open: false },
} as const satisfies Record<
  keyof ClientApi,
  { readonly method: 'GET' | 'POST'; readonly path: string; readonly open: boolean }
>

/**
 * What `hello` signs. `address` is the socket path or `127.0.0.1:port` the caller dialled, so that an answer relayed from
 * the real broker does not prove a squatter on another address to be it.
 */
export function helloMessage(nonce: string, address: string): string {
  return `valetkey-hello-v1\n${nonce}\n${address}`
}

/**
 * While a question waits for the person, the endpoint tells the asking client which question and which code in an
 * informational answer (RFC 9110 section 15.2, status 103) with these headers.
 */
export const pendingHeaders = { request: 'valetkey-request', code: 'valetkey-code' } as const

/**
 * A caller that cannot see informational answers (no browser shows them to a program) accepts this type instead: when a
 * question waits, the answer has status 200 and is two lines of JSON, `{pending: {request_id, code}}` and, in the end,
 * `{value}` or `{error}`. An answer that waits for nobody is as ever.
 */
export const linesType = 'application/x-ndjson'
