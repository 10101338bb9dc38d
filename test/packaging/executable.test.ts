/** The `valetkey` executable of the package: it runs where there is no Node, and it runs nothing but itself. */
import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { makeCliExecutable } from '../../main/desktop/package/cli-executable.ts'
import { startKeyring } from '../readme/keyring.ts'
import { collect, until, type CommandResult } from '../setup/daemon.ts'
import { startHost } from '../setup/native-host.ts'
import { ourVersion, root, runProgram } from './build.ts'

let folder: string
let executable: string
let home: string
let empty: string
const running = new Set<ChildProcess>()

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vkx-'))
  // As electron-builder.yml lays it out.
  const resources = join(folder, 'resources')
  executable = join(resources, 'valetkey')
  await makeCliExecutable({ dist: join(root, 'dist'), node: process.execPath, output: executable })
  cpSync(join(root, 'dist/renderer'), join(resources, 'renderer'), { recursive: true })
  cpSync(join(root, 'node_modules/@napi-rs'), join(resources, 'node_modules/@napi-rs'), { recursive: true })
  empty = join(folder, 'empty')
  mkdirSync(empty)
}, 180_000)
afterEach(async () => {
  for (const child of running) {
    const ended = new Promise((done) => child.once('close', done))
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGKILL')
      await ended
    }
  }
  running.clear()
  rmSync(home, { recursive: true, force: true })
})
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

/** An environment without any Node, with a home nobody has used. */
function environment(more: Readonly<Record<string, string>> = {}): Record<string, string> {
  home = join(folder, 'home')
  return { PATH: empty, HOME: home, VALETKEY_HOME: home, BROWSER: 'false', ...more }
}

const valetkey = (args: readonly string[], more?: Readonly<Record<string, string>>): Promise<CommandResult> =>
  runProgram(executable, args, environment(more))

interface Daemon {
  readonly child: ChildProcess
  readonly output: () => string
  readonly ended: Promise<CommandResult>
}

/** The daemon, once it says that it is ready. */
async function startDaemon(args: readonly string[], more?: Readonly<Record<string, string>>): Promise<Daemon> {
  const child = spawn(executable, ['daemon', ...args], { env: environment(more), stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  const ended = collect(child)
  await until(() => {
    if (child.exitCode !== null) throw new Error(`the daemon ended:\n${output}`)
    return output.includes('Valetkey is ready') || undefined
  })
  return { child, output: () => output, ended }
}

describe('without a Node on the machine', () => {
  it('answers', async () => {
    expect(await valetkey(['--version'])).toEqual({ code: 0, stdout: `${ourVersion}\n`, stderr: '' })
    const { code, stderr } = await valetkey(['status'])
    expect(code).toBe(3)
    expect(stderr).toContain('Valetkey is not running')
  })

  it('answers under another name, as a link on the PATH', async () => {
    const link = join(folder, 'linked')
    symlinkSync(executable, link)
    expect(await runProgram(link, ['--version'], environment())).toMatchObject({ code: 0, stdout: `${ourVersion}\n` })
  })

  it('is the helper that git and Docker know by its name, as a link', async () => {
    const link = join(folder, 'docker-credential-valetkey')
    symlinkSync(executable, link)
    const { code, stdout } = await runProgram(link, ['list'], environment())
    expect({ code, stdout }).toEqual({ code: 0, stdout: '{}\n' })
  })

  it('is the daemon, and the command line that asks it', async () => {
    const { child, ended } = await startDaemon(['--insecure-key-file'])
    const status = await valetkey(['status', '--json'])
    expect(status, status.stderr).toMatchObject({ code: 0 })
    expect(JSON.parse(status.stdout)).toMatchObject({ version: ourVersion, pid: child.pid })
    expect((await valetkey(['providers', 'list'])).stdout).toContain('generic-oidc')
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0 })
  })

  it('serves the console from the pages beside it', async () => {
    const { output } = await startDaemon(['--insecure-key-file', '--console'])
    const url = await until(() => /console .*: (http:\S+)/u.exec(output())?.[1])
    const opened = await fetch(url, { redirect: 'manual' })
    const cookie = opened.headers.getSetCookie().map((one) => one.split(';')[0] ?? '')
    const page = await fetch(new URL('/', url), { headers: { Cookie: cookie.join('; ') } })
    expect(page.status).toBe(200)
    expect(await page.text()).toContain('<title>Valetkey</title>')
  })

  it('keeps the vault’s key in the keyring', async () => {
    const keyring = await startKeyring(join(folder, 'keyring'), { PATH: process.env['PATH'] ?? '', HOME: folder })
    try {
      await startDaemon([], keyring.env)
      const { stdout } = await valetkey(['status', '--json'], keyring.env)
      expect(JSON.parse(stdout)).toMatchObject({ vault: { state: 'unlocked', protection: 'os-keyring' } })
    } finally {
      await keyring.stop()
    }
  })

  it('is the native-messaging host, which browsers start with an extension’s name', async () => {
    await startDaemon(['--insecure-key-file'])
    const extension = 'abcdefghijklmnopabcdefghijklmnop'
    const installed = await valetkey(['native-host', 'install', '--extension-id', extension, '--json'])
    expect(installed, installed.stderr).toMatchObject({ code: 0 })
    const { browsers } = JSON.parse(installed.stdout) as { readonly browsers: readonly { readonly manifest: string }[] }
    const manifest = JSON.parse(readFileSync(browsers[0]?.manifest ?? '', 'utf8')) as { readonly path: string }
    expect(readFileSync(manifest.path, 'utf8')).toContain(`exec '${executable}' "$@"`)
    expect(manifest).toMatchObject({ allowed_origins: [`chrome-extension://${extension}/`] })
    const host = startHost(home, [`chrome-extension://${extension}/`], [manifest.path], { PATH: empty })
    host.send({ id: 'a', call: 'accounts', client_token: 'vkc_nobody' })
    expect(await host.answer('a')).toMatchObject({ error: { error: 'invalid_client' } })
    host.close()
    expect(await host.ended).toBe(0)
    const stranger = startHost(home, ['chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba/'], [executable])
    expect(await stranger.ended).toBe(1)
    expect(stranger.output()).toHaveLength(0)
  })

  it('takes an address as the system hands it over: program, file, command', async () => {
    const file = join(executable, '../cli.cjs')
    expect(await valetkey([file, '--version'])).toMatchObject({ code: 0, stdout: `${ourVersion}\n` })
    const { code, stderr } = await valetkey([file, 'callback', 'app.valetkey:/callback/x?state=y&code=z'])
    expect(code).toBe(3)
    expect(stderr).toContain('not running')
  })
})

