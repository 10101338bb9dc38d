/**
 * What the single executable `valetkey` runs first: what is built into it, the command line, the daemon or, when a browser
 * starts it for an extension, the native-messaging host. The rule: this is a
 * Node that does for nobody what Electron's fuse RunAsNode forbids the app: it evaluates only what was built in, and loads
 * from disk only the keyring library installed beside it. The file is used as it stands, without its types, as a script:
 * nothing is imported or exported here.
 */
const { getAsset } = process.getBuiltinModule('node:sea')
const { createRequire, isBuiltin } = process.getBuiltinModule('node:module')
const path = process.getBuiltinModule('node:path')
const { compileFunction, constants } = process.getBuiltinModule('node:vm')

interface Module {
  readonly exports: unknown
}

const folder = path.dirname(process.execPath)
const keyringLibrary = '@napi-rs/keyring'
const requireInstalled = createRequire(process.execPath)
const loaded = new Map<string, Module>()

/** A module built in, as if its file lay beside the executable; half its exports while it is loading, as in Node. */
function load(name: string): unknown {
  const known = loaded.get(name)
  if (known) return known.exports
  const own: Module = { exports: {} }
  loaded.set(name, own)
  const filename = path.join(folder, name)
  const run = compileFunction(
    getAsset(name, 'utf8').replace(/^#!.*/u, ''),
    ['exports', 'require', 'module', '__filename', '__dirname'],
    { filename, importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER },
  ) as (...values: readonly unknown[]) => void
  run(own.exports, requireOwn, own, filename, folder)
  return own.exports
}

function requireOwn(id: string): unknown {
  if (id.startsWith('./')) return load(id.slice('./'.length))
  if (isBuiltin(id)) return requireInstalled(id)
  throw new Error(`${id} is no part of this program.`)
}

/**
 * The vault calls the keyring in a process of its own, on the Node it runs on, by `-e SCRIPT LIBRARY`. Exactly that
 * script, with exactly our library, is run here; any other is for the command line to refuse.
 */
function isKeyringCall([option, script, library]: readonly string[]): boolean {
  return option === '-e' && script === getAsset('keyring-call', 'utf8') && library === keyringPath()
}

function keyringPath(): string | undefined {
  try {
    return requireInstalled.resolve(keyringLibrary)
  } catch {
    return undefined
  }
}

function runKeyringCall(): void {
  process.argv.splice(1, 3)
  const run = compileFunction(getAsset('keyring-call', 'utf8'), ['require']) as (require: unknown) => void
  run(requireInstalled)
}

// What we registered with the system names the program and its file, as Node is called.
if (process.argv[2] === path.join(folder, 'cli.cjs')) process.argv.splice(1, 1)
const words = process.argv.slice(2)
const isDaemon = words[0] === 'daemon' && !words.includes('--help') && !words.includes('-h')

/** A browser names the extension first (Chrome and its kin) or its manifest of us (Firefox); no command is called so. */
const isNativeHost = /^chrome-extension:\/\/|[/\\]app\.valetkey\.json$/u.test(words[0] ?? '')

if (isKeyringCall(words)) runKeyringCall()
// The command line would look for the daemon as a file beside it.
else load(isDaemon ? 'daemon.cjs' : isNativeHost ? 'native-host.cjs' : 'cli.cjs')
