/**
 * Who opens links of a scheme (Electron's page "app": `setAsDefaultProtocolClient` and its kin), on Linux. The rule: only
 * `xdg-mime` is asked. Electron itself runs `xdg-settings set default-url-scheme-handler`, which under GNOME also makes the
 * app the handler of web pages; a test must not do that to the machine it runs on.
 *
 * Modelled: asking, and registering under the desktop file name that Electron uses: `CHROME_DESKTOP`, else `desktopName` of
 * the app's `package.json`; without either nothing is registered, as in Electron. `removeAsDefaultProtocolClient` answers
 * no, as it does there. Not modelled: the executable and arguments, which count on Windows only; the icon.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import type Electron from 'electron'
import { nativeImage } from './native-image.ts'
import { settings } from './settings.ts'

function desktopFile(): string | undefined {
  return process.env['CHROME_DESKTOP'] ?? settings().manifest.desktopName
}

/** Runs `xdg-mime` and answers what it printed, `null` when it failed. */
function xdgMime(...args: readonly string[]): string | null {
  const { status, stdout } = spawnSync('xdg-mime', args, { encoding: 'utf8' })
  return status === 0 ? stdout.trim() : null
}

const handlerType = (scheme: string): string => `x-scheme-handler/${scheme}`

export function setAsDefault(scheme: string): boolean {
  const desktop = desktopFile()
  return desktop !== undefined && xdgMime('default', desktop, handlerType(scheme)) !== null
}

export function isDefault(scheme: string): boolean {
  const desktop = desktopFile()
  return desktop !== undefined && xdgMime('query', 'default', handlerType(scheme)) === desktop
}

/** The desktop file of who opens `url`, such as `firefox.desktop`; empty when nobody does. */
export function applicationName(url: string): string {
  return xdgMime('query', 'default', handlerType(url.slice(0, url.indexOf(':')))) ?? ''
}

/** Rejects when nobody opens `url`. */
export async function applicationInfo(url: string): Promise<Electron.ApplicationInfoForProtocolReturnValue> {
  const name = applicationName(url)
  const data = process.env['XDG_DATA_HOME'] ?? join(homedir(), '.local/share')
  const shared = (process.env['XDG_DATA_DIRS'] ?? '/usr/local/share:/usr/share').split(delimiter)
  const path = [data, ...shared].map((folder) => join(folder, 'applications', name)).find((file) => existsSync(file))
  if (name === '' || path === undefined) throw new Error('Unable to retrieve installation path to app')
  const [, displayName = name] = /^Name=(.*)$/mu.exec(readFileSync(path, 'utf8')) ?? []
  return { name: displayName, path, icon: nativeImage.createEmpty() }
}