describe('runs nothing but itself', () => {
  const planted = "require('node:fs').writeSync(1, 'PLANTED')\n"
  const plant = (path: string): string => {
    writeFileSync(path, planted)
    return path
  }

  it('no file of a Node program beside it', async () => {
    const files = ['cli.cjs', 'cli-program.cjs', 'daemon.cjs'].map((name) => plant(join(executable, '..', name)))
    try {
      expect((await valetkey(['--version'])).stdout).toBe(`${ourVersion}\n`)
      const { output } = await startDaemon(['--insecure-key-file'])
      expect(output()).not.toContain('PLANTED')
    } finally {
      for (const file of files) rmSync(file)
    }
  })

  it.each(['NODE_OPTIONS', 'ELECTRON_RUN_AS_NODE'])('not what %s says', async (name) => {
    const file = plant(join(folder, 'planted.cjs'))
    const { stdout } = await valetkey(['--version'], { [name]: `--require ${file}` })
    expect(stdout).toBe(`${ourVersion}\n`)
    // The same variable makes a Node run it.
    const node = await runProgram(process.execPath, ['--version'], { NODE_OPTIONS: `--require ${file}` })
    expect(node.code).toBe(0)
    const evaluated = await runProgram(process.execPath, ['-e', '0'], { NODE_OPTIONS: `--require ${file}` })
    expect(evaluated.stdout).toBe('PLANTED')
  })

  const asNode: readonly (readonly string[])[] = [
    ['-e', planted],
    ['-p', '1'],
    ['--eval', planted],
    ['--require', 'planted.cjs', 'status'],
    ['--inspect-brk', 'status'],
    ['planted.cjs'],
  ]
  it.each(asNode)('not an argument Node would take: %s', async (...args) => {
    const path = plant(join(folder, 'planted.cjs'))
    const { code, stdout, stderr } = await valetkey(args.map((word) => (word === 'planted.cjs' ? path : word)))
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('valetkey --help')
    expect(stderr).not.toContain('Debugger')
  })

  it('the keyring’s script with the library beside it, and neither with anything else', async () => {
    const path = plant(join(folder, 'planted.cjs'))
    const source = readFileSync(join(root, 'main/vault/slots/keyring-process.ts'), 'utf8')
    const script = /const SCRIPT = `([^`]+)`/u.exec(source)?.[1] ?? ''
    const library = createRequire(executable).resolve('@napi-rs/keyring')
    const nobody = { DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(folder, 'no-bus')}` }
    const child = spawn(executable, ['-e', script, library], { env: environment(nobody) })
    child.stdin.end(JSON.stringify({ service: 'app.valetkey.test', account: 'nobody' }))
    expect(JSON.parse((await collect(child)).stdout)).toEqual({
      words: expect.stringMatching(/^(?!.*Cannot find)./u) as string,
    })
    expect(await valetkey(['-e', script, path])).toMatchObject({ code: 2, stdout: '' })
    expect(await valetkey(['-e', `${script}\n${planted}`, library])).toMatchObject({ code: 2, stdout: '' })
  })

  it('no debugger on SIGUSR1', async () => {
    const { child, output, ended } = await startDaemon(['--insecure-key-file'])
    child.kill('SIGUSR1')
    expect(await valetkey(['status'])).toMatchObject({ code: 0 })
    child.kill('SIGTERM')
    expect(await ended).toMatchObject({ code: 0 })
    expect(output()).not.toContain('Debugger listening')
  })
})
