/**
 * The proxy: `/v1/accounts/{id}/proxy/{path}`. The life of a call is the function `carry`. The rules (R6): the client is
 * known before anything is read, the person has allowed the account's use before anything is sent; the credential goes to
 * the account's own API and its client sees none of it; nothing is kept but what the slower side has not taken yet; and no
 * call that could do something twice is sent twice unless its sender said so.
 */
import type { IncomingMessage } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { AskingDoor } from '../broker/doors.ts'
import type { ClientRecord } from '../broker/ports.ts'
import type { Use } from '../broker/use.ts'
import { parseUse, type UseRequest } from '../contract/client-api.ts'
import { asBrokerError, BrokerError } from '../contract/errors.ts'
import { answerOf, judged, type ApiReply } from './api-reply.ts'
import type { CallsUnderWay } from './calls-under-way.ts'
import type { Carriage } from './carriage.ts'
import { concealing, quotesOf } from './conceal.ts'
import type { Exchange } from './exchange.ts'
import { secureHeaders } from './http-answer.ts'
import { bodyLimit, methodNotAllowed } from './http-guard.ts'
import { credentialed, isRepeatable, returned, wishesOf } from './proxy-headers.ts'
import { aimAt, destinationOf, type Aim, type Destination, type ProxyTarget } from './proxy-target.ts'
import { createUpstream } from './upstream.ts'

/** Milliseconds for a token in place of one the API refused, and for a small body to arrive. */
const patience = { renewal: 30_000, body: 60_000 } as const
/** TRACE would show the credential; OPTIONS and CONNECT do not get past the guard. */
const methods = /^(?!TRACE$)[A-Z-]{1,32}$/u
const refusedMethod = methodNotAllowed('GET, HEAD, POST, PUT, PATCH, DELETE')
/** Hosts whose last nonce is remembered. */
const nonceLimit = 256

const takenBack = new BrokerError('consent_required', 'The person has taken back what allowed this.')

interface ProxyOptions {
  readonly asking: AskingDoor
  /** Shared by every listener. */
  readonly calls: CallsUnderWay
}

/** Serves a proxied call of a client that has been recognised by its credential. */
type ServeProxy = (exchange: Exchange, client: ClientRecord, target: ProxyTarget) => void

interface Call {
  readonly exchange: Exchange
  readonly carriage: Carriage
  readonly destination: Destination
  readonly method: string
  readonly repeatable: boolean
}

