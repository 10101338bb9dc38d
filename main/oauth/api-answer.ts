/**
 * What an API's answer says about the token it was called with; for whoever calls an API through the broker, which nothing
 * but the tests of the services does yet. The rule: a pure reading of the rules the connection was
 * linked with; without any, the standard's (RFC 6750 section 3.1): 401 is mended by a new token, 403 is not.
 */
import type { Connection } from '../broker/ports.ts'
import type { HttpAnswer } from './http.ts'
import { holds } from './pointer.ts'
import { rulesOf } from './rules.ts'

/** `expired`: a new token, and once more. `forbidden`: a new token would not help. `accepted`: says nothing against it. */
export type TokenVerdict = 'accepted' | 'expired' | 'forbidden'

/** `body` as it came; of a JSON answer the members are looked at. */
export function judgeApiAnswer(
  connection: Pick<Connection, 'rules'>,
  answer: Pick<HttpAnswer, 'status' | 'body'>,
): TokenVerdict {
  const { expired_when = [{ http_status: [401] }], forbidden_when = [{ http_status: [403] }] } =
    rulesOf(connection).api ?? {}
  const body = jsonOf(answer.body)
  if (expired_when.some((predicate) => holds(predicate, answer, body))) return 'expired'
  return forbidden_when.some((predicate) => holds(predicate, answer, body)) ? 'forbidden' : 'accepted'
}

function jsonOf(text: string | null): unknown {
  try {
    return text === null ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}
