/**
 * The keyring slot against a real Secret Service (gnome-keyring on a private D-Bus session), used by real processes. The
 * rule: found, locked, lost and unavailable are four different things, none of them hangs, and none of them makes a new
 * key over what is there.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { contents, startChild, temporaryFolder, until } from '../unit/vault/rig.ts'

const PASSWORD = 'test-pass'

interface Found {
  readonly state: string
  readonly protection: string | null
  readonly notice?: string
  readonly offer: { readonly generation: number; readonly refresh: string } | null
  readonly accounts: number
  /** Milliseconds. */
  readonly took: number
}

interface Session {
  readonly env: NodeJS.ProcessEnv
  /** Starts the keyring daemon, unlocked with the password or as it is, and waits until it answers. */
  startKeyring(unlocked: boolean): Promise<ChildProcess>
}

/** A D-Bus session on an empty home, with its own folders and without a display; everything ends with the test. */
async function startSession(folder: string): Promise<Session> {
  const place = (name: string): string => {
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
    return join(folder, name)
  }
  const { DISPLAY: _display, WAYLAND_DISPLAY: _wayland, DBUS_SESSION_BUS_ADDRESS: _bus, ...inherited } = process.env
  const env: NodeJS.ProcessEnv = {
    ...inherited,
    HOME: place('person'),
    XDG_DATA_HOME: place('person/data'),
    XDG_CONFIG_HOME: place('person/config'),
    XDG_CACHE_HOME: place('person/cache'),
    XDG_RUNTIME_DIR: place('run'),
  }
  // `dbus-run-session` gives the address to the command it runs and ends the bus when that ends.
  const session = spawn('dbus-run-session', ['--', 'sh', '-c', 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env,
  })
  let address = ''
  session.stdout.setEncoding('utf8').on('data', (text: string) => {
    address += text
  })
  onTestFinished(async () => {
    const ended = new Promise((resolve) => session.on('close', resolve))
    session.stdin.end()
    await ended
  })
  await until('the D-Bus session', () => address.endsWith('\n'))
  env['DBUS_SESSION_BUS_ADDRESS'] = address.trim()
  return {
    env,
    async startKeyring(unlocked) {
      const words = ['--foreground', '--components=secrets', unlocked ? '--unlock' : '--start']
      const daemon = spawn('gnome-keyring-daemon', words, { stdio: ['pipe', 'ignore', 'ignore'], env })
      onTestFinished(() => end(daemon))
      daemon.stdin.end(unlocked ? PASSWORD : '')
      const deadline = Date.now() + 15_000
      while (!(await isNamed(env))) if (Date.now() > deadline) throw new Error('the keyring does not come up')
      return daemon
    },
  }
}

/** Whether somebody on the bus is the Secret Service. */
function isNamed(env: NodeJS.ProcessEnv): Promise<boolean> {
  const words = ['--session', '--print-reply', '--dest=org.freedesktop.DBus', '/', 'org.freedesktop.DBus.NameHasOwner']
  return run('dbus-send', [...words, 'string:org.freedesktop.secrets'], env).then((output) => output.includes('true'))
}

function run(command: string, words: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn(command, words, { stdio: ['ignore', 'pipe', 'ignore'], env })
    let output = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
    child.on('close', () => {
      resolve(output)
    })
  })
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise((resolve) => child.on('close', resolve))
  child.kill()
  await ended
}

/** A process that opens the vault at `home`, links an account with `refresh` if it is given, and says what it found. */
async function open(home: string, env: NodeJS.ProcessEnv, refresh?: string): Promise<Found> {
  const child = startChild(['keyring', home, ...(refresh === undefined ? [] : [refresh])], { env })
  expect(await child.ended, child.output()).toBe(0)
  return JSON.parse(child.output()) as Found
}

