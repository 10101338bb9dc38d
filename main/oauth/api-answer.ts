/**
 * What is put on a call of an API, and what its answer says about the token it was called with. The rule: pure readings of
 * the rules the connection was linked with; without any, the standard's (RFC 6750 sections 2.1 and 3.1): the token is a
 * bearer's, 401 is mended by a new one, 403 is not.
 */
import type { ApiAnswer, TokenVerdict } from '../broker/api-call.ts'
import type { AccessToken, Connection } from '../broker/ports.ts'
import type { Predicate } from '../providers/provider.ts'
import { holds } from './pointer.ts'
import { rulesOf } from './rules.ts'

/** `Authorization` in the provider's scheme, and the fields its definition sends with every call. */
export function apiHeaders(
  connection: Pick<Connection, 'rules' | 'authorization_template' | 'client_id'>,
  access: Pick<AccessToken, 'value'>,
): Readonly<Record<string, string>> {
  const { headers = {} } = rulesOf(connection).api ?? {}
  const named = Object.entries(headers).map(([name, template]): [string, string] => [
    name,
    template.replaceAll('${client_id}', () => connection.client_id),
  ])
  return {
    ...Object.fromEntries(named),
    Authorization: connection.authorization_template.replaceAll('${access_token}', () => access.value.reveal()),
  }
}

/** `body` as it came; of a JSON answer the members are looked at. */
export function judgeApiAnswer(
  connection: Pick<Connection, 'rules'>,
  answer: Pick<ApiAnswer, 'status' | 'body'>,
): TokenVerdict {
  const { expired_when = [{ http_status: [401] }], forbidden_when = [{ http_status: [403] }] } =
    rulesOf(connection).api ?? {}
  const { status, body: text } = answer
  const unread = ({ pointer, text: whole }: Predicate): boolean =>
    text === undefined && (pointer !== undefined || whole !== undefined)
  const read = { status, body: text ?? null }
  const body = jsonOf(read.body)
  const says = (predicate: Predicate): boolean => !unread(predicate) && holds(predicate, read, body)
  if (expired_when.some(says)) return 'expired'
  if (expired_when.some((one) => unread(one) && (one.http_status?.includes(status) ?? true))) return 'unknown'
  return forbidden_when.some(says) ? 'forbidden' : 'accepted'
}

function jsonOf(text: string | null): unknown {
  try {
    return text === null ? undefined : (JSON.parse(text) as unknown)
  } catch {
    return undefined
  }
}
