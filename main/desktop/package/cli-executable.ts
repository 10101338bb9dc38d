/**
 * Makes `valetkey` one executable that needs no Node on the machine (Node's single executable applications), because the
 * packaged Electron will not act as one. The rule: everything it runs is inside it, where the platform's code signature
 * covers it, and neither NODE_OPTIONS, nor an argument, nor SIGUSR1 brings in anything else: what the fuses are to Electron.
 */
import { execFile } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, copyFile } from 'node:fs/promises'
import { createRequire, stripTypeScriptTypes } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'

export interface ExecutableOptions {
  /** The built command line, daemon and native-messaging host. */
  readonly dist: string
  /** The executable that becomes ours: an official Node, 24 or newer, of the platform it is for. */
  readonly node: string
  readonly output: string
}

const run = promisify(execFile)
const require = createRequire(import.meta.url)
/** Node's marker for "holds an application" (its documentation, Single executable applications). */
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
const keyringProcess = '../../vault/slots/keyring-process.ts'

/** Makes the executable; replaces an older one. Throws a sentence when something it is made of is missing. */
export async function makeCliExecutable({ dist, node, output }: ExecutableOptions): Promise<void> {
  const work = mkdtempSync(join(tmpdir(), 'valetkey-executable-'))
  try {
    const blob = await makeBlob(dist, node, work)
    mkdirSync(dirname(output), { recursive: true })
    rmSync(output, { force: true })
    await copyFile(node, output)
    await chmod(output, 0o755)
    // A signature covers what is about to change; the packaged app is signed as a whole later.
    if (process.platform === 'darwin') await run('codesign', ['--remove-signature', output])
    const segment = process.platform === 'darwin' ? ['--macho-segment-name', 'NODE_SEA'] : []
    const postject = require.resolve('postject/dist/cli.js')
    await run(process.execPath, [postject, output, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', fuse, ...segment])
    if (process.platform === 'darwin') await run('codesign', ['--sign', '-', output])
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The application as Node wants it inside an executable. Answers the file's path. */
async function makeBlob(dist: string, node: string, work: string): Promise<string> {
  const written = (name: string, text: string): string => {
    writeFileSync(join(work, name), text)
    return join(work, name)
  }
  const programs = globSync('{cli,daemon,native-host}{,-*}.cjs', { cwd: dist })
  for (const name of ['cli.cjs', 'daemon.cjs', 'native-host.cjs'])
    if (!programs.includes(name)) throw new Error(`${join(dist, name)} is missing: run “npm run build”.`)
  const main = readFileSync(resolve(import.meta.dirname, 'executable-main.ts'), 'utf8')
  const output = join(work, 'blob')
  const configuration = {
    main: written('main.cjs', stripTypeScriptTypes(main)),
    output,
    disableExperimentalSEAWarning: true,
    execArgv: ['--disable-sigusr1'],
    execArgvExtension: 'none',
    assets: {
      ...Object.fromEntries(programs.map((name) => [name, join(dist, name)])),
      'keyring-call': written('keyring-call', readKeyringCall()),
    },
  }
  await run(node, ['--experimental-sea-config', written('configuration.json', JSON.stringify(configuration))])
  return output
}

/** The script by which the vault calls the keyring, character for character. */
function readKeyringCall(): string {
  const source = readFileSync(resolve(import.meta.dirname, keyringProcess), 'utf8')
  const [, script] = /^const SCRIPT = `([^`\\$]+)`$/mu.exec(source) ?? []
  if (script === undefined) throw new Error(`${keyringProcess} no longer has the script the executable is to run.`)
  return script
}
