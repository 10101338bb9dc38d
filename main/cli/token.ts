/**
 * `valetkey token`: the one thing scripts ask for. The rule: stdout gets the token and a newline or nothing at all, and
 * between the first line of this program and the request on the socket stands only what cannot be left out.
 */
import type { TokenAnswer, TokenRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import { callBroker, type Pending } from './broker-call.ts'
import { fail, neutralise, print, printJson, say, sayPlain } from './output.ts'
import type { Environment } from './place.ts'
import { parseTokenArguments, type Sasl, wantsJson } from './token-arguments.ts'

/** Seconds a broker waits for person and provider by itself, and what we wait longer so that its own answer wins. */
const brokerWait = 120
const grace = 15

/** Runs the command with the words after `token`; gives the exit status. */
export async function runToken(argv: readonly string[]): Promise<number> {
  try {
    const { request, header, sasl, json, as } = parseTokenArguments(argv)
    const answer = await fetchToken(process.env, request, { json, ...(as !== undefined && { as }) })
    if (json) printJson(answer)
    else if (sasl) print(saslResponse(sasl, answer))
    else print(header ? `Authorization: ${answer.authorization}` : answer.access_token)
    return 0
  } catch (thrown) {
    return fail(thrown, wantsJson(argv), 'token')
  }
}

/** How to ask: `as` names the paired client whose token is in `VALETKEY_CLIENT_TOKEN`; `json` how a question is announced. */
export interface Asking {
  readonly json: boolean
  readonly as?: string
}

/** A token as `request` wants it, sure to be one line. Throws what the broker refuses with. */
export async function fetchToken(env: Environment, request: TokenRequest, { json, as }: Asking): Promise<TokenAnswer> {
  if (as !== undefined) requireClientToken(env, as)
  const answer = await callBroker(env, 'token', request, {
    wait: (request.timeout ?? brokerWait) + grace,
    onPending: (pending) => {
      announce(pending, json)
    },
  })
  checkAnswer(answer)
  return answer
}

/** Throws `pairing_required` unless the token of the client `as` is at hand. */
export function requireClientToken(env: Environment, as: string): void {
  if ((env['VALETKEY_CLIENT_TOKEN'] ?? '') !== '') return
  const sentence = `To ask as ${as}, put its client token into VALETKEY_CLIENT_TOKEN; pairing gives it once.`
  throw new BrokerError('pairing_required', sentence, { resolve: { command: `valetkey pair ${quote(as)}` } })
}

/**
 * The initial client response of a SASL mechanism, base64 as mail protocols carry it: OAUTHBEARER (RFC 7628 section 3.1,
 * the user as RFC 5801 section 4 encodes it) or XOAUTH2, Google's and Microsoft's older form of the same.
 */
function saslResponse({ mechanism, user }: Sasl, { access_token }: TokenAnswer): string {
  const escaped = user.replaceAll('=', '=3D').replaceAll(',', '=2C')
  const head = mechanism === 'xoauth2' ? `user=${user}` : `n,a=${escaped},`
  return Buffer.from(`${head}\u0001auth=Bearer ${access_token}\u0001\u0001`).toString('base64')
}

/** Tells that the person is being asked, and by which code they know who asks. */
export function announce({ request_id, code }: Pending, json: boolean): void {
  if (json) sayPlain(JSON.stringify({ pending: { request_id, code } }))
  else {
    say('waiting for approval')
    sayPlain(`code: ${neutralise(code)}`)
    sayPlain(`run: valetkey approve ${neutralise(request_id)}`)
  }
}

/** A word as a shell takes it. */
function quote(word: string): string {
  return /^[\w.@/-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}

/** RFC 6750 section 2.1 and RFC 9110 section 11.4: visible ASCII on one line, or a shell would be given something else. */
function checkAnswer({ access_token, authorization }: Partial<TokenAnswer>): void {
  const isLine = (value: unknown): boolean => typeof value === 'string' && /^[\x20-\x7e]+$/u.test(value)
  if (!isLine(access_token) || !isLine(authorization))
    throw new BrokerError('server_error', 'The broker answered with something that is not a token.', {
      resolve: { command: 'valetkey doctor' },
    })
}
