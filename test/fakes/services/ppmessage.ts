/**
 * PPMessage as its server's source has it (ppauth/authhandler.py, ppauth/tokenhandler.py, api/handlers/basehandler.py of
 * 2016) and, where a setting says so, as its document has it (get_token.md). The rule: its mistakes are kept. Refusals are
 * Tornado's HTML pages, the redirect is glued together unencoded and permanent, redirect URIs are neither registered nor
 * compared, the lifetime is spelt `exipired_in`, the same code brings the same token for ever, and the API refuses with
 * HTTP 200. Python's exceptions (text plus None) are HTTP 500 here too.
 */
import { createHash, randomUUID } from 'node:crypto'
import {
  type Answer,
  type Client,
  type Clock,
  clockOf,
  locationOf,
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
} from './common.ts'

/** `API_LEVEL` of the server: which grants an application may use. */
export type PpmessageLevel = 'PPCOM' | 'PPKEFU' | 'PPCONSOLE' | 'THIRD_PARTY_KEFU' | 'THIRD_PARTY_CONSOLE'

export interface PpmessageSettings {
  /** PPCONSOLE unless told, the one level with every grant. */
  level: PpmessageLevel
  /** The source says `exipired_in`, the document `expires_in`. */
  lifetime_member: 'exipired_in' | 'expires_in'
  /** The source says 0, the document "0". */
  success_code: 0 | '0'
  /** Whether a token ends after the 24 hours it is said to last; nothing in the source ends it. */
  enforce_expiry: boolean
  /** Calls that need `app_uuid` and have none are refused as if the token were wrong (`_check_token`). */
  app_uuid_required: boolean
}

export interface PpmessageOptions extends Partial<PpmessageSettings> {
  /** Milliseconds; the machine's clock unless told. */
  readonly now?: () => number
}

export interface Ppmessage extends Service {
  readonly client: Client
  readonly person: Person
  readonly settings: PpmessageSettings
  advance(seconds: number): void
  /** Presses Continue as the person. Answers the redirect's Location, unencoded as it is. */
  approve(authorizationUrl: string): Promise<string>
  /** There is no way to decline; what comes nearest is a wrong password: the answer is the status of the page, 500. */
  deny(authorizationUrl: string): Promise<number>
  /** A code nobody has approved: what one gets who sends `redirect_id` as in the document's example. */
  unapprovedCode(): Promise<string>
  /** Access tokens end; their codes still bring them. */
  expireAccessTokens(): void
  /** Tokens and codes end. */
  revokeAll(): void
}

interface Row {
  readonly code: string
  readonly token: string
  readonly until: number
  approved: boolean
  ended: boolean
}

interface State {
  readonly client: Client
  readonly person: Person
  readonly settings: PpmessageSettings
  readonly clock: Clock
  /** By `token_data_uuid`. */
  readonly rows: Map<string, Row>
}

const LIFETIME = 86_400
const SUCCESS = 'success.'
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'POST, GET, OPTIONS',
  'access-control-allow-headers': 'Content-Type, Authorization',
}

/** base64(hex(sha1(uuid))), which ends in `==`. */
const secretOf = (): string => Buffer.from(randomHex(40)).toString('base64')

/** Starts a PPMessage server with one application and one person. */
export async function startPpmessage(options: PpmessageOptions = {}): Promise<Ppmessage> {
  const { now, ...settings } = options
  const state: State = {
    client: { client_id: secretOf(), client_secret: secretOf() },
    person: { email: 'ada@example.test', password: 'correct horse' },
    settings: {
      level: 'PPCONSOLE',
      lifetime_member: 'exipired_in',
      success_code: 0,
      enforce_expiry: false,
      app_uuid_required: false,
      ...settings,
    },
    clock: clockOf(now),
    rows: new Map(),
  }
  const service = await startService((request) => serve(state, request))
  const submit = (url: string, password: string): Promise<Response> =>
    press(url, 'Continue', { user_email: state.person.email, user_password: password })
  return {
    ...service,
    client: state.client,
    person: state.person,
    settings: state.settings,
    advance: (seconds) => state.clock.advance(seconds),
    approve: async (url) => locationOf(await submit(url, state.person.password)),
    deny: async (url) => (await submit(url, 'wrong')).status,
    unapprovedCode: async () => {
      const query = new URLSearchParams({ client_id: state.client.client_id, response_type: 'code', state: 'x' })
      const answer = await fetch(`${service.origin}/ppauth/auth?${query.toString()}`)
      return ((await answer.json()) as { code: string }).code
    },
    expireAccessTokens: () => {
      for (const row of state.rows.values()) row.ended = true
    },
    revokeAll: () => state.rows.clear(),
  }
}

function serve(state: State, request: RecordedRequest): Answer {
  const { method, path } = request
  if (path.startsWith('/api/PP_')) return serveApi(state, request)
  if (path !== '/ppauth/auth' && path !== '/ppauth/token') return fail(404)
  if (method === 'OPTIONS') return { status: 200, headers: CORS }
  if (method !== 'GET' && method !== 'POST') return fail(405)
  if (path === '/ppauth/token') return method === 'GET' ? fail(500) : serveToken(state, request)
  return method === 'GET' ? serveForm(state, request) : serveSignIn(state, request)
}

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  404: 'Not Found',
  405: 'Method Not Allowed',
  500: 'Internal Server Error',
  501: 'Not Implemented',
}

/** Tornado's `send_error`. */
function fail(status: number): Answer {
  const text = `${String(status)}: ${REASONS[status] ?? 'Unknown'}`
  return htmlAnswer(status, `<html><title>${text}</title><body>${text}</body></html>`)
}

