/**
 * Starts the desktop app for a spec, through Playwright's own `_electron`: on the Electron runtime where that is installed,
 * on the stand-in where it is not. The rule: a run says once which of the two it is, a stand-in run is never called an
 * Electron run, and with `--real` (or `VALETKEY_E2E_REAL=1`) there is no falling back.
 */
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { _electron, type ElectronApplication } from 'playwright-core'
import { chromiumArguments, findChromium } from '../setup/system-packages.ts'
import { commandVariable } from './chromium.ts'

export type Runtime = 'electron' | 'stand-in'

export interface DesktopOptions {
  /** The app: a folder with a `package.json`, or a script. The repository's own when left out. */
  readonly app?: string
  /** CommonJS modules that the main process loads before the app. */
  readonly preloads?: readonly string[]
  /** Arguments after the app. */
  readonly args?: readonly string[]
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>
  /** A folder that takes the place of the person's home; made if need be. Nothing outside it is written. */
  readonly home: string
  /** `true`: the real runtime or an error. `false`: the stand-in. Left out: the real one where it is installed. */
  readonly real?: boolean
}

export interface Desktop {
  readonly app: ElectronApplication
  readonly runtime: Runtime
  /** What the runtime was started with, for a second process of the same app. */
  readonly command: DesktopCommand
}

export interface DesktopCommand {
  readonly executable: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
}

/** The folder with the executable of the stand-in, as `ELECTRON_OVERRIDE_DIST_PATH` wants it. */
const standInFolder = join(import.meta.dirname, 'runtime')
const overrideVariable = 'ELECTRON_OVERRIDE_DIST_PATH'

/** The runtime's executable if it is installed; nothing is downloaded to find out. */
export function findElectron(packageFolder = electronPackageFolder()): string | null {
  const pathFile = join(packageFolder, 'path.txt')
  const name = existsSync(pathFile) ? readFileSync(pathFile, 'utf8') : null
  const override = process.env[overrideVariable]
  const folder = override !== undefined && override !== standInFolder ? override : join(packageFolder, 'dist')
  const executable = join(folder, name ?? 'electron')
  return (name !== null || folder === override) && existsSync(executable) ? executable : null
}

function electronPackageFolder(): string {
  return dirname(createRequire(import.meta.url).resolve('electron/package.json'))
}

/** Which runtime a run uses. Throws, saying what to do, when the real one is demanded and not there. */
export function chooseRuntime(real: boolean | undefined, installed: string | null): Runtime {
  if (real === false) return 'stand-in'
  if (installed !== null) return 'electron'
  if (real === true)
    throw new Error(
      'The real Electron runtime was demanded and is not installed. Install it with `npx install-electron --no`, or run without --real.',
    )
  return 'stand-in'
}

/** What a run says of itself. */
export function describeRuntime(runtime: Runtime): string {
  return runtime === 'electron'
    ? 'desktop specs: on the real Electron runtime'
    : 'desktop specs: on the stand-in for Electron (test/electron-double), which is not Electron'
}

function isRealDemanded(): true | undefined {
  return process.argv.includes('--real') || process.env['VALETKEY_E2E_REAL'] === '1' ? true : undefined
}

let isSaid = false

function say(runtime: Runtime): void {
  if (!isSaid) process.stderr.write(`${describeRuntime(runtime)}\n`)
  isSaid = true
}

/** The runner's own variables, which are not the app's business. */
const ofTheRunner = /^(?:VITEST|NODE_OPTIONS|NODE_ENV)/u

function environment({ home, env }: DesktopOptions): Record<string, string> {
  const folder = (name: string): string => {
    const path = join(home, name)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return path
  }
  const inherited = Object.entries(process.env).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && !ofTheRunner.test(entry[0]),
  )
  return {
    ...Object.fromEntries(inherited),
    HOME: folder('.'),
    XDG_CONFIG_HOME: folder('.config'),
    XDG_DATA_HOME: folder('.local/share'),
    XDG_CACHE_HOME: folder('.cache'),
    ...env,
  }
}

/** Starts the app and answers when it runs; its first window may still be loading. */
export async function launchDesktop(options: DesktopOptions): Promise<Desktop> {
  const runtime = chooseRuntime(options.real ?? isRealDemanded(), findElectron())
  say(runtime)
  const env = environment(options)
  if (runtime === 'stand-in') {
    const browser = findChromium()
    if (browser === null) throw new Error('The stand-in needs Chromium. Install it, or name one in CHROMIUM_PATH.')
    env[commandVariable] = JSON.stringify([browser, ...chromiumArguments()])
    // Playwright asks the npm package `electron` for the executable, in this process.
    process.env[overrideVariable] = standInFolder
  }
  const args = [options.app ?? resolve(import.meta.dirname, '../..'), ...(options.args ?? [])]
  // The colour scheme is `nativeTheme`'s to say.
  const preloads = (options.preloads ?? []).flatMap((module) => ['-r', module])
  const app = await _electron.launch({ args: [...preloads, ...args], env, colorScheme: null, timeout: 30_000 })
  const executable = runtime === 'stand-in' ? join(standInFolder, 'electron') : (findElectron() ?? '')
  return { app, runtime, command: { executable, args, env } }
}