describe('a vault whose key is in the keyring', () => {
  it('is opened by every process of the session, and the key is in the Secret Service', async () => {
    const folder = temporaryFolder()
    const home = join(folder, 'home')
    const session = await startSession(folder)
    await session.startKeyring(true)
    expect(await open(home, session.env, 'rt-1')).toMatchObject({
      state: 'unlocked',
      protection: 'os-keyring',
      offer: { generation: 1, refresh: 'rt-1' },
    })
    expect(await open(home, session.env)).toMatchObject({ offer: { generation: 1, refresh: 'rt-1' }, accounts: 1 })
    const entries = await run('secret-tool', ['search', '--all', 'service', 'app.valetkey.test'], session.env)
    expect(entries).toContain('app.valetkey.test')
  })

  it('V4: is locked while the keyring is, and opens again with it', async () => {
    const folder = temporaryFolder()
    const home = join(folder, 'home')
    const session = await startSession(folder)
    const daemon = await session.startKeyring(true)
    await open(home, session.env, 'rt-1')
    await end(daemon)
    const before = contents(home)
    const lockedDaemon = await session.startKeyring(false)
    expect(await open(home, session.env)).toMatchObject({
      state: 'locked',
      notice: expect.stringContaining('The keyring is locked') as string,
      offer: null,
      accounts: 1,
    })
    await end(lockedDaemon)
    expect(contents(home)).toEqual(before)
    await session.startKeyring(true)
    expect(await open(home, session.env)).toMatchObject({
      state: 'unlocked',
      offer: { generation: 1, refresh: 'rt-1' },
    })
  })

  it('V4: is locked, not begun anew, when the keyring no longer has its key or has another', async () => {
    const folder = temporaryFolder()
    const home = join(folder, 'home')
    const session = await startSession(folder)
    await session.startKeyring(true)
    await open(home, session.env, 'rt-1')
    const before = contents(home)
    await run('secret-tool', ['clear', 'service', 'app.valetkey.test'], session.env)
    for (const _start of [1, 2])
      expect(await open(home, session.env)).toMatchObject({
        state: 'locked',
        notice: expect.stringContaining('no longer has the key of this vault') as string,
      })
    expect(contents(home)).toEqual(before)
    expect(await run('secret-tool', ['search', '--all', 'service', 'app.valetkey.test'], session.env)).toBe('')
    // A keyring with another vault's key under this one's name.
    const other = join(folder, 'other')
    await open(other, session.env, 'rt-other')
    cpSync(join(other, 'vault.db'), join(home, 'vault.db'))
    expect(await open(home, session.env)).toMatchObject({ state: 'unlocked', offer: { refresh: 'rt-other' } })
  })

  it('V4: is locked when there is no session, and a new one is not begun with less protection', async () => {
    const folder = temporaryFolder()
    const home = join(folder, 'home')
    const session = await startSession(folder)
    await session.startKeyring(true)
    await open(home, session.env, 'rt-1')
    const before = contents(home)
    const { DBUS_SESSION_BUS_ADDRESS: _bus, ...without } = session.env
    rmSync(join(folder, 'run'), { recursive: true })
    for (const env of [without, { ...session.env, DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' }])
      expect(await open(home, env)).toMatchObject({
        state: 'locked',
        notice: expect.stringContaining('No keyring answers here') as string,
        accounts: 1,
      })
    expect(contents(home)).toEqual(before)
    expect(await open(join(folder, 'new'), without, 'rt-new')).toMatchObject({
      state: 'locked',
      protection: null,
      accounts: 0,
    })
  })

  it('V4: is locked in a bounded time when a prompt waits for nobody, and the process can still end', async () => {
    const folder = temporaryFolder()
    const home = join(folder, 'home')
    // What shows the prompt is started by the bus and never comes up: the keyring waits for it.
    const services = join(folder, 'person', 'data', 'dbus-1', 'services')
    mkdirSync(services, { recursive: true })
    const prompter = 'org.gnome.keyring.SystemPrompter'
    writeFileSync(join(services, `${prompter}.service`), `[D-BUS Service]\nName=${prompter}\nExec=/bin/sleep 10\n`)
    const session = await startSession(folder)
    const daemon = await session.startKeyring(true)
    await open(home, session.env, 'rt-1')
    await end(daemon)
    await session.startKeyring(false)
    const found = await open(home, session.env)
    // Waiting for the keyring to give up would have ended in "locked": the bus says that the prompter did not come.
    expect(found).toMatchObject({ state: 'locked', notice: expect.stringContaining('does not answer') as string })
  })

  it('V4: is locked in a bounded time when the bus never answers, and the process can still end', async () => {
    const folder = temporaryFolder()
    const home = join(folder, 'home')
    const session = await startSession(folder)
    await session.startKeyring(true)
    await open(home, session.env, 'rt-1')
    const path = join(folder, 'silent')
    const silent = createServer((socket) => {
      socket.on('error', () => undefined)
    })
    await new Promise<void>((resolve) => {
      silent.listen(path, resolve)
    })
    onTestFinished(() => void silent.close())
    const found = await open(home, { ...session.env, DBUS_SESSION_BUS_ADDRESS: `unix:path=${path}` })
    expect(found).toMatchObject({ state: 'locked', notice: expect.stringContaining('does not answer') as string })
  })
})
