/**
 * A call of an API that a program has made through us. The rule (R6): whoever carries the call out is given what it needs
 * to make it, for one call; the program that asked is given none of it; and the call leaves one row of activity, with the
 * method, the host and the status, and never the rest of the address.
 */
import type { TokenRequest, UseRequest } from '../contract/client-api.ts'
import type { ErrorCode } from '../contract/errors.ts'
import { noteRefusal, sessionWords } from './activity.ts'
import { type Permit, requireStill } from './consent.ts'
import type { Desk } from './desk.ts'
import type { ApiAnswer, ApiCall, TokenVerdict } from './api-call.ts'
import type { AccessToken, AccountRecord, ClientRecord, Connection } from './ports.ts'
import type { Given } from './refresher.ts'

/** How a call went. `gone`: the program did not wait for the answer. */
export interface UseEnd {
  readonly outcome: 'ok' | 'gone' | ErrorCode
  /** Of the API; absent where the call was never sent. */
  readonly host?: string
  /** Of the API's answer. */
  readonly status?: number
  /** A sentence of ours. */
  readonly detail?: string
}

/** What one call of an API needs, for whoever carries it out. */
export interface Use {
  readonly account: AccountRecord
  /** Where the token may be sent, among other things. */
  readonly connection: Connection
  readonly access: AccessToken
  readonly token_id: string
  /** The header fields to set; see `AuthorizationServers.apiHeaders`. */
  headers(call: ApiCall): Promise<Readonly<Record<string, string>>>
  judge(answer: ApiAnswer): TokenVerdict
  /**
   * The API has refused this token: the same call with the one that replaces it, found or fetched within `timeout`
   * milliseconds as `invalidate` does, out of the same budget. Throws as `invalidate` does.
   */
  renew(timeout: number): Promise<Use>
  /** Aborts when the person takes back what allows this call, or unlinks the account. */
  readonly signal: AbortSignal
  /** Writes the row; the first end counts. */
  ended(end: UseEnd): void
  /** Nothing passes any more. To be called in the end, whatever the end was. */
  close(): void
}

/** Whether the person would still have it so: nothing locked or paused, everybody there, the consent in force. */
function isStillAllowed(desk: Desk, client: ClientRecord, permit: Permit): boolean {
  if (client.session && desk.sessions.find(client.token_hash) === null) return false
  try {
    requireStill(desk, client, permit)
    return true
  } catch {
    return false
  }
}

/** The broker's own steps to a token, each of which throws what stands against the next. */
interface Steps {
  /** Monotonic milliseconds. */
  readonly deadline: number
  readonly permit: (asked: TokenRequest, deadline: number) => Promise<Permit>
  readonly redeem: (permit: Permit, asked: TokenRequest, deadline: number) => Promise<Given>
  readonly inPlaceOf: <T>(
    record: AccountRecord,
    token_id: string,
    ask: (asked: TokenRequest) => Promise<T>,
  ) => Promise<T>
}

/** The life of a call of an API, up to where somebody carries it out. Throws as a token request does. */
export async function beginUse(
  desk: Desk,
  client: ClientRecord,
  { method, ...asked }: UseRequest,
  { deadline, permit: ask, redeem, inPlaceOf }: Steps,
): Promise<Use> {
  const { clock, servers } = desk.ports
  const started = clock.monotonic()
  try {
    desk.requireGiving()
    if (!desk.isLoaded) await desk.load()
    const permit = await ask(asked, deadline)
    const { record: account } = permit
    const first = await redeem(permit, asked, deadline)
    // What was for one use covers the whole of that use.
    const rest: Permit = { ...permit, claimed: [], shared: [...permit.shared, ...permit.claimed] }
    const ended = noteUse(desk, client, account, method, started)
    const open = desk.uses.add(() => isStillAllowed(desk, client, rest))
    const callWith = ({ access, grant }: Given): Use => {
      const { connection } = grant.material
      const token_id = desk.tokenId(access)
      return {
        ...{ account, connection, access, token_id, ended, ...open },
        headers: (call) => servers.apiHeaders(connection, access, call),
        judge: (answer) => servers.judgeAnswer(connection, answer),
        renew: (timeout) => {
          const until = clock.monotonic() + timeout
          return inPlaceOf(account, token_id, (instead) => redeem(rest, instead, until)).then(callWith)
        },
      }
    }
    return callWith(first)
  } catch (thrown) {
    noteRefusal(desk, 'proxy', client, asked, thrown, clock.monotonic() - started)
    throw thrown
  }
}

/** Writes the row of a call of `client` once, however many times it is told the end. `started`: monotonic milliseconds. */
function noteUse(
  desk: Desk,
  client: ClientRecord,
  account: AccountRecord,
  method: string,
  started: number,
): (end: UseEnd) => void {
  let written = false
  return ({ outcome, host, status, detail }) => {
    if (written) return
    written = true
    const call = [method, host, status].filter((part) => part !== undefined).join(' ')
    desk.note({
      action: 'proxy',
      outcome,
      client_id: client.id,
      account_id: account.id,
      detail: [
        ...(client.session ? [sessionWords(client.session)] : []),
        call,
        ...(detail === undefined ? [] : [detail]),
      ].join(': '),
      took_ms: Math.round(desk.ports.clock.monotonic() - started),
    })
  }
}
