/**
 * How an emulated provider ends a grant: as the definition's `revocation` says, else as RFC 7009 section 2 does. The rule:
 * the request is taken apart from the definition's own words, and only one that fits in every part ends anything.
 */
import type { ProviderDefinition, Revocation } from '../../providers/provider.ts'
import { fill, type Values } from '../../providers/template.ts'
import type { HttpAnswer, HttpRequest } from '../http.ts'
import { answer, headerOf, looseParams, setAt } from './wire.ts'

interface Situation {
  readonly client_id: string
  /** The client's secret as it is now. */
  readonly secret: string | undefined
  readonly values: Values
  /** The endpoint of RFC 7009, filled in. */
  readonly standard: string | undefined
  readonly complaints: string[]
  holds(token: string): boolean
}

/** `undefined`: the request is no revocation. */
export function revocationAnswer(
  { revocation }: ProviderDefinition,
  request: HttpRequest,
  situation: Situation,
): { readonly answer: HttpAnswer; readonly ended: boolean } | undefined {
  if (!revocation) {
    if (request.url !== situation.standard) return undefined
    return { answer: answer(200, {}), ended: situation.holds(looseParams(request).get('token') ?? '') }
  }
  const url = fill(revocation.url, { ...situation.values, client_id: encodeURIComponent(situation.client_id) })
  if (request.url !== url) return undefined
  const token = handedIn(revocation, request, situation)
  const ended = token !== undefined && situation.holds(token)
  return { answer: ended ? success(revocation) : refusal(revocation), ended }
}

/** The token, when everything about the request is as it has to be. */
function handedIn(revocation: Revocation, request: HttpRequest, situation: Situation): string | undefined {
  const { auth, params = {} } = revocation
  const sent = revocation.params ? looseParams(request) : new Map<string, string>()
  const problem = problemOf(revocation, request, situation, sent)
  if (problem !== undefined) {
    situation.complaints.push(`revocation: ${problem}`)
    return undefined
  }
  if (auth === 'bearer') return headerOf(request, 'authorization')?.replace(/^Bearer /u, '')
  const name = Object.keys(params).find((one) => params[one] === '${token}')
  return name === undefined ? undefined : sent.get(name)
}

/** What does not fit, in words. */
function problemOf(
  { auth, method = 'POST', content_type = 'form', params, headers = {} }: Revocation,
  request: HttpRequest,
  { client_id, secret = '', values }: Situation,
  sent: ReadonlyMap<string, string>,
): string | undefined {
  if (request.method !== method) return `asked with ${request.method}`
  for (const name of Object.keys(headers)) if (headerOf(request, name) === undefined) return `no field ${name}`
  const authorization = headerOf(request, 'authorization') ?? ''
  const basic = Buffer.from(`${client_id}:${secret}`).toString('base64')
  if (auth === 'client_basic' && authorization !== `Basic ${basic}`) return 'the client did not say who it is'
  if (auth === 'none' && authorization !== '') return 'a credential in the header that nobody asked for'
  if ((params === undefined) !== (request.body === undefined)) return 'a body where there is none, or none'
  const type = headerOf(request, 'content-type') ?? ''
  if (params && type !== (content_type === 'json' ? 'application/json' : 'application/x-www-form-urlencoded'))
    return `the body is ${type}`
  for (const [name, template] of Object.entries(params ?? {})) {
    const value = sent.get(name) ?? ''
    if (template === '${token}') continue
    const fits =
      template === '${token_type_hint}'
        ? /^(?:access|refresh)_token$/u.test(value)
        : value === fill(template, { ...values, client_id, client_secret: secret })
    if (!fits) return `${name} is not what the definition says`
  }
  return undefined
}

function success({ success_when = [], method }: Revocation): HttpAnswer {
  if (success_when.length === 0) return method === 'DELETE' ? { status: 204, headers: {}, body: '' } : answer(200, {})
  const body: Record<string, unknown> = {}
  let status = 200
  for (const { pointer, in: accepted, http_status } of success_when) {
    if (pointer !== undefined) setAt(body, pointer, accepted?.[0] ?? true)
    status = http_status?.[0] ?? status
  }
  return status === 204 ? { status, headers: {}, body: '' } : answer(status, body)
}

/** Where success is said in the body, a refusal has the same status: that is what `success_when` is there for. */
const refusal = ({ success_when = [] }: Revocation): HttpAnswer =>
  answer(success_when.some(({ pointer }) => pointer !== undefined) ? 200 : 404, { ok: false, error: 'token_not_found' })
