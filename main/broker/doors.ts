/**
 * The broker seen from its two doors. Through the first, programs ask; through the second, the person decides. The rule:
 * no call of the first can do what the second does, and whoever serves a door (socket, console, window) only carries.
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
} from '../contract/client-api.ts'
import type { Snapshot, Surface, WindowApi } from '../contract/window-api.ts'
import type { Cancel, ClientRecord } from './ports.ts'

/** One call's view of who is on the line. */
export interface Line {
  /** Aborts when the caller has gone; a question nobody waits for is withdrawn, a refresh under way is not. */
  readonly signal: AbortSignal
  /** The extension a browser says this comes from: `chrome-extension://ID`. Unverified. */
  readonly origin?: string | undefined
  /** Called at most once, when the call starts to wait for the person. */
  pending(question: { readonly request_id: string; readonly code: string }): void
}

/** For programs. Every call but `pair` is on behalf of a client `authenticate` has named. */
export interface AskingDoor {
  /** The client this token belongs to, or `null`. Constant time in the token's bytes and flat in the number of clients. */
  authenticate(client_token: string): ClientRecord | null
  /** A client that `authenticate` named earlier, as it is now; `null` when its token is not good any more. */
  still(client: ClientRecord): ClientRecord | null
  pair(request: PairRequest, line: Line): Promise<PairAnswer>
  /**
   * The answer to a token request that needs nobody: allowed by what is written, held, and fresh; its row of activity
   * included. `undefined`: `token` has more to do, or to say. Never throws.
   */
  ready(client: ClientRecord, request: TokenRequest): TokenAnswer | undefined
  token(client: ClientRecord, request: TokenRequest, line: Line): Promise<TokenAnswer>
  invalidate(client: ClientRecord, request: InvalidateRequest, line: Line): Promise<TokenAnswer>
  accounts(client: ClientRecord): Promise<AccountsAnswer>
  request(client: ClientRecord, id: string): Promise<RequestAnswer>
  status(client: ClientRecord): Promise<StatusAnswer>
}

/** For the person's own surfaces. What a surface may see and must supply (the typed code) depends on which it is. */
export interface DecidingDoor {
  on(surface: Surface): WindowApi
  snapshot(surface: Surface): Promise<Snapshot>
  /** Calls `listener` after every change, at most once per turn of the event loop. */
  onChange(listener: () => void): Cancel
}
