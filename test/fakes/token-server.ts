/**
 * A small authorization server for the answers no real one can be made to give. The rule: left alone it does what RFC
 * 9700 section 4.14.2 describes (each refresh replaces the refresh token; a replaced one ends the whole family), with the
 * grace period that Okta ("grace period for token rotation"), Auth0 ("rotation overlap period") and AWS Cognito add; a
 * test names only what deviates, one answer at a time.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import type { Connection } from '../../main/broker/ports.ts'

export interface TokenServerOptions {
  /** Whether a refresh replaces the refresh token; it does unless told. */
  readonly rotate?: boolean
  /** Seconds in which a replaced refresh token may be used again; 0 unless told. */
  readonly grace?: number
  /** Seconds; 3600 unless told. */
  readonly access_ttl?: number
}

export interface TokenRequest {
  readonly form: Readonly<Record<string, string>>
  readonly headers: IncomingMessage['headers']
}

/** Serves one token request. `act` does what the server would have done, and says what it would have answered. */
export type Reply = (exchange: {
  readonly form: URLSearchParams
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly act: () => { readonly status: number; readonly body: Readonly<Record<string, unknown>> }
}) => void

export interface TokenServer {
  readonly issuer: string
  /** Every request to the token endpoint, in order. */
  readonly requests: readonly TokenRequest[]
  /** The form of every request to the revocation endpoint, in order. */
  readonly revocations: readonly Readonly<Record<string, string>>[]
  /** Every request to any other path but metadata, in order. */
  readonly strays: readonly string[]
  /** A new grant, without a sign-in. */
  issue(): { readonly access_token: string; readonly refresh_token: string }
  /** Whether this refresh token would still be accepted. */
  isActive(refresh_token: string): boolean
  /** The next token requests are served by these; what follows is served well again. */
  reply(...replies: readonly Reply[]): void
  /** Metadata members to add, replace or (with `undefined`) leave out. */
  metadata(members: Readonly<Record<string, unknown>>): void
  /** Parameters of the next authorization responses to add, replace or leave out. */
  authorize(params: Readonly<Record<string, string | undefined>>): void
  /** Serves JSON at a path, to whoever brings `authorization`. */
  serve(path: string, authorization: () => string, body: unknown): void
  connection(members?: Partial<Connection>): Connection
  stop(): Promise<void>
}

interface Family {
  current: string
  previous: { readonly token: string; readonly until: number } | undefined
  revoked: boolean
}

const random = (): string => randomBytes(32).toString('base64url')

