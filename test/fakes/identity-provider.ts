/**
 * A real OpenID provider (oidc-provider, certified) in a process of its own: `node test/fakes/identity-provider.ts
 * --access-ttl 60 --no-rotate --grace 0 --port 0` prints one JSON line when it is ready and ends when its stdin closes.
 * The rule: what tokens do is oidc-provider's doing; only delays, lost answers and the grace period are ours, and they are
 * switched on a control URL that no client of the provider knows.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { spawn } from 'node:child_process'
import type { AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { parseArgs } from 'node:util'
import type { Provider as OidcProvider } from 'oidc-provider'
import type { Page } from 'playwright-core'
import { type TokenEndpointMode, unreliable } from './unreliable-network.ts'

export interface IdentityProviderOptions {
  /** Seconds; 60 unless told. */
  readonly access_ttl?: number
  /** Seconds; one hour unless told. */
  readonly refresh_ttl?: number
  /** Whether a refresh replaces the refresh token; it does unless told. A reused one ends the whole grant (RFC 9700 section 4.14.2). */
  readonly rotate?: boolean
  /** Seconds in which a replaced refresh token may be used again; 0 unless told. */
  readonly grace?: number
  readonly port?: number
}

/** Scopes that are written as the big clouds write theirs. */
const cloudScopes = ['https://www.googleapis.com/auth/cloud-platform', 'https://vault.azure.net/user_impersonation']

/** What becomes of token requests: `before` and `after` the provider has acted on them. */
export interface IdentityProviderEvents {
  /** Requests that reached the token endpoint, whatever became of them. */
  readonly token_requests: number
  /** How often each event of oidc-provider happened: `grant.success`, `grant.error`, `refresh_token.consumed`, ... */
  readonly counts: Readonly<Record<string, number>>
  readonly log: readonly { readonly event: string; readonly detail: string }[]
}

export interface IdentityProvider {
  readonly issuer: string
  /** A public native client whose redirect URI is `http://127.0.0.1:{any}/callback/generic-oidc`. */
  readonly client_id: string
  /** The same with a secret, sent as client_secret_basic. */
  readonly confidential: { readonly client_id: string; readonly client_secret: string }
  readonly control: string
  readonly pid: number
  events(): Promise<IdentityProviderEvents>
  /** Every access, refresh and ID token it has given out, in no order. */
  issued(): Promise<readonly string[]>
  /** `delay` in milliseconds before each answer of the token endpoint. */
  set(settings: { readonly delay?: number; readonly token_endpoint?: TokenEndpointMode }): Promise<void>
  /** What an administrator does: every grant ends. */
  revokeAll(): Promise<void>
  /** RFC 7662. */
  isActive(token: string): Promise<boolean>
  stop(): Promise<void>
}

interface Ready {
  readonly issuer: string
  readonly control: string
  readonly client_id: string
  readonly confidential: IdentityProvider['confidential']
}

const running = new Set<IdentityProvider>()

/** Every token of every provider of this process that runs. */
export async function issuedTokens(): Promise<readonly string[]> {
  return (await Promise.all([...running].map((provider) => provider.issued()))).flat()
}

/** Starts the provider as a child process and waits until it listens. */
export async function startIdentityProvider(options: IdentityProviderOptions = {}): Promise<IdentityProvider> {
  const argv = [
    import.meta.filename,
    ...(options.access_ttl === undefined ? [] : ['--access-ttl', String(options.access_ttl)]),
    ...(options.refresh_ttl === undefined ? [] : ['--refresh-ttl', String(options.refresh_ttl)]),
    ...(options.grace === undefined ? [] : ['--grace', String(options.grace)]),
    ...(options.port === undefined ? [] : ['--port', String(options.port)]),
    ...(options.rotate === false ? ['--no-rotate'] : []),
  ]
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = once(child, 'exit')
  const [line] = (await Promise.race([
    once(createInterface({ input: child.stdout }), 'line'),
    ended.then(() => {
      throw new Error('the identity provider ended before it was ready')
    }),
  ])) as [string]
  const ready = JSON.parse(line) as Ready
  const control = async (path: string, body?: unknown): Promise<unknown> => {
    const answer = await fetch(
      `${ready.control}${path}`,
      body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) },
    )
    return answer.json()
  }
  const provider: IdentityProvider = {
    ...ready,
    pid: child.pid ?? 0,
    events: async () => (await control('/control/events')) as IdentityProviderEvents,
    issued: async () => (await control('/control/issued')) as readonly string[],
    set: async (settings) => void (await control('/control/settings', settings)),
    revokeAll: async () => void (await control('/control/revoke-all', {})),
    isActive: async (token) => {
      const body = new URLSearchParams({ token, client_id: ready.client_id })
      const answer = await fetch(`${ready.issuer}/token/introspection`, { method: 'POST', body })
      return ((await answer.json()) as { active: boolean }).active
    },
    stop: async () => {
      running.delete(provider)
      child.stdin.end()
      if (child.exitCode === null && child.signalCode === null) await ended
    },
  }
  running.add(provider)
  return provider
}

