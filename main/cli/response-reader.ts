/**
 * Reads one HTTP/1.1 response (RFC 9112) from bytes that arrive in any pieces. The rule: pure, and strict where two
 * readers could disagree; what is not plainly an answer of our broker is a fault and never half an answer. `node:http`
 * would do, at six milliseconds of loading for each token.
 */
import { BrokerError } from '../contract/errors.ts'

export type Headers = ReadonlyMap<string, string>

export type ResponseEvent =
  /** An informational answer (1xx); the answer itself is still to come. */
  | { readonly kind: 'information'; readonly status: number; readonly headers: Headers }
  | { readonly kind: 'head'; readonly status: number; readonly headers: Headers }
  | { readonly kind: 'body'; readonly bytes: Buffer }
  | { readonly kind: 'end' }

/** Bytes one head or chunk line may have, and informational answers before the answer. */
const headLimit = 32_768
const lineLimit = 256
const informationLimit = 16

type State = 'head' | 'fixed' | 'chunk-line' | 'chunk' | 'chunk-end' | 'trailer' | 'until-close' | 'end'

export class ResponseReader {
  readonly #limit: number
  #state: State = 'head'
  #rest: Buffer = Buffer.alloc(0)
  /** Bytes still to come of the body or of the chunk. */
  #left = 0
  #size = 0
  #trailer = 0
  #informed = 0

