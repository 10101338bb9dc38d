/**
 * One request and its answer. The rule: exactly one answer leaves, in one write, with an exact length (in two lines for a
 * caller that asked for lines, when the person has to be asked); and nothing that a plain request does not need (an
 * abort signal, a close listener) is made before somebody waits.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AskingDoor, Line } from '../broker/doors.ts'
import type { ClientRecord, Log } from '../broker/ports.ts'
import { callerHeader, linesType, pendingHeaders } from '../contract/client-api.ts'
import { asBrokerError, BrokerError } from '../contract/errors.ts'
import type { Peer } from '../contract/model.ts'
import { callLimit, tooManyCalls, type Calls } from './calls-under-way.ts'
import { carryOut, type Carriage, type CarriageParts } from './carriage.ts'
import { tableFull, type Connection, type ConnectionPool } from './connection-pool.ts'
import { describeFault } from './fault.ts'
import { answerHeaders, errorBody, errorHeaders, secureHeaders, successHeaders } from './http-answer.ts'
import { bearerToken, bodyLimit, type Refusal, type RequestHead } from './http-guard.ts'
import { parseJson } from './json-body.ts'
import { lookUpPeer } from './peer.ts'

const wrongType = new BrokerError('invalid_request', 'Send the body as application/json in UTF-8.', { status: 415 })
const tooLarge = new BrokerError('invalid_request', `The body may have at most ${String(bodyLimit)} bytes.`, {
  status: 413,
})
const unexpectedBody = new BrokerError('invalid_request', 'This call takes no body.')
const nothing = Buffer.alloc(0)
/** The most bytes of a body that a connection remembers. */
const rememberedLimit = 1024
/** The JSON of frozen answers; it goes when the broker lets go of the answer, so nothing here outlives a lock. */
const serialised = new WeakMap<
  object,
  { readonly headers: readonly string[]; readonly body: string; readonly encoding: BufferEncoding }
>()

export class Exchange implements Line {
  readonly head: RequestHead
  readonly #response: ServerResponse
  readonly #request: IncomingMessage
  readonly #connection: Connection
  readonly #pool: ConnectionPool
  readonly #log: Log
  readonly #continue: boolean
  #answered = false
  #told = false
  #lines = false
  #abort: AbortController | undefined

  /** `waits`: the caller holds its body back until we say 100 (RFC 9110 section 10.1.1). */
  constructor(
    head: RequestHead,
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
    pool: ConnectionPool,
    log: Log,
    waits = false,
  ) {
    this.head = head
    this.#continue = waits
    this.#response = response
    this.#request = request
    this.#connection = connection
    this.#pool = pool
    this.#log = log
    connection.busy++
    connection.idle = 0
  }

  /** Its caller has shown who it is, so no stranger's connection takes its place. `false`: there was none, and that is said. */
  recognise(): boolean {
    if (this.#connection.known || this.#pool.recognise(this.#request.socket)) return true
    this.refuse(tableFull, [], true)
    return false
  }

  /**
   * The client of this request's credential, by `authenticate` or, when this connection has shown the very same before, by
   * `still`. `null`: there is none, or it is not good.
   */
  client(door: Pick<AskingDoor, 'authenticate' | 'still'>): ClientRecord | null {
    const { authorization } = this.head
    const { credential } = this.#connection
    if (credential?.value === authorization) return door.still(credential.client)
    const token = bearerToken(authorization)
    const client = token === null ? null : door.authenticate(token)
    // Not of a first request: most connections bring no second one.
    if (this.#connection.known && client !== null && authorization !== null)
      this.#connection.credential = { value: authorization, client }
    return client
  }

  get origin(): string | undefined {
    return this.head.extension
  }

  /** Aborts when the caller's connection closes before the answer has left. */
  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      const abort = new AbortController()
      const socket = this.#request.socket
      const gone = (): void => {
        abort.abort()
      }
      this.#abort = abort
      if (socket.destroyed) gone()
      else {
        socket.once('close', gone)
        this.#response.once('finish', () => socket.off('close', gone))
      }
    }
    return this.#abort.signal
  }

