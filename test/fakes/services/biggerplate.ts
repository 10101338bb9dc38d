/**
 * Biggerplate after its document (authorization-flow.md) and the source of the server it appears to run: the PHP League's
 * oauth2-server 3 (Authorization, Grant/AuthCode, Grant/RefreshToken) behind lucadegasperi/oauth2-server-laravel. The rule:
 * the errors, texts and order of checks are League 3's; what the operator may have set (rotation), or what the document
 * demands and the source ignores (response_type=token), is a setting.
 */
import {
  type Answer,
  type Client,
  type Clock,
  clockOf,
  locationOf,
  type Params,
  type Person,
  press,
  randomAlphanumeric,
  type RecordedRequest,
  htmlAnswer,
  jsonAnswer,
  redirectTo,
  type Service,
  signInForm,
  startService,
  withParams,
} from './common.ts'

export interface BiggerplateSettings {
  /** League 3 does not replace refresh tokens unless told, and then answers none. */
  rotate: boolean
  /** As the document demands and the source does not. */
  require_response_type_token: boolean
  /** Which of the lifetime's members are in the answer; League 3 writes both. */
  lifetime: 'both' | 'expires' | 'expires_in'
  /** Seconds by which the server's clock, and with it `expires`, is ahead. */
  clock_skew: number
  /** What the text of a refusal of the token endpoint is called. */
  error_member: 'error_description' | 'error_message'
  /** Whether a denial says more than its code. */
  deny_message: boolean
  /** How the API takes the token; League 3 strips a Bearer that is there. */
  api_scheme: 'either' | 'raw' | 'Bearer'
  api: 'normal' | 'forbidden'
  /** A new sign-in of the same person ends the one before (`deleteSession` in League 3's newAuthoriseRequest). */
  one_session: boolean
  redirect_uris: readonly string[]
  /** Seconds. */
  access_ttl: number
  code_ttl: number
  refresh_ttl: number
}

export interface BiggerplateOptions extends Partial<BiggerplateSettings> {
  /** Milliseconds; the machine's clock unless told. */
  readonly now?: () => number
}

export interface Biggerplate extends Service {
  readonly client: Client
  readonly person: Person
  readonly settings: BiggerplateSettings
  advance(seconds: number): void
  /** Signs in and presses Allow. Answers the redirect's Location. */
  approve(authorizationUrl: string): Promise<string>
  deny(authorizationUrl: string): Promise<string>
  /** Refresh tokens stay. */
  expireAccessTokens(): void
  /** Every token and code ends. */
  revokeAll(): void
}

interface State {
  readonly client: Client
  readonly person: Person
  readonly settings: BiggerplateSettings
  readonly clock: Clock
  readonly codes: Map<string, { readonly redirect_uri: string; readonly until: number }>
  /** Tokens to the second they end. */
  readonly access: Map<string, number>
  readonly refresh: Map<string, number>
}

/** Starts the accounts site and the API on one address. */
export async function startBiggerplate(options: BiggerplateOptions = {}): Promise<Biggerplate> {
  const { now, ...settings } = options
  const state: State = {
    client: { client_id: randomAlphanumeric(20), client_secret: randomAlphanumeric(40) },
    person: { email: 'mapper@example.test', password: 'mind map' },
    settings: {
      rotate: false,
      require_response_type_token: false,
      lifetime: 'both',
      clock_skew: 0,
      error_member: 'error_description',
      deny_message: true,
      api_scheme: 'either',
      api: 'normal',
      one_session: false,
      redirect_uris: ['http://localhost:13524/', 'http://localhost:13525/', 'http://localhost:13526/'],
      access_ttl: 3600,
      code_ttl: 600,
      refresh_ttl: 604_800,
      ...settings,
    },
    clock: clockOf(now),
    codes: new Map(),
    access: new Map(),
    refresh: new Map(),
  }
  const service = await startService((request) => dated(state, serve(state, request)))
  const { client, person, clock } = state
  return {
    ...service,
    client,
    person,
    settings: state.settings,
    advance: (seconds) => clock.advance(seconds),
    approve: async (url) => locationOf(await press(url, 'Allow', { ...person })),
    deny: async (url) => locationOf(await press(url, 'Deny', { ...person })),
    expireAccessTokens: () => state.access.clear(),
    revokeAll: () => revokeAll(state),
  }
}