  /** `limit`: bytes the body may have at most. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get ended(): boolean {
    return this.#state === 'end'
  }

  /** What `chunk` completes. Throws `server_error` on anything that is not one valid response. */
  feed(chunk: Buffer): readonly ResponseEvent[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const events: ResponseEvent[] = []
    while (this.#step(events));
    return events
  }

  /** The connection has ended: what that completes. Throws when the response was not whole. */
  finish(): readonly ResponseEvent[] {
    if (this.#state === 'end') return []
    if (this.#state !== 'until-close') throw broken('the connection ended in the middle of the answer')
    this.#state = 'end'
    return [{ kind: 'end' }]
  }

  /** One step forward; `false` when more bytes are needed or nothing is left to do. */
  #step(events: ResponseEvent[]): boolean {
    switch (this.#state) {
      case 'head':
        return this.#readHead(events)
      case 'fixed':
      case 'chunk':
        return this.#readBody(events)
      case 'chunk-line':
        return this.#readChunkLine()
      case 'chunk-end':
        return this.#readChunkEnd()
      case 'trailer':
        return this.#readTrailer(events)
      case 'until-close':
        if (this.#rest.length === 0) return false
        this.#take(this.#rest.length, events)
        return false
      case 'end':
        if (this.#rest.length > 0) throw broken('there is more than one answer')
        return false
    }
  }

  #readHead(events: ResponseEvent[]): boolean {
    const end = this.#rest.indexOf('\r\n\r\n')
    if (end === -1 ? this.#rest.length > headLimit : end > headLimit) throw broken('its head is too long')
    if (end === -1) {
      // Something that does not even begin like HTTP is told at once, not after a head's worth of it.
      const begin = this.#rest.toString('latin1', 0, 9)
      if (!'HTTP/1.1 '.startsWith(begin)) throw broken('it is not HTTP/1.1')
      return false
    }
    const [first = '', ...lines] = this.#rest.toString('latin1', 0, end).split('\r\n')
    this.#rest = this.#rest.subarray(end + 4)
    const status = Number(/^HTTP\/1\.1 ([1-5]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/u.exec(first)?.[1] ?? Number.NaN)
    if (Number.isNaN(status)) throw broken('it is not HTTP/1.1')
    const headers = parseHeaders(lines)
    if (status < 200) {
      if (status === 101 || ++this.#informed > informationLimit) throw broken('it never gets to the answer')
      events.push({ kind: 'information', status, headers })
      return true
    }
    events.push({ kind: 'head', status, headers })
    this.#state = this.#framing(status, headers)
    if (this.#state === 'end') events.push({ kind: 'end' })
    return true
  }

  /** How the body is delimited (RFC 9112 section 6.3). */
  #framing(status: number, headers: Headers): State {
    const encoding = headers.get('transfer-encoding')
    const length = headers.get('content-length')
    if (status === 204 || status === 304) return 'end'
    if (encoding !== undefined) {
      if (encoding.toLowerCase() !== 'chunked' || length !== undefined) throw broken('its length is ambiguous')
      return 'chunk-line'
    }
    if (length === undefined) return 'until-close'
    if (!/^\d{1,15}$/u.test(length)) throw broken('its length is ambiguous')
    this.#left = Number(length)
    if (this.#left > this.#limit) throw broken('it is too long')
    return this.#left === 0 ? 'end' : 'fixed'
  }

  #readBody(events: ResponseEvent[]): boolean {
    if (this.#rest.length === 0) return false
    const count = Math.min(this.#left, this.#rest.length)
    this.#left -= count
    this.#take(count, events)
    if (this.#left > 0) return false
    if (this.#state === 'chunk') this.#state = 'chunk-end'
    else {
      this.#state = 'end'
      events.push({ kind: 'end' })
    }
    return true
  }

  #take(count: number, events: ResponseEvent[]): void {
    this.#size += count
    if (this.#size > this.#limit) throw broken('it is too long')
    events.push({ kind: 'body', bytes: this.#rest.subarray(0, count) })
    this.#rest = this.#rest.subarray(count)
  }

  /** One line without its CRLF, or `null` when it is not complete yet. */
  #line(): string | null {
    const end = this.#rest.indexOf('\r\n')
    if (end === -1 ? this.#rest.length > lineLimit : end > lineLimit) throw broken('its chunks are malformed')
    if (end === -1) return null
    const line = this.#rest.toString('latin1', 0, end)
    this.#rest = this.#rest.subarray(end + 2)
    return line
  }

  #readChunkLine(): boolean {
    const line = this.#line()
    if (line === null) return false
    const size = /^([\da-f]{1,8})(?:[\t ]*;.*)?$/iu.exec(line)?.[1]
    if (size === undefined) throw broken('its chunks are malformed')
    this.#left = Number.parseInt(size, 16)
    if (this.#size + this.#left > this.#limit) throw broken('it is too long')
    this.#state = this.#left === 0 ? 'trailer' : 'chunk'
    return true
  }

  #readChunkEnd(): boolean {
    if (this.#rest.length < 2) return false
    if (this.#rest[0] !== 13 || this.#rest[1] !== 10) throw broken('its chunks are malformed')
    this.#rest = this.#rest.subarray(2)
    this.#state = 'chunk-line'
    return true
  }

  #readTrailer(events: ResponseEvent[]): boolean {
    const line = this.#line()
    if (line === null) return false
    this.#trailer += line.length
    if (this.#trailer > headLimit) throw broken('its trailer is too long')
    if (line === '') {
      this.#state = 'end'
      events.push({ kind: 'end' })
    }
    return true
  }
}

/** Header lines as a map of lower-case names; a list given in several lines is joined (RFC 9110 section 5.3). */
function parseHeaders(lines: readonly string[]): Headers {
  const headers = new Map<string, string>()
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~\w-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/u.exec(line)
    const name = match?.[1]?.toLowerCase()
    if (name === undefined) throw broken('one of its headers is malformed')
    const before = headers.get(name)
    if (before !== undefined && (name === 'content-length' || name === 'transfer-encoding'))
      throw broken('its length is ambiguous')
    const value = (match?.[2] ?? '').trimEnd()
    headers.set(name, before === undefined ? value : `${before}, ${value}`)
  }
  return headers
}

function broken(why: string): BrokerError {
  return new BrokerError('server_error', `The answer could not be understood: ${why}.`, {
    resolve: { command: 'valetkey doctor' },
  })
}