/** Signs in and consents on the provider's pages, as a person does. Ends when the browser has left the provider. */
export async function signIn(page: Page, { login }: { readonly login: string }): Promise<void> {
  await page.locator('input[name=login]').fill(login)
  await page.locator('input[name=password]').fill('any')
  await page.locator('button[type=submit]').click()
  await page.getByRole('button', { name: /continue/iu }).click()
  await page.waitForURL((url) => url.pathname.startsWith('/callback/'))
}

/**
 * The same without a browser, for tests that are not about one: follows redirects, fills the forms, and stops at the
 * redirect URI. Answers that URL; fetch it, or paste it.
 */
export async function visit(
  authorizationUrl: string,
  { login, deny = false }: { readonly login: string; readonly deny?: boolean },
): Promise<string> {
  const cookies = new Map<string, string>()
  let request: { readonly url: string; readonly body?: URLSearchParams } = { url: authorizationUrl }
  for (let steps = 0; steps < 20; steps++) {
    const { pathname, origin } = new URL(request.url)
    if (pathname.startsWith('/callback/')) return request.url
    const answer = await fetch(request.url, {
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      ...(request.body && { method: 'POST', body: request.body }),
    })
    for (const cookie of answer.headers.getSetCookie()) {
      const [name = '', value = ''] = (cookie.split(';')[0] ?? '').split(/=(.*)/su)
      cookies.set(name, value)
    }
    const location = answer.headers.get('location')
    if (location !== null) {
      request = { url: new URL(location, request.url).href }
      continue
    }
    const html = await answer.text()
    const action = /<form[^>]* action="([^"]+)"/u.exec(html)?.[1]
    const prompt = /name="prompt" value="([^"]+)"/u.exec(html)?.[1]
    if (action === undefined || prompt === undefined)
      throw new Error(`${origin}${pathname} answered ${String(answer.status)} without a form`)
    if (deny) {
      const abort = /href="([^"]*abort[^"]*)"/u.exec(html)?.[1]
      if (abort === undefined) throw new Error('the page offers no way to decline')
      request = { url: new URL(abort, request.url).href }
      continue
    }
    request = {
      url: new URL(action, request.url).href,
      body: new URLSearchParams({ prompt, ...(prompt === 'login' && { login, password: 'any' }) }),
    }
  }
  throw new Error('the sign-in did not end')
}

const SECRET = 'a-client-secret-of-the-fake-provider'

async function serve(options: Required<IdentityProviderOptions>): Promise<void> {
  // It greets everybody with warnings about its development settings; only the one line for the parent goes out.
  console.info = console.warn = () => undefined
  const { Provider } = await import('oidc-provider')
  const { exportJWK, generateKeyPair } = await import('jose')
  const { MapAdapter } = await import('./map-adapter.ts')
  const server = await listen(options.port)
  const issuer = urlOf(server)
  const { privateKey } = await generateKeyPair('RS256', { extractable: true })
  const redirect_uris = ['http://127.0.0.1/callback/generic-oidc', 'app.valetkey:/callback/generic-oidc']
  const shared = {
    application_type: 'native',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris,
  } as const
  const client = { ...shared, client_id: 'valetkey', token_endpoint_auth_method: 'none' } as const
  const confidential = {
    ...shared,
    client_id: 'valetkey-confidential',
    client_secret: SECRET,
    token_endpoint_auth_method: 'client_secret_basic',
  } as const
  const provider = new Provider(issuer, {
    adapter: MapAdapter,
    clients: [client, confidential].map((metadata) => ({
      ...metadata,
      grant_types: [...metadata.grant_types],
      response_types: [...metadata.response_types],
    })),
    jwks: { keys: [{ ...(await exportJWK(privateKey)), kid: 'fake', use: 'sig', alg: 'RS256' }] },
    cookies: { keys: ['a-cookie-key-of-the-fake-provider'] },
    scopes: ['openid', 'offline_access', 'profile', 'email', 'api:read', 'api:write', ...cloudScopes],
    claims: { openid: ['sub'], profile: ['name', 'preferred_username'], email: ['email', 'email_verified'] },
    pkce: { required: () => true },
    features: {
      devInteractions: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
    },
    ttl: {
      AccessToken: options.access_ttl,
      AuthorizationCode: 60,
      IdToken: 300,
      RefreshToken: options.refresh_ttl,
      Interaction: 600,
      Session: 86_400,
      Grant: 86_400,
    },
    rotateRefreshToken: options.rotate,
    issueRefreshToken: (_, _client, code) => Promise.resolve(code.scopes.has('offline_access')),
    findAccount: (_, id) => ({
      accountId: id,
      claims: () =>
        Promise.resolve({
          sub: id,
          name: `User ${id}`,
          preferred_username: id,
          email: `${id}@example.test`,
          email_verified: true,
        }),
    }),
  })
  if (options.grace > 0) allowReuse(provider, options.grace)
  const watch = watchEvents(provider)
  const settings: { delay: number; token_endpoint: TokenEndpointMode } = { delay: 0, token_endpoint: 'normal' }
  const callback = provider.callback()
  const handle: RequestListener = (request, response) => void callback(request, response)
  server.on('request', unreliable(handle, settings, watch.onTokenRequest))
  const control = await listen(0)
  control.on('request', (request, response) => {
    void steer(request, response, { settings, watch })
  })
  const ready: Ready = {
    issuer,
    control: urlOf(control),
    client_id: client.client_id,
    confidential: { client_id: confidential.client_id, client_secret: SECRET },
  }
  process.stdin.resume().on('end', () => process.exit(0))
  process.on('SIGTERM', () => process.exit(0))
  process.stdout.write(`${JSON.stringify(ready)}\n`)
}

