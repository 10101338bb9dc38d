/**
 * What the emulated services share: a listener on loopback that records every request, the parsing of bodies, the forms a
 * person fills in, and the faults of a network. The rule: nothing here knows a service, and nothing waits for time to pass:
 * clocks are moved, answers are held until they are let go. Requests are recorded as they came, before anything is decided.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Params = Readonly<Record<string, string>>

export interface Client {
  readonly client_id: string
  readonly client_secret: string
}

export interface Person {
  readonly email: string
  readonly password: string
}

export interface RecordedRequest {
  readonly method: string
  /** Without the query. */
  readonly path: string
  readonly query: Params
  readonly headers: IncomingHttpHeaders
  /** The raw body as text. */
  readonly body: string
  /** How the body was encoded, by its Content-Type and not by its looks. */
  readonly encoding: 'form' | 'multipart' | 'json' | 'other' | 'none'
  /** The members of the body that are text, numbers or truth values, as text; of a repeated one the last. */
  readonly params: Params
  /** The parsed body, when it is JSON. */
  readonly json: unknown
}

export interface Hold {
  /** Settles when the request has come. */
  readonly arrived: Promise<void>
  /** Lets the request be served. */
  release(): void
}

/** What every emulator has. */
export interface Service {
  /** `http://127.0.0.1:{port}` */
  readonly origin: string
  /** `127.0.0.1:{port}` */
  readonly host: string
  /** Every request, in order; those of `approve` and `deny` too. */
  readonly requests: readonly RecordedRequest[]
  /** The next request to this path is answered with this, and the service does not act on it. */
  answerNext(path: string, answer: Answer): void
  /** The service acts on the next request to this path, and the connection breaks instead of the answer. */
  loseNext(path: string): void
  /** The next request to this path waits. */
  holdNext(path: string): Hold
  stop(): Promise<void>
}

export interface Answer {
  readonly status: number
  readonly body?: string
  readonly headers?: Params
}

type Fault = Answer | 'lose' | { readonly arrive: () => void; readonly released: Promise<void> }

