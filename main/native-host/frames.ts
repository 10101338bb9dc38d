/**
 * The framing of native messaging (Chrome's and Mozilla's documentation, Native messaging): 32 bits of length in the
 * machine's own byte order, then UTF-8 JSON. The rule: a length is judged before anything is kept for it, and what is too
 * long for the browser is never cut short.
 */
import { endianness } from 'node:os'

/** Bytes of one message: what browsers take from a host, and more than any request of ours. */
export const LONGEST = 1_048_576

const little = endianness() === 'LE'
const HEADER = 4

/** A message as the browser reads it; `undefined` when it would not take it. */
export function frameOf(message: unknown): Buffer | undefined {
  const body = Buffer.from(JSON.stringify(message))
  if (body.length > LONGEST) return undefined
  const header = Buffer.alloc(HEADER)
  if (little) header.writeUInt32LE(body.length)
  else header.writeUInt32BE(body.length)
  return Buffer.concat([header, body])
}

/** What came in: a message, or a frame that is none and after which nothing can be understood. */
export type Incoming =
  { readonly kind: 'message'; readonly value: unknown } | { readonly kind: 'broken'; readonly why: string }

export class FrameReader {
  #held: Buffer = Buffer.alloc(0)

  /** The frames that `bytes` complete, in order. After a broken one there are no more. */
  feed(bytes: Buffer): readonly Incoming[] {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes])
    const found: Incoming[] = []
    while (this.#held.length >= HEADER) {
      const length = little ? this.#held.readUInt32LE() : this.#held.readUInt32BE()
      if (length > LONGEST)
        return [...found, { kind: 'broken', why: `a message of ${String(length)} bytes is too long` }]
      if (this.#held.length < HEADER + length) break
      const text = this.#held.subarray(HEADER, HEADER + length).toString('utf8')
      this.#held = this.#held.subarray(HEADER + length)
      try {
        found.push({ kind: 'message', value: JSON.parse(text) as unknown })
      } catch {
        return [...found, { kind: 'broken', why: 'a message is not JSON' }]
      }
    }
    return found
  }
}