/** A grace period as Okta, Auth0 and AWS Cognito offer one: a replaced token counts as used only when it has passed. */
function allowReuse(provider: OidcProvider, grace: number): void {
  const { prototype } = provider.RefreshToken
  const consume = Reflect.get(prototype, 'consume')
  prototype.consume = function (): Promise<void> {
    setTimeout(() => void consume.call(this).catch(() => undefined), grace * 1000).unref()
    return Promise.resolve()
  }
}

interface Watch {
  readonly events: () => IdentityProviderEvents
  readonly issued: () => readonly string[]
  readonly onTokenRequest: () => void
  readonly revokeAll: () => Promise<void>
}

function watchEvents(provider: OidcProvider): Watch {
  let token_requests = 0
  const grants = new Set<string>()
  const log: { event: string; detail: string }[] = []
  const note = (event: string, detail: string): void => void log.push({ event, detail })
  const issued = new Set<string>()
  provider.on('grant.success', ({ body }) => {
    note('grant.success', '')
    const { access_token, refresh_token, id_token } = body as Readonly<Record<string, unknown>>
    for (const token of [access_token, refresh_token, id_token]) if (typeof token === 'string') issued.add(token)
  })
  provider.on('grant.error', (_, error) => {
    note('grant.error', error.message)
  })
  provider.on('grant.revoked', () => {
    note('grant.revoked', '')
  })
  provider.on('refresh_token.consumed', () => {
    note('refresh_token.consumed', '')
  })
  provider.on('refresh_token.saved', ({ grantId }) => {
    if (grantId !== undefined) grants.add(grantId)
  })
  provider.on('authorization.error', (_, error) => {
    note('authorization.error', error.message)
  })
  provider.on('revocation.error', (_, error) => {
    note('revocation.error', error.message)
  })
  provider.on('server_error', (_, error) => {
    note('server_error', error.message)
  })
  return {
    events: () => {
      const counts: Record<string, number> = {}
      for (const { event } of log) counts[event] = (counts[event] ?? 0) + 1
      return { token_requests, counts, log: log.slice(-1000) }
    },
    issued: () => [...issued],
    onTokenRequest: () => {
      token_requests++
    },
    revokeAll: async () => {
      for (const id of grants) await (await provider.Grant.find(id))?.destroy()
      grants.clear()
    },
  }
}

async function steer(
  request: IncomingMessage,
  response: ServerResponse,
  {
    settings,
    watch,
  }: { readonly settings: { delay: number; token_endpoint: TokenEndpointMode }; readonly watch: Watch },
): Promise<void> {
  const body = (await request.toArray()).join('')
  if (request.url === '/control/settings') Object.assign(settings, JSON.parse(body))
  if (request.url === '/control/revoke-all') await watch.revokeAll()
  const answers: Readonly<Record<string, () => unknown>> = {
    '/control/events': () => watch.events(),
    '/control/issued': () => watch.issued(),
  }
  const answer = answers[request.url ?? '']?.() ?? settings
  response.writeHead(200, { 'content-type': 'application/json', connection: 'close' }).end(JSON.stringify(answer))
}

async function listen(port: number): Promise<Server> {
  const server = createServer().listen(port, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const urlOf = (server: Server): string => `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`

if (import.meta.main) {
  const { values } = parseArgs({
    allowNegative: true,
    options: {
      'access-ttl': { type: 'string', default: '60' },
      'refresh-ttl': { type: 'string', default: '3600' },
      grace: { type: 'string', default: '0' },
      port: { type: 'string', default: '0' },
      rotate: { type: 'boolean', default: true },
    },
  })
  await serve({
    access_ttl: Number(values['access-ttl']),
    refresh_ttl: Number(values['refresh-ttl']),
    grace: Number(values.grace),
    port: Number(values.port),
    rotate: values.rotate,
  })
}
