/**
 * Starting with the session. The rule: what the person chose is what the system is told, at the start and on each change;
 * started so, the app stays behind its tray icon.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { App } from 'electron'
import type { Log } from '../broker/ports.ts'
import type { Snapshot } from '../contract/window-api.ts'
import { quoteArgument } from '../oauth/linux-scheme.ts'
import type { Command } from './scheme.ts'

/** The argument with which a login starts us. */
export const hiddenArgument = '--hidden'

export interface LoginHost {
  readonly app: Pick<App, 'setLoginItemSettings'>
  readonly platform: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly command: Command
  readonly log: Log
}

/** Whether the session's start started us; macOS tells it without an argument. */
export function isLoginStart(app: Pick<App, 'getLoginItemSettings'>, platform: string): boolean {
  return platform === 'darwin' && app.getLoginItemSettings().wasOpenedAtLogin
}

/** What to call with each snapshot: tells the system of the first choice it sees and of each change. */
export function followLoginItem(host: LoginHost): (snapshot: Snapshot) => void {
  let told: boolean | undefined
  return ({ preferences: { launch_at_login } }) => {
    if (told !== launch_at_login) setLoginItem(host, launch_at_login)
    told = launch_at_login
  }
}

/**
 * Tells the system whether to start us at login; Linux by a file of the Desktop Application Autostart Specification. Never
 * throws.
 */
export function setLoginItem({ app, platform, env, command, log }: LoginHost, wanted: boolean): void {
  try {
    if (platform === 'linux') setAutostart(env, command, wanted)
    else {
      const [path, ...rest] = command
      const windows = platform === 'win32' && { path, args: [...rest, hiddenArgument] }
      app.setLoginItemSettings({ openAtLogin: wanted, ...windows })
    }
  } catch {
    log('warn', 'login-item.failed')
  }
}

function setAutostart(env: LoginHost['env'], command: Command, wanted: boolean): void {
  const set = env['XDG_CONFIG_HOME']
  const folder = join(set?.startsWith('/') ? set : `${env['HOME'] ?? ''}/.config`, 'autostart')
  const file = join(folder, 'valetkey.desktop')
  if (!wanted) {
    rmSync(file, { force: true })
    return
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, autostartEntry(command))
}

/** The file as the specification wants it. Throws `invalid_request` for a path that no quoting can carry. */
export function autostartEntry(command: Command): string {
  const exec = [...command, hiddenArgument].map(quoteArgument).join(' ')
  return ['[Desktop Entry]', 'Type=Application', 'Name=Valetkey', `Exec=${exec}`, 'Terminal=false', ''].join('\n')
}
