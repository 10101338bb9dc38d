/**
 * The Model Context Protocol (https://modelcontextprotocol.io) as the official SDK speaks it, for one agent. The rule:
 * the SDK carries, the tools decide; who the agent is, it says itself, once, before it can call anything.
 */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import type { Identity } from './identity.ts'
import { callTool, toolList } from './tools.ts'

declare global {
  // The SDK’s own types name it; browsers have it, and Node’s types have it under `RequestInit` alone.
  type HeadersInit = NonNullable<RequestInit['headers']>
}

const instructions = `Valetkey lets you call APIs with a person's accounts without ever seeing a credential.
Begin with list_accounts. Call an API with call_api. When you may not yet, ask with request_access and show the person the
code and the command that come back; request_status says what they decided. Never ask the person for a token or password.`

/** Finds or begins the identity of the agent with this name. */
export type Identities = (name: string) => Identity

/** A server that is not connected yet. */
export function createMcpServer(version: string, identities: Identities): McpServer {
  const mcp = new McpServer({ name: 'valetkey', version }, { capabilities: { tools: {} }, instructions })
  const identity = (): Identity => identities(nameOf(mcp.server.getClientVersion()?.name))
  mcp.server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [...toolList] }))
  mcp.server.setRequestHandler(CallToolRequestSchema, ({ params }) =>
    callTool(identity(), params.name, params.arguments),
  )
  // The person is asked as soon as the agent is there, not in the middle of its first task.
  mcp.server.oninitialized = () => {
    if (mcp.server.getClientVersion() === undefined) return
    identity()
      .ready()
      .catch(() => undefined)
  }
  return mcp
}

/** A name as a pairing takes it: seen as it is, and at most 64 characters. */
function nameOf(given: string | undefined): string {
  const name = (given ?? '').replaceAll(/[\p{C}\p{Zl}\p{Zp}]/gu, '').trim()
  return name === '' ? 'mcp' : name.slice(0, 64)
}
