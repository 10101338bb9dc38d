/**
 * A Deskpro helpdesk: OAuth (support guide "Inbound OAuth", which names the PHP League's server) and the endpoint that
 * takes an email address and a password (api-tokens.md, and the server's own test specification). The rule: OAuth answers
 * are those of thephpleague/oauth2-server, 8 unless a setting says 9; no live answer of Deskpro has been seen. The API takes
 * `token` and `key` (documented), and `Bearer` only where a setting says so.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import {
  type Answer,
  type Client,
  type Clock,
  clockOf,
  escapeHtml,
  isRegistered,
  locationOf,
  loopbackUris,
  page,
  type Params,
  type Person,
  press,
  randomAlphanumeric,
  randomHex,
  type RecordedRequest,
  htmlAnswer,
  jsonAnswer,
  redirectTo,
  type Service,
  signInForm,
  startService,
  withParams,
} from './common.ts'
import { invalidClient, invalidGrant, invalidRequest, payloadOf, type Refusal, unsupportedGrant } from './league.ts'

export interface DeskproSettings {
  /** 8 refuses dead codes and refresh tokens as invalid_request (the latter with status 401), 9 as invalid_grant. */
  league: 8 | 9
  /** Whether a refresh ends the refresh token it used; League does unless told. A new one comes either way. */
  rotate: boolean
  /** The confidential client needs PKCE too; the public one always does. */
  pkce_required: boolean
  /** The server's specification nests the answer of api_tokens under `data` with status 201; the document does not. */
  api_tokens: 'nested' | 'flat'
  /** What the API makes of tokens from /oauth/token. */
  oauth_scheme: 'token' | 'Bearer' | 'either'
  /** The API answers 403, 429 or, when the helpdesk is offline, 423. */
  api: 'normal' | 'forbidden' | 'rate_limited' | 'offline'
  /** Exact comparison but for the port of a loopback IP literal, as in newer versions, or exact altogether. */
  any_loopback_port: boolean
  redirect_uris: readonly string[]
  /** Seconds. */
  access_ttl: number
  code_ttl: number
  refresh_ttl: number
}

export interface DeskproOptions extends Partial<DeskproSettings> {
  /** Milliseconds; the machine's clock unless told. */
  readonly now?: () => number
}

export interface Deskpro extends Service {
  readonly client: Client
  /** A client made with "isPKCE": no secret. */
  readonly public_client: { readonly client_id: string }
  readonly person: Person
  /** For `Authorization: key`. */
  readonly api_key: string
  readonly settings: DeskproSettings
  advance(seconds: number): void
  /** Signs in and presses Allow. Answers the redirect's Location, or that of the error page. */
  approve(authorizationUrl: string): Promise<string>
  deny(authorizationUrl: string): Promise<string>
  /** Refresh tokens stay. */
  expireAccessTokens(): void
  /** Every token and code ends. */
  revokeAll(): void
}

interface Code {
  readonly client_id: string
  readonly redirect_uri: string
  readonly challenge: string | undefined
  readonly method: string
  readonly until: number
  used: boolean
}

interface Refresh {
  readonly client_id: string
  readonly until: number
  revoked: boolean
}

interface State {
  readonly client: Client
  readonly public_client: { readonly client_id: string }
  readonly person: Person
  readonly api_key: string
  readonly settings: DeskproSettings
  readonly clock: Clock
  readonly codes: Map<string, Code>
  /** To the second they end; tokens of api_tokens never do. */
  readonly access: Map<string, number>
  readonly api_tokens: Set<string>
  readonly refresh: Map<string, Refresh>
}

const PERSON_ID = 5

