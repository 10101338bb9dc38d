/**
 * The same over streamable HTTP, on loopback. The rule: the secret that was shown once comes first, on every request; who has
 * it is one agent, by the name it said first, and cannot become another; bodies and sessions have a limit.
 */
import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { isInitializeRequest } from '@modelcontextprotocol/sdk/types.js'
import { type LoopbackServer, sendText, serveLoopback } from '../loopback.ts'
import { createMcpServer, type Identities } from './server.ts'

export interface McpHttp extends LoopbackServer {
  readonly url: string
  /** What every request has to carry as its bearer token. */
  readonly secret: string
}

const path = '/mcp'
/** Bytes of a request, and sessions at a time: the one that has been silent longest goes. */
const limits = { body: 2_097_152, sessions: 32 } as const

/** Listens on `port`, 0 for any that is free. Throws `invalid_request` when it cannot be had. */
export async function serveMcpHttp(port: number, version: string, identities: Identities): Promise<McpHttp> {
  const secret = randomBytes(32).toString('base64url')
  const sessions = new Map<string, StreamableHTTPServerTransport>()
  let owner: string | undefined
  const begin = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (id) => {
        sessions.set(id, transport)
        const [oldest] = sessions
        if (oldest && sessions.size > limits.sessions) void oldest[1].close()
      },
    })
    // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has no listeners to add
    transport.onclose = () => {
      if (transport.sessionId !== undefined) sessions.delete(transport.sessionId)
    }
    await createMcpServer(version, identities).connect(transport)
    return transport
  }
  const server = await serveLoopback(port, async ({ method, target, authorization }, request, response) => {
    if (!isEqual(authorization ?? '', `Bearer ${secret}`)) {
      response.setHeader('WWW-Authenticate', 'Bearer')
      sendText(response, 401, 'This needs the bearer token that was shown when the server started.')
      return
    }
    if (target !== path) {
      sendText(response, 404, `There is nothing at this path; use ${path}.`)
      return
    }
    const body = method === 'POST' ? await readJson(request, response) : undefined
    if (body === failed) return
    const { 'mcp-session-id': given } = request.headers
    const id = typeof given === 'string' ? given : undefined
    const known = id === undefined ? undefined : sessions.get(id)
    if (known && id !== undefined) {
      // The newest stands last.
      sessions.delete(id)
      sessions.set(id, known)
      await known.handleRequest(request, response, body)
    } else if (id === undefined && isInitializeRequest(body)) {
      const { name } = body.params.clientInfo
      owner ??= name
      if (name === owner) await (await begin()).handleRequest(request, response, body)
      else sendText(response, 403, 'This server is another agent’s; start one of your own with: valetkey mcp --http')
    } else sendText(response, id === undefined ? 400 : 404, 'There is no such session; begin one with initialize.')
  })
  return {
    ...server,
    url: `http://${server.host}${path}`,
    secret,
    close: () => {
      for (const transport of sessions.values()) void transport.close()
      server.close()
    },
  }
}

const failed = Symbol('a request that has been refused')

/** The value of a JSON body; `failed` when it was none, which has been said then. */
async function readJson(request: IncomingMessage, response: ServerResponse): Promise<unknown> {
  const refuse = (status: number, sentence: string): typeof failed => {
    response.setHeader('Connection', 'close')
    sendText(response, status, sentence)
    return failed
  }
  if (!/^application\/json(?:\s*;|$)/iu.test(request.headers['content-type'] ?? '')) return refuse(415, 'Send JSON.')
  const body = await readBody(request)
  if (body === undefined) return refuse(413, `A request has at most ${String(limits.body)} bytes.`)
  try {
    return JSON.parse(body.toString('utf8')) as unknown
  } catch {
    return refuse(400, 'The request is not JSON.')
  }
}

/** `undefined`: it is longer than allowed; what else comes of it is not kept. */
function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    let size = 0
    request.on('data', (part: Buffer) => {
      size += part.length
      if (size <= limits.body) parts.push(part)
      else resolve(undefined)
    })
    request.once('end', () => {
      resolve(Buffer.concat(parts))
    })
    request.once('error', reject)
  })
}

/** In the same time for every wrong value of whatever length. */
function isEqual(given: string, expected: string): boolean {
  const digest = (value: string): Buffer => createHash('sha256').update(value).digest()
  return timingSafeEqual(digest(given), digest(expected))
}
