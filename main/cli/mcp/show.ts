/**
 * What an agent is shown of an API's answer. The rule: text as text, a picture as a picture, and of anything else only
 * what it is; what was cut is said to be cut; and of the headers only those that tell how to go on.
 */
import { isUtf8 } from 'node:buffer'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { answerLimit, type ApiAnswer } from './api-call.ts'

/** The headers that say what a body is, where the next one is, and when to come again. */
const shown =
  /^(?:content-(?:type|length|language|disposition|location)|location|link|etag|last-modified|retry-after|date|allow|deprecation|sunset|warning|www-authenticate|x-request-id|x-total-count|x-next-page|x-page|(?:x-)?ratelimit(?:-.*)?)$/u

/** Pictures that models are shown. */
const pictures = /^image\/(?:png|jpeg|gif|webp)$/u

/** The head as JSON, then the body. */
export function showAnswer(answer: ApiAnswer): CallToolResult {
  const { status, headers, body, isWhole } = answer
  const type = (headers.get('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
  const head = { status, headers: Object.fromEntries([...headers].filter(([name]) => shown.test(name))) }
  const content: CallToolResult['content'] = [{ type: 'text', text: JSON.stringify(head) }]
  if (pictures.test(type) && isWhole) content.push({ type: 'image', data: body.toString('base64'), mimeType: type })
  else if (body.length > 0) content.push({ type: 'text', text: textOf(body, isWhole) ?? `[${binary(answer, type)}]` })
  if (!isWhole) content.push({ type: 'text', text: `[${cut(headers.get('content-length'))}]` })
  return { content, isError: false }
}

/** White space and ESC (colours in logs) are all the control characters that text has. */
const isOdd = (byte: number): boolean => byte < 32 && !(byte >= 9 && byte <= 13) && byte !== 27

/** `undefined` for what is no text: no UTF-8, or with control characters that no text has. */
function textOf(body: Buffer, isWhole: boolean): string | undefined {
  const end = isWhole ? body.length : characterEnd(body)
  const bytes = body.subarray(0, end)
  if (!isUtf8(bytes) || bytes.some(isOdd)) return undefined
  return bytes.toString('utf8')
}

/** Where the last whole character of a cut text ends: at most three bytes before (RFC 3629 section 3). */
function characterEnd(body: Buffer): number {
  let start = body.length - 1
  while (start > 0 && start > body.length - 4 && ((body[start] ?? 0) & 0xc0) === 0x80) start--
  return isUtf8(body.subarray(start)) ? body.length : start
}

function binary({ body, isWhole }: ApiAnswer, type: string): string {
  return `${isWhole ? '' : 'at least '}${String(body.length)} bytes of ${type === '' ? 'no stated type' : type}; not text, so not shown`
}

function cut(length: string | undefined): string {
  const all = length === undefined ? 'more' : `${length} in all`
  return `cut here: the first ${String(answerLimit)} bytes, ${all}; ask the API for less at a time`
}