/** Starts a listener; `handle` answers each request that no fault was arranged for. */
export async function startService(handle: (request: RecordedRequest) => Answer): Promise<Service> {
  const requests: RecordedRequest[] = []
  const faults: { readonly path: string; readonly fault: Fault }[] = []
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await record(incoming)
    requests.push(request)
    const index = faults.findIndex(({ path }) => path === request.path)
    const fault = index === -1 ? undefined : faults.splice(index, 1)[0]?.fault
    if (fault !== undefined && fault !== 'lose' && 'arrive' in fault) {
      fault.arrive()
      await fault.released
    }
    const isAnswer = typeof fault === 'object' && 'status' in fault
    const { status, headers, body } = isAnswer
      ? { ...fault, headers: { 'content-type': HTML, ...fault.headers } }
      : handle(request)
    if (fault === 'lose') incoming.socket.resetAndDestroy()
    else response.writeHead(status, headers).end(body)
  }
  const server = createServer((incoming, response) => {
    serve(incoming, response).catch((error: unknown) => {
      // A bug of the emulator must not look like an answer of the service.
      process.stderr.write(`an emulated service failed: ${String(error)}\n`)
      incoming.socket.destroy()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return {
    origin: `http://${host}`,
    host,
    requests,
    answerNext: (path, answer) => void faults.push({ path, fault: answer }),
    loseNext: (path) => void faults.push({ path, fault: 'lose' }),
    holdNext: (path) => {
      const arrival = Promise.withResolvers<undefined>()
      const letGo = Promise.withResolvers<undefined>()
      const arrive = (): void => arrival.resolve(undefined)
      faults.push({ path, fault: { arrive, released: letGo.promise } })
      return { arrived: arrival.promise, release: () => letGo.resolve(undefined) }
    },
    stop: async () => {
      server.closeAllConnections()
      server.close()
      if (server.listening) await once(server, 'close')
    },
  }
}

async function record(incoming: IncomingMessage): Promise<RecordedRequest> {
  const bytes = Buffer.concat((await incoming.toArray()) as Buffer[])
  const body = bytes.toString('utf8')
  const url = new URL(incoming.url ?? '/', 'http://127.0.0.1')
  const type = incoming.headers['content-type'] ?? ''
  const encoding = encodingOf(type, body)
  const json = encoding === 'json' ? parseJson(body) : undefined
  const { method = '', headers } = incoming
  const params = await paramsOf(encoding, { bytes, body, type, json })
  return {
    method,
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    headers,
    body,
    encoding,
    params,
    json,
  }
}

function encodingOf(type: string, body: string): RecordedRequest['encoding'] {
  const essence = (type.split(';')[0] ?? '').trim().toLowerCase()
  if (essence === 'application/x-www-form-urlencoded') return 'form'
  if (essence === 'multipart/form-data') return 'multipart'
  if (essence === 'application/json') return 'json'
  return body === '' ? 'none' : 'other'
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

async function paramsOf(
  encoding: RecordedRequest['encoding'],
  { bytes, body, type, json }: { bytes: Buffer; body: string; type: string; json: unknown },
): Promise<Params> {
  if (encoding === 'form') return Object.fromEntries(new URLSearchParams(body))
  if (encoding === 'multipart') {
    const response = new Response(new Uint8Array(bytes), { headers: { 'content-type': type } })
    // A broken body has no members, as in Rack and in Tornado.
    const form = await response.formData().catch(() => new FormData())
    return Object.fromEntries([...form].filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  }
  if (typeof json !== 'object' || json === null) return {}
  const members = Object.entries(json).filter(([, value]) => ['string', 'number', 'boolean'].includes(typeof value))
  return Object.fromEntries(members.map(([name, value]) => [name, String(value)]))
}

const HTML = 'text/html; charset=UTF-8'

export const jsonAnswer = (status: number, body: unknown, headers: Params = {}): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

export const htmlAnswer = (status: number, body: string): Answer => ({
  status,
  headers: { 'content-type': HTML },
  body,
})

export const textAnswer = (status: number, body: string): Answer => ({
  status,
  headers: { 'content-type': 'text/plain; charset=utf-8' },
  body,
})

/** A redirect to this very text: header values are bytes, so other characters go out as UTF-8, unencoded. */
export const redirectTo = (location: string, status = 302): Answer => ({
  status,
  headers: { location: Buffer.from(location, 'utf8').toString('latin1') },
})

/** The URL with parameters added to its query, encoded as they should be. */
export function withParams(uri: string, params: Readonly<Record<string, string | undefined>>): string {
  const url = new URL(uri)
  for (const [name, value] of Object.entries(params)) if (value !== undefined) url.searchParams.append(name, value)
  return url.href
}

/** Time as the service sees it: that of the machine or of the test, moved by whole seconds. */
export interface Clock {
  /** Seconds since the epoch. */
  seconds(): number
  advance(seconds: number): void
}

/** `now` answers milliseconds, as `Date.now` does. */
export function clockOf(now: () => number = Date.now): Clock {
  let moved = 0
  return {
    seconds: () => Math.floor(now() / 1000) + moved,
    advance: (seconds) => {
      moved += seconds
    },
  }
}

export const randomHex = (length: number): string => randomBytes(length).toString('hex').slice(0, length)

const ALPHANUMERIC = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

export const randomAlphanumeric = (length: number): string =>
  [...randomBytes(length)].map((byte) => ALPHANUMERIC[byte % ALPHANUMERIC.length]).join('')

/** The loopback addresses that are registered unless a test says others. */
export const loopbackUris = (provider: string): readonly string[] =>
  [53_682, 53_683, 53_684].map((port) => `http://127.0.0.1:${String(port)}/callback/${provider}`)

/** Exact comparison; RFC 8252 section 7.3 lets the port of a loopback IP literal differ. */
export function isRegistered(uri: string, registered: readonly string[], any_loopback_port: boolean): boolean {
  if (registered.includes(uri)) return true
  return any_loopback_port && registered.some((one) => withoutLoopbackPort(one) === withoutLoopbackPort(uri))
}

const withoutLoopbackPort = (uri: string): string => uri.replace(/^(http:\/\/(?:127\.0\.0\.1|\[::1\])):\d+/u, '$1')

export const escapeHtml = (text: string): string =>
  text.replace(/[&<>"]/gu, (character) => `&#${String(character.charCodeAt(0))};`)

const unescapeHtml = (text: string): string =>
  text.replace(/&#(\d+);/gu, (_, code: string) => String.fromCharCode(Number(code)))

export const page = (title: string, html: string): string =>
  `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>` +
  `<body><h1>${escapeHtml(title)}</h1>${html}</body></html>`

export interface FormOptions {
  readonly title: string
  readonly action: string
  readonly hidden: Params
  readonly email_field?: string
  readonly password_field?: string
  /** Labels; the value of `decision` is the label in small letters. */
  readonly buttons: readonly string[]
  /** What went wrong the last time. */
  readonly problem?: string
}

/** Sign-in and consent in one form, without scripts, so that a browser and `press` can both submit it. */
export function signInForm(options: FormOptions): string {
  const { email_field = 'email', password_field = 'password' } = options
  const hidden = Object.entries(options.hidden).map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  )
  // Who declines need not sign in first.
  const buttons = options.buttons.map((label, index) => {
    const validation = index === 0 ? '' : ' formnovalidate'
    return `<button type="submit" name="decision" value="${label.toLowerCase()}"${validation}>${label}</button>`
  })
  const problem = options.problem === undefined ? '' : `<p role="alert">${escapeHtml(options.problem)}</p>`
  return page(
    options.title,
    problem +
      `<form method="post" action="${escapeHtml(options.action)}">${hidden.join('')}` +
      `<label>Email <input type="email" name="${email_field}" value="" required></label>` +
      `<label>Password <input type="password" name="${password_field}" value="" required></label>` +
      `${buttons.join('')}</form>`,
  )
}

/** What a browser does at an address with a form: opens it, fills it in, presses a button. Follows no redirect. */
export async function press(url: string, button: string, fill: Params): Promise<Response> {
  const opened = await fetch(url, { redirect: 'manual' })
  if (opened.headers.has('location')) return opened
  const html = await opened.text()
  const action = /<form[^>]* action="([^"]*)"/u.exec(html)?.[1]
  if (action === undefined) throw new Error(`${url} answered ${String(opened.status)} without a form`)
  const pressed = new RegExp(`<button[^>]* name="([^"]*)" value="([^"]*)"[^>]*>${button}</button>`, 'u').exec(html)
  if (!pressed) throw new Error(`the form at ${url} has no button ${button}`)
  const body = new URLSearchParams()
  for (const [, name = '', value = ''] of html.matchAll(/<input[^>]* name="([^"]*)" value="([^"]*)"/gu))
    body.set(unescapeHtml(name), fill[name] ?? unescapeHtml(value))
  body.set(pressed[1] ?? '', pressed[2] ?? '')
  return fetch(new URL(unescapeHtml(action), url), { method: 'POST', body, redirect: 'manual' })
}

/** Where a redirect goes, character by character. */
export function locationOf(answer: Response): string {
  const location = answer.headers.get('location')
  if (location === null) throw new Error(`${answer.url} answered ${String(answer.status)} without a redirect`)
  return Buffer.from(location, 'latin1').toString('utf8')
}