/** A server's Date is by the same clock as what it writes (RFC 9110 section 6.6.1). */
function dated({ clock, settings }: State, answer: Answer): Answer {
  const date = new Date((clock.seconds() + settings.clock_skew) * 1000).toUTCString()
  return { ...answer, headers: { ...answer.headers, date } }
}

function revokeAll({ codes, access, refresh }: State): void {
  codes.clear()
  access.clear()
  refresh.clear()
}

function serve(state: State, request: RecordedRequest): Answer {
  switch (`${request.method} ${request.path}`) {
    case 'GET /oauth/auth':
      return serveForm(state, request.query)
    case 'POST /oauth/auth':
      return serveDecision(state, request.params)
    case 'POST /oauth/token':
      return serveToken(state, request)
    case 'GET /users/me':
      return serveMe(state, request)
    default:
      return jsonAnswer(404, { status: 404, error: 'not_found', error_message: 'Not found' })
  }
}

interface Refusal {
  readonly status: number
  readonly error: string
  readonly message: string
}

const invalidRequest = (parameter: string): Refusal => ({
  status: 400,
  error: 'invalid_request',
  message:
    'The request is missing a required parameter, includes an invalid parameter value, includes a parameter more than ' +
    `once, or is otherwise malformed. Check the "${parameter}" parameter.`,
})

const invalidClient: Refusal = { status: 401, error: 'invalid_client', message: 'Client authentication failed' }

const invalidGrant = (parameter: string): Refusal => ({
  status: 400,
  error: 'invalid_grant',
  message:
    'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the ' +
    `authorization request, or was issued to another client. Check the "${parameter}" parameter.`,
})

const invalidRefresh: Refusal = { status: 400, error: 'invalid_request', message: 'The refresh token is invalid.' }

const unsupportedGrant = (grant_type: string): Refusal => ({
  status: 501,
  error: 'unsupported_grant_type',
  message: `The authorization grant type "${grant_type}" is not supported by the authorization server`,
})

const unsupportedResponseType: Refusal = {
  status: 400,
  error: 'unsupported_response_type',
  message: 'The authorization server does not support obtaining an access token using this method.',
}

/** A redirect URI that is not registered makes the client unknown, at both endpoints (`getClient`). */
const isClient = ({ client, settings }: State, client_id: string, redirect_uri: string): boolean =>
  client_id === client.client_id && settings.redirect_uris.includes(redirect_uri)

function checkAuthorization(state: State, query: Params): Refusal | undefined {
  const { client_id, redirect_uri, response_type } = query
  if (client_id === undefined) return invalidRequest('client_id')
  if (redirect_uri === undefined) return invalidRequest('redirect_uri')
  if (!isClient(state, client_id, redirect_uri)) return invalidClient
  if (response_type === undefined) return invalidRequest('response_type')
  return response_type === 'code' ? undefined : unsupportedResponseType
}

function serveForm(state: State, query: Params, problem?: string): Answer {
  const refusal = checkAuthorization(state, query)
  // The wrapper's filter shows the person JSON, and the client nothing.
  if (refusal) return jsonAnswer(400, { status: 400, error: 'bad_request', error_message: refusal.message })
  const html = signInForm({
    title: 'Biggerplate',
    action: '/oauth/auth',
    hidden: query,
    buttons: ['Allow', 'Deny'],
    ...(problem !== undefined && { problem }),
  })
  return htmlAnswer(200, html)
}

function serveDecision(state: State, params: Params): Answer {
  const { decision, email, password, ...query } = params
  if (checkAuthorization(state, query)) return serveForm(state, query)
  const { redirect_uri = '', state: echoed } = query
  if (decision !== 'allow') {
    const error_message = state.settings.deny_message
      ? 'The resource owner or authorization server denied the request.'
      : undefined
    // A state that was not sent comes back empty.
    const denied = { error: 'access_denied', error_message, state: echoed ?? '' }
    return redirectTo(withParams(redirect_uri, denied))
  }
  if (email !== state.person.email || password !== state.person.password)
    return serveForm(state, query, 'Wrong email or password')
  if (state.settings.one_session) revokeAll(state)
  const code = randomAlphanumeric(40)
  state.codes.set(code, { redirect_uri, until: state.clock.seconds() + state.settings.code_ttl })
  return redirectTo(withParams(redirect_uri, { code, state: echoed }))
}