  /** Tells the caller which question waits: in an informational answer (RFC 9110 section 15.2), or in a line of its own. */
  pending(question: { readonly request_id: string; readonly code: string }): void {
    if (this.#told || this.#answered) return
    this.#told = true
    this.#connection.asked = true
    const { request_id, code } = question
    if (this.header('accept') === linesType) {
      this.#lines = true
      if (this.#response.destroyed) return
      this.#response.writeHead(200, [...secureHeaders, 'Content-Type', linesType])
      this.#response.write(`${JSON.stringify({ pending: { request_id, code } })}\n`)
      return
    }
    if (![request_id, code].every((value) => /^[\x21-\x7e]{1,64}$/u.test(value))) return
    // Node's writeEarlyHints sends nothing without a Link, and its writeInformation is newer than the oldest Node we run on.
    const hint = `HTTP/1.1 103 Early Hints\r\n${pendingHeaders.request}: ${request_id}\r\n${pendingHeaders.code}: ${code}\r\n\r\n`
    const { socket } = this.#response
    if (socket !== null) socket.write(hint, 'latin1')
    // A pipelined request whose predecessor is still being answered gets its socket later.
    else this.#response.once('socket', (later: NodeJS.WritableStream) => this.#answered || later.write(hint, 'latin1'))
  }

  /** Who is at the other end of the connection, by the system's word. Never rejects. */
  async peer(): Promise<Peer> {
    const says = this.header(callerHeader)
    const peer = await lookUpPeer(this.#request.socket)
    return says !== undefined && /^[\x20-\x7e]{1,200}$/u.test(says) ? { ...peer, says } : peer
  }

  /**
   * Reads the body and hands `take` its JSON value, `undefined` when it is empty. Refuses by itself: 415, 413, 400.
   * `remember`: when the same bytes come again on this connection, the same (frozen) value is handed out unread. Not for a
   * body that may hold a secret.
   */
  readJson(take: (value: unknown) => void, remember = false): void {
    const { length, json } = this.head
    if (!json) {
      this.refuse(wrongType)
      return
    }
    if (length !== 'chunked' && length > bodyLimit) {
      this.refuse(tooLarge)
      return
    }
    if (this.#continue) this.#response.writeContinue()
    // Most bodies come in one piece with their head and are there when the parser has had its turn; taking them then costs
    // a fraction of what listening for them does.
    process.nextTick(() => {
      if (this.#request.readableLength === length)
        this.#finish((this.#request.read() as Buffer | null) ?? nothing, take, remember)
      else this.#listen(take, remember)
    })
  }

  #listen(take: (value: unknown) => void, remember: boolean): void {
    let body: Buffer = nothing
    let rest: Buffer[] | undefined
    let size = 0
    this.#request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > bodyLimit) {
        body = nothing
        rest = undefined
        this.refuse(tooLarge)
      } else if (size === chunk.length) body = chunk
      else (rest ??= [body]).push(chunk)
    })
    this.#request.on('end', () => {
      this.#finish(rest === undefined ? body : Buffer.concat(rest, size), take, remember)
    })
  }

  #finish(body: Buffer, take: (value: unknown) => void, remember: boolean): void {
    if (this.#answered) return
    try {
      take(remember ? this.#remembered(body) : parseJson(body))
    } catch (thrown) {
      this.fail(thrown)
    }
  }

  #remembered(bytes: Buffer): unknown {
    const last = this.#connection.body
    if (last?.bytes.equals(bytes) === true) return last.value
    const value = parseJson(bytes)
    // A copy, because what arrived is a part of something larger.
    if (this.#connection.known && bytes.length <= rememberedLimit)
      this.#connection.body = { bytes: Buffer.from(bytes), value: Object.freeze(value) }
    return value
  }

  /** For calls without a body: `true` when there is none, else refuses. */
  hasNoBody(): boolean {
    if (this.head.length === 0) return true
    this.refuse(unexpectedBody)
    return false
  }

  /** Answers 200 with what `work` comes to, or with the error it ends in; then it is off `calls`. */
  settle(work: Promise<unknown>, calls?: Calls): void {
    work.then(
      (value) => {
        if (calls !== undefined) calls.count--
        try {
          this.answer(value)
        } catch (thrown) {
          this.fail(thrown)
        }
      },
      (thrown: unknown) => {
        if (calls !== undefined) calls.count--
        this.fail(thrown)
      },
    )
  }

  /** Like `settle`, for work that may also throw at once. */
  attempt(work: () => Promise<unknown>): void {
    try {
      this.settle(work())
    } catch (thrown) {
      this.fail(thrown)
    }
  }

  /** Like `attempt`, for work that counts as one of `calls` while it is under way, and that may be done at once. */
  attemptAsOneOf(calls: Calls, work: () => Promise<unknown> | object): void {
    if (calls.count >= callLimit) {
      this.refuse(tooManyCalls)
      return
    }
    try {
      const begun = work()
      if (begun instanceof Promise) {
        calls.count++
        this.settle(begun, calls)
      } else this.answer(begun)
    } catch (thrown) {
      this.fail(thrown)
    }
  }

  /** Answers 200. A frozen value is taken to be given again, as a cached token is, and is serialised once. */
  answer(value: unknown): void {
    const known = serialised.get(value as object)
    if (known !== undefined) {
      this.#send(200, known.headers, known.body, known.encoding)
      return
    }
    const body = JSON.stringify(value)
    const size = Buffer.byteLength(body)
    // Of pure ASCII both encodings have the same bytes, and Node writes this one faster.
    const encoding = size === body.length ? 'latin1' : 'utf8'
    const headers = successHeaders(size)
    if (Object.isFrozen(value)) serialised.set(value as object, { headers, body, encoding })
    this.#send(200, headers, body, encoding)
  }

  /** Any thrown thing as an answer. */
  fail(thrown: unknown): void {
    const error = asBrokerError(thrown)
    if (error.code === 'server_error') this.reportFault(error.cause ?? error)
    this.refuse(error)
  }

  /** Logs a fault of ours by where it happened; its message might quote a secret. */
  reportFault(thrown: unknown): void {
    this.#log('error', 'endpoint.fault', describeFault(thrown))
  }

  /** A header the guard does not look at, by lower-case name, as Node joins it when it was sent more than once. */
  header(name: string): string | undefined {
    const value = this.#request.headers[name]
    return typeof value === 'string' ? value : value?.join(', ')
  }

  /** Answers with something else than JSON. `headers` (name, value, ...) are all that it carries but its length. */
  reply(status: number, headers: readonly string[], body: string | Buffer): void {
    this.#send(status, [...headers, 'Content-Length', String(Buffer.byteLength(body))], body)
  }

  /** Hands the response over to somebody who answers bit by bit, with deadlines of his own. */
  stream(): ServerResponse {
    this.#answered = true
    this.#connection.busy--
    this.#connection.streaming = true
    return this.#response
  }

  /** Has `work` carry the request and its answer as one of `calls`, in which neither need be small or quick. */
  carry(calls: Calls, work: (carriage: Carriage) => Promise<void>): void {
    if (calls.count >= callLimit) {
      this.refuse(tooManyCalls)
      return
    }
    const parts: CarriageParts = {
      ...{ request: this.#request, response: this.#response, connection: this.#connection, waits: this.#continue },
      opening: () => {
        const first = !this.#answered
        this.#answered = true
        return first
      },
      fail: (thrown) => {
        this.fail(thrown)
      },
    }
    carryOut(parts, calls, work)
  }

  /** Ends with `error`. `close` also ends the connection; so does a body too long, or of unknown length, to be skipped. */
  refuse(error: BrokerError, headers: readonly string[] = [], close = false): void {
    const body = errorBody(error)
    const { length } = this.head
    const ends = close || (!this.#request.complete && (length === 'chunked' || length > bodyLimit))
    this.#send(
      error.status,
      [
        ...(ends ? ['Connection', 'close'] : []),
        ...headers,
        ...errorHeaders(error),
        ...answerHeaders(Buffer.byteLength(body)),
      ],
      body,
    )
  }

  /** A refusal of the request's form: the connection ends with it. */
  refuseForm(refusal: Refusal): void {
    this.refuse(refusal.error, refusal.headers, true)
  }

  #send(status: number, headers: readonly string[], body: string | Buffer, encoding: BufferEncoding = 'utf8'): void {
    if (this.#answered) return
    this.#answered = true
    this.#connection.busy--
    if (this.#response.destroyed) return
    if (this.#lines) {
      this.#response.end(`{"${status === 200 ? 'value' : 'error'}":${String(body)}}\n`)
      return
    }
    this.#response.writeHead(status, headers as string[])
    this.#response.end(body, encoding)
  }
}
