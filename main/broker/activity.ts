/**
 * The record of what happened. The rule: one row for a request's whole life, whichever way it ends; ids, codes and
 * sentences of ours, never a token or a part of one.
 */
import type { TokenAnswer } from '../contract/client-api.ts'
import { asBrokerError, type BrokerError } from '../contract/errors.ts'
import type { ClientSession } from '../contract/model.ts'
import type { Desk } from './desk.ts'
import type { ClientRecord } from './ports.ts'

interface Asked {
  readonly account?: string
  readonly scope?: string
}

/** The row of a request that ended well. `took`: milliseconds. */
export function noteAnswer(
  desk: Desk,
  action: 'token' | 'invalidate',
  client: ClientRecord,
  answer: TokenAnswer,
  took: number,
): void {
  desk.note({
    action,
    outcome: 'ok',
    client_id: client.id,
    account_id: answer.account.id,
    scope: answer.scope,
    ...(client.session && { detail: sessionWords(client.session) }),
    took_ms: Math.round(took),
  })
}

/** Runs one request of `client` and leaves its row. Throws what `run` throws. */
export async function recorded(
  desk: Desk,
  action: 'token' | 'invalidate',
  client: ClientRecord,
  asked: Asked,
  run: () => Promise<TokenAnswer>,
): Promise<TokenAnswer> {
  const { clock } = desk.ports
  const started = clock.monotonic()
  try {
    const answer = await run()
    noteAnswer(desk, action, client, answer, clock.monotonic() - started)
    return answer
  } catch (thrown) {
    noteRefusal(desk, action, client, asked, thrown, clock.monotonic() - started)
    throw thrown
  }
}

/** The row of a request that was refused with `thrown`. `took`: milliseconds. */
export function noteRefusal(
  desk: Desk,
  action: 'token' | 'invalidate' | 'proxy',
  client: ClientRecord,
  asked: Asked,
  thrown: unknown,
  took: number,
): void {
  const error = asBrokerError(thrown)
  const [account] = asked.account === undefined ? [] : desk.accounts.matching({ account: asked.account })
  desk.note({
    action,
    outcome: error.code,
    client_id: client.id,
    ...(account && { account_id: account.id }),
    ...(asked.scope !== undefined && { scope: asked.scope }),
    ...detailOf(client, error),
    took_ms: Math.round(took),
  })
}

/** Which of a client's subprocesses it was; the row itself is the client's. */
export const sessionWords = ({ name }: ClientSession): string => `session “${name}”`

/** A fault of ours may quote anything; its words stay in the log's hands. */
function detailOf({ session }: ClientRecord, { code, message }: BrokerError): { readonly detail?: string } {
  const words = [...(session ? [sessionWords(session)] : []), ...(code === 'server_error' ? [] : [message])]
  return words.length === 0 ? {} : { detail: words.join(': ') }
}
