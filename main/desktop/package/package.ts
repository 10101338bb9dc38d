/**
 * `npm run package [-- ELECTRON-BUILDER ARGUMENTS]`: the app as this platform installs it, with the `valetkey` command in
 * it. The rule: it is made of what is installed here, and what is not is said before anything is made.
 */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { makeCliExecutable } from './cli-executable.ts'
import { misfitOf } from './distribution.ts'

const { argv, env, execPath, platform, stderr } = process
const root = resolve(import.meta.dirname, '../../..')
const require = createRequire(import.meta.url)

async function run(words: readonly string[]): Promise<number> {
  const electron = require.resolve('electron/package.json')
  const { version } = JSON.parse(readFileSync(electron, 'utf8')) as { readonly version: string }
  const distribution = resolve(env['ELECTRON_OVERRIDE_DIST_PATH'] ?? join(electron, '../dist'))
  const misfit = misfitOf(distribution, version, platform)
  if (misfit !== null) throw new Error(misfit)
  await stage(join(root, 'dist'), join(root, 'dist/package'))
  return build(['--publish', 'never', `-c.electronDist=${distribution}`, ...words])
}

/**
 * What goes beside the app's archive. The pages are a copy, because electron-builder leaves out of the archive whatever it
 * is told to put beside it.
 */
async function stage(dist: string, folder: string): Promise<void> {
  rmSync(folder, { recursive: true, force: true })
  cpSync(join(dist, 'renderer'), join(folder, 'renderer'), { recursive: true })
  const output = join(folder, platform === 'win32' ? 'valetkey.exe' : 'valetkey')
  await makeCliExecutable({ dist, node: execPath, output })
  // The fast path, where the build had a compiler; it hands what it does not do to the executable beside it.
  const fast = join(dist, 'valetkey-token')
  if (existsSync(fast)) cpSync(fast, join(folder, 'valetkey-token'))
}

/** electron-builder to its end. Answers its exit code. */
async function build(words: readonly string[]): Promise<number> {
  const child = spawn(execPath, [require.resolve('electron-builder/cli.js'), ...words], { stdio: 'inherit', cwd: root })
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (code) => {
      done(code ?? 1)
    })
  })
}

try {
  process.exitCode = await run(argv.slice(2))
} catch (thrown) {
  stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exitCode = 1
}
