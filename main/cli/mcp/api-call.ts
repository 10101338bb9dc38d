/**
 * One call of an account's API for an agent, through the broker's proxy. The rule: the agent says what to call and never
 * with what: a header that carries a credential, or says who asks, is refused and not dropped; a path stays a path; and
 * of the answer no more is kept than an agent can be shown.
 */
import { type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http'
import { BrokerError } from '../../contract/errors.ts'
import { openDoor, proofFor } from '../broker-call.ts'
import { nameOf, notRunning } from '../connection.ts'
import { askingAddress, clientToken, type Environment } from '../place.ts'
import { parseBody, refusalOf } from '../reply.ts'
import type { Headers } from '../response-reader.ts'

export interface ApiCall {
  readonly account: string
  readonly method: string
  /** A path of the API, or a whole URL in it. */
  readonly place: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Buffer
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
  /** Whether `body` is all of it. */
  readonly isWhole: boolean
}

/** Milliseconds for the whole answer; bytes of it that are kept. */
const patience = 120_000
export const answerLimit = 65_536

/** Calls it as the client of `env`. Throws what the broker refuses with; what the API answers, whatever it is, is an answer. */
export async function callApi(env: Environment, call: ApiCall): Promise<ApiAnswer> {
  const { method, body } = call
  const path = `/v1/accounts/${encodeURIComponent(call.account)}/proxy/${proxied(call.place)}`
  const address = askingAddress(env)
  const token = clientToken(env)
  const proof = await proofFor(env, { method, target: path, address: nameOf(address) }, token)
  const headers = [
    ...['Host', address.kind === 'tcp' ? address.name : 'localhost'],
    ...['Authorization', `Bearer ${token}`],
    ...(proof === undefined ? [] : ['Valetkey-Proof', proof]),
    // Whether the person is asked is `request_access`’s to say, not every call’s.
    ...['Valetkey-Interaction', 'never'],
    ...Object.entries(checkHeaders(call.headers)).flat(),
    ...(body ? ['Content-Length', String(body.length)] : []),
  ]
  const connection = await openDoor(address, env)
  const late = setTimeout(() => {
    connection.socket.destroy(new BrokerError('timeout', 'The API has not answered in time.'))
  }, patience)
  try {
    const request = httpRequest({ createConnection: () => connection.socket, method, path, headers })
    const answer = await headOf(request, body, () => notRunning(nameOf(address)))
    return await read(answer)
  } finally {
    clearTimeout(late)
    connection.socket.destroy()
  }
}

/** The head of the answer. `lost` makes the error for a connection that ends before it. */
function headOf(request: ClientRequest, body: Buffer | undefined, lost: () => BrokerError): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    // After the answer's head this is too late to matter: a sender that is refused early may still be sending.
    request.on('error', (thrown) => {
      reject(thrown instanceof BrokerError ? thrown : lost())
    })
    request.end(body)
  })
}

async function read(answer: IncomingMessage): Promise<ApiAnswer> {
  const parts: Buffer[] = []
  let size = 0
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      parts.push(part)
      size += part.length
      if (size > answerLimit) break
    }
  } catch (cause) {
    if (cause instanceof BrokerError) throw cause
    throw new BrokerError('provider_error', 'The answer broke off before its end.', { cause })
  }
  const headers = new Map(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]))
  const body = Buffer.concat(parts).subarray(0, answerLimit)
  const whole = { status: answer.statusCode ?? 0, headers, body, isWhole: size <= answerLimit }
  // Only refusals of ours have this header; an API's own error is the agent's to read.
  if (headers.has('valetkey-error')) throw refusalOf(parseBody(whole), retryAfter(headers))
  return whole
}

function retryAfter(headers: Headers): number {
  return Number(headers.get('retry-after') ?? Number.NaN)
}

/** What follows `proxy/`. Throws `invalid_request`; where the call may go is the proxy's to decide. */
function proxied(place: string): string {
  if (!/^[\x21\x22\x24-\x7e]{1,8192}$/u.test(place))
    throw new BrokerError(
      'invalid_request',
      'The path or URL must be percent-encoded: no spaces, no fragment, plain ASCII.',
    )
  const [path = ''] = place.split('?', 1)
  if (/\\|%5c|(?:^|\/|%2f)(?:\.|%2e){1,2}(?:\/|%2f|;|$)/iu.test(path))
    throw new BrokerError('invalid_request', 'The path must have no dot segments and no backslashes.')
  return place.startsWith('/') ? place.slice(1) : place
}

/** What belongs to the connection, says who asks, or would be a credential. */
const notTheirs =
  /^(?:authorization|cookie2?|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|expect|content-length|forwarded|via|origin|referer|dpop|x-api-key|x-real-ip|(?:proxy|sec|x-forwarded|valetkey)-.*)$/u

/** Throws `invalid_request` for one that is no header field, `access_denied` for one an agent may not send. */
function checkHeaders(headers: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  for (const [name, value] of Object.entries(headers)) {
    if (!/^[!#$%&'*+.^_`|~\w-]{1,64}$/u.test(name) || !/^[\x20-\x7e]{0,4096}$/u.test(value))
      throw new BrokerError('invalid_request', `${JSON.stringify(name)} is no header field in plain ASCII.`)
    if (notTheirs.test(name.toLowerCase()))
      throw new BrokerError(
        'access_denied',
        `The header ${name} is not yours to set: Valetkey puts the account’s credential on.`,
      )
  }
  return headers
}
