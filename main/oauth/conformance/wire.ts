/**
 * Requests as an emulated provider reads them, and answers as it writes them. The rule: written for the emulator alone, so
 * that no slip of what reads the answers is shared by what makes them.
 */
import { createHash } from 'node:crypto'
import type { Operation } from '../../providers/provider.ts'
import type { HttpAnswer, HttpRequest } from '../http.ts'

export type Params = Map<string, string>

export const answer = (status: number, body: object): HttpAnswer => ({
  status,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

export const headerOf = ({ headers }: HttpRequest, name: string): string | undefined =>
  Object.entries(headers).find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1]

/** RFC 7636 section 4.6, S256. */
export const challengeOf = (verifier: string | undefined): string | null =>
  verifier === undefined ? null : createHash('sha256').update(verifier).digest('base64url')

/** Puts a value where the pointer says (RFC 6901), making the objects on the way. */
export function setAt(body: Record<string, unknown>, pointer: string, value: unknown): void {
  const keys = pointer.split('/').slice(1)
  const last = keys.pop() ?? ''
  let node = body
  for (const key of keys) node = (node[key] ??= {}) as Record<string, unknown>
  node[last] = value
}

/** The parameters in whatever encoding the definition demands; another one is none. */
export function readParams(request: HttpRequest, { method = 'POST', content_type = 'form' }: Operation): Params {
  if (request.method !== method) return new Map()
  const type = headerOf(request, 'content-type') ?? ''
  const wanted = {
    form: 'x-www-form-urlencoded',
    json: 'application/json',
    multipart: 'multipart/form-data',
    query: '',
  }
  const as = method === 'GET' ? 'query' : content_type
  return type.includes(wanted[as]) ? looseParams(request) : new Map()
}

export function looseParams(request: HttpRequest): Params {
  const { body = '' } = request
  const type = headerOf(request, 'content-type') ?? ''
  if (type.includes('json')) return new Map(Object.entries(JSON.parse(body) as Record<string, string>))
  if (type.includes('multipart'))
    return new Map(
      [...body.matchAll(/name="([^"]+)"\r\n\r\n([^]*?)\r\n--/gu)].map(([, name = '', value = '']) => [name, value]),
    )
  return new Map(new URLSearchParams(body === '' ? new URL(request.url).search : body))
}
