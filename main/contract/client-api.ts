/**
 * What OTHER PROGRAMS may ask: the local endpoint, version 1 (DESIGN section 4). The only file in which an access token
 * has a type. The rule: a program can ask and can be told; nothing here approves, links, unlinks or configures, so
 * deciding is out of reach of the door that asks, not merely forbidden behind it.
 */
import { BrokerError, type Resolve } from './errors.ts'
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
import type { AccountState, AccountWords, ClientKind, RequestKind, RequestState, Right } from './model.ts'

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
  /** The client's own Ed25519 key, raw, base64url. Whoever pairs with one signs this call and every later one; see `proofHeader`. */
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

/** A call of an API through the broker: what beside the call itself has to be known before it is made. */
export interface UseRequest {
  readonly account: string
  readonly method: string
  readonly scope?: string
  readonly interaction?: Interaction
  /** Seconds to wait for the person and for a token; the API has deadlines of its own. */
  readonly timeout?: number
  readonly reason?: string
}

/** Places that take a token as the password of HTTP Basic authentication (RFC 7617), and the user name they want. */
export interface BasicAuthentication {
  readonly base_urls: readonly string[]
  readonly username?: string
}

export interface AccountsAnswer {
  readonly accounts: readonly {
    readonly id: string
    readonly label: string
    readonly provider: string
    readonly state: AccountState
    readonly scope: string
    readonly rights: readonly Right[]
    /** Where its tokens may be sent, as frozen when it was linked; these two are absent while the vault is locked. */
    readonly api_base_urls?: readonly string[]
    readonly basic_authentication?: BasicAuthentication
  }[]
}

export interface RequestAnswer {
  readonly id: string
  readonly kind: RequestKind
  readonly state: RequestState
  /** What is asked for; of an approved one, what the person allowed, which may be less. */
  readonly right: Right
  readonly scope: string
  /** What the asking client shows, for the person to compare. */
  readonly code: string
  readonly expires_at: number
}

/** A wish for access, put to the person without waiting for them. */
export interface AccessWish extends AccountWords {
  readonly scope?: string
  /** `use` unless told. */
  readonly right?: Right
  readonly reason?: string
}

export interface AccessAnswer {
  readonly state: Extract<RequestState, 'pending' | 'approved'>
  readonly right: Right
  /** Which account, where that is clear. */
  readonly account?: { readonly id: string; readonly label: string }
  /** While it is pending: which question waits (for `request`), what the client shows, and what the person can do. */
  readonly id?: string
  readonly code?: string
  readonly expires_at?: number
  readonly resolve?: Resolve
}

/** A client token for the caller's own subprocesses. */
export interface SessionRequest {
  /** Written into every row of activity beside the client's own. */
  readonly name: string
  /** `use` unless told; `read` only for a client that may read the tokens of some account. */
  readonly right?: Right
  /** Seconds, at most eight hours; eight hours unless told. */
  readonly lifetime?: number
}

export interface SessionAnswer {
  readonly session_id: string
  /** Given once. */
  readonly client_token: string
  readonly right: Right
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
  /** `wait`: seconds to wait for the person while it is pending. */
  request(request: { readonly id: string; readonly wait?: number }): Promise<RequestAnswer>
  /** Leaves a question for the person and answers at once; without one where it is granted already. */
  requestAccess(request: AccessWish): Promise<AccessAnswer>
  startSession(request: SessionRequest): Promise<SessionAnswer>
  /** One's own, by its id; without one, the session this call is made with. */
  endSession(request: { readonly id?: string }): Promise<{ readonly ended: boolean }>
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
  request: object({ id: text(64), wait: optional(integer(0, 60)) }),
  requestAccess: object({
    account: optional(text(256)),
    provider: optional(text(64)),
    issuer: optional(text(1024)),
    scope: optional(scope),
    right: optional(oneOf('use', 'read')),
    reason: optional(text(200)),
  }),
  startSession: object({
    name: text(64),
    right: optional(oneOf('use', 'read')),
    lifetime: optional(integer(1, 28_800)),
  }),
  endSession: object({ id: optional(text(64)) }),
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
  requestAccess: { method: 'POST', path: '/v1/requests', open: false },
  startSession: { method: 'POST', path: '/v1/sessions', open: false },
  endSession: { method: 'POST', path: '/v1/sessions/end', open: false },
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
 * The proxy: any method, any body, streamed both ways to the account's API with its credential put on. `{id}` is one path
 * segment, percent-encoded; `{path}` goes to the first of the provider's API addresses, or names one of them absolutely
 * (`https://host/path`). Not a call of `ClientApi`, because question and answer are the API's.
 */
export const proxyRoute = { method: 'ANY', path: '/v1/accounts/{id}/proxy/{path}', open: false } as const

/** `/v1/accounts/{id}/proxy/`: what a tool takes as an API's base URL. `account`: id, label or unique provider id. */
export function proxyPath(account: string): string {
  return proxyRoute.path.replace('{id}', () => encodeURIComponent(account)).replace('{path}', '')
}

/**
 * Header fields for the proxy, and of its own answers. A request's are for us and go no further: whether the person may be
 * asked, how long to wait, why, for which scope, and whether a call that is not safe may be sent twice (`allow`). On an
 * answer `error` is the code of a refusal of ours; the API's own answers never have it.
 */
export const proxyHeaders = {
  interaction: 'valetkey-interaction',
  timeout: 'valetkey-timeout',
  reason: 'valetkey-reason',
  scope: 'valetkey-scope',
  retry: 'valetkey-retry',
  error: 'valetkey-error',
} as const

export const parseUse: Parser<UseRequest> = object({
  account: text(256),
  method: text(32),
  scope: optional(scope),
  interaction: optional(oneOf('never', 'notify', 'prompt')),
  timeout: optional(integer(0, 600)),
  reason: optional(text(200)),
})

/** The header in which a relay says for whom it asks (see `Peer.says`): visible ASCII and spaces, at most 200 characters. */
export const callerHeader = 'valetkey-caller'

/** The header in which a client that paired with a key proves, for each request anew, that it holds it. */
export const proofHeader = 'valetkey-proof'

/** What one proof is good for: this request, at this address, with this token, once. Members as in RFC 9449 section 4.2. */
export interface ProofClaims {
  readonly method: string
  /** The request target as it is sent. */
  readonly target: string
  /** What `hello` signs as well: the socket path or `127.0.0.1:port` that was dialled. */
  readonly address: string
  /** SHA-256 of the client token, base64url; empty while pairing. */
  readonly token_hash: string
  /** Milliseconds since the epoch. */
  readonly issued_at: number
  /** 16 to 32 random bytes, base64url, never used twice. */
  readonly nonce: string
}

/** What is signed with the client's key. The header's value is `issued_at.nonce.signature`, the signature in base64url. */
export function proofMessage({ method, target, address, token_hash, issued_at, nonce }: ProofClaims): string {
  return ['valetkey-proof-v1', method, target, address, token_hash, String(issued_at), nonce].join('\n')
}

/**
 * A caller that cannot see informational answers (no browser shows them to a program) accepts this type instead: when a
 * question waits, the answer has status 200 and is two lines of JSON, `{pending: {request_id, code}}` and, in the end,
 * `{value}` or `{error}`. An answer that waits for nobody is as ever.
 */
export const linesType = 'application/x-ndjson'
