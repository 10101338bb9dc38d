/**
 * One call of an account's API for an agent, through the broker's proxy. The rule: the agent says what to call and never
 * with what: a header that carries a credential, or says who asks, is refused and not dropped; a path stays a path; and
 * of the answer no more is kept than an agent can be shown.
 */
import { BrokerError } from '../../contract/errors.ts'
import { openDoor } from '../broker-call.ts'
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

/** Ends a call whose answer is longer than is wanted. */
class Enough extends Error {}

/** Calls it as the client of `env`. Throws what the broker refuses with; what the API answers, whatever it is, is an answer. */
export async function callApi(env: Environment, call: ApiCall): Promise<ApiAnswer> {
  const connection = await openDoor(askingAddress(env), env)
  const parts: Buffer[] = []
  let size = 0
  let head: { readonly status: number; readonly headers: Headers } | undefined
  let isWhole = true
  try {
    await connection.ask({
      method: call.method,
      target: `/v1/accounts/${encodeURIComponent(call.account)}/proxy/${proxied(call.place)}`,
      bearer: clientToken(env),
      // Whether the person is asked is `request_access`’s to say, not every call’s.
      fields: { ...checkHeaders(call.headers), 'Valetkey-Interaction': 'never' },
      ...(call.body && { content: call.body }),
      patience,
      limit: Number.MAX_SAFE_INTEGER,
      onHead: (status, headers) => {
        head = { status, headers }
      },
      onBody: (bytes) => {
        parts.push(bytes.subarray(0, answerLimit - size))
        size += bytes.length
        if (size > answerLimit) throw new Enough()
      },
    })
  } catch (thrown) {
    if (!(thrown instanceof Enough)) throw thrown
    isWhole = false
  } finally {
    connection.close()
  }
  if (!head) throw new BrokerError('server_error', 'The broker answered with something unexpected.')
  const answer = { ...head, body: Buffer.concat(parts), isWhole }
  // Only refusals of ours have this header; an API's own error is the agent's to read.
  if (head.headers.has('valetkey-error')) throw refusalOf(parseBody(answer), retryAfter(head.headers))
  return answer
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
