/**
 * New versions of the app. The rule: without a feed nothing is looked for and the library is not even loaded; with one, an
 * update is fetched in the background and takes effect when the app is quit, and no failure of it is more than a log line.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { AppUpdater } from 'electron-updater'
import type { Log } from '../broker/ports.ts'

export type Updater = Pick<
  AppUpdater,
  'allowDowngrade' | 'autoDownload' | 'autoInstallOnAppQuit' | 'checkForUpdates' | 'logger' | 'on'
>

export interface UpdateHost {
  /** The folder of the app's resources, where packaging leaves the feed's address (`app-update.yml`). */
  readonly resources: string
  readonly platform: string
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: Log
  /** Gives the library's updater; called only when there is a feed. */
  readonly load?: () => Promise<Updater>
}

/** `no-feed`: none was packaged. `package-manager`: what the system installed, the system updates. */
export type Updates =
  | { readonly kind: 'off'; readonly reason: 'no-feed' | 'package-manager' | 'failed' }
  | { readonly kind: 'on'; readonly stop: () => void }

/** Milliseconds between two looks. */
const EVERY = 24 * 60 * 60 * 1000

/** Starts looking for updates, now and once a day. Never rejects. */
export async function startUpdates({
  resources,
  platform,
  env,
  log,
  load = loadUpdater,
}: UpdateHost): Promise<Updates> {
  if (!existsSync(join(resources, 'app-update.yml'))) return { kind: 'off', reason: 'no-feed' }
  if (platform === 'linux' && !env['APPIMAGE']) return { kind: 'off', reason: 'package-manager' }
  try {
    const updater = await load()
    configure(updater, log)
    const look = (): void => void check(updater)
    look()
    const timer = setInterval(look, EVERY)
    timer.unref()
    return {
      kind: 'on',
      stop: () => {
        clearInterval(timer)
      },
    }
  } catch {
    log('warn', 'update.unavailable')
    return { kind: 'off', reason: 'failed' }
  }
}

/** The getter makes the updater, which outside Electron throws. */
async function loadUpdater(): Promise<Updater> {
  const { autoUpdater } = await import('electron-updater')
  return autoUpdater
}

function configure(updater: Updater, log: Log): void {
  // It would log addresses and paths.
  updater.logger = null
  updater.autoDownload = true
  updater.autoInstallOnAppQuit = true
  updater.allowDowngrade = false
  updater.on('update-downloaded', () => {
    log('info', 'update.ready')
  })
  // An 'error' nobody listens to would end the app.
  updater.on('error', () => {
    log('warn', 'update.failed')
  })
}

/** One look, with the download it may lead to. Never rejects: what goes wrong is an 'error' event as well, and logged there. */
async function check(updater: Updater): Promise<void> {
  try {
    const found = await updater.checkForUpdates()
    await found?.downloadPromise
  } catch {
    // The next look is tomorrow's.
  }
}