/** Starts a helpdesk with a confidential client, a public one and one agent. */
export async function startDeskpro(options: DeskproOptions = {}): Promise<Deskpro> {
  const { now, ...settings } = options
  const state: State = {
    client: { client_id: randomHex(32), client_secret: randomHex(64) },
    public_client: { client_id: randomHex(32) },
    person: { email: 'john@example.test', password: 'foobar' },
    api_key: `1:${randomAlphanumeric(25).toUpperCase()}`,
    settings: {
      league: 8,
      rotate: true,
      pkce_required: false,
      api_tokens: 'nested',
      oauth_scheme: 'token',
      api: 'normal',
      any_loopback_port: true,
      redirect_uris: loopbackUris('deskpro'),
      access_ttl: 3600,
      code_ttl: 600,
      refresh_ttl: 2_592_000,
      ...settings,
    },
    clock: clockOf(now),
    codes: new Map(),
    access: new Map(),
    api_tokens: new Set(),
    refresh: new Map(),
  }
  const service = await startService((request) => serve(state, request))
  const { client, public_client, person, api_key, access, api_tokens, refresh, codes } = state
  return {
    ...service,
    client,
    public_client,
    person,
    api_key,
    settings: state.settings,
    advance: (seconds) => state.clock.advance(seconds),
    approve: async (url) => locationOf(await press(url, 'Allow', { ...person })),
    deny: async (url) => locationOf(await press(url, 'Deny', { ...person })),
    expireAccessTokens: () => {
      access.clear()
      api_tokens.clear()
    },
    revokeAll: () => {
      access.clear()
      api_tokens.clear()
      for (const token of refresh.values()) token.revoked = true
      for (const code of codes.values()) code.used = true
    },
  }
}

function serve(state: State, request: RecordedRequest): Answer {
  const offline = state.settings.api === 'offline'
  switch (`${request.method} ${request.path}`) {
    case 'GET /oauth/authorize':
      return serveForm(state, request.query)
    case 'POST /oauth/authorize':
      return serveDecision(state, request.params)
    case 'GET /oauth/error':
      return htmlAnswer(400, page('OAuth error', `<p>${escapeHtml(request.query['error'] ?? '')}</p>`))
    case 'POST /oauth/token':
      return offline ? refuseApi(423) : serveToken(state, request)
    case 'POST /api/v2/api_tokens':
      return offline ? refuseApi(423) : serveApiTokens(state, request)
    case 'GET /api/v2/me':
    case 'POST /api/v2/me':
      return serveMe(state, request)
    default:
      return jsonAnswer(404, { status: 404, code: 'not_found', message: 'Not found' })
  }
}

function serveForm(state: State, query: Params, problem?: string): Answer {
  const refusal = checkAuthorization(state, query)
  // Without a redirect URI that can be trusted the person is told, and not the client.
  if (refusal) return redirectTo(`/oauth/error?${new URLSearchParams(payloadOf(refusal)).toString()}`)
  const html = signInForm({
    title: 'Deskpro',
    action: '/oauth/authorize',
    hidden: query,
    buttons: ['Allow', 'Deny'],
    ...(problem !== undefined && { problem }),
  })
  return htmlAnswer(200, html)
}

function checkAuthorization(state: State, query: Params): Refusal | undefined {
  const { settings, client, public_client } = state
  const { client_id, redirect_uri, response_type, code_challenge, code_challenge_method = 'plain' } = query
  if (response_type !== 'code') return unsupportedGrant
  if (client_id === undefined) return invalidRequest('client_id')
  const is_public = client_id === public_client.client_id
  if (!is_public && client_id !== client.client_id) return invalidClient
  const { redirect_uris, any_loopback_port } = settings
  if (redirect_uri === undefined || !isRegistered(redirect_uri, redirect_uris, any_loopback_port)) return invalidClient
  if (code_challenge === undefined)
    return is_public || settings.pkce_required
      ? invalidRequest('code_challenge', 'Code challenge must be provided for public clients')
      : undefined
  if (!['S256', 'plain'].includes(code_challenge_method))
    return invalidRequest('code_challenge_method', 'Code challenge method must be one of `S256`, `plain`')
  return PKCE_TEXT.test(code_challenge)
    ? undefined
    : invalidRequest('code_challenge', 'Code challenge must follow the specifications of RFC-7636.')
}

const PKCE_TEXT = /^[A-Za-z0-9\-._~]{43,128}$/u

