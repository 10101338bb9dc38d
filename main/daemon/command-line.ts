/**
 * The command line as a client of its own broker, in either host. The rule: its token lies in one file of the person's,
 * 0600, and a token that is not good any more is replaced there and nowhere else.
 */
import type { Broker } from '../broker/broker.ts'
import { Secret } from '../broker/secret.ts'
import type { HomePaths } from '../contract/home.ts'
import { readPrivateFile, writePrivateFile } from '../endpoint/private-file.ts'

/** The command line's client token: read from its file, or made and written there. */
export async function admitCommandLine(broker: Broker, paths: HomePaths): Promise<void> {
  const written = readPrivateFile(paths.cliToken)?.trim()
  const token = await broker.adoptCommandLine(written === undefined ? undefined : new Secret(written))
  if (token.reveal() !== written) writePrivateFile(paths.cliToken, `${token.reveal()}\n`)
}
