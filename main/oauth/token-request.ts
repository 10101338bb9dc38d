/**
 * A token request as its provider wants it (definition key `grants`). The rule: openid-client makes the standard request
 * (RFC 6749 section 4 and 6, client authentication included) and this pure function turns it into the other one, in the
 * order the schema names: left out, renamed, added, encoded. Without rules it comes out as it went in.
 */
import { randomBytes } from 'node:crypto'
import type { Secret } from '../broker/secret.ts'
import type { ExchangeRules, GrantType } from './rules.ts'

export interface TokenRequest {
  readonly url: string
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
}

/** Who asks; put in where a definition says `${client_id}` or `${client_secret}`. */
export interface AskingClient {
  readonly client_id: string
  readonly client_secret?: Secret | undefined
}

/** `body` is openid-client's form; it is not changed. */
export function shapeRequest(
  standard: {
    readonly url: string
    readonly headers: Readonly<Record<string, string>>
    readonly body: URLSearchParams
  },
  rules: ExchangeRules,
  client: AskingClient,
): TokenRequest {
  const grant = standard.body.get('grant_type') ?? ''
  if (!rules.scope && !rules.grants?.[grant as GrantType])
    return { url: standard.url, method: 'POST', headers: standard.headers, body: standard.body.toString() }
  const operation = rules.grants?.[grant as GrantType] ?? {}
  const put = (template: string): string =>
    template.replaceAll(/\$\{client_(id|secret)\}/gu, (_, which) =>
      which === 'id' ? client.client_id : (client.client_secret?.reveal() ?? ''),
    )
  const params = new Map(standard.body)
  let headers: Record<string, string> = { ...standard.headers }
  shapeScope(params, grant, rules.scope)
  if (operation.client_auth === 'none') {
    for (const name of ['client_secret', 'client_assertion', 'client_assertion_type']) params.delete(name)
    headers = without(headers, 'authorization')
  }
  for (const name of operation.omit ?? []) params.delete(name)
  for (const [from, to] of Object.entries(operation.rename ?? {})) {
    const value = params.get(from)
    if (value === undefined) continue
    params.delete(from)
    params.set(to, value)
  }
  for (const [name, template] of Object.entries(operation.params ?? {})) params.set(name, put(template))
  for (const [name, template] of Object.entries(operation.headers ?? {}))
    headers = { ...without(headers, name), [name.toLowerCase()]: put(template) }
  const url = operation.endpoint ?? standard.url
  const method = operation.method ?? 'POST'
  return encode({ url, method, headers }, params, method === 'GET' ? 'query' : (operation.content_type ?? 'form'))
}

function shapeScope(params: Map<string, string>, grant: string, scope: ExchangeRules['scope']): void {
  if (!scope) return
  const { delimiter = ' ', param = 'scope', on_refresh } = scope
  const wanted = params.get('scope') ?? (grant === 'refresh_token' ? on_refresh : undefined)
  params.delete('scope')
  if (wanted !== undefined) params.set(param, wanted.split(' ').join(delimiter))
}

function encode(
  request: Omit<TokenRequest, 'body'>,
  params: ReadonlyMap<string, string>,
  type: 'form' | 'json' | 'multipart' | 'query',
): TokenRequest {
  const headers = without(request.headers, 'content-type')
  const as = (contentType: string, body: string): TokenRequest => ({
    ...request,
    headers: { ...headers, 'content-type': contentType },
    body,
  })
  switch (type) {
    case 'form':
      return as('application/x-www-form-urlencoded;charset=UTF-8', new URLSearchParams([...params]).toString())
    case 'json':
      return as('application/json', JSON.stringify(Object.fromEntries(params)))
    case 'multipart': {
      const boundary = `valetkey-${randomBytes(16).toString('hex')}`
      // RFC 7578 section 4.2; names are of the schema's alphabet, values are sent as they are.
      const parts = [...params].map(
        ([name, value]) => `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      )
      return as(`multipart/form-data; boundary=${boundary}`, `${parts.join('')}--${boundary}--\r\n`)
    }
    case 'query': {
      const url = new URL(request.url)
      for (const [name, value] of params) url.searchParams.set(name, value)
      return { ...request, url: url.href, headers }
    }
  }
}

const without = (headers: Readonly<Record<string, string>>, name: string): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).filter(([other]) => other.toLowerCase() !== name.toLowerCase()))