function serveDecision(state: State, params: Params): Answer {
  const { decision, email, password, ...query } = params
  if (checkAuthorization(state, query)) return serveForm(state, query)
  const { redirect_uri = '', client_id = '', state: echoed, code_challenge, code_challenge_method } = query
  if (decision !== 'allow') {
    const denied: Refusal = {
      status: 401,
      error: 'access_denied',
      error_description: 'The resource owner or authorization server denied the request.',
      hint: 'The user denied the request',
    }
    return redirectTo(withParams(redirect_uri, { state: echoed, ...payloadOf(denied) }))
  }
  if (email !== state.person.email || password !== state.person.password)
    return serveForm(state, query, 'Invalid email or password')
  const code = `def502${randomHex(400)}`
  state.codes.set(code, {
    client_id,
    redirect_uri,
    challenge: code_challenge,
    method: code_challenge_method ?? 'plain',
    until: state.clock.seconds() + state.settings.code_ttl,
    used: false,
  })
  return redirectTo(withParams(redirect_uri, { code, state: echoed }))
}

function serveToken(state: State, request: RecordedRequest): Answer {
  // PHP fills $_POST from forms only; the fields are the same in both encodings.
  const params = request.encoding === 'form' || request.encoding === 'multipart' ? request.params : {}
  const outcome = grant(state, params, request.headers.authorization)
  if (!('error' in outcome)) return jsonAnswer(200, outcome, { 'cache-control': 'no-store' })
  const { authorization } = request.headers
  const challenge = authorization?.startsWith('Bearer') ? 'Bearer realm="OAuth"' : 'Basic realm="OAuth"'
  const challenged = outcome.error === 'invalid_client' && authorization !== undefined
  return jsonAnswer(outcome.status, payloadOf(outcome), challenged ? { 'www-authenticate': challenge } : {})
}

type Tokens = Readonly<Record<'token_type' | 'access_token' | 'refresh_token', string>> & {
  readonly expires_in: number
}

function grant(state: State, params: Params, authorization: string | undefined): Tokens | Refusal {
  const { grant_type } = params
  if (grant_type !== 'authorization_code' && grant_type !== 'refresh_token') return unsupportedGrant
  const client_id = authenticate(state, params, authorization)
  if (typeof client_id !== 'string') return client_id
  return grant_type === 'refresh_token' ? refreshed(state, params, client_id) : exchanged(state, params, client_id)
}

/** Credentials in the header come before those in the body. */
function authenticate(state: State, params: Params, authorization: string | undefined): string | Refusal {
  const basic = /^Basic (.+)$/u.exec(authorization ?? '')?.[1]
  const [user, secret] = basic === undefined ? [] : Buffer.from(basic, 'base64').toString('utf8').split(/:(.*)/su)
  const client_id = user ?? params['client_id']
  if (client_id === undefined) return invalidRequest('client_id')
  if (client_id === state.public_client.client_id) return client_id
  const known = client_id === state.client.client_id
  return known && (secret ?? params['client_secret']) === state.client.client_secret ? client_id : invalidClient
}

function exchanged(state: State, params: Params, client_id: string): Tokens | Refusal {
  const { code: text, redirect_uri, code_verifier } = params
  if (text === undefined) return invalidRequest('code')
  const code = state.codes.get(text)
  if (!code) return invalidRequest('code', 'Cannot decrypt the authorization code')
  const dead = (hint: string): Refusal =>
    state.settings.league === 9 ? invalidGrant(hint) : invalidRequest('code', hint)
  if (state.clock.seconds() > code.until) return dead('Authorization code has expired')
  if (code.used) return dead('Authorization code has been revoked')
  if (code.client_id !== client_id) return invalidRequest('code', 'Authorization code was not issued to this client')
  if (redirect_uri === undefined) return invalidRequest('redirect_uri')
  if (redirect_uri !== code.redirect_uri) return invalidRequest('redirect_uri', 'Invalid redirect URI')
  const refusal = checkVerifier(code, code_verifier)
  if (refusal) return refusal
  code.used = true
  return issue(state, client_id)
}

function checkVerifier({ challenge, method }: Code, verifier: string | undefined): Refusal | undefined {
  if (challenge === undefined) return undefined
  if (verifier === undefined) return invalidRequest('code_verifier')
  if (!PKCE_TEXT.test(verifier))
    return invalidRequest('code_verifier', 'Code Verifier must follow the specifications of RFC-7636.')
  const computed = method === 'plain' ? verifier : createHash('sha256').update(verifier).digest('base64url')
  const same = computed.length === challenge.length && timingSafeEqual(Buffer.from(computed), Buffer.from(challenge))
  return same ? undefined : invalidGrant('Failed to verify `code_verifier`.')
}

