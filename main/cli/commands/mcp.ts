/**
 * `mcp`: a Model Context Protocol server for AI agents, over stdio or streamable HTTP. The rule: stdout is the protocol's
 * and nothing else's; an agent is a paired client that may use accounts and is never given a token.
 */
import { once } from 'node:events'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { endSignal, parsePort } from '../loopback.ts'
import { identify, type Identity, type Way } from '../mcp/identity.ts'
import { serveMcpHttp } from '../mcp/http.ts'
import { createMcpServer, type Identities } from '../mcp/server.ts'
import { neutralise, print, printJson, say, sayPlain } from '../output.ts'
import { announce } from '../token.ts'
import type { Session } from './session.ts'

declare const __VERSION__: string

export interface McpOptions {
  readonly http?: string | boolean
}

/** Serves until the agent has gone (stdio) or a signal comes; gives the exit status. */
export async function serveMcp(session: Session, { http }: McpOptions): Promise<number> {
  const isHttp = http !== undefined && http !== false
  const identities = identitiesOf(session, isHttp ? 'http' : 'stdio')
  if (isHttp) {
    const server = await serveMcpHttp(typeof http === 'string' ? parsePort(http) : 0, __VERSION__, identities)
    if (session.json) printJson({ url: server.url, authorization: `Bearer ${server.secret}` })
    else {
      say('agents reach this server with this address and header; the secret is shown only now (Ctrl-C ends)')
      print(server.url)
      sayPlain(`Authorization: Bearer ${server.secret}`)
    }
    await endSignal()
    server.close()
    return 0
  }
  const mcp = createMcpServer(__VERSION__, identities)
  const closed = Promise.withResolvers<undefined>()
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has no listeners to add
  mcp.server.onclose = () => {
    closed.resolve(undefined)
  }
  const gone = Promise.race([once(process.stdin, 'end'), once(process.stdin, 'close'), closed.promise, endSignal()])
  await mcp.connect(new StdioServerTransport())
  await gone
  await mcp.close()
  return 0
}

/** One identity for each name, however many sessions an agent has. */
function identitiesOf({ env, json }: Session, way: Way): Identities {
  const known = new Map<string, Identity>()
  return (name) => {
    const identity =
      known.get(name) ??
      identify(env, way, name, (pending) => {
        if (!json) say(`${neutralise(name)} asks to be paired`)
        announce(pending, json)
      })
    known.set(name, identity)
    return identity
  }
}
