/**
 * The baseline of the local endpoint and of the daemon's memory: node:http on the same kind of socket, answering one
 * constant. The rule: the same bytes as the broker's answer and nothing else that the broker does; no credential, no
 * account, no record. It runs as plain JavaScript, because Node's loader for TypeScript alone would add 15 MB to it.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { startCode, type Process } from './process.ts'

export interface BareAnswer {
  /** The socket to listen at. */
  readonly path: string
  /** Name, value, name, value; what Node adds by itself left out. */
  readonly headers: readonly string[]
  readonly body: string
}

/** A server that answers every request with this. */
export async function startBareServer(answer: BareAnswer): Promise<Process<BareAnswer, boolean>> {
  const bare = await startCode<BareAnswer, boolean>(serve, 'server')
  await bare.ask(answer)
  return bare
}

/** The whole program; it is handed to another process as text and can use nothing of this file. */
function serve(): void {
  const { createServer } = process.getBuiltinModule('node:http')
  process.on('disconnect', () => {
    process.exit(0)
  })
  process.on('message', ({ path, headers, body }: BareAnswer) => {
    const server = createServer((_request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(200, headers as string[])
      response.end(body)
    })
    server.keepAliveTimeout = 0
    server.listen(path, () => process.send?.({ value: true }))
  })
  process.send?.('ready')
}
