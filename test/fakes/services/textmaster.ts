/**
 * TextMaster: Doorkeeper (config/locales/en.yml, authorization_code_request, refresh_token_request of
 * doorkeeper-gem/doorkeeper) with the lifetimes of TextMaster's document (authorizing-oauth-apps.md). The rule: where
 * Doorkeeper's versions or their configuration differ, a setting chooses. Every refusal of a token carries WWW-Authenticate,
 * 400 or not; 401 and 403 of the API have the same body.
 */
import { createHash } from 'node:crypto'
import {
  type Answer,
  type Client,
  type Clock,
  clockOf,
  isRegistered,
  locationOf,
  loopbackUris,
  page,
  type Params,
  type Person,
  press,
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

export interface TextmasterSettings {
  /** Every refresh brings a new refresh token; unless told the old one ends at once, else on the new one's first use. */
  rotation: 'strict' | 'revoked_on_use'
  /** What the person grants of what was asked, or other than it; everything unless told. */
  granted_scope: string | undefined
  /** A token without an end has no `expires_in`. */
  expires: boolean
  /** Only forms are taken (`enforce_content_type`). */
  enforce_content_type: boolean
  /** Without PKCE columns the parameters are ignored. */
  pkce: 'verified' | 'ignored'
  /** Newer versions end the token that a reused code had brought. */
  code_reuse: 'revokes' | 'refuses'
  /** Newer versions add `iss` to the redirect if an issuer is configured. */
  issuer: string | undefined
  /** The API answers 403 to good tokens. */
  api: 'normal' | 'forbidden'
  any_loopback_port: boolean
  redirect_uris: readonly string[]
  /** Seconds. */
  access_ttl: number
  code_ttl: number
}

export interface TextmasterOptions extends Partial<TextmasterSettings> {
  /** Milliseconds; the machine's clock unless told. */
  readonly now?: () => number
}

export interface Textmaster extends Service {
  readonly client: Client
  readonly person: Person
  readonly settings: TextmasterSettings
  advance(seconds: number): void
  /** Signs in and presses Authorize. Answers the redirect's Location, or the code that the OOB page shows. */
  approve(authorizationUrl: string): Promise<string>
  /** The redirect's Location, or the page that an OOB client's person sees. */
  deny(authorizationUrl: string): Promise<string>
  /** Refresh tokens stay: they do not expire. */
  expireAccessTokens(): void
  /** Every token and code ends. */
  revokeAll(): void
}

interface Code {
  readonly redirect_uri: string
  readonly scope: string
  readonly challenge: string | undefined
  readonly until: number
  used: boolean
  token: Token | undefined
}

/** A row of Doorkeeper's: the access token and its refresh token end together when revoked. */
interface Token {
  readonly access_token: string
  readonly refresh_token: string
  readonly scope: string
  readonly previous: Token | undefined
  until: number
  revoked: boolean
}

interface State {
  readonly client: Client
  readonly person: Person
  readonly settings: TextmasterSettings
  readonly clock: Clock
  readonly codes: Map<string, Code>
  readonly tokens: Token[]
}

/** The address that means: show the code on a page. */
export const OOB = 'urn:ietf:wg:oauth:2.0:oob'

const SCOPES =
  'public user:read user:email user:manage project:read project:write project:quote project:launch project:manage'

/** Starts the application site and the API on one address. */
export async function startTextmaster(options: TextmasterOptions = {}): Promise<Textmaster> {
  const { now, ...settings } = options
  const state: State = {
    client: { client_id: randomHex(38), client_secret: randomHex(34) },
    person: { email: 'client@example.test', password: 'les mots justes' },
    settings: {
      rotation: 'strict',
      granted_scope: undefined,
      expires: true,
      enforce_content_type: false,
      pkce: 'verified',
      code_reuse: 'revokes',
      issuer: undefined,
      api: 'normal',
      any_loopback_port: true,
      redirect_uris: [...loopbackUris('textmaster'), OOB],
      access_ttl: 28_800,
      code_ttl: 600,
      ...settings,
    },
    clock: clockOf(now),
    codes: new Map(),
    tokens: [],
  }
  const service = await startService((request) => serve(state, request))
  const { client, person, tokens, codes } = state
  return {
    ...service,
    client,
    person,
    settings: state.settings,
    advance: (seconds) => state.clock.advance(seconds),
    approve: async (url) => {
      const location = locationOf(await press(url, 'Authorize', { ...person }))
      if (!location.startsWith('/oauth/authorize/native?')) return location
      const shown = await (await fetch(new URL(location, url))).text()
      return /<code id="authorization_code">([^<]+)<\/code>/u.exec(shown)?.[1] ?? ''
    },
    deny: async (url) => {
      const answer = await press(url, 'Deny', { ...person })
      return answer.headers.has('location') ? locationOf(answer) : answer.text()
    },
    expireAccessTokens: () => {
      for (const token of tokens) token.until = 0
    },
    revokeAll: () => {
      for (const token of tokens) token.revoked = true
      codes.clear()
    },
  }
}

function serve(state: State, request: RecordedRequest): Answer {
  switch (`${request.method} ${request.path}`) {
    case 'GET /oauth/authorize':
      return serveForm(state, request.query)
    case 'POST /oauth/authorize':
      return serveDecision(state, request.params)
    case 'GET /oauth/authorize/native': {
      const code = /^[0-9a-f]+$/u.exec(request.query['code'] ?? '')?.[0] ?? ''
      return htmlAnswer(200, page('Authorization code', `<p><code id="authorization_code">${code}</code></p>`))
    }
    case 'POST /oauth/token':
      return serveToken(state, request)
    case 'POST /oauth/revoke':
      return serveRevocation(state, request)
    case 'GET /v1/clients/users/me':
      return serveMe(state, request)
    default:
      return jsonAnswer(404, { error: 'not_found' })
  }
}

interface Refusal {
  readonly error: string
  readonly error_description: string
}

const MISSING = 'Missing required parameter: '
const MESSAGES = {
  invalid_redirect_uri: "The requested redirect uri is malformed or doesn't match client redirect URI.",
  access_denied: 'The resource owner or authorization server denied the request.',
  invalid_scope: 'The requested scope is invalid, unknown, or malformed.',
  unsupported_response_type: 'The authorization server does not support this response type.',
  invalid_client:
    'Client authentication failed due to unknown client, no client authentication included, or unsupported ' +
    'authentication method.',
  invalid_grant:
    'The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the ' +
    'authorization request, or was issued to another client.',
  unsupported_grant_type: 'The authorization grant type is not supported by the authorization server.',
} as const

const refusal = (error: keyof typeof MESSAGES): Refusal => ({ error, error_description: MESSAGES[error] })

const missing = (parameter: string): Refusal => ({
  error: 'invalid_request',
  error_description: `${MISSING}${parameter}.`,
})

/** What is wrong, and whether the client is told or only the person. */
function checkAuthorization(state: State, query: Params): { tell: boolean; refusal: Refusal } | undefined {
  const { client_id, redirect_uri, response_type, scope = 'public', code_challenge_method = 'S256' } = query
  const { redirect_uris, any_loopback_port } = state.settings
  if (client_id === undefined) return { tell: false, refusal: missing('client_id') }
  if (client_id !== state.client.client_id) return { tell: false, refusal: refusal('invalid_client') }
  if (redirect_uri === undefined || !isRegistered(redirect_uri, redirect_uris, any_loopback_port))
    return { tell: false, refusal: refusal('invalid_redirect_uri') }
  if (response_type === undefined) return { tell: true, refusal: missing('response_type') }
  if (response_type !== 'code') return { tell: true, refusal: refusal('unsupported_response_type') }
  const unknown = scope.split(' ').some((one) => !SCOPES.split(' ').includes(one))
  if (unknown) return { tell: true, refusal: refusal('invalid_scope') }
  if (state.settings.pkce === 'ignored' || ['S256', 'plain'].includes(code_challenge_method)) return undefined
  const error_description = 'The code challenge method must be plain or S256.'
  return { tell: true, refusal: { error: 'invalid_code_challenge_method', error_description } }
}

/** To the client, if it has an address; else, and with OOB, on a page. */
function tell(query: Params, toClient: boolean, { error, error_description }: Refusal): Answer {
  const { redirect_uri = '', state } = query
  if (!toClient || redirect_uri === OOB)
    return htmlAnswer(400, page('An error has occurred', `<pre>${error_description}</pre>`))
  return redirectTo(withParams(redirect_uri, { error, error_description, state }))
}

function serveForm(state: State, query: Params, problem?: string): Answer {
  const wrong = checkAuthorization(state, query)
  if (wrong) return tell(query, wrong.tell, wrong.refusal)
  const html = signInForm({
    title: 'Authorization required',
    action: '/oauth/authorize',
    hidden: query,
    buttons: ['Authorize', 'Deny'],
    ...(problem !== undefined && { problem }),
  })
  return htmlAnswer(200, html)
}

function serveDecision(state: State, params: Params): Answer {
  const { settings, clock } = state
  const { decision, email, password, ...query } = params
  const wrong = checkAuthorization(state, query)
  if (wrong) return tell(query, wrong.tell, wrong.refusal)
  if (decision !== 'authorize') return tell(query, true, refusal('access_denied'))
  if (email !== state.person.email || password !== state.person.password)
    return serveForm(state, query, 'Invalid email or password.')
  const { redirect_uri = '', scope = 'public', code_challenge, code_challenge_method, state: echoed } = query
  const code = randomHex(64)
  // A plain challenge is hashed here, so that only one kind is compared.
  const challenge =
    code_challenge_method === 'plain' && code_challenge !== undefined ? s256(code_challenge) : code_challenge
  state.codes.set(code, {
    redirect_uri,
    scope: settings.granted_scope ?? scope,
    challenge: settings.pkce === 'verified' ? challenge : undefined,
    until: clock.seconds() + settings.code_ttl,
    used: false,
    token: undefined,
  })
  // No state comes back here: the page is not the client's.
  if (redirect_uri === OOB) return redirectTo(`/oauth/authorize/native?code=${code}`)
  return redirectTo(withParams(redirect_uri, { code, state: echoed, iss: settings.issuer }))
}

const s256 = (text: string): string => createHash('sha256').update(text).digest('base64url')

function serveToken(state: State, request: RecordedRequest): Answer {
  if (state.settings.enforce_content_type && request.encoding !== 'form') return { status: 415 }
  // Rails merges the query with whatever body it can read.
  const params = { ...request.query, ...request.params }
  const outcome = grant(state, params, isClient(state, params, request.headers.authorization))
  const store = { 'cache-control': 'no-store' }
  if (!('error' in outcome)) return jsonAnswer(200, bodyOf(state, outcome), store)
  const { error, error_description } = outcome
  const challenge = `Bearer realm="Doorkeeper", error="${error}", error_description="${error_description}"`
  const status = error === 'invalid_client' ? 401 : 400
  return jsonAnswer(status, { error, error_description }, { ...store, 'www-authenticate': challenge })
}

function isClient({ client }: State, params: Params, authorization: string | undefined): boolean {
  const basic = /^Basic (.+)$/iu.exec(authorization ?? '')?.[1]
  const [id, secret] =
    basic === undefined
      ? [params['client_id'], params['client_secret']]
      : Buffer.from(basic, 'base64').toString('utf8').split(/:(.*)/su)
  return id === client.client_id && secret === client.client_secret
}

function grant(state: State, params: Params, is_client: boolean): Token | Refusal {
  const { grant_type } = params
  if (grant_type === undefined) return missing('grant_type')
  if (grant_type === 'authorization_code') return exchanged(state, params, is_client)
  if (grant_type === 'refresh_token') return refreshed(state, params, is_client)
  return refusal('unsupported_grant_type')
}

function exchanged(state: State, params: Params, is_client: boolean): Token | Refusal {
  const { code: text, redirect_uri, code_verifier } = params
  if (text === undefined) return missing('code')
  const code = state.codes.get(text)
  if (code?.challenge !== undefined && code_verifier === undefined) return missing('code_verifier')
  if (redirect_uri === undefined) return missing('redirect_uri')
  if (!is_client) return refusal('invalid_client')
  if (!code || state.clock.seconds() > code.until) return refusal('invalid_grant')
  if (code.used) {
    if (code.token && state.settings.code_reuse === 'revokes') code.token.revoked = true
    return refusal('invalid_grant')
  }
  if (redirect_uri !== code.redirect_uri) return refusal('invalid_grant')
  if (code.challenge !== undefined && s256(code_verifier ?? '') !== code.challenge) return refusal('invalid_grant')
  code.used = true
  code.token = issue(state, code.scope)
  return code.token
}

function refreshed(state: State, params: Params, is_client: boolean): Token | Refusal {
  const { refresh_token, scope } = params
  if (refresh_token === undefined) return missing('refresh_token')
  const old = state.tokens.find((token) => token.refresh_token === refresh_token)
  if (!old || old.revoked) return refusal('invalid_grant')
  if (!is_client) return refusal('invalid_client')
  const granted = old.scope.split(' ')
  if (scope?.split(' ').some((one) => !granted.includes(one))) return refusal('invalid_scope')
  const on_use = state.settings.rotation === 'revoked_on_use'
  // The row is revoked, so the old access token ends with its refresh token.
  if (!on_use) old.revoked = true
  return issue(state, scope ?? old.scope, on_use ? old : undefined)
}

function issue({ settings, clock, tokens }: State, scope: string, previous?: Token): Token {
  const until = settings.expires ? clock.seconds() + settings.access_ttl : Number.POSITIVE_INFINITY
  const token: Token = {
    access_token: randomHex(37),
    refresh_token: randomHex(39),
    scope,
    previous,
    until,
    revoked: false,
  }
  tokens.push(token)
  return token
}

/** `TokenResponse#body`, which drops what is blank. */
const bodyOf = ({ settings, clock }: State, { access_token, refresh_token, scope }: Token): object => ({
  access_token,
  token_type: 'Bearer',
  ...(settings.expires && { expires_in: settings.access_ttl }),
  refresh_token,
  ...(scope !== '' && { scope }),
  created_at: clock.seconds(),
})

/** RFC 7009 as Doorkeeper does it: an unknown token is no error, an unknown client is 403. */
function serveRevocation(state: State, request: RecordedRequest): Answer {
  const params = { ...request.query, ...request.params }
  if (!isClient(state, params, request.headers.authorization)) {
    const error_description = 'You are not authorized to revoke this token'
    return jsonAnswer(403, { error: 'unauthorized_client', error_description })
  }
  for (const token of state.tokens)
    if (token.access_token === params['token'] || token.refresh_token === params['token']) token.revoked = true
  return jsonAnswer(200, {})
}

function serveMe(state: State, { headers }: RecordedRequest): Answer {
  const bearer = /^Bearer (.+)$/u.exec(headers.authorization ?? '')?.[1]
  const token = state.tokens.find((one) => one.access_token === bearer)
  const good = token !== undefined && !token.revoked && state.clock.seconds() < token.until
  if (good && token.previous) token.previous.revoked = true
  if (good && state.settings.api === 'normal')
    return jsonAnswer(200, { id: '5f3b', email: state.person.email, scope: token.scope })
  const body = { error: 'invalid_token', error_description: 'The access token is invalid' }
  const challenge = 'Bearer realm="Doorkeeper", error="invalid_token", error_description="The access token is invalid"'
  return jsonAnswer(good ? 403 : 401, body, { 'www-authenticate': challenge })
}
