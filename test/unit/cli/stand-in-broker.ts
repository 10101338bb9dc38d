/**
 * A small honest broker for tests of its clients: the wire of DESIGN section 4 as main/endpoint speaks it (hello, bearer
 * check, 103 while a question waits, error bodies, `WindowResult` on the control socket), with answers the test chooses.
 * And its opposite, a squatter that records whatever it is sent.
 */
import { generateKeyPairSync, sign } from 'node:crypto'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createNetServer, type AddressInfo, type Server as NetServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { helloMessage, pendingHeaders } from '../../../main/contract/client-api.ts'
import { type ErrorBody, errorTable } from '../../../main/contract/errors.ts'
import { type HomePaths, homePaths } from '../../../main/contract/home.ts'
import { windowPath } from '../../../main/contract/window-api.ts'

export const cliToken = 'vk_stand-in-client-token_0123456789abcdef'

export interface Received {
  readonly method: string
  readonly target: string
  readonly authorization: string | undefined
  readonly body: unknown
}

/** What a route answers: a value, or a refusal. */
export type Answer = { readonly value: unknown } | { readonly refusal: ErrorBody; readonly retryAfter?: number }
/** `pending` sends a 103 with this question. */
export type Handler = (received: Received, pending: (id: string, code: string) => void) => Answer | Promise<Answer>

export interface StandIn {
  readonly home: string
  readonly paths: HomePaths
  /** The loopback address, also served. */
  readonly url: string
  readonly publicKey: string
  readonly received: Received[]
  /** Connections to the broker socket so far. */
  connections(): number
  /** Routes: `token` for `/v1/token`, `window/lock` for the control socket's. */
  readonly routes: Map<string, Handler>
  close(): Promise<void>
}

/** A temporary home folder like the one a broker makes. */
export function makeHome(): { readonly home: string; readonly paths: HomePaths; readonly remove: () => void } {
  const home = mkdtempSync(join(tmpdir(), 'vk-'))
  chmodSync(home, 0o700)
  const paths = homePaths({ VALETKEY_HOME: home }, process.platform)
  mkdirSync(paths.run, { mode: 0o700 })
  writeFileSync(paths.cliToken, `${cliToken}\n`, { mode: 0o600 })
  return {
    home,
    paths,
    remove: () => {
      rmSync(home, { recursive: true, force: true })
    },
  }
}

export async function startStandIn(): Promise<StandIn> {
  const { home, paths, remove } = makeHome()
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const key = publicKey.export({ format: 'jwk' }).x ?? ''
  const received: Received[] = []
  const routes = new Map<string, Handler>()
  let count = 0

  const serve = (address: () => string) => (request: IncomingMessage, response: ServerResponse) => {
    const target = request.url ?? ''
    const nonce = /^\/v1\/hello\?nonce=([\w-]{22,86})$/u.exec(target)?.[1]
    if (nonce !== undefined) {
      const signature = sign(null, Buffer.from(helloMessage(nonce, address())), privateKey).toString('base64url')
      end(response, 200, { public_key: key, signature })
      return
    }
    void read(request).then(async (body) => {
      const one: Received = { method: request.method ?? '', target, authorization: request.headers.authorization, body }
      received.push(one)
      const control = target.startsWith(`${windowPath}/`)
      const open = control || target === '/v1/pair'
      if (!open && one.authorization !== `Bearer ${cliToken}`) {
        refuse(response, { error: 'invalid_client', error_description: 'This needs the token of a paired client.' })
        return
      }
      const name = control ? `window/${target.slice(windowPath.length + 1)}` : target.slice('/v1/'.length)
      const handler = routes.get(name)
      const pending = (id: string, code: string): void => {
        response.socket?.write(
          `HTTP/1.1 103 Early Hints\r\n${pendingHeaders.request}: ${id}\r\n${pendingHeaders.code}: ${code}\r\n\r\n`,
        )
      }
      const answer: Answer = (await handler?.(one, pending)) ?? {
        refusal: { error: 'not_found', error_description: `The stand-in has no ${name}.` },
      }
      if (control)
        end(response, 200, 'value' in answer ? { ok: true, value: answer.value } : { ok: false, error: answer.refusal })
      else if ('value' in answer) end(response, 200, answer.value)
      else refuse(response, answer.refusal, answer.retryAfter)
    })
  }

  const broker = createServer(serve(() => paths.socket))
  const control = createServer(serve(() => paths.control))
  const tcp: Server = createServer(serve(() => `127.0.0.1:${String((tcp.address() as AddressInfo).port)}`))
  broker.on('connection', () => count++)
  await Promise.all([
    listen(broker, paths.socket),
    listen(control, paths.control),
    listen(tcp, { port: 0, host: '127.0.0.1' }),
  ])
  const url = `http://127.0.0.1:${String((tcp.address() as AddressInfo).port)}`
  const endpoint = {
    version: '0.0.0',
    host: 'daemon',
    pid: process.pid,
    started_at: 1_700_000_000,
    socket: paths.socket,
    control: paths.control,
    url,
    public_key: key,
  }
  writeFileSync(paths.endpointFile, JSON.stringify(endpoint), { mode: 0o600 })
  return {
    home,
    paths,
    url,
    publicKey: key,
    received,
    connections: () => count,
    routes,
    close: async () => {
      for (const server of [broker, control, tcp]) server.closeAllConnections()
      await Promise.all([broker, control, tcp].map(closed))
      remove()
    },
  }
}

export interface Squatter {
  /** Everything that was ever sent to it. */
  captured(): string
  connections(): number
  close(): Promise<void>
}

/** Listens where a broker should and answers every chunk with `reply`. */
export async function startSquatter(
  where: string | { readonly port: number; readonly host: string },
  reply = '',
): Promise<Squatter & { readonly port: number }> {
  let captured = ''
  let count = 0
  const sockets = new Set<Socket>()
  const server = createNetServer((socket) => {
    count++
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      captured += chunk.toString('latin1')
      if (reply !== '') socket.write(reply)
    })
  })
  await listen(server, where)
  const address = server.address()
  return {
    captured: () => captured,
    connections: () => count,
    port: typeof address === 'object' && address !== null ? address.port : 0,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await closed(server)
    },
  }
}

/** A plausible answer to a token request. */
export function tokenAnswer(accessToken = 'at-0123456789'): Readonly<Record<string, unknown>> {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    expires_in: 3600,
    expires_at: 1_800_000_000,
    scope: 'read',
    account: { id: 'acc1', label: 'ada@example.com' },
    provider: 'example',
    token_id: 'tid1',
    authorization: `Bearer ${accessToken}`,
  }
}

function listen(server: NetServer, where: string | { readonly port: number; readonly host: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(where, () => {
      if (typeof where === 'string') chmodSync(where, 0o600)
      resolve()
    })
  })
}

function closed(server: NetServer): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve()
    })
  })
}

async function read(request: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
  return parts.length === 0 ? undefined : (JSON.parse(Buffer.concat(parts).toString('utf8')) as unknown)
}

function refuse(response: ServerResponse, body: ErrorBody, retryAfter?: number): void {
  end(
    response,
    errorTable[body.error].status,
    body,
    retryAfter === undefined ? {} : { 'Retry-After': String(retryAfter) },
  )
}

function end(
  response: ServerResponse,
  status: number,
  value: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  const body = JSON.stringify(value)
  response.writeHead(status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
}
