/**
 * The servers for programs that others wrote, as words: a cloud's metadata server, and the Model Context Protocol. The
 * rule: what they do is loaded when one of them is started; here stands only what they can be told.
 */
import type { Command } from 'commander'
import type { McpOptions } from './commands/mcp.ts'
import type { MetadataOptions } from './commands/metadata.ts'
import type { Session } from './commands/session.ts'

type Add = (usage: string, description: string) => Command

/** Adds `metadata` and `mcp`; `exit` takes a command's exit status. */
export function addServers(command: Add, session: Session, exit: (code: number) => void): void {
  const metadata = command('metadata', 'what the clouds’ SDKs expect of a metadata server, on loopback').action(() => {
    metadata.help()
  })
  const serve = (kind: 'google' | 'azure', description: string): Command =>
    metadata
      .command(`${kind} [COMMAND...]`)
      .description(`${description}; for the program after -- alone, where there is one`)
      .requiredOption('--account <ACCOUNT>', 'whose tokens')
      .option('--port <PORT>', 'where to listen; any free port unless told', '0')
      .option('--as <CLIENT>', 'ask as this paired client, with its token in VALETKEY_CLIENT_TOKEN')
      .option('--json', 'print JSON')
      .action(async (words: readonly string[], options: MetadataOptions) => {
        const { serveMetadata } = await import('./commands/metadata.ts')
        exit(await serveMetadata(session, kind, words, options))
      })
  serve('google', 'the metadata server of Google Compute Engine').option('--project <ID>', 'the project it names')
  serve('azure', 'the managed-identity endpoints of Azure')

  command('mcp', 'a Model Context Protocol server: AI agents call APIs and never see a token')
    .option('--http [PORT]', 'streamable HTTP on loopback instead of stdio (any free port unless told)')
    .action(async (options: McpOptions) => {
      const { serveMcp } = await import('./commands/mcp.ts')
      exit(await serveMcp(session, options))
    })
}
