/**
 * Starts the stand-in the way Electron's executable is started: `electron [switches] [-r module]... APP [arguments]`, where
 * APP is a folder with a `package.json` or a script. The rule: the app finds a main process as Electron makes it (its
 * `process.argv`, `process.versions.electron`, `electron` to import and to require), and Playwright finds the two lines on
 * stderr that it waits for, the inspector's and the browser's.
 */
import { open } from 'node:inspector'
import { mkdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire, registerHooks } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Manifest, setSettings } from '../settings.ts'

interface CommandLine {
  readonly switches: Map<string, string>
  readonly preloads: readonly string[]
  readonly appArgument: string
}

const withValue = /^--([^=]*)(?:=(.*))?$/su

/** Switches before the app are for the runtime; those after it are the app's, and the runtime sees them too. */
function parseCommandLine(args: readonly string[]): CommandLine {
  const switches = new Map<string, string>()
  const preloads: string[] = []
  let appArgument: string | undefined
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? ''
    const [, name, value = ''] = withValue.exec(arg) ?? []
    const isOurs = appArgument === undefined
    if (isOurs && (arg === '-r' || arg === '--require')) preloads.push(args[++at] ?? '')
    else if (isOurs && !arg.startsWith('-')) appArgument = arg
    else if (name !== undefined && !switches.has(name)) switches.set(name, value)
  }
  return { switches, preloads, appArgument: appArgument ?? '.' }
}

const args = process.argv.slice(2)
const { switches, preloads, appArgument } = parseCommandLine(args)
const executable = join(import.meta.dirname, 'electron')
const packageFile = createRequire(import.meta.url).resolve('electron/package.json')
const { version } = JSON.parse(readFileSync(packageFile, 'utf8')) as { version: string }

process.argv = [executable, ...args]
Object.defineProperties(process, {
  versions: { value: Object.freeze({ ...process.versions, electron: version }) },
  type: { value: 'browser' },
  defaultApp: { value: true },
  execPath: { value: executable },
  resourcesPath: { value: join(import.meta.dirname, 'resources') },
})

// Electron in Playwright's hands: a debugger that can reach the main process.
const inspectPort = switches.get('inspect')
if (inspectPort !== undefined) {
  open(Number(inspectPort), '127.0.0.1')
  // An app that nobody drives any more is not left behind: when Playwright's process dies, ours gets another parent.
  const driver = process.ppid
  setInterval(() => {
    if (process.ppid !== driver) process.exit(1)
  }, 1000).unref()
}

const electronUrl = pathToFileURL(resolve(import.meta.dirname, '../electron.ts')).href
const electronNames: ReadonlySet<string> = new Set(['electron', 'electron/main', 'electron/common'])
registerHooks({
  resolve: (specifier, context, next) =>
    electronNames.has(specifier) ? { url: electronUrl, shortCircuit: true } : next(specifier, context),
})

const appPath = resolve(appArgument)
const isFolder = statSync(appPath).isDirectory()
const root = isFolder ? appPath : dirname(appPath)

function readManifest(): Manifest {
  try {
    return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  } catch (error) {
    // A bare script has none; Electron then calls itself by its own name.
    if (!isFolder && (error as NodeJS.ErrnoException).code === 'ENOENT') return { name: 'Electron' }
    throw error
  }
}

const manifest = readManifest()
setSettings({ switches, manifest, root, executable })

const { app } = await import('../electron.ts')
const { control } = await import('../control.ts')
const { readiness } = await import('../readiness.ts')
const { startChromium } = await import('../chromium.ts')
const { decidePopup } = await import('../web-contents.ts')
const { createEvent } = await import('../modelled.ts')
const { ignoreGone } = await import('../devtools.ts')

globalThis.electronStandIn = control

// Electron warns of a rejection that nobody handles. Here it ends the app, so that a test sees it, except on the way out,
// where what was still being loaded fails and nobody is left to be told.
process.on('unhandledRejection', (reason) => {
  if (readiness.isQuitting) console.error('electron stand-in: unhandled while quitting:', reason)
  else throw reason
})

/** Starts the browser and says so; nothing is started for an app that quits before it is ready. */
async function becomeReady(): Promise<void> {
  if (readiness.isQuitting || readiness.isExiting) return
  const profile = join(app.getPath('userData'), 'chromium.stand-in')
  mkdirSync(profile, { recursive: true, mode: 0o700 })
  const { debuggingUrl, process: browser } = await startChromium(profile, (popup) => {
    decidePopup(popup).catch(ignoreGone)
  })
  browser.once('exit', (exitCode, signal) => {
    if (!readiness.isExiting)
      throw new Error(`electron stand-in: the browser went away (${signal ?? String(exitCode)})`)
  })
  if (switches.has('remote-debugging-port')) process.stderr.write(`\nDevTools listening on ${debuggingUrl}\n`)
  readiness.becomeReady()
  app.emit('ready', createEvent(), {})
}

// Loads CommonJS and, where nothing in it awaits at the top level, ECMAScript modules.
const load = createRequire(join(root, 'package.json'))
for (const preload of preloads) load(preload)
load(isFolder ? resolve(root, manifest.main ?? 'index.js') : appPath)
await becomeReady()