export function createProxy({ asking, calls }: ProxyOptions): ServeProxy {
  const upstream = createUpstream()
  /** What an API gave for the next call, by host (RFC 9449 section 8.2). */
  const nonces = new Map<string, string>()

  const carry = async (call: Call, client: ClientRecord, request: UseRequest): Promise<void> => {
    let use = await asking.use(client, request, call.exchange)
    let host: string | undefined
    try {
      const aim = aimAt(call.destination, use.connection)
      ;({ host } = aim)
      const body = await bodyOf(call)
      let answer = await send(call, use, aim, body)
      const challenged = use.connection.dpop_key !== undefined && wantsNonce(answer)
      if (challenged && Buffer.isBuffer(body)) {
        answer.discard()
        answer = await send(call, use, aim, body)
      }
      const { verdict, reply } = await judged(answer, use)
      answer = reply
      // Of a body that has gone the next call has to bring the nonce; a new token would not.
      if (verdict === 'expired' && !(challenged && !Buffer.isBuffer(body))) {
        const next = await replaced(use, call.repeatable)
        if (next && call.repeatable && Buffer.isBuffer(body)) {
          answer.discard()
          use = next
          answer = await send(call, use, aim, body)
        }
      }
      use.ended({ outcome: 'ok', host, status: answer.status })
      await deliver(call, use, aim, answer)
    } catch (thrown) {
      const error = use.signal.aborted ? takenBack : asBrokerError(thrown)
      const detail = error.code === 'server_error' ? {} : { detail: error.message }
      use.ended({
        outcome: call.exchange.signal.aborted ? 'gone' : error.code,
        ...(host !== undefined && { host }),
        ...detail,
      })
      throw error
    } finally {
      use.close()
    }
  }

  const send = async (call: Call, use: Use, aim: Aim, body: Buffer | IncomingMessage): Promise<ApiReply> => {
    const { carriage, method, repeatable, exchange } = call
    const nonce = nonces.get(aim.host)
    const headers = await use.headers({ method, url: aim.url, ...(nonce !== undefined && { nonce }) })
    const length = Buffer.isBuffer(body) ? body.length : exchange.head.length
    const answer = answerOf(
      await upstream({
        ...{ aim, method, body, signal: AbortSignal.any([exchange.signal, use.signal]) },
        headers: credentialed(carriage.fields, { headers, host: aim.host, method, length }),
        repeatable: repeatable && Buffer.isBuffer(body),
      }),
    )
    const given = answer.headers['dpop-nonce']
    if (given !== undefined && given.length <= 256) {
      nonces.delete(aim.host)
      nonces.set(aim.host, given)
      if (nonces.size > nonceLimit) nonces.delete(nonces.keys().next().value ?? '')
    }
    return answer
  }

  return (exchange, client, target) => {
    const { method } = exchange.head
    if (!methods.test(method)) {
      exchange.refuse(refusedMethod.error, refusedMethod.headers)
      return
    }
    exchange.carry(calls.of(client.id), async (carriage) => {
      // Nobody is asked about a call that cannot be made.
      const destination = destinationOf(target.rest)
      const request = parseUse({ ...wishesOf(carriage.fields), account: target.account, method }, '')
      const repeatable = isRepeatable(method, carriage.fields)
      await carry({ exchange, carriage, destination, method, repeatable }, client, request)
    })
  }
}

/** A small body is read, so that it can be sent again; any other is passed on as it comes. */
function bodyOf({ exchange, carriage }: Call): Promise<Buffer> | IncomingMessage {
  const { length } = exchange.head
  return length === 'chunked' || length > bodyLimit ? carriage.body() : carriage.wholeBody(length, patience.body)
}

/** RFC 9449 section 9: the API has looked at nothing but the proof. */
const wantsNonce = ({ status, headers }: ApiReply): boolean =>
  status === 401 &&
  headers['dpop-nonce'] !== undefined &&
  /\berror="?use_dpop_nonce\b/u.test(headers['www-authenticate'] ?? '')

/**
 * The use with the token that replaces the refused one; `undefined`: there is none, and the API's own answer says as much
 * as can be said. Throws `login_required` where only the person can bring one and the call could be made again.
 */
async function replaced(use: Use, repeatable: boolean): Promise<Use | undefined> {
  try {
    const next = await use.renew(patience.renewal)
    return next.token_id === use.token_id ? undefined : next
  } catch (thrown) {
    const error = asBrokerError(thrown)
    if (error.code === 'server_error' || (repeatable && error.code === 'login_required')) throw thrown
    return undefined
  }
}

async function deliver({ carriage, method }: Call, use: Use, aim: Aim, answer: ApiReply): Promise<void> {
  const token = use.access.value.reveal()
  const fields = returned(answer.fields, aim.url, quotesOf(token))
  const empty = method === 'HEAD' || answer.status === 204 || answer.status === 304
  const response = carriage.open()
  response.writeHead(answer.status, [
    ...fields,
    ...(answer.length === undefined ? [] : ['Content-Length', answer.length]),
    ...secureHeaders,
    // A body that nobody will read any more is not waited for.
    ...(carriage.complete() ? [] : ['Connection', 'close']),
  ])
  response.flushHeaders()
  if (empty) {
    answer.body.resume()
    response.end()
  } else await pipeline(answer.body, concealing(token), response, { signal: use.signal })
}
