/**
 * How every answer of ours looks on the wire. The rule: each one, refusals by the parser included, is JSON with an exact
 * length that no cache keeps, no other origin embeds and no browser second-guesses; none carries a CORS header.
 */
import { STATUS_CODES } from 'node:http'
import type { BrokerError } from '../contract/errors.ts'
import { nextSteps } from './next-steps.ts'

/** What is on every answer, whatever its type. */
export const secureHeaders: readonly string[] = [
  'Cache-Control',
  'no-store',
  'X-Content-Type-Options',
  'nosniff',
  'Cross-Origin-Resource-Policy',
  'same-origin',
]

const jsonHeaders: readonly string[] = [...secureHeaders, 'Content-Type', 'application/json', 'Content-Length']
/** Some seconds less than the pool lets a connection idle, so that a client gives it up before we do. */
const keptHeaders: readonly string[] = ['Keep-Alive', 'timeout=25', ...jsonHeaders]

const errorField = 'Valetkey-Error'

/** Seconds to name where the error does not say itself when to ask again. */
const defaultRetry = 5

/** The headers of a JSON answer (name, value, ...) of `bytes` bytes. */
export function answerHeaders(bytes: number): string[] {
  return [...jsonHeaders, String(bytes)]
}

/** As `answerHeaders`, for an answer after which the connection stays. */
export function successHeaders(bytes: number): string[] {
  return [...keptHeaders, String(bytes)]
}

/**
 * The headers that belong to an error: its code, which tells it from an answer of an API, the challenge of a 401 (RFC 6750
 * section 3), and when to ask again.
 */
export function errorHeaders(error: BrokerError): string[] {
  const retry = retryAfter(error)
  return [
    ...[errorField, error.code],
    ...(error.status === 401 ? ['WWW-Authenticate', 'Bearer'] : []),
    ...(retry === undefined ? [] : ['Retry-After', String(Math.max(0, Math.ceil(retry)))]),
  ]
}

/** Seconds until asking again makes sense, of those refusals that pass. */
function retryAfter({ code, retry_after }: BrokerError): number | undefined {
  return retry_after ?? (code === 'temporarily_unavailable' || code === 'slow_down' ? defaultRetry : undefined)
}

/** The JSON of a refusal: whatever went wrong, a program can tell from it what to do next or what to show the person. */
export function errorBody(error: BrokerError): string {
  const retry_after = retryAfter(error)
  const { error: code, error_description, resolve, ...rest } = error.toBody()
  const hint = { ...resolve, command: resolve?.command ?? nextSteps[code] }
  return JSON.stringify({ error: code, error_description, resolve: hint, ...rest, retry_after })
}

/** A whole refusal as text, for a connection on which no request was understood. The connection ends after it. */
export function rawRefusal(error: BrokerError): string {
  const body = errorBody(error)
  const headers = ['Connection', 'close', ...errorHeaders(error), ...answerHeaders(Buffer.byteLength(body))]
  let text = `HTTP/1.1 ${String(error.status)} ${STATUS_CODES[error.status] ?? 'Error'}\r\n`
  for (let i = 0; i < headers.length; i += 2) text += `${headers[i] ?? ''}: ${headers[i + 1] ?? ''}\r\n`
  return `${text}\r\n${body}`
}
