/**
 * A call of an API that a program has made through us. The rule (R6): whoever carries the call out is given what it needs
 * to make it, for one call; the program that asked is given none of it; and the call leaves one row of activity, with the
 * method, the host and the status, and never the rest of the address.
 */
import type { ErrorCode } from '../contract/errors.ts'
import type { Desk } from './desk.ts'
import type { AccessToken, AccountRecord, ApiAnswer, ApiCall, ClientRecord, Connection, TokenVerdict } from './ports.ts'

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
  /** Writes the row; the first end counts. */
  ended(end: UseEnd): void
}

/** What a `Use` is made from; `renew` throws what stands against another token. */
interface UseParts {
  readonly account: AccountRecord
  readonly connection: Connection
  readonly access: AccessToken
  readonly renew: (timeout: number) => Promise<Use>
  readonly ended: (end: UseEnd) => void
}

export function useOf(desk: Desk, { account, connection, access, renew, ended }: UseParts): Use {
  const { servers } = desk.ports
  return {
    account,
    connection,
    access,
    token_id: desk.tokenId(access),
    headers: (call) => servers.apiHeaders(connection, access, call),
    judge: (answer) => servers.judgeAnswer(connection, answer),
    renew,
    ended,
  }
}

/** Writes the row of a call of `client` once, however many times it is told the end. `started`: monotonic milliseconds. */
export function noteUse(
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
      detail: detail === undefined ? call : `${call}: ${detail}`,
      took_ms: Math.round(desk.ports.clock.monotonic() - started),
    })
  }
}
