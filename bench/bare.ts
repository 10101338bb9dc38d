/**
 * Starting the bare node:http server that the endpoint and the daemon's memory are compared with.
 */
import { startProcess, type Process } from './process.ts'

export interface BareAnswer {
  /** The socket to listen at. */
  readonly path: string
  /** Name, value, name, value; what Node adds by itself left out. */
  readonly headers: readonly string[]
  readonly body: string
}

/** A server that answers every request with this, from now on. */
export async function startBareServer(answer: BareAnswer): Promise<Process<BareAnswer, boolean>> {
  const bare = await startProcess<BareAnswer, boolean>('bare-server.js', 'server')
  await bare.ask(answer)
  return bare
}
