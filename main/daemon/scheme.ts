/**
 * Our URL scheme without a desktop app: the system starts `valetkey callback URL`, which hands the address to this daemon.
 * The rule: registered only when asked for, and used only while the system says it is this handler that gets it.
 */
import { join } from 'node:path'
import type { HomePaths } from '../contract/home.ts'
import { BrokerError } from '../contract/errors.ts'
import { isSchemeHandler, registerSchemeHandler, type SchemeHandler } from '../oauth/linux-scheme.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** Registers, and answers how to ask whether it is still so. Throws where the platform has no such thing. */
export async function takeScheme(
  paths: HomePaths,
  env: Environment,
  platform: string,
): Promise<() => Promise<boolean>> {
  if (platform !== 'linux')
    throw new BrokerError('invalid_request', '--scheme is for Linux; elsewhere the desktop app takes the scheme.')
  const handler: SchemeHandler = {
    id: 'valetkey-callback.desktop',
    name: 'Valetkey sign-in',
    // Whoever starts the handler knows nothing of this daemon's home or of the Node it runs on.
    command: ['env', `VALETKEY_HOME=${paths.home}`, process.execPath, join(import.meta.dirname, 'cli.cjs'), 'callback'],
  }
  await registerSchemeHandler(handler, env)
  return () => isSchemeHandler(handler, env)
}