function serveForm(state: State, request: RecordedRequest): Answer {
  const query = trimmed(request.query)
  if (query['response_type'] !== 'code') return fail(501)
  if (query['client_id'] === undefined) return fail(400)
  if (query['client_id'] !== state.client.client_id) return fail(404)
  const uuid = randomUUID()
  const row: Row = newRow(state)
  state.rows.set(uuid, row)
  const { redirect_uri } = query
  if (redirect_uri === undefined) return jsonAnswer(200, { state: query['state'] ?? null, code: row.code }, CORS)
  const html = signInForm({
    title: 'PPMessage',
    action: '/ppauth/auth',
    // The template prints Python's None for a state that is missing.
    hidden: { state: query['state'] ?? 'None', redirect_uri, token_data_uuid: uuid },
    email_field: 'user_email',
    password_field: 'user_password',
    buttons: ['Continue'],
  })
  return htmlAnswer(200, html)
}

function serveSignIn(state: State, request: RecordedRequest): Answer {
  const { user_email, user_password, token_data_uuid, redirect_uri, state: echoed } = bodyArguments(request)
  if (
    user_email === undefined ||
    user_password === undefined ||
    token_data_uuid === undefined ||
    redirect_uri === undefined ||
    echoed === undefined
  )
    return fail(400)
  if (user_email !== state.person.email || user_password !== state.person.password) return fail(500)
  const row = state.rows.get(token_data_uuid)
  if (!row) return fail(500)
  row.approved = true
  const target = `${redirect_uri}?code=${row.code}&state=${echoed}`
  // Tornado's "Unsafe header value".
  if (/\p{Cc}/u.test(target)) return fail(500)
  return redirectTo(target, 301)
}

function serveToken(state: State, request: RecordedRequest): Answer {
  const params = bodyArguments(request)
  switch (params['grant_type']) {
    case 'authorization_code':
      return exchangeCode(state, params)
    case 'client_credentials':
      return grantToClient(state, params)
    case 'password':
      return grantForPassword(state, params)
    default:
      return fail(400)
  }
}

function exchangeCode({ client, rows, settings }: State, params: Params): Answer {
  const { code, client_id, client_secret } = params
  if (code === undefined) return fail(500)
  const row = [...rows.values()].find((one) => one.code === code)
  if (!row) return fail(400)
  if (client_id !== client.client_id || client_secret !== client.client_secret) return fail(400)
  if (settings.level === 'PPCOM' || !row.approved) return fail(400)
  const body = { access_token: row.token, token_type: 'Bearer', [settings.lifetime_member]: LIFETIME }
  return jsonAnswer(200, body, CORS)
}

function grantToClient(state: State, params: Params): Answer {
  const { client_id, client_secret } = params
  if (client_id === undefined) return fail(500)
  if (client_id !== state.client.client_id || client_secret !== state.client.client_secret) return fail(400)
  if (!['PPCOM', 'PPCONSOLE', 'THIRD_PARTY_CONSOLE'].includes(state.settings.level)) return fail(400)
  return jsonAnswer(200, { access_token: issue(state), token_type: 'Bearer' }, CORS)
}

function grantForPassword(state: State, params: Params): Answer {
  const { client_id, user_email, user_password } = params
  const refuse = (): Answer => jsonAnswer(200, { error_code: -1 }, CORS)
  if (client_id === undefined) return fail(500)
  if (client_id !== state.client.client_id) return refuse()
  if (state.settings.level !== 'PPKEFU' && state.settings.level !== 'PPCONSOLE') return refuse()
  if (user_email === undefined) return fail(500)
  // Compared with the stored digest, so this grant takes the SHA-1 of the password and not the password.
  const digest = createHash('sha1').update(state.person.password).digest('hex')
  if (user_email !== state.person.email || user_password !== digest) return refuse()
  const body = { error_code: 0, access_token: issue(state), user_uuid: USER, token_type: 'Bearer' }
  return jsonAnswer(200, body, CORS)
}

const USER = randomUUID()

function newRow({ clock }: State): Row {
  return { code: secretOf(), token: secretOf(), until: clock.seconds() + LIFETIME, approved: false, ended: false }
}

function issue(state: State): string {
  const row = newRow(state)
  state.rows.set(randomUUID(), row)
  return row.token
}

function serveApi(state: State, request: RecordedRequest): Answer {
  const { settings } = state
  const answer = (error_code: unknown, error_string: string, members: object = {}): Answer =>
    jsonAnswer(200, { ...members, error_code, error_string, uri: request.path.replace(/^\/api/u, '') }, CORS)
  if (request.method === 'OPTIONS') return { status: 200, headers: CORS }
  if (request.method === 'GET' || request.json === undefined) return answer(1, 'request not json.')
  const [scheme = '', token = '', ...rest] = (request.headers.authorization ?? '').split(' ')
  if (scheme.toLowerCase() !== 'oauth' || token === '' || rest.length > 0) return answer(3, 'no such access token.')
  const row = [...state.rows.values()].find((one) => one.token === token && !one.ended)
  const expired = row && settings.enforce_expiry && state.clock.seconds() >= row.until
  const misdirected = settings.app_uuid_required && request.params['app_uuid'] === undefined
  if (!row || expired || misdirected) return answer(4, 'wrong access token.')
  return answer(settings.success_code, settings.success_code === 0 ? SUCCESS : 'success', { list: [] })
}

/** `get_body_argument` reads forms and nothing else, and strips white space. */
const bodyArguments = ({ encoding, params }: RecordedRequest): Params =>
  encoding === 'form' || encoding === 'multipart' ? trimmed(params) : {}

const trimmed = (params: Params): Params =>
  Object.fromEntries(Object.entries(params).map(([name, value]) => [name, value.trim()]))
