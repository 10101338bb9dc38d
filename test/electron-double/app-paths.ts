/**
 * `app.getPath` (Electron's page "app"), as on Linux: the folders of the XDG base directory specification. The rule: what
 * Electron does not know throws its words.
 */
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { settings } from './settings.ts'

const chosen = new Map<string, string>()

export function setPath(name: string, path: string): void {
  chosen.set(name, path)
}

/** The folder called `name`; `appName` names the app's own. */
export function getPath(name: string, appName: string): string {
  const given = chosen.get(name)
  if (given !== undefined) return given
  const home = homedir()
  const appData = chosen.get('appData') ?? process.env['XDG_CONFIG_HOME'] ?? join(home, '.config')
  const userData = chosen.get('userData') ?? settings().switches.get('user-data-dir') ?? join(appData, appName)
  const { executable } = settings()
  const paths: Readonly<Record<string, string>> = {
    ...{ home, appData, userData, sessionData: userData, temp: tmpdir(), exe: executable, module: executable },
    ...{ logs: join(userData, 'logs'), crashDumps: join(userData, 'Crashpad') },
    ...{ desktop: join(home, 'Desktop'), documents: join(home, 'Documents'), downloads: join(home, 'Downloads') },
  }
  const path = paths[name]
  if (path === undefined) throw new Error(`Failed to get '${name}' path`)
  return path
}
