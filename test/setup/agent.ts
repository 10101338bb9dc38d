/**
 * An AI agent's side of `valetkey mcp`: the official SDK's own client, with every byte of the server's stdin, stdout and
 * stderr kept in files. The rule: what was said is what is searched, so nothing a tool answers can be overlooked.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js'
import { cleanEnvironment } from './daemon.ts'

export interface Agent {
  readonly client: Client
  call(name: string, args?: Readonly<Record<string, unknown>>): Promise<Answered>
  /** Every byte that went in and came out. */
  spoken(): string
  /** What the server wrote to stderr. */
  said(): string
  stop(): Promise<void>
}

export interface Answered {
  readonly isError: boolean
  /** Of the text blocks, in their order. */
  readonly text: string
  readonly structured: Readonly<Record<string, unknown>>
  readonly content: CallToolResult['content']
}

const cliBundle = join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs')
/** The server between two `tee`s. */
const script = 'tee "$1/in" | "$2" "$3" mcp 2>"$1/err" | tee "$1/out"'

/** Starts `valetkey mcp` in this home and says hello as an agent of this name. */
export async function startAgent(name: string, home: string, env: Record<string, string> = {}): Promise<Agent> {
  const folder = mkdtempSync(join(tmpdir(), 'vk-agent-'))
  const transport = new StdioClientTransport({
    command: 'sh',
    args: ['-c', script, 'sh', folder, process.execPath, cliBundle],
    env: { ...(cleanEnvironment(home, env) as Record<string, string>) },
  })
  const client = new Client({ name, version: '1.0.0' })
  await client.connect(transport)
  const file = (one: string): string => readFileSync(join(folder, one), 'utf8')
  return {
    client,
    call: (tool, args = {}) => callTool(client, tool, args),
    spoken: () => file('in') + file('out') + file('err'),
    said: () => file('err'),
    stop: async () => {
      await client.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** One tool call through the SDK's client. */
export async function callTool(
  client: Client,
  name: string,
  args: Readonly<Record<string, unknown>>,
): Promise<Answered> {
  const { isError, content, structuredContent } = (await client.callTool({ name, arguments: args })) as CallToolResult
  const text = content.map((block) => (block.type === 'text' ? block.text : '')).join('\n')
  return { isError: isError === true, text, structured: structuredContent ?? {}, content }
}
