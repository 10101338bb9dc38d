/**
 * Keeps a token out of what is handed on. The rule (R6): a program that may use an account does not read its token, also
 * not where the API itself repeats it, as pages that show a request's own headers do. Wherever the token stands, as it is,
 * as JSON may escape it or percent-encoded, stars of the same number of bytes stand instead; cut anywhere, in any pieces.
 */
import { Transform } from 'node:stream'

/** A shorter text could stand anywhere by chance; and no token is so short. */
const shortest = 12
const star = 0x2a

/** The forms in which the token is looked for. */
function formsOf(token: string): readonly string[] {
  if (token.length < shortest) return []
  const escaped = token.replaceAll('/', String.raw`\/`)
  return [...new Set([token, escaped, encodeURIComponent(token), encodeURIComponent(token).toLowerCase()])]
}

/** Whether a text holds the token. */
export function quotesOf(token: string): (text: string) => boolean {
  const forms = formsOf(token)
  return (text) => forms.some((form) => text.includes(form))
}

/** A stream that lets everything through but the token; what it holds back is the beginning of one, and no more. */
export function concealing(token: string): Transform {
  const forms = formsOf(token).map((form) => Buffer.from(form))
  let held: Buffer = Buffer.alloc(0)
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      let bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
      for (const form of forms)
        for (let at = bytes.indexOf(form); at !== -1; at = bytes.indexOf(form, at + form.length)) {
          // What arrived may be a part of something larger, or be looked at by somebody else.
          if (bytes === chunk) bytes = Buffer.from(chunk)
          bytes.fill(star, at, at + form.length)
        }
      const end = bytes.length - Math.max(0, ...forms.map((form) => begun(bytes, form)))
      held = bytes.subarray(end)
      done(null, bytes.subarray(0, end))
    },
    flush(done) {
      done(null, held)
    },
  })
}

/** How many bytes at the end of `bytes` could be the beginning of `form`. */
function begun(bytes: Buffer, form: Buffer): number {
  const first = form[0] ?? 0
  let at = bytes.indexOf(first, Math.max(0, bytes.length - form.length + 1))
  while (at !== -1) {
    const length = bytes.length - at
    if (bytes.compare(form, 0, length, at) === 0) return length
    at = bytes.indexOf(first, at + 1)
  }
  return 0
}
