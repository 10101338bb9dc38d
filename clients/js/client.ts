/**
 * The client, whatever carries it: a Unix socket, a browser's native messaging, HTTP on loopback. The rule: it holds one secret, its
 * own client token, hands it to the transport and to nobody else, and keeps no access token between two calls, so that
 * what the person takes back is gone with the next call.
 */
import type {
  AccountsAnswer,
  InvalidateRequest,
  PairAnswer,
  PairRequest,
  RequestAnswer,
  StatusAnswer,
  TokenAnswer,
  TokenRequest,
} from '../../main/contract/client-api.ts'
import { refusalOf, ValetkeyError } from './error.ts'
import { createSharing } from './sharing.ts'

/** A question put to the person while a call waits: show the code, so that they know who asks. */
export interface Pending {
  readonly requestId: string
  readonly code: string
}

export interface CallOptions {
  /** Gives the call up; the broker withdraws a question nobody waits for. */
  readonly signal?: AbortSignal
  readonly onPending?: (pending: Pending) => void
}

export interface WireRequest extends CallOptions {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** The `Authorization` value; absent on calls that need none. Sent only to a broker that has proved itself. */
  readonly authorization?: string
  /** JSON. */
  readonly body?: string
}

export interface WireResponse {
  readonly status: number
  readonly body: string
  readonly retryAfter: string | null
}

/** What a host provides. Throws `ValetkeyError` with `not_running` when no broker of ours is there. */
export interface Transport {
  send(request: WireRequest): Promise<WireResponse>
  close(): void
}

export interface Client {
  /** A fresh access token, for callers who want the same at the same time by one request; waits for the person and the provider unless `interaction` says otherwise. */
  getToken(request: TokenRequest, options?: CallOptions): Promise<TokenAnswer>
  /** "This token got a 401": answers the token that replaces it. */
  invalidate(request: InvalidateRequest, options?: CallOptions): Promise<TokenAnswer>
  /** The accounts this client has a consent for. */
  accounts(options?: CallOptions): Promise<AccountsAnswer>
  status(options?: CallOptions): Promise<StatusAnswer>
  /** What became of a question (`ValetkeyError.requestId`). */
  request(id: string, options?: CallOptions): Promise<RequestAnswer>
  /** Asks the person to pair this program; the token in the answer is given once. Needs no token of its own. */
  pair(request: PairRequest, options?: CallOptions): Promise<PairAnswer>
  /**
   * `fetch` with the account's token. A 401 is reported and the request repeated once, if its body can be sent again.
   * Refuses plain http except to loopback (RFC 6750 section 5.3).
   */
  fetch(account: string, input: string | URL | Request, init?: RequestInit): Promise<Response>
  /** Ends idle connections; the client can be used again. */
  close(): void
}

export interface ClientOptions {
  readonly transport: Transport
  /** Of this program; without one only `pair` works. */
  readonly clientToken?: string
  /** What `fetch` sends with; the global one unless given. */
  readonly fetch?: typeof globalThis.fetch
}

export function createClient({ transport, clientToken, fetch = globalThis.fetch }: ClientOptions): Client {
  const share = createSharing()
  const send = async (request: WireRequest): Promise<unknown> => {
    const response = await transport.send(request)
    const answer = parse(response.body)
    if (response.status === 200) return answer
    throw refusalOf(answer, response.retryAfter)
  }
  const call = async (
    method: 'GET' | 'POST',
    path: string,
    argument: unknown,
    options: CallOptions,
    open = false,
  ): Promise<unknown> => {
    if (!open && clientToken === undefined)
      throw new ValetkeyError('pairing_required', 'This program has no client token yet.', {
        resolve: { command: 'valetkey pair NAME' },
      })
    const request = {
      method,
      path,
      ...(!open && { authorization: `Bearer ${clientToken ?? ''}` }),
      ...(method === 'POST' && { body: JSON.stringify(argument) }),
    }
    return open
      ? send({ ...options, ...request })
      : share(`${method} ${path} ${request.body ?? ''}`, options, (shared) => send({ ...shared, ...request }))
  }
  const client: Client = {
    getToken: (request, options = {}) => call('POST', '/v1/token', request, options) as Promise<TokenAnswer>,
    invalidate: (request, options = {}) => call('POST', '/v1/invalidate', request, options) as Promise<TokenAnswer>,
    accounts: (options = {}) => call('GET', '/v1/accounts', undefined, options) as Promise<AccountsAnswer>,
    status: (options = {}) => call('GET', '/v1/status', undefined, options) as Promise<StatusAnswer>,
    request: (id, options = {}) =>
      call('GET', `/v1/requests/${encodeURIComponent(id)}`, undefined, options) as Promise<RequestAnswer>,
    pair: (request, options = {}) => call('POST', '/v1/pair', request, options, true) as Promise<PairAnswer>,
    fetch: (account, input, init = {}) => fetchWithToken(client, fetch, account, input, init),
    close: () => {
      transport.close()
    },
  }
  return client
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown
  } catch {
    // No cause: it would quote the answer, and the answer may hold a token.
    throw new ValetkeyError('server_error', 'The broker did not answer in JSON.')
  }
}

async function fetchWithToken(
  client: Client,
  fetch: typeof globalThis.fetch,
  account: string,
  input: string | URL | Request,
  init: RequestInit,
): Promise<Response> {
  requireSecure(new URL(input instanceof Request ? input.url : input))
  const waiting = init.signal ? { signal: init.signal } : {}
  const token = await client.getToken({ account }, waiting)
  const response = await fetch(input, authorized(input, init, token))
  if (response.status !== 401) return response
  const replaced = await client
    .invalidate({ account: token.account.id, token_id: token.token_id }, waiting)
    .catch((thrown: unknown) => {
      // The API's own answer says more than our failing to mend it.
      if (thrown instanceof ValetkeyError) return undefined
      throw thrown
    })
  if (replaced === undefined || !canResend(input, init)) return response
  await response.body?.cancel()
  return fetch(input, authorized(input, init, replaced))
}

function authorized(input: string | URL | Request, init: RequestInit, { authorization }: TokenAnswer): RequestInit {
  const headers = new Headers(init.headers ?? (input instanceof Request ? input.headers : undefined))
  headers.set('authorization', authorization)
  return { ...init, headers }
}

function requireSecure({ protocol, hostname }: URL): void {
  const loopback = hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/u.test(hostname)
  if (protocol === 'https:' || (protocol === 'http:' && loopback)) return
  throw new ValetkeyError('invalid_request', 'A token is sent over https, or to this machine, and nowhere else.')
}

/** A stream can be read once; everything else is still there for a second try. */
function canResend(input: string | URL | Request, init: RequestInit): boolean {
  if (input instanceof Request && input.body !== null && (init.body === undefined || init.body === null)) return false
  const { body } = init
  if (body === undefined || body === null || typeof body === 'string') return true
  return (
    body instanceof ArrayBuffer ||
    ArrayBuffer.isView(body) ||
    body instanceof URLSearchParams ||
    body instanceof FormData ||
    body instanceof Blob
  )
}
