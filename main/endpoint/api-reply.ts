/**
 * An API's answer while it passes. The rule: it is read no further than its judgement needs, and what was read is still
 * there for whom it is meant; an answer that was encoded although that was not asked for is decoded, because an encoding
 * would hide what must not pass.
 */
import type { IncomingMessage } from 'node:http'
import { type Duplex, pipeline, Readable } from 'node:stream'
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress } from 'node:zlib'
import type { TokenVerdict } from '../broker/api-call.ts'
import type { Use } from '../broker/use.ts'
import { BrokerError } from '../contract/errors.ts'
import type { Fields } from './proxy-headers.ts'

/** Bytes of a body that are looked at, and milliseconds they are waited for. */
const judgedBytes = 65_536
const judgedWithin = 5_000

export interface ApiReply {
  readonly status: number
  /** As they came. */
  readonly fields: Fields
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>
  /** What `Content-Length` says of `body`; absent: not known. */
  readonly length: string | undefined
  readonly body: Readable
  /** Nobody wants the body: what is short is taken in, so that the connection stays. */
  discard(): void
}

const decoders: Readonly<Record<string, () => Duplex>> = {
  gzip: createGunzip,
  'x-gzip': createGunzip,
  deflate: createInflate,
  br: createBrotliDecompress,
  zstd: createZstdDecompress,
}

/** Throws `provider_error` for an answer in an encoding that cannot be looked through. */
export function answerOf(answer: IncomingMessage): ApiReply {
  const status = answer.statusCode ?? 502
  const headers = Object.fromEntries(
    Object.entries(answer.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  )
  const encoding = (headers['content-encoding'] ?? '').trim().toLowerCase()
  // An answer that breaks off says so to whoever reads it then; before, nobody listens.
  answer.on('error', () => undefined)
  const isPlain = encoding === '' || encoding === 'identity'
  const decoder = isPlain || !Object.hasOwn(decoders, encoding) ? undefined : decoders[encoding]
  // A range is one of the encoded bytes, which decode only as a whole.
  if (!isPlain && (!decoder || status === 206)) {
    answer.destroy()
    throw new BrokerError('provider_error', 'The API answers in an encoding that was not asked for.')
  }
  const length = isPlain ? headers['content-length'] : undefined
  const body = decoder ? decoded(answer, decoder()) : answer
  return {
    ...{ status, headers, length, body },
    fields: isPlain ? answer.rawHeaders : without(answer.rawHeaders, 'content-encoding'),
    discard: () => {
      if (length !== undefined && Number(length) <= judgedBytes) body.resume()
      else answer.destroy()
    },
  }
}

function decoded(answer: IncomingMessage, decoder: Duplex): Readable {
  // Whoever reads the decoder learns from it how the answer ended.
  decoder.on('error', () => undefined)
  pipeline(answer, decoder, () => undefined)
  return decoder
}

const without = (fields: Fields, name: string): Fields =>
  fields.filter((_, at) => fields[at - (at % 2)]?.toLowerCase() !== name)

/** An answer, and what it says about the token. */
interface Judged {
  readonly verdict: TokenVerdict
  readonly reply: ApiReply
}

/** The body is looked at only where the definition says that it tells; all of it is still there in the `reply` answered. */
export async function judged(reply: ApiReply, use: Pick<Use, 'judge'>): Promise<Judged> {
  const { status, headers } = reply
  const verdict = use.judge({ status, headers })
  if (verdict !== 'unknown') return { verdict, reply }
  const endless = /^text\/event-stream\b/iu.test(headers['content-type'] ?? '')
  const text = endless || Number(reply.length ?? 0) > judgedBytes ? null : await beginning(reply.body)
  return {
    verdict: use.judge({ status, headers, body: text?.toString('utf8') ?? null }),
    reply: text === null ? reply : { ...reply, body: Readable.from(text.length === 0 ? [] : [text]) },
  }
}

/** The whole body when it is small and there in time; else `null`, and it can still be read from the start. */
async function beginning(body: Readable): Promise<Buffer | null> {
  const parts: Buffer[] = []
  let size = 0
  const deadline = performance.now() + judgedWithin
  for (;;) {
    const part = body.read() as Buffer | null
    if (part !== null) {
      parts.push(part)
      size += part.length
    } else if (body.readableEnded || body.destroyed || !(await more(body, deadline - performance.now()))) break
    if (size > judgedBytes) break
  }
  const bytes = Buffer.concat(parts)
  if (body.readableEnded) return bytes
  if (body.destroyed) throw new BrokerError('provider_error', 'The API’s answer was cut off.')
  if (bytes.length > 0) body.unshift(bytes)
  return null
}

/** Whether something happened to the stream within `wait` milliseconds. */
function more(body: Readable, wait: number): Promise<boolean> {
  return new Promise((resolve) => {
    const events = ['readable', 'end', 'close', 'error'] as const
    const settle = (happened: boolean): void => {
      clearTimeout(late)
      for (const event of events) body.off(event, happen)
      resolve(happened)
    }
    const happen = (): void => {
      settle(true)
    }
    const late = setTimeout(
      () => {
        settle(false)
      },
      Math.max(0, wait),
    )
    for (const event of events) body.on(event, happen)
  })
}
