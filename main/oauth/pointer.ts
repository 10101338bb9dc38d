/**
 * Finding things in an answer: RFC 6901 pointers, and the predicates of a definition. The rule: pure, own members only,
 * and what is not there is `undefined`, never an error.
 */
import type { Predicate } from '../providers/provider.ts'
import type { HttpAnswer } from './http.ts'

/** RFC 6901; own members only: `__proto__` in a body is a name like any other. */
export function atPointer(value: unknown, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>(
      (node, key) =>
        typeof node === 'object' && node !== null && Object.hasOwn(node, key)
          ? (node as Readonly<Record<string, unknown>>)[key]
          : undefined,
      value,
    )
}

/** What the first pointer that leads to something leads to; `null` and `''` are nothing. */
export function firstAt(value: unknown, pointers: readonly string[]): unknown {
  for (const pointer of pointers) {
    const found = atPointer(value, pointer)
    if (found !== undefined && found !== null && found !== '') return found
  }
  return undefined
}

/** Whether every part of the predicate that is given holds of the answer. `body` is its JSON, if it is any. */
export function holds(predicate: Predicate, answer: Pick<HttpAnswer, 'status' | 'body'>, body: unknown): boolean {
  const { http_status, pointer, in: values, text } = predicate
  if (http_status !== undefined && !http_status.includes(answer.status)) return false
  if (pointer !== undefined) {
    const found = atPointer(body, pointer) ?? null
    if (values === undefined ? found === null : !values.some((value) => value === found)) return false
  }
  return text === undefined || answer.body?.trim() === text
}
