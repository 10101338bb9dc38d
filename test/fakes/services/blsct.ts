/**
 * The authorization center and the test API of Coupang / blsct, after its document (third-party-application.md of
 * Coupang_FC); no source of it is known. The rule: where the document contradicts itself (app_key or app_secret, camel or
 * snake case) or is silent (the HTTP status of a refusal), a setting chooses, and unless told it is what the document's
 * sample shows, which a real server printed. No person takes part, so there is nothing to approve.
 */
import { randomBytes } from 'node:crypto'
import {
  type Answer,
  type Client,
  type Clock,
  clockOf,
  randomHex,
  type RecordedRequest,
  jsonAnswer,
  textAnswer,
  type Service,
  startService,
} from './common.ts'

export interface BlsctSettings {
  /** The sample says camelCase, the table snake_case. */
  spelling: 'camelCase' | 'snake_case'
  /** Which member the secret is read from: the table says app_key, the sample app_secret. */
  secret_member: 'app_key' | 'app_secret' | 'either'
  /** Refusals under HTTP 200 with a statusCode, or under that status. */
  errors: 'in_band' | 'http'
  /** What stands before the JWT in the answer. */
  prefix: string
  /** Whether the answer says the lifetime or has `null` there. */
  say_lifetime: boolean
  /** Every token request fails with this status. */
  failure: 400 | 403 | 500 | undefined
  /** The API refuses with HTTP 401, or with HTTP 200 and the text 401. */
  refusal_status: 401 | 200
  /** The API refuses every token, new ones too. */
  refuse_all: boolean
  /** Seconds. */
  access_ttl: number
}

export interface BlsctOptions extends Partial<BlsctSettings> {
  /** Milliseconds; the machine's clock unless told. */
  readonly now?: () => number
}

export interface Blsct extends Service {
  /** `app_id` and the app key. */
  readonly client: Client
  readonly settings: BlsctSettings
  advance(seconds: number): void
  /** The API takes no token that was given out until now. */
  expireAccessTokens(): void
  /** The application is no longer known, and its tokens are not either. */
  revokeAll(): void
}

interface State {
  readonly client: Client
  readonly settings: BlsctSettings
  readonly clock: Clock
  /** JWT to the second it ends. */
  readonly tokens: Map<string, number>
  known: boolean
}

/** Starts the authorization center and the API on one address. */
export async function startBlsct(options: BlsctOptions = {}): Promise<Blsct> {
  const { now, ...settings } = options
  const state: State = {
    client: { client_id: 'coupang', client_secret: `coupangTest${randomHex(8)}` },
    settings: {
      spelling: 'camelCase',
      secret_member: 'either',
      errors: 'in_band',
      prefix: 'Bearer ',
      say_lifetime: true,
      failure: undefined,
      refusal_status: 401,
      refuse_all: false,
      access_ttl: 3600,
      ...settings,
    },
    clock: clockOf(now),
    tokens: new Map(),
    known: true,
  }
  const service = await startService((request) => serve(state, request))
  return {
    ...service,
    client: state.client,
    settings: state.settings,
    advance: (seconds) => state.clock.advance(seconds),
    expireAccessTokens: () => state.tokens.clear(),
    revokeAll: () => {
      state.tokens.clear()
      state.known = false
    },
  }
}

function serve(state: State, request: RecordedRequest): Answer {
  switch (`${request.method} ${request.path}`) {
    case 'POST /oauth/token/get':
      return serveToken(state, request)
    case 'GET /product':
      return textAnswer(200, 'Ok!You successfully caught me.')
    case 'GET /product/get':
      return serveProduct(state, request)
    default:
      return { status: 404 }
  }
}

function serveToken(state: State, request: RecordedRequest): Answer {
  const { settings, client } = state
  const { app_id, app_key, app_secret } = request.params
  // ASP.NET binds a JSON body and no other.
  if (request.encoding !== 'json') return jsonAnswer(415, { title: 'Unsupported Media Type', status: 415 })
  const secrets = { app_key: [app_key], app_secret: [app_secret], either: [app_key, app_secret] }
  const secret = secrets[settings.secret_member].find((one) => one !== undefined)
  const refuse = (status: number, message: string): Answer =>
    answer(state, { app_id: app_id ?? null, access_token: null, expires_in: null, status, message })
  if (settings.failure !== undefined) return refuse(settings.failure, FAILURES[settings.failure])
  if (app_id === undefined || secret === undefined) return refuse(400, 'Missing parameter')
  if (!state.known || app_id !== client.client_id) return refuse(400, 'Illegal id')
  if (secret !== client.client_secret) return refuse(401, 'Illegal key')
  const token = issue(state)
  const expires_in = settings.say_lifetime ? settings.access_ttl : null
  return answer(state, { app_id, access_token: settings.prefix + token, expires_in, status: 200, message: null })
}

const FAILURES = { 400: 'Error request', 403: 'Access forbidden', 500: 'Service error' } as const

interface Members {
  readonly app_id: string | null
  readonly access_token: string | null
  readonly expires_in: number | null
  readonly status: number
  readonly message: string | null
}

function answer({ settings }: State, members: Members): Answer {
  const { app_id, access_token, expires_in, status, message } = members
  const body =
    settings.spelling === 'camelCase'
      ? { appId: app_id, accessToken: access_token, expiresIn: expires_in, statusCode: status, errMsg: message }
      : { app_id, access_token, expires_in, status_code: status, err_msg: message }
  return jsonAnswer(settings.errors === 'http' ? status : 200, body)
}

/** A JWT with the members of the sample's. Nobody but the API can tell that its signature is none. */
function issue({ client, clock, settings, tokens }: State): string {
  const nbf = clock.seconds()
  const exp = nbf + settings.access_ttl
  const header = { alg: 'RS256', kid: randomHex(40).toUpperCase(), typ: 'at+jwt' }
  const jti = randomHex(32).toUpperCase()
  const iss = 'http://localhost:5006'
  const claims = { nbf, exp, iss, client_id: client.client_id, jti, iat: nbf, scope: ['bailunApi'] }
  const parts = [JSON.stringify(header), JSON.stringify(claims), randomBytes(256)]
  const token = parts.map((part) => Buffer.from(part as string).toString('base64url')).join('.')
  tokens.set(token, exp)
  return token
}

function serveProduct({ clock, settings, tokens }: State, request: RecordedRequest): Answer {
  const token = /^Bearer ([^ ]+)$/iu.exec(request.headers.authorization ?? '')?.[1] ?? ''
  if (settings.refuse_all || clock.seconds() >= (tokens.get(token) ?? 0))
    return textAnswer(settings.refusal_status, '401')
  return textAnswer(200, `Ok!You successfully caught me. The Id is ${request.query['id'] ?? ''}`)
}
