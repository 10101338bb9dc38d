/**
 * The broker seen from its two doors. Through the first, programs ask; through the second, the person decides. The rule:
 * no call of the first can do what the second does, and whoever serves a door (socket, console, window) only carries.
 */
import type {
  AccessAnswer,
  AccessWish,
  AccountsAnswer,
  InvalidateRequest,
  PairAnswer,
  PairRequest,
  RequestAnswer,
  SessionAnswer,
  SessionRequest,
  StatusAnswer,
  TokenAnswer,
  TokenRequest,
  UseRequest,
} from '../contract/client-api.ts'
import type { Peer } from '../contract/model.ts'
import type { Snapshot, Surface, WindowApi } from '../contract/window-api.ts'
import type { Cancel, ClientRecord } from './ports.ts'
import type { ProvenRequest } from './possession.ts'
import type { Use } from './use.ts'

/** One call's view of who is on the line. */
export interface Line {
  /** Aborts when the caller has gone; a question nobody waits for is withdrawn, a refresh under way is not. */
  readonly signal: AbortSignal
  /** The extension a browser says this comes from: `chrome-extension://ID`. Unverified. */
  readonly origin?: string | undefined
  /** Called at most once, when the call starts to wait for the person. */
  pending(question: { readonly request_id: string; readonly code: string }): void
  /** Who is at the other end, as far as the system can be made to say. Asked only when a question is put. Never rejects. */
  peer?(): Promise<Peer>
}

/** For programs. Every call but `pair` is on behalf of a client `authenticate` has named. */
export interface AskingDoor {
  /** The client this token belongs to, or `null`. Constant time in the token's bytes and flat in the number of clients. */
  authenticate(client_token: string): ClientRecord | null
  /** A client that `authenticate` named earlier, as it is now; `null` when its token is not good any more. */
  still(client: ClientRecord): ClientRecord | null
  /**
   * For a client that paired with a key, and for one that wants to: that this very request is signed with it. Throws
   * `invalid_client` that says what is wrong with the proof.
   */
  requirePossession(public_key: string, request: ProvenRequest, proof: string | undefined): void
  pair(request: PairRequest, line: Line): Promise<PairAnswer>
  /**
   * The answer to a token request that needs nobody: allowed by what is written, held, and fresh; its row of activity
   * included. `undefined`: `token` has more to do, or to say. Never throws.
   */
  ready(client: ClientRecord, request: TokenRequest): TokenAnswer | undefined
  token(client: ClientRecord, request: TokenRequest, line: Line): Promise<TokenAnswer>
  invalidate(client: ClientRecord, request: InvalidateRequest, line: Line): Promise<TokenAnswer>
  /**
   * What a call of an API needs, for the endpoint to make it and not for the client to see: asks for, and is judged by, the
   * right to `use`. Whoever gets it says how the call `ended`, which writes its row of activity; a refusal has written its own.
   */
  use(client: ClientRecord, request: UseRequest, line: Line): Promise<Use>
  accounts(client: ClientRecord): Promise<AccountsAnswer>
  /** `wait`: seconds to wait for the person while the question is pending. */
  request(client: ClientRecord, id: string, wait?: number, line?: Line): Promise<RequestAnswer>
  requestAccess(client: ClientRecord, wish: AccessWish, line: Line): Promise<AccessAnswer>
  startSession(client: ClientRecord, request: SessionRequest): Promise<SessionAnswer>
  /** Without an id: the session that `client` itself is. */
  endSession(client: ClientRecord, id: string | undefined): Promise<{ readonly ended: boolean }>
  status(client: ClientRecord): Promise<StatusAnswer>
}

/** For the person's own surfaces. What a surface may see and must supply (the typed code) depends on which it is. */
export interface DecidingDoor {
  on(surface: Surface): WindowApi
  snapshot(surface: Surface): Promise<Snapshot>
  /** Calls `listener` after every change, at most once per turn of the event loop. */
  onChange(listener: () => void): Cancel
}
