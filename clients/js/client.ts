/**
 * The client, whatever carries it: a Unix socket, a browser's native messaging, HTTP on loopback. The rule: it holds one
 * secret, its own client token, hands it to the transport and to nobody else, and keeps no access token between two calls,
 * so that what the person takes back is gone with the next call.
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
import { failure, refusalOf, ValetkeyError } from './error.ts'
import { createSharing } from './sharing.ts'

/** A question put to the person while a call waits: show the code, so that they know who asks. */
export interface Pending {
  readonly requestId: string
  readonly code: string
}

export interface CallOptions {
  /** Gives the call up; the broker withdraws a question nobody waits for. */
  readonly signal?: AbortSignal | undefined
  readonly onPending?: (pending: Pending) => void
}

export interface WireRequest extends CallOptions {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** The `Authorization` value; absent on calls that need none. Sent only to a broker that has proved itself. */
  readonly authorization?: string | undefined
  /** For JSON; absent on a GET. */
  readonly argument: unknown
}

export interface WireResponse {
  /** It is what was asked for, and no refusal. */
  readonly ok: boolean
  /** From JSON: what the contract says, or an `ErrorBody`. */
  readonly answer: unknown
  /** The header's value, where there are headers. */
  readonly retryAfter?: string | null
}

/** What a host provides. Throws `ValetkeyError` with `not_running` when no broker of ours is there. */
export interface Transport {
  send(request: WireRequest): Promise<WireResponse>
  close(): void
}

export interface Client {
  /**
   * A fresh access token; waits for the person and the provider unless `interaction` says otherwise. Callers who want the
   * same at the same time share one request.
   */
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
  readonly clientToken?: string | undefined
  /** What `fetch` sends with; the global one unless given. */
  readonly fetch?: typeof globalThis.fetch
}

/** The one call that needs no token, and that nobody shares. */
const pairing = '/v1/pair'

export function createClient({ transport, clientToken, fetch = globalThis.fetch }: ClientOptions): Client {
  const share = createSharing()
  /** What has an argument is posted. */
  const call = async <T>(path: string, argument?: unknown, options: CallOptions = {}): Promise<T> => {
    const open = path === pairing
    if (!open && clientToken === undefined)
      throw failure('pairing_required', 'This program has no client token yet.', 'valetkey pair NAME')
    const send = async (shared: CallOptions): Promise<unknown> => {
      const { ok, answer, retryAfter } = await transport.send({
        ...shared,
        ...{ path, argument, method: argument === undefined ? 'GET' : 'POST' },
        authorization: open ? undefined : `Bearer ${clientToken ?? ''}`,
      })
      if (ok) return answer
      throw refusalOf(answer, retryAfter)
    }
    return (open ? send(options) : share(path + JSON.stringify(argument), options, send)) as Promise<T>
  }
  const client: Client = {
    getToken: (request, options) => call('/v1/token', request, options),
    invalidate: (request, options) => call('/v1/invalidate', request, options),
    accounts: (options) => call('/v1/accounts', undefined, options),
    status: (options) => call('/v1/status', undefined, options),
    request: (id, options) => call(`/v1/requests/${encodeURIComponent(id)}`, undefined, options),
    pair: (request, options) => call(pairing, request, options),
    fetch: (account, input, init = {}) => fetchWithToken(client, fetch, account, input, init),
    close: () => transport.close(),
  }
  return client
}

/** To this machine a token may go in the clear (RFC 6750 section 5.3); elsewhere it may not. */
const secure = /^(?:https:|http:\/\/(?:localhost|\[::1\]|127\.[\d.]+)(?::\d+)?\/)/u

async function fetchWithToken(
  client: Client,
  fetch: typeof globalThis.fetch,
  account: string,
  input: string | URL | Request,
  init: RequestInit,
): Promise<Response> {
  const given = input instanceof Request ? input : undefined
  if (!secure.test(new URL(given?.url ?? (input as string | URL)).href))
    throw new ValetkeyError('invalid_request', 'A token is sent over https, or to this machine, and nowhere else.')
  const options = { signal: init.signal ?? undefined }
  const send = ({ authorization }: TokenAnswer): Promise<Response> => {
    const headers = new Headers(init.headers ?? given?.headers)
    headers.set('authorization', authorization)
    return fetch(input, { ...init, headers })
  }
  const token = await client.getToken({ account }, options)
  const response = await send(token)
  if (response.status !== 401) return response
  const replaced = await client
    .invalidate({ account: token.account.id, token_id: token.token_id }, options)
    .catch((thrown: unknown) => {
      // The API's own answer says more than our failing to mend it.
      if (!(thrown instanceof ValetkeyError)) throw thrown
    })
  if (!replaced || !canResend(given, init)) return response
  await response.body?.cancel()
  return send(replaced)
}

/** A stream can be read once; everything else is still there for a second try. */
function canResend(given: Request | undefined, { body }: RequestInit): boolean {
  if (body === undefined || body === null) return !given?.body
  return (
    typeof body === 'string' ||
    ArrayBuffer.isView(body) ||
    [ArrayBuffer, URLSearchParams, FormData, Blob].some((type) => body instanceof type)
  )
}
