/**
 * `valetkey daemon`: the broker itself, in this process. The rule: the command line knows the daemon as a file beside it
 * and nothing more, so that asking for a token never pays for reading the broker's code.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { BrokerError } from '../contract/errors.ts'
import { fail } from './output.ts'

/** Loads the daemon, which reads `process.argv` itself and lives on. Answers -1: this process does not end here. */
export async function startDaemon(): Promise<number> {
  const path = join(import.meta.dirname, 'daemon.cjs')
  if (!existsSync(path))
    return fail(new BrokerError('server_error', `${path} is missing: install Valetkey again.`), false)
  const { createRequire } = await import('node:module')
  const load = createRequire(import.meta.url)
  load(path)
  return -1
}
