/**
 * `node test/setup/run.ts [--real] SUITE...`: runs suites (folders of `test/`), and with any suite but `e2e` also the tests that
 * stand above them (the architecture, the README). The rule: the tests see a person's empty machine, with a private home
 * and none of the caller's session, and the last line printed is `N passed, N failed`, of which the second number is 0
 * only if everything ran and passed.
 */
import { spawn } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join, resolve, sep } from 'node:path'
import { summarise, type Report } from './summary.ts'
import { ensureSystemPackages, findChromium } from './system-packages.ts'

const testFolder = resolve(import.meta.dirname, '..')
const oldestNode = 24

/** Of the caller's session: where it lives, how it is reached, how it looks. */
const ofTheSession = /^(?:(?:VALETKEY|XDG|DBUS|GNOME|GIT)_|(?:DISPLAY|WAYLAND_DISPLAY|BROWSER|NODE_OPTIONS|NODE_ENV)$)/u

/** The caller's environment without its session, on an empty home under `folder`. */
function privateEnvironment(folder: string): NodeJS.ProcessEnv {
  const place = (name: string): string => {
    const path = join(folder, name)
    mkdirSync(path, { recursive: true, mode: 0o700 })
    return path
  }
  // Looked up while the caller's home is still in force: Playwright keeps its browsers there.
  const browser = findChromium()
  return {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofTheSession.test(name))),
    ...(browser !== null && { CHROMIUM_PATH: browser }),
    HOME: place('home'),
    XDG_CONFIG_HOME: place('home/.config'),
    XDG_DATA_HOME: place('home/.local/share'),
    XDG_STATE_HOME: place('home/.local/state'),
    XDG_CACHE_HOME: place('home/.cache'),
    XDG_RUNTIME_DIR: place('run'),
    // So that a `node` a test starts is the one the tests run on.
    PATH: [dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
    // Everything the tests talk to is on this machine.
    NO_PROXY: '127.0.0.1,localhost,::1',
    no_proxy: '127.0.0.1,localhost,::1',
  }
}

/** Runs vitest on `paths` to its end and gives its exit code; a signal to us ends it too. */
async function vitest(paths: readonly string[], reportFile: string, env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(
    process.execPath,
    [
      join(testFolder, '../node_modules/vitest/vitest.mjs'),
      'run',
      ...['--config', join(testFolder, 'vitest.config.ts')],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${reportFile}`],
      // A path given to vitest is looked for anywhere in a file's: `desktop/` would also mean `unit/desktop/`.
      ...(paths.some((path) => path.includes(`${sep}unit${sep}`)) ? [] : ['--exclude', '**/unit/**']),
      ...paths,
    ],
    { stdio: ['ignore', 'inherit', 'inherit'], env, cwd: dirname(testFolder) },
  )
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal))
  return new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', (code) => {
      done(code ?? 1)
    })
  })
}

function readReport(file: string): Report | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Report
  } catch {
    return null
  }
}

/** `--real`: the desktop's specs run on Electron itself or not at all. */
const demand = '--real'

async function run(args: readonly string[]): Promise<number> {
  const suites = args.filter((argument) => argument !== demand)
  const real = args.includes(demand)
  if (Number.parseInt(process.versions.node, 10) < oldestNode)
    throw new Error(
      `The tests need Node ${String(oldestNode)} or newer and this is ${process.versions.node}. ` +
        'Run them through npm (npm test): npm ci has brought the right Node for its scripts.',
    )
  if (suites.length === 0) throw new Error('Name at least one suite: unit, integration, adversarial, e2e.')
  if (suites.some((suite) => suite !== 'unit')) ensureSystemPackages(suites)
  if (real) {
    const { chooseRuntime, findElectron } = await import('../electron-double/launch.ts')
    chooseRuntime(real, findElectron())
  }
  const folders = suites.map((suite) => join(testFolder, suite))
  const above = suites.includes('e2e') ? [] : globSync('{*,setup/*}.test.ts', { cwd: testFolder })
  const scratch = mkdtempSync(join(tmpdir(), 'valetkey-test-'))
  try {
    const reportFile = join(scratch, 'report.json')
    const paths = [...folders.map((folder) => `${folder}/`), ...above.map((file) => join(testFolder, file))]
    const env = { ...privateEnvironment(scratch), ...(real && { VALETKEY_E2E_REAL: '1' }) }
    const exitCode = await vitest(paths, reportFile, env)
    const { passed, failed, problems } = summarise(readReport(reportFile), exitCode, folders)
    for (const problem of problems) process.stderr.write(`${problem}\n`)
    process.stdout.write(`${String(passed)} passed, ${String(failed)} failed\n`)
    return passed > 0 && failed === 0 ? 0 : 1
  } finally {
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 })
  }
}

try {
  process.exitCode = await run(process.argv.slice(2))
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`)
  process.exitCode = 1
}
