/**
 * `npm run package` as a test runs it: the real scripts and the real electron-builder, on a stand-in for Electron. The
 * rule: nothing is fetched, because every address but this machine's leads to a closed port; all of it goes to a folder of
 * the test's own.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve } from 'node:path'
import { collect, type CommandResult } from '../setup/daemon.ts'
import { makeStandIn } from './stand-in.ts'

export const root = resolve(import.meta.dirname, '../..')
const packageScript = join(root, 'main/desktop/package/package.ts')

/** The Electron this checkout is for. */
export const electronVersion = versionIn('node_modules/electron/package.json')
export const ourVersion = versionIn('package.json')

function versionIn(file: string): string {
  return (JSON.parse(readFileSync(join(root, file), 'utf8')) as { readonly version: string }).version
}

export interface Workplace {
  readonly folder: string
  /** The stand-in for Electron. */
  readonly distribution: string
  /** The package script with these arguments for electron-builder. */
  run(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<CommandResult>
  remove(): void
}

export async function makeWorkplace(): Promise<Workplace> {
  const folder = mkdtempSync(join(tmpdir(), 'valetkey-packaging-'))
  const distribution = join(folder, 'distribution')
  await makeStandIn(distribution, electronVersion)
  const fpm = join(folder, 'fpm')
  writeFileSync(fpm, `#!/bin/sh\nexec '${process.execPath}' '${join(import.meta.dirname, 'fpm.ts')}' "$@"\n`, {
    mode: 0o755,
  })
  const home = join(folder, 'home')
  mkdirSync(home)
  const nowhere = 'http://127.0.0.1:9'
  const environment = {
    HOME: home,
    PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    ELECTRON_OVERRIDE_DIST_PATH: distribution,
    CUSTOM_FPM_PATH: fpm,
    HTTP_PROXY: nowhere,
    HTTPS_PROXY: nowhere,
    ELECTRON_MIRROR: `${nowhere}/`,
    ELECTRON_BUILDER_BINARIES_MIRROR: `${nowhere}/`,
  }
  return {
    folder,
    distribution,
    run: (args, env) =>
      collect(
        spawn(process.execPath, ['--disable-warning=ExperimentalWarning', packageScript, ...args], {
          cwd: root,
          env: { ...environment, ...env },
          stdio: ['ignore', 'pipe', 'pipe'],
        }),
      ),
    remove: () => {
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** What was made before the tests can look at it. Throws with everything it said when it was not. */
export async function succeed(running: Promise<CommandResult>): Promise<void> {
  const { code, stdout, stderr } = await running
  if (code !== 0) throw new Error(`it ended with ${String(code)}:\n${stdout}${stderr}`)
}

/** A program to its end, without a shell. */
export function runProgram(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = { PATH: process.env['PATH'] ?? '' },
): Promise<CommandResult> {
  return collect(spawn(program, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] }))
}