export async function startTokenServer(options: TokenServerOptions = {}): Promise<TokenServer> {
  const { rotate = true, grace = 0, access_ttl = 3600 } = options
  const families = new Map<string, Family>()
  const codes = new Map<string, string>()
  const requests: TokenRequest[] = []
  const revocations: Readonly<Record<string, string>>[] = []
  const strays: string[] = []
  const replies: Reply[] = []
  const pages = new Map<string, { readonly authorization: () => string; readonly body: unknown }>()
  let metadata: Readonly<Record<string, unknown>> = {}
  let answered: Readonly<Record<string, string | undefined>> = {}

  const issue = (): { access_token: string; refresh_token: string } => {
    const refresh_token = random()
    families.set(refresh_token, { current: refresh_token, previous: undefined, revoked: false })
    return { access_token: random(), refresh_token }
  }

  const isActive = (token: string): boolean => {
    const family = families.get(token)
    return family !== undefined && !family.revoked && (family.current === token || inGrace(family, token))
  }

  const refuse = (error: string): ReturnType<Parameters<Reply>[0]['act']> => ({ status: 400, body: { error } })

  const grant = (form: URLSearchParams): ReturnType<Parameters<Reply>[0]['act']> => {
    const answer = (refresh_token?: string): ReturnType<Parameters<Reply>[0]['act']> => ({
      status: 200,
      body: {
        access_token: random(),
        token_type: 'Bearer',
        expires_in: access_ttl,
        ...(refresh_token !== undefined && { refresh_token }),
        ...(form.has('scope') && { scope: form.get('scope') }),
      },
    })
    if (form.get('grant_type') === 'authorization_code') {
      if (!codes.delete(form.get('code') ?? '')) return refuse('invalid_grant')
      return answer(issue().refresh_token)
    }
    if (form.get('grant_type') !== 'refresh_token') return refuse('unsupported_grant_type')
    const token = form.get('refresh_token') ?? ''
    const family = families.get(token)
    if (!family || family.revoked) return refuse('invalid_grant')
    if (!isActive(token)) {
      family.revoked = true
      return refuse('invalid_grant')
    }
    if (!rotate) return answer()
    if (token === family.current) family.previous = { token, until: Date.now() + grace * 1000 }
    family.current = random()
    families.set(family.current, family)
    return answer(family.current)
  }

  const server = createServer((request, response) => {
    void serve(request, response)
  })
  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', issuer)
    const form = new URLSearchParams((await request.toArray()).join(''))
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
      case '/.well-known/oauth-authorization-server':
        json(response, 200, {
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}/token`,
          revocation_endpoint: `${issuer}/revoke`,
          authorization_response_iss_parameter_supported: true,
          ...metadata,
        })
        return
      case '/authorize': {
        const code = random()
        codes.set(code, code)
        const target = new URL(url.searchParams.get('redirect_uri') ?? issuer)
        const params = { code, state: url.searchParams.get('state') ?? '', iss: issuer, ...answered }
        for (const [name, value] of Object.entries(params))
          if (value !== undefined) target.searchParams.set(name, value)
        response.writeHead(302, { location: target.href }).end()
        return
      }
      case '/token': {
        requests.push({ form: Object.fromEntries(form), headers: request.headers })
        const reply = replies.shift() ?? replyWell
        reply({ form, request, response, act: () => grant(form) })
        return
      }
      case '/revoke': {
        revocations.push(Object.fromEntries(form))
        // RFC 7009 section 2.1: the whole grant ends; section 2.2: an unknown token is no error.
        const family = families.get(form.get('token') ?? '')
        if (family) family.revoked = true
        response.writeHead(200).end()
        return
      }
      default: {
        const page = pages.get(url.pathname)
        if (page) {
          if (request.headers.authorization === page.authorization()) json(response, 200, page.body)
          else json(response, 401, { error: 'invalid_token' })
          return
        }
        strays.push(`${request.method ?? ''} ${url.pathname}`)
        response.writeHead(404).end()
      }
    }
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const issuer = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`
  return {
    issuer,
    requests,
    revocations,
    strays,
    issue,
    isActive,
    reply: (...next) => void replies.push(...next),
    metadata: (members) => {
      metadata = members
    },
    authorize: (params) => {
      answered = params
    },
    serve: (path, authorization, body) => {
      pages.set(path, { authorization, body })
    },
    connection: (members = {}) => ({
      provider: 'generic-oidc',
      issuer,
      token_endpoint: `${issuer}/token`,
      revocation_endpoint: `${issuer}/revoke`,
      client_id: 'valetkey',
      token_endpoint_auth_method: 'none',
      insecure_loopback: true,
      rotation: rotate ? 'always' : 'never',
      authorization_template: 'Bearer ${access_token}',
      api_base_urls: [],
      params: { issuer },
      requested_scope: '',
      ...members,
    }),
    stop: async () => {
      server.closeAllConnections()
      server.close()
      if (server.listening) await once(server, 'close')
    },
  }
}

const inGrace = (family: Family, token: string): boolean =>
  family.previous?.token === token && Date.now() < family.previous.until

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** What the server does when nothing else was said. */
export const replyWell: Reply = ({ response, act }) => {
  const { status, body } = act()
  json(response, status, body)
}

/** A good answer with members added, replaced or (with `undefined`) left out. */
export const replyWith =
  (members: Readonly<Record<string, unknown>>, status = 200, headers: Readonly<Record<string, string>> = {}): Reply =>
  ({ response, act }) => {
    json(response, status, { ...act().body, ...members }, headers)
  }

/** An answer that has nothing to do with the request; the server has not acted. */
export const replyRaw =
  (status: number, body: string | Uint8Array, headers: Readonly<Record<string, string>> = {}): Reply =>
  ({ response }) => {
    response.writeHead(status, headers).end(body)
  }

export const replyJson = (status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Reply =>
  replyRaw(status, JSON.stringify(body), { 'content-type': 'application/json', ...headers })

/** What a hotel's network answers to everything. */
export const replyPortal: Reply = replyRaw(200, '<!doctype html><html><title>Welcome</title><form action="/login">', {
  'content-type': 'text/html',
})

/** A good answer with so much white space after it that it fills `bytes`; in gzip that is a thousandth on the wire. */
export const replyPadded =
  (bytes: number, encoding?: 'gzip'): Reply =>
  ({ response, act }) => {
    const text = JSON.stringify(act().body).padEnd(bytes)
    const headers = { 'content-type': 'application/json', ...(encoding && { 'content-encoding': encoding }) }
    response.writeHead(200, headers).end(encoding ? gzipSync(text) : text)
  }

/** The connection breaks before or after the server has acted on the request, which it has read whole. */
export const replyReset =
  (when: 'before' | 'after'): Reply =>
  ({ request, act }) => {
    if (when === 'after') act()
    request.socket.resetAndDestroy()
  }

/** The server has acted, and its answer ends in the middle. */
export const replyCut: Reply = ({ response, act }) => {
  const text = JSON.stringify(act().body)
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': String(text.length) })
  response.write(text.slice(0, text.length / 2), () => response.socket?.destroy())
}

/** The connection stays open and nothing comes. */
export const replyNever =
  (when: 'before' | 'after'): Reply =>
  ({ act }) => {
    if (when === 'after') act()
  }
