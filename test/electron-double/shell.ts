/**
 * `shell` (Electron's page of that name), on Linux: what leaves the app for the desktop. The rule: only `https:` and `http:`
 * are handed on, because nothing else is ours to open; any other scheme, which Electron would open, throws.
 *
 * Modelled: `openExternal` runs `$BROWSER`, else `xdg-open`, and rejects when that fails; `openPath` and
 * `showItemInFolder` are kept in `electronStandIn.opened` and open nothing. Not modelled: trash, shortcuts, the beep.
 */
import { spawn } from 'node:child_process'
import type Electron from 'electron'
import { control } from './control.ts'
import { modelled, notModelled } from './modelled.ts'

export const shell = modelled<Electron.Shell>('shell', {
  async openExternal(url) {
    const { protocol } = new URL(url)
    control.opened.push(url)
    if (protocol !== 'https:' && protocol !== 'http:') throw notModelled('shell', `openExternal of ${protocol}`)
    const program = process.env['BROWSER'] ?? 'xdg-open'
    const child = spawn(program, [url], { stdio: 'ignore' })
    const exitCode = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', resolve)
    })
    if (exitCode !== 0) throw new Error(`Failed to open: ${program} ended with ${String(exitCode)}`)
  },
  openPath: async (path) => {
    control.opened.push(path)
    return ''
  },
  showItemInFolder: (fullPath) => {
    control.opened.push(fullPath)
  },
} satisfies Partial<Electron.Shell>)
