/**
 * A provider's token endpoint (RFC 6749 section 6) that takes a set time. The rule: one issuer per path, `/NAME`; a name
 * that begins with `rotating` replaces its refresh token at every use and refuses the one before (RFC 9700 section
 * 4.14.2), any other keeps it; and every request that reached it is counted, because some claims are about counts.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { serveParent } from './child.ts'

/** All members are optional: what is not said stays as it is. */
export interface EndpointOrder {
  /** The issuer it is about. */
  readonly name: string
  /** Milliseconds of service time; 1 unless told. */
  readonly latency?: number
  /** Whether requests are left without an answer; `false` answers those that wait. */
  readonly hanging?: boolean
  /** Seconds of validity of what is issued from now on; a day unless told. */
  readonly lifetime?: number
}

export interface EndpointAnswer {
  readonly port: number
  /** Token requests to this issuer so far. */
  readonly requests: number
}

interface Issuer {
  latency: number
  lifetime: number
  hanging: boolean
  requests: number
  refresh_token: string
  readonly waiting: (() => void)[]
}

const issuers = new Map<string, Issuer>()
/** With the rest of the answer the 1.2 kB that a token in JWT form has. */
const padding = 'x'.repeat(1_150)

function issuerOf(name: string): Issuer {
  const known = issuers.get(name)
  if (known) return known
  const made = { latency: 1, lifetime: 86_400, hanging: false, requests: 0, refresh_token: `rt-${name}`, waiting: [] }
  issuers.set(name, made)
  return made
}

const server = createServer((request, response) => {
  void serve(request, response)
})

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [, name = '', rest = ''] = /^\/([\w-]+)(\/.*)?$/u.exec(request.url ?? '') ?? []
  if (rest.startsWith('/.well-known/')) {
    json(response, 200, metadata(name))
    return
  }
  const form = new URLSearchParams((await request.toArray()).join(''))
  const issuer = issuerOf(name)
  issuer.requests++
  await new Promise<void>((resolve) => {
    if (issuer.hanging) issuer.waiting.push(resolve)
    else setTimeout(resolve, issuer.latency)
  })
  if (response.destroyed) return
  if (form.get('refresh_token') !== issuer.refresh_token) {
    json(response, 400, { error: 'invalid_grant' })
    return
  }
  const rotates = name.startsWith('rotating')
  if (rotates) issuer.refresh_token = randomBytes(32).toString('base64url')
  json(response, 200, {
    access_token: `${randomBytes(24).toString('base64url')}${padding}`,
    token_type: 'Bearer',
    expires_in: issuer.lifetime,
    ...(rotates && { refresh_token: issuer.refresh_token }),
  })
}

/** RFC 8414 section 2, as much as a client needs that insists on discovery. */
function metadata(name: string): Readonly<Record<string, unknown>> {
  const issuer = `http://127.0.0.1:${String(port())}/${name}/`
  return {
    issuer,
    authorization_endpoint: `${issuer}authorize`,
    token_endpoint: `${issuer}token`,
    scopes_supported: ['openid', 'offline_access'],
    response_types_supported: ['code'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
  }
}

function json(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body)
  response
    .writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    .end(text)
}

const port = (): number => (server.address() as AddressInfo).port

server.keepAliveTimeout = 60_000
server.listen(0, '127.0.0.1')
await once(server, 'listening')

serveParent(({ name, latency, hanging, lifetime }: EndpointOrder): EndpointAnswer => {
  const issuer = issuerOf(name)
  issuer.latency = latency ?? issuer.latency
  issuer.lifetime = lifetime ?? issuer.lifetime
  issuer.hanging = hanging ?? issuer.hanging
  if (!issuer.hanging) for (const resume of issuer.waiting.splice(0)) resume()
  return { port: port(), requests: issuer.requests }
})