function serveToken(state: State, request: RecordedRequest): Answer {
  // Only the parameters of a form exist ($_POST); credentials in a header do not.
  const params = request.encoding === 'form' || request.encoding === 'multipart' ? request.params : {}
  const outcome = grant(state, params)
  if (!('error' in outcome)) return jsonAnswer(200, outcome)
  const scheme = /^(?:Basic|Bearer)/u.exec(request.headers.authorization ?? '')?.[0]
  const challenged = outcome.error === 'invalid_client' && scheme !== undefined
  return jsonAnswer(
    outcome.status,
    { error: outcome.error, [state.settings.error_member]: outcome.message },
    challenged ? { 'www-authenticate': `${scheme} realm=""` } : {},
  )
}

interface Tokens {
  readonly access_token: string
  readonly token_type: string
  readonly refresh_token?: string
}

function grant(state: State, params: Params): Tokens | Refusal {
  const { grant_type } = params
  if (grant_type === undefined) return invalidRequest('grant_type')
  if (grant_type === 'authorization_code') return exchanged(state, params)
  if (grant_type === 'refresh_token') return refreshed(state, params)
  return unsupportedGrant(grant_type)
}

function exchanged(state: State, params: Params): Tokens | Refusal {
  const { client_id, client_secret, redirect_uri, code: text, response_type } = params
  if (client_id === undefined) return invalidRequest('client_id')
  if (client_secret === undefined) return invalidRequest('client_secret')
  if (redirect_uri === undefined) return invalidRequest('redirect_uri')
  if (!isClient(state, client_id, redirect_uri) || client_secret !== state.client.client_secret) return invalidClient
  if (state.settings.require_response_type_token && response_type !== 'token') return invalidRequest('response_type')
  if (text === undefined) return invalidRequest('code')
  const code = state.codes.get(text)
  const expired = code && state.clock.seconds() >= code.until
  if (!code || expired || code.redirect_uri !== redirect_uri) return invalidGrant('code')
  // Deleted on use, so a second use is an unknown code; what the first one brought lives on.
  state.codes.delete(text)
  return { ...issue(state, 'Bearer'), refresh_token: newRefreshToken(state) }
}

function refreshed(state: State, params: Params): Tokens | Refusal {
  const { client_id, client_secret, refresh_token } = params
  if (client_id === undefined) return invalidRequest('client_id')
  if (client_secret === undefined) return invalidRequest('client_secret')
  if (client_id !== state.client.client_id || client_secret !== state.client.client_secret) return invalidClient
  if (refresh_token === undefined) return invalidRequest('refresh_token')
  if (state.clock.seconds() >= (state.refresh.get(refresh_token) ?? 0)) return invalidRefresh
  // This grant writes the type in small letters (Grant/RefreshToken.php of 2013).
  const tokens = issue(state, 'bearer')
  if (!state.settings.rotate) return tokens
  state.refresh.delete(refresh_token)
  return { ...tokens, refresh_token: newRefreshToken(state) }
}

function newRefreshToken({ settings, clock, refresh }: State): string {
  const token = randomAlphanumeric(40)
  refresh.set(token, clock.seconds() + settings.refresh_ttl)
  return token
}

function issue({ settings, clock, access }: State, token_type: string): Tokens {
  const access_token = randomAlphanumeric(40)
  const expires = clock.seconds() + settings.access_ttl
  access.set(access_token, expires)
  return {
    access_token,
    token_type,
    ...(settings.lifetime !== 'expires_in' && { expires: expires + settings.clock_skew }),
    ...(settings.lifetime !== 'expires' && { expires_in: settings.access_ttl }),
  }
}

function serveMe(state: State, { headers }: RecordedRequest): Answer {
  const { settings, access, clock } = state
  const authorization = (headers.authorization ?? '').trim()
  // Compared with its case, and without a scheme the whole header is the token.
  const bearer = authorization.startsWith('Bearer ')
  const token = bearer ? authorization.slice('Bearer '.length).trim() : authorization
  const accepted = settings.api_scheme === 'either' || (settings.api_scheme === 'Bearer') === bearer
  if (!accepted || clock.seconds() >= (access.get(token) ?? 0)) {
    const error_message = 'Access token is missing, invalid or has expired'
    return jsonAnswer(401, { status: 401, error: 'unauthorized', error_message })
  }
  if (settings.api === 'forbidden')
    return jsonAnswer(403, { status: 403, error: 'forbidden', error_message: 'Access to this is forbidden' })
  return jsonAnswer(200, { UserName: 'mapper' })
}
