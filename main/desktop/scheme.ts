/**
 * Whether the operating system hands `app.valetkey:` addresses to us. The rule (threat 6): it is asked before every
 * sign-in, because another program may have taken the scheme meanwhile; a scheme of somebody else's is never used, and
 * never taken away from them.
 */
import type { App } from 'electron'
import type { Log } from '../broker/ports.ts'
import { isSchemeHandler, registerSchemeHandler, type SchemeHandler } from '../oauth/linux-scheme.ts'
import { scheme } from '../oauth/redirects.ts'

/** How this program is started: its executable, and in development the folder of the app. */
export type Command = readonly [executable: string, ...rest: string[]]

export interface SchemeHost {
  readonly app: Pick<App, 'getApplicationNameForProtocol' | 'isDefaultProtocolClient' | 'setAsDefaultProtocolClient'>
  readonly platform: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly command: Command
  readonly packaged: boolean
  readonly log: Log
}

/** The daemon's handler, which gives way to a window. */
const daemonHandler = 'valetkey-callback.desktop'

/** As the package installs it, and as development does: never the same, so that neither takes the other's place. */
function linuxHandler({ packaged, command }: SchemeHost): SchemeHandler {
  return packaged
    ? { id: 'valetkey.desktop', name: 'Valetkey', command }
    : // xdg-mime looks for the first word as it stands, so a path with blanks must not be the first (xdg-utils 1.1.3).
      { id: 'valetkey-development.desktop', name: 'Valetkey (development)', command: ['env', ...command] }
}

/** Whether the scheme is ours now; says in the log whose it is when it is another's. Never rejects. */
export async function schemeIsOurs(host: SchemeHost): Promise<boolean> {
  const [executable, ...rest] = host.command
  const ours =
    host.platform === 'linux'
      ? await isSchemeHandler(linuxHandler(host), host.env)
      : host.app.isDefaultProtocolClient(scheme, executable, rest)
  if (ours) return true
  const other = holder(host)
  if (other !== '') host.log('warn', 'scheme.taken', { file: other })
  return false
}

/**
 * Registers us where the package does not: on Windows, and on Linux in development; only when nobody has the scheme. macOS
 * knows schemes from the bundle alone. Never rejects: without the scheme there is loopback.
 */
export async function registerScheme(host: SchemeHost): Promise<void> {
  const [executable, ...rest] = host.command
  const now = holder(host)
  if (host.platform === 'win32' && now === '') host.app.setAsDefaultProtocolClient(scheme, executable, rest)
  if (host.platform !== 'linux' || host.packaged) return
  const handler = linuxHandler(host)
  if (![handler.id, daemonHandler, ''].includes(now)) return
  await registerSchemeHandler(handler, host.env).catch(() => {
    host.log('info', 'scheme.unregistered')
  })
}

/** The program that has the scheme (on Linux its .desktop file); empty when none has. */
function holder({ app }: SchemeHost): string {
  return app.getApplicationNameForProtocol(`${scheme}:/callback/`)
}
