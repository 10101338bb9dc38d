/**
 * A provider made of its own definition: what the definition says requests look like is demanded, and answers look as it
 * says they do. The rule: it stands where the network stands and nothing leaves this process; it reads the definition for
 * itself, from the other side, and shares no code with what reads the answers, so that the two can disagree.
 */
import { randomBytes } from 'node:crypto'
import type { Operation, ProviderDefinition, TokenError, TokenResponse } from '../../providers/provider.ts'
import { fill, type Values } from '../../providers/template.ts'
import type { Http, HttpAnswer, HttpRequest } from '../http.ts'
import { revocationAnswer } from './revocations.ts'
import { answer, challengeOf, headerOf, looseParams, readParams, setAt, type Params } from './wire.ts'

export interface EmulatorOptions {
  readonly definition: ProviderDefinition
  readonly values: Values
  readonly client: { readonly client_id: string; readonly client_secret?: string }
  readonly person: { readonly username: string; readonly password: string }
  /** Which of several places an answer's parts are put in: the first, the second, ... */
  readonly variant: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

export interface Emulator {
  readonly http: Http
  /** What the browser is sent to, or the code it shows when there is nowhere to send it. */
  authorize(url: string, choice: 'allow' | 'deny'): string
  /** Every grant ends, as when the person withdraws their consent. */
  endGrants(): void
  /** From now on the client's secret is another one. */
  changeSecret(): void
  /** Refresh tokens are replaced from now on, or not. */
  rotate(yes: boolean): void
  /** The person has entered the code of a device. */
  enterUserCode(): void
  /** Seconds the next tokens live. */
  readonly lifetime: number
  /** Whether there is any token that would still be taken. */
  anyGrant(): boolean
  /** What was sent to the API, by its Authorization field. */
  readonly authorizations: readonly string[]
  /** What did not fit the definition, in sentences. */
  readonly complaints: readonly string[]
}

type Grant = keyof NonNullable<ProviderDefinition['grants']>

const DEVICE = 'urn:ietf:params:oauth:grant-type:device_code'
const LIFETIME = 1234
const random = (): string => randomBytes(24).toString('base64url')

export function emulate({ definition, values, client, person, variant, now }: EmulatorOptions): Emulator {
  const complaints: string[] = []
  const authorizations: string[] = []
  const codes = new Map<
    string,
    {
      readonly redirect_uri: string
      readonly challenge: string | null
      readonly nonce: string | null
      readonly scope: string
    }
  >()
  const refreshTokens = new Set<string>()
  const accessTokens = new Set<string>()
  let secret = client.client_secret
  let rotating = definition.lifecycle?.rotation === 'always'
  let userCodeEntered = false
  let firstPoll = true
  const place = (template: string | undefined): string | undefined => template && fill(template, values)
  const server = metadataOf(definition, place)
  const grants: Readonly<Partial<Record<Grant, Operation>>> = definition.grants ?? {
    authorization_code: {},
    refresh_token: {},
    [DEVICE]: {},
  }

  const tokenAnswer = (request: HttpRequest): HttpAnswer => {
    const [grant, operation] = operationOf(request)
    const params = readParams(request, operation)
    restore(request, params, grant, operation)
    const reading = {
      response: operation.response ?? definition.token_response,
      error: operation.error ?? definition.token_error,
    }
    const refuse = (code: string): HttpAnswer => errorAnswer(reading.error, code, variant)
    if (operation.client_auth !== 'none' && !omits(operation, 'client_id')) {
      const problem = clientProblem(request, params)
      if (problem !== undefined) return refuse(problem)
    }
    const granted = grantProblem(grant, params)
    if (typeof granted === 'string') return refuse(granted)
    const access = `at_${random()}`
    const refresh = granted.refresh ? `rt_${random()}` : undefined
    accessTokens.add(access)
    if (refresh !== undefined) refreshTokens.add(refresh)
    const scope = params.get('scope') ?? granted.scope
    return tokenBody(reading.response, { access, refresh, scope, nonce: granted.nonce })
  }

  const operationOf = (request: HttpRequest): readonly [Grant, Operation] => {
    const here = (operation: Operation): boolean =>
      (place(operation.endpoint) ?? server.token_endpoint) === request.url.split('?')[0]
    const there = Object.entries(grants).filter((entry): entry is [Grant, Operation] => here(entry[1]))
    const said = looseParams(request).get('grant_type')
    const named = there.find(([grant, operation]) =>
      omits(operation, 'grant_type') ? said === undefined : grant === said,
    )
    if (named) return named
    complaints.push(`no grant of the definition is asked for at ${request.url} with grant_type ${String(said)}`)
    return ['authorization_code', {}]
  }

  const filling = (): Values => ({ ...values, client_id: client.client_id, client_secret: secret ?? '' })

  /** The parameters under their standard names, after what was demanded of them has been looked at. */
  const restore = (request: HttpRequest, params: Params, grant: Grant, operation: Operation): void => {
    for (const [name, template] of Object.entries(operation.params ?? {})) {
      const expected = fill(template, filling())
      if (expected !== undefined && params.get(name) !== expected && secret === client.client_secret)
        complaints.push(`${grant}: ${name} is not what the definition says`)
      params.delete(name)
    }
    for (const [standard, own] of Object.entries(operation.rename ?? {})) {
      const value = params.get(own)
      if (value === undefined) continue
      params.delete(own)
      params.set(standard, value)
    }
    for (const name of operation.omit ?? [])
      if (params.has(name)) complaints.push(`${grant}: ${name} was to be left out`)
    for (const [name, template] of Object.entries(operation.headers ?? {}))
      if (secret === client.client_secret && headerOf(request, name) !== fill(template, filling()))
        complaints.push(`${grant}: the field ${name} is not what the definition says`)
    const { param = 'scope', delimiter = ' ', send_on_refresh } = definition.scope ?? {}
    const scope = params.get(param)
    if (scope !== undefined) params.set('scope', scope.split(delimiter).join(' '))
    else if (grant === 'refresh_token' && send_on_refresh && (definition.scope?.default ?? []).length > 0)
      complaints.push('refresh_token: the scope was to be named again')
  }

  const clientProblem = (request: HttpRequest, params: Params): string | undefined => {
    const demanded = secret === undefined ? 'none' : definition.client.token_endpoint_auth_method
    const header = headerOf(request, 'authorization')
    // Where the definition leaves it open, either place is right.
    const method =
      demanded === 'none' && secret !== undefined && header !== undefined ? 'client_secret_basic' : demanded
    if (method === 'client_secret_basic') {
      const [id, given] = Buffer.from(header?.replace(/^Basic /u, '') ?? '', 'base64')
        .toString()
        .split(':')
      const raw = definition.client.client_secret_basic_encoding === 'raw'
      const read = (text = ''): string => (raw ? text : decodeURIComponent(text.replaceAll('+', ' ')))
      return read(id) === client.client_id && read(given) === secret ? undefined : 'invalid_client'
    }
    if (header !== undefined && method !== 'none') complaints.push('the client authenticated in the header as well')
    if (params.get('client_id') !== client.client_id) return 'invalid_client'
    if (method === 'none' && secret === undefined) return undefined
    return params.get('client_secret') === secret ? undefined : 'invalid_client'
  }

  const grantProblem = (
    grant: Grant,
    params: Params,
  ): string | { readonly refresh: boolean; readonly nonce: string | null; readonly scope?: string } => {
    const renews = (definition.lifecycle?.renew ?? 'refresh_token') === 'refresh_token'
    switch (grant) {
      case 'authorization_code': {
        const code = codes.get(params.get('code') ?? '')
        codes.delete(params.get('code') ?? '')
        if (!code) return 'invalid_grant'
        if (params.get('redirect_uri') !== code.redirect_uri && !omits(grants.authorization_code ?? {}, 'redirect_uri'))
          return 'invalid_grant'
        if (code.challenge !== null && challengeOf(params.get('code_verifier')) !== code.challenge)
          return 'invalid_grant'
        return { refresh: renews, nonce: code.nonce, ...(code.scope !== '' && { scope: code.scope }) }
      }
      case 'refresh_token': {
        const token = params.get('refresh_token') ?? ''
        if (!refreshTokens.has(token)) return 'invalid_grant'
        if (rotating) refreshTokens.delete(token)
        return { refresh: rotating, nonce: null }
      }
      case 'client_credentials':
        return { refresh: false, nonce: null }
      case 'password':
        return params.get('username') === person.username && params.get('password') === person.password
          ? { refresh: false, nonce: null }
          : 'invalid_grant'
      case DEVICE:
        if (firstPoll) {
          firstPoll = false
          return 'authorization_pending'
        }
        return userCodeEntered ? { refresh: renews, nonce: null } : 'authorization_pending'
    }
  }

  const tokenBody = (
    reading: TokenResponse = {},
    token: {
      readonly access: string
      readonly refresh: string | undefined
      readonly scope: string | undefined
      readonly nonce: string | null
    },
  ): HttpAnswer => {
    const body: Record<string, unknown> = {}
    const put = (pointers: readonly string[], value: unknown): void => setAt(body, pick(pointers, variant), value)
    for (const { pointer, in: accepted } of reading.success_when ?? [])
      if (pointer !== undefined && accepted?.[0] !== undefined) setAt(body, pointer, accepted[0])
    const { code, ok_codes: [ok] = [] } = definition.token_error ?? {}
    if (code !== undefined && ok !== undefined) setAt(body, pick(code, variant), ok)
    const exp = Math.floor(now() / 1000) + LIFETIME
    const value = reading.expires_from_jwt ? `e30.${encode({ exp, jti: token.access })}.x` : token.access
    if (value !== token.access) accessTokens.add(value)
    put(reading.access_token ?? ['/access_token'], `${reading.access_token_strip_prefix?.[0] ?? ''}${value}`)
    if (token.refresh !== undefined) put(reading.refresh_token ?? ['/refresh_token'], token.refresh)
    body['token_type'] ??= reading.force_token_type === undefined ? 'Bearer' : 'odd'
    const { scope_delimiter: between = ' ' } = reading
    if (token.scope !== undefined) put(reading.scope ?? ['/scope'], token.scope.split(' ').join(between))
    if (reading.expires_at !== undefined && (reading.expires_in === undefined || variant % 2 === 1))
      put(reading.expires_at, exp)
    else if (!reading.expires_from_jwt && reading.default_expires_in === undefined)
      put(
        reading.expires_in ?? ['/expires_in'],
        LIFETIME / { s: 1, ms: 0.001, min: 60, h: 3600 }[reading.expires_in_unit ?? 's'],
      )
    nameBase(body, 'token_response')
    if (definition.discovery.type === 'oidc' && token.nonce !== null)
      body['id_token'] = `${encode({ alg: 'RS256' })}.${encode({
        ...{ iss: server.issuer, aud: client.client_id, sub: 'subject', nonce: token.nonce, name: 'Person' },
        ...{ iat: Math.floor(now() / 1000), exp },
      })}.c2ln`
    return answer(200, body)
  }

  /** The API's host, where this answer is the one that tells it. */
  const nameBase = (body: Record<string, unknown>, where: 'token_response' | 'identity'): void => {
    const { base_url_from: from } = definition.resource
    if (from && (from.in ?? 'token_response') === where)
      setAt(body, from.pointer, `https://api.${from.under[variant % from.under.length] ?? ''}`)
  }

  const apiAnswer = (request: HttpRequest): HttpAnswer => {
    const authorization = headerOf(request, 'authorization') ?? ''
    authorizations.push(authorization)
    const { template } = definition.resource.authorization
    if (![...accessTokens].some((token) => template.replace('${access_token}', token) === authorization)) {
      complaints.push('the API was called with a token it never gave out')
      return answer(401, { error: 'invalid_token' })
    }
    for (const [name, value] of Object.entries(definition.resource.headers ?? {}))
      if (headerOf(request, name) !== value.replaceAll('${client_id}', client.client_id))
        complaints.push(`the API was called with another ${name} than the definition’s`)
    const body: Record<string, unknown> = { sub: 'subject' }
    if (definition.identity?.subject !== undefined) setAt(body, definition.identity.subject, 'subject')
    if (definition.identity?.label !== undefined) setAt(body, definition.identity.label, 'Person')
    if (request.body !== definition.identity?.body && request.url === place(definition.identity?.url))
      complaints.push('the API was asked who this is in other words than the definition’s')
    nameBase(body, 'identity')
    return answer(200, body)
  }

  const http: Http = (request) => {
    const path = request.url.split('?')[0] ?? ''
    const endpoints = Object.values(grants).map((operation) => place(operation.endpoint) ?? server.token_endpoint)
    if (endpoints.includes(path)) return Promise.resolve(tokenAnswer(request))
    if (path.includes('/.well-known/')) return Promise.resolve(answer(200, server))
    if (path === server.pushed_authorization_request_endpoint)
      return Promise.resolve(
        answer(201, { request_uri: `urn:pushed:${encode(Object.fromEntries(looseParams(request)))}`, expires_in: 60 }),
      )
    if (path === server.device_authorization_endpoint) {
      const where = { verification_uri: 'https://provider.example/device', user_code: 'ABCD-EFGH' }
      return Promise.resolve(answer(200, { device_code: random(), ...where, expires_in: 600, interval: 0.01 }))
    }
    const ending = revocationAnswer(definition, request, {
      ...{ client_id: client.client_id, secret, values, complaints },
      standard: server.revocation_endpoint,
      holds: (token) => refreshTokens.has(token) || accessTokens.has(token),
    })
    if (ending?.ended) {
      refreshTokens.clear()
      accessTokens.clear()
    }
    if (ending) return Promise.resolve(ending.answer)
    return Promise.resolve(apiAnswer(request))
  }

  return {
    http,
    authorize(url, choice) {
      const { rename = {}, omit = [], params = {}, pkce } = definition.authorization_request ?? {}
      const asked = requestOf(url)
      if (!url.startsWith(server.authorization_endpoint)) complaints.push('the browser was sent to another place')
      const own = (standard: string): string | null => asked.get(rename[standard] ?? standard)
      for (const name of omit) if (asked.has(name)) complaints.push(`authorization: ${name} was to be left out`)
      for (const [name, value] of Object.entries(params))
        if (own(name) !== (fill(value, values) ?? null))
          complaints.push(`authorization: ${name} is not what the definition says`)
      if (own('client_id') !== client.client_id && !omit.includes('client_id'))
        complaints.push('authorization: no client_id')
      const { param = 'scope', delimiter = ' ', default: usual = [], required = [] } = definition.scope ?? {}
      const written = own(param) ?? ''
      const scopes = written === '' ? [] : written.split(delimiter)
      const isWrong = scopes.some((word) => /[\s,]/u.test(word)) || required.some((word) => !scopes.includes(word))
      if (!omit.includes(param) && (isWrong || (scopes.length === 0 && usual.length > 0)))
        complaints.push('authorization: the scope is not written as the definition says')
      if (!/^[\w-]{43}$/u.test(own('state') ?? '')) complaints.push('authorization: the state is not one to rely on')
      if (own('response_type') !== (params['response_type'] ?? 'code') && !omit.includes('response_type'))
        complaints.push('authorization: no response_type=code')
      const challenge = own('code_challenge')
      if ((challenge === null) !== (pkce === 'none'))
        complaints.push('authorization: PKCE is not as the definition says')
      const redirect_uri = own('redirect_uri') ?? ''
      const back = new URLSearchParams({ state: own('state') ?? '' })
      const names = definition.authorization_response ?? {}
      if (server.authorization_response_iss_parameter_supported === true) back.set('iss', server.issuer)
      if (choice === 'deny') {
        back.set(pickName(names.error, 'error', variant), 'access_denied')
        back.set(pickName(names.error_description, 'error_description', variant), 'The person said no')
        return `${redirect_uri}?${back.toString()}`
      }
      const code = random()
      codes.set(code, { redirect_uri, challenge, nonce: own('nonce'), scope: scopes.join(' ') })
      if (redirect_uri.startsWith('urn:')) return code
      back.set(pickName(names.code, 'code', variant), code)
      return `${redirect_uri}?${back.toString()}`
    },
    endGrants: () => {
      refreshTokens.clear()
    },
    changeSecret: () => {
      secret = `${secret ?? ''}-changed`
    },
    rotate: (yes) => {
      rotating = yes
    },
    enterUserCode: () => {
      userCodeEntered = true
    },
    anyGrant: () => refreshTokens.size + accessTokens.size > 0,
    lifetime: LIFETIME,
    authorizations,
    complaints,
  }
}

/** The metadata the provider would publish (RFC 8414), with places of our own where the definition leaves them to discovery. */
function metadataOf(definition: ProviderDefinition, place: (template: string | undefined) => string | undefined) {
  const { server, discovery } = definition
  const issuer = place(server.issuer) ?? ''
  const found = (path: string): string | undefined =>
    discovery.type === 'none' ? undefined : `${issuer.replace(/\/$/u, '')}/${path}`
  return {
    issuer,
    authorization_endpoint: place(server.authorization_endpoint) ?? found('authorize') ?? '',
    token_endpoint: place(server.token_endpoint) ?? found('token') ?? '',
    device_authorization_endpoint: place(server.device_authorization_endpoint) ?? found('device'),
    revocation_endpoint: place(server.revocation_endpoint),
    pushed_authorization_request_endpoint: place(server.pushed_authorization_request_endpoint),
    authorization_response_iss_parameter_supported: server.authorization_response_iss_parameter_supported,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
  }
}

/** The parameters of an authorization URL, pushed ahead (RFC 9126) or in it. */
export function requestOf(url: string): URLSearchParams {
  const asked = new URL(url).searchParams
  const pushed = asked.get('request_uri')?.replace('urn:pushed:', '')
  return pushed === undefined
    ? asked
    : new URLSearchParams(JSON.parse(Buffer.from(pushed, 'base64url').toString()) as Record<string, string>)
}

/** A refusal as this provider puts it, from the code of RFC 6749 section 5.2 backwards. */
function errorAnswer(reading: TokenError | undefined, code: string, variant: number): HttpAnswer {
  const { by_status = {}, code_map = {}, description_map = [] } = reading ?? {}
  const status = keyOf(by_status, code)
  const own = keyOf(code_map, code)
  if (own === undefined && status !== undefined)
    return { status: Number(status), headers: { 'content-type': 'text/html' }, body: '<html>refused</html>' }
  const body: Record<string, unknown> = {}
  const words = description_map.find(({ error }) => error === code)
  const said = own ?? (words ? 'invalid_request' : code)
  setAt(body, pick(reading?.code ?? ['/error'], variant), /^-?\d+$/u.test(said) ? Number(said) : said)
  setAt(body, pick(reading?.description ?? ['/error_description'], variant), words?.contains ?? 'It was refused')
  return answer(code === 'invalid_client' ? 401 : 400, body)
}

const keyOf = (map: Readonly<Record<string, string>>, value: string): string | undefined =>
  Object.entries(map).find(([, other]) => other === value)?.[0]
const omits = (operation: Operation, name: string): boolean => operation.omit?.includes(name) === true
const pick = (pointers: readonly string[], variant: number): string => pointers[variant % pointers.length] ?? ''
const pickName = (names: readonly string[] | undefined, standard: string, variant: number): string =>
  names === undefined ? standard : pick(names, variant)
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
