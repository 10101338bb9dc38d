/**
 * What a reply means. The rule: status 200 with JSON is an answer, any other status is a refusal from the closed list of
 * codes, and whatever is neither is a fault that quotes nothing of what came.
 */
import { isUtf8 } from 'node:buffer'
import { BrokerError, type Candidate, isErrorCode } from '../contract/errors.ts'
import type { Reply } from './connection.ts'

/** The value of a reply with status 200; throws what any other says. */
export function readAnswer(reply: Reply): unknown {
  const body = parseBody(reply)
  if (reply.status === 200) return body
  throw refusalOf(body, Number(reply.headers.get('retry-after') ?? Number.NaN))
}

/** The JSON of a reply. Throws `server_error` when it is none. */
export function parseBody({ body }: Reply): unknown {
  try {
    if (isUtf8(body)) return JSON.parse(body.toString('utf8')) as unknown
  } catch {
    // The engine's own error is dropped: it quotes the answer, and the answer may hold a token.
  }
  throw new BrokerError('server_error', 'The answer is not JSON.', { resolve: { command: 'valetkey doctor' } })
}

/** An error body as the error it describes; `retryAfter` in seconds. Anything else becomes `server_error`. */
export function refusalOf(body: unknown, retryAfter = Number.NaN): BrokerError {
  const { error, error_description, resolve, request_id, candidates } = (body ?? {}) as Readonly<
    Record<string, unknown>
  >
  if (!isErrorCode(error) || typeof error_description !== 'string')
    return new BrokerError('server_error', 'The broker refused without saying why.', {
      resolve: { command: 'valetkey doctor' },
    })
  const hints = Object.entries(resolve ?? {}).filter(([, hint]) => typeof hint === 'string')
  return new BrokerError(error, error_description, {
    ...(hints.length > 0 && { resolve: Object.fromEntries(hints) }),
    ...(typeof request_id === 'string' && { request_id }),
    ...(Array.isArray(candidates) && { candidates: candidates.filter(isCandidate) }),
    ...(Number.isFinite(retryAfter) && { retry_after: retryAfter }),
  })
}

function isCandidate(value: unknown): value is Candidate {
  const { id, label, provider } = (value ?? {}) as Readonly<Record<string, unknown>>
  return typeof id === 'string' && typeof label === 'string' && typeof provider === 'string'
}
