/**
 * The Electron distribution a package is made from. The rule: nothing is downloaded here; what is missing is named, with
 * the command that brings it.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The file of the distribution in which Electron is, by Node's name of the platform. */
const executables: Readonly<Record<string, string>> = { darwin: 'Electron.app', win32: 'electron.exe' }

/** What is wrong with the distribution in `folder`, in a sentence; `null` when it is Electron `version` for `platform`. */
export function misfitOf(folder: string, version: string, platform: string): string | null {
  const bring = 'Bring it with “npx install-electron --no”, or name another folder in ELECTRON_OVERRIDE_DIST_PATH.'
  const missing = ['version', executables[platform] ?? 'electron'].filter((name) => !existsSync(join(folder, name)))
  if (missing.length > 0)
    return `The Electron distribution is not installed: ${folder} has no ${missing.join(' and no ')}. ${bring}`
  const found = readFileSync(join(folder, 'version'), 'utf8').trim().replace(/^v/u, '')
  return found === version ? null : `${folder} holds Electron ${found} and the app is for ${version}. ${bring}`
}