function refreshed(state: State, params: Params, client_id: string): Tokens | Refusal {
  const { refresh_token } = params
  if (refresh_token === undefined) return invalidRequest('refresh_token')
  const token = state.refresh.get(refresh_token)
  const dead = (hint: string): Refusal => {
    const members = { error_description: 'The refresh token is invalid.', hint }
    return state.settings.league === 9
      ? { status: 400, error: 'invalid_grant', ...members }
      : { status: 401, error: 'invalid_request', ...members }
  }
  if (!token) return dead('Cannot decrypt the refresh token')
  if (token.client_id !== client_id) return dead('Token is not linked to client')
  if (state.clock.seconds() > token.until) return dead('Token has expired')
  if (token.revoked) return dead('Token has been revoked')
  if (state.settings.rotate) token.revoked = true
  return issue(state, client_id)
}

function issue({ settings, clock, access, refresh }: State, client_id: string): Tokens {
  const access_token = `${randomHex(36)}.${randomHex(200)}.${randomHex(64)}`
  const refresh_token = `def502${randomHex(500)}`
  access.set(access_token, clock.seconds() + settings.access_ttl)
  refresh.set(refresh_token, { client_id, until: clock.seconds() + settings.refresh_ttl, revoked: false })
  return { token_type: 'Bearer', expires_in: settings.access_ttl, access_token, refresh_token }
}

const CHALLENGE = { 'www-authenticate': 'session,token,key realm="DeskPRO API"' }

function serveApiTokens(state: State, { json, params }: RecordedRequest): Answer {
  const { email, password } = params
  if (json === undefined || email === undefined || password === undefined) {
    const missing = Object.entries({ email, password }).filter(([, value]) => value === undefined)
    const fields = missing.map(([name]) => [name, { errors: [{ code: 'required', message: 'Required' }] }])
    const errors = { fields: Object.fromEntries(fields) as unknown }
    return jsonAnswer(400, { status: 400, code: 'invalid_input', message: 'Request input is invalid.', errors })
  }
  if (email !== state.person.email || password !== state.person.password)
    return jsonAnswer(401, { status: 401, code: 'bad_credentials', message: 'Bad credentials' }, CHALLENGE)
  // The number before the colon is that of the token, not of the person, who is named beside it.
  const token = `857103:${randomAlphanumeric(25).toUpperCase()}`
  state.api_tokens.add(token)
  const data = { person_id: PERSON_ID, token }
  if (state.settings.api_tokens === 'flat') return jsonAnswer(200, data)
  return jsonAnswer(201, { data, meta: {}, linked: {} })
}

const API_REFUSALS = {
  401: { code: 'unauthorized', message: 'You are not authenticated' },
  403: { code: 'forbidden', message: 'You are not allowed to do this' },
  423: { code: 'offline', message: 'The helpdesk is offline' },
  429: { code: 'rate_limit', message: 'Too many requests' },
} as const

function refuseApi(status: keyof typeof API_REFUSALS): Answer {
  return jsonAnswer(status, { status, ...API_REFUSALS[status] }, status === 401 ? CHALLENGE : {})
}

function serveMe(state: State, { headers }: RecordedRequest): Answer {
  if (state.settings.api === 'offline') return refuseApi(423)
  if (state.settings.api === 'rate_limited') return refuseApi(429)
  if (!isAuthenticated(state, headers.authorization ?? '')) return refuseApi(401)
  if (state.settings.api === 'forbidden') return refuseApi(403)
  const person = { id: PERSON_ID, name: 'John', primary_email: { email: state.person.email } }
  return jsonAnswer(200, { data: { person }, meta: {}, linked: {} })
}

function isAuthenticated({ settings, clock, access, api_tokens, api_key }: State, authorization: string): boolean {
  const [scheme = '', token = ''] = authorization.split(/ (.*)/su)
  if (scheme === 'key') return token === api_key
  if (scheme === 'token' && api_tokens.has(token)) return true
  const accepted = settings.oauth_scheme === 'either' ? ['token', 'Bearer'] : [settings.oauth_scheme]
  return accepted.includes(scheme) && clock.seconds() < (access.get(token) ?? 0)
}
