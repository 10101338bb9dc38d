/**
 * The fast path beside the full command line: for every outcome the same status and the same bytes on stdout and stderr, by
 * itself where it can and by handing over where it should.
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type ErrorBody, errorTable } from '../../main/contract/errors.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, newHome, removeHome, runCli, startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'
import { both, fastPath, handedOver, makeLone, runFast, startFast } from '../setup/fast-path.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'

let lone: ReturnType<typeof makeLone>
beforeAll(() => {
  lone = makeLone()
})
afterAll(() => {
  lone.remove()
})

describe('beside the real daemon', () => {
  let daemon: RunningDaemon
  let provider: IdentityProvider
  let script: Record<string, string>
  let other: Record<string, string>

  beforeAll(async () => {
    ;[daemon, provider] = await Promise.all([
      startDaemon({ args: ['--insecure-key-file', '--http'] }),
      startIdentityProvider(),
    ])
    await linkAccount(daemon, provider, { login: 'ada' })
    await linkAccount(daemon, provider, { login: 'grace' })
    script = { VALETKEY_CLIENT_TOKEN: await pairProgram(daemon, 'nightly') }
    other = { VALETKEY_CLIENT_TOKEN: await pairProgram(daemon, 'backup') }
  })
  afterAll(async () => {
    await Promise.all([daemon.stop(), provider.stop()])
  })

  it.each([
    ['token', 'ada'],
    ['token', 'ada', '--header'],
    ['token', '--json', '--', 'ada'],
    ['token', 'ada', '--scope=openid', '--min-valid', '0030', '--timeout', '9', '--interaction', 'never'],
    ['token', 'ada', '--reason', 'größer “quoted” \\ 🚀', '--header'],
  ])('gives the same, by itself: %j', async (...args) => {
    const { code, stdout, stderr } = await both(daemon.paths.home, args, {}, lone.program)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^[\x20-\x7e]{20,}\n$/u)
  })

  it('gives a token the provider knows, and a new one when that is wanted', async () => {
    const { stdout } = await runFast(daemon.paths.home, ['token', 'ada'], {}, lone.program)
    expect(await provider.isActive(stdout.trim())).toBe(true)
    const forced = await runFast(daemon.paths.home, ['token', 'ada', '--force-refresh'], {}, lone.program)
    expect(forced).toMatchObject({ code: 0, stderr: '' })
    expect(forced.stdout).not.toBe(stdout)
    expect((await runCli(daemon.paths.home, ['token', 'ada'])).stdout).toBe(forced.stdout)
  })

  const refused: readonly (readonly [number, readonly string[]])[] = [
    [8, ['token', 'nobody']],
    [2, ['token', 'generic-oidc']],
    [6, ['token', 'ada', '--scope', 'openid universe']],
    [2, ['token', 'ada', '--scope', ' ']],
    [2, ['token', 'ada', '--reason', 'a\nb']],
    [2, ['token', 'x'.repeat(300)]],
  ]
  it.each(refused)('is refused the same, by itself, with status %i: %j', async (status, args) => {
    const { code, stdout, stderr } = await both(daemon.paths.home, args, {}, lone.program)
    expect({ code, stdout }).toEqual({ code: status, stdout: '' })
    expect(stderr).toMatch(/^valetkey: \S/u)
    const machine = await both(daemon.paths.home, [...args, '--json'], {}, lone.program)
    expect(Object.keys(errorTable)).toContain((JSON.parse(machine.stderr) as ErrorBody).error)
  })

  it('is refused the same as a program nobody knows, and as one without consent', async () => {
    const unknown = await both(daemon.paths.home, ['token', 'ada'], { VALETKEY_CLIENT_TOKEN: 'unknown' }, lone.program)
    expect(unknown).toMatchObject({ code: 1, stdout: '' })
    const never = ['token', 'ada', '--interaction', 'never', '--json']
    expect(await both(daemon.paths.home, never, script, lone.program)).toMatchObject({ code: 5, stdout: '' })
  })

  it('tells that the person is asked, waits, and gives the token when they say yes', async () => {
    const asking = startFast(daemon.paths.home, ['token', 'ada', '--as', 'backup'], other, lone.program)
    let said = ''
    asking.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const result = collect(asking)
    const id = await until(() => /^run: valetkey approve (\S+)$/mu.exec(said)?.[1])
    expect(said).toMatch(/^valetkey: waiting for approval\ncode: \d{3}-\d{3}\nrun: valetkey approve \S+\n$/u)
    await approve(daemon, id, /^code: (\S+)$/mu.exec(said)?.[1] ?? '', ['--for', '1h'])
    expect(await result).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\S+\n$/u) as string })
  })

  it('is the same with the C library in it, as on systems that it brings no calls of its own for', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vk-libc-'))
    const program = join(folder, 'valetkey-token')
    try {
      const source = join(import.meta.dirname, '../../clients/native/valetkey-token.c')
      const strictly = ['-std=c11', '-O2', '-Wall', '-Wextra', '-Werror', '-D_FORTIFY_SOURCE=2']
      const compiled = spawnSync('cc', [...strictly, '-o', program, source], { encoding: 'utf8' })
      expect(compiled).toMatchObject({ status: 0, stderr: '' })
      const overTcp = { VALETKEY_URL: daemon.endpoint.url ?? '' }
      for (const env of [{}, overTcp])
        expect(await both(daemon.paths.home, ['token', 'ada', '--header'], env, program)).toMatchObject({ code: 0 })
      expect(await both(daemon.paths.home, ['token', 'nobody'], {}, program)).toMatchObject({ code: 8 })
      expect(await runFast(daemon.paths.home, ['status'], {}, program)).toEqual(handedOver)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('asks over loopback TCP, and over a socket elsewhere, only a broker that proves itself', async () => {
    const { url } = daemon.endpoint
    const overTcp = { VALETKEY_URL: `${url ?? ''}/` }
    expect(await both(daemon.paths.home, ['token', 'ada'], overTcp, lone.program)).toMatchObject({ code: 0 })
    chmodSync(daemon.paths.run, 0o755)
    try {
      // The key lies in the same folder, so now nothing can be believed.
      expect(await both(daemon.paths.home, ['token', 'ada'])).toMatchObject({ code: 3, stdout: '' })
    } finally {
      chmodSync(daemon.paths.run, 0o700)
    }
    const named = { VALETKEY_SOCK: daemon.paths.socket, VALETKEY_URL: 'http://127.0.0.1:1' }
    expect(await both(daemon.paths.home, ['token', 'ada'], named, lone.program)).toMatchObject({ code: 0 })
  })

  it('says the same when the vault is locked', async () => {
    expect((await daemon.cli(['lock'])).code).toBe(0)
    expect(await both(daemon.paths.home, ['token', 'ada'], {}, lone.program)).toMatchObject({ code: 4, stdout: '' })
    expect((await daemon.cli(['unlock'])).code).toBe(0)
  })

  it('is the whole command in a checkout, under its name and through a link', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vk-bin-'))
    symlinkSync(join(dirname(fastPath), 'valetkey'), join(folder, 'valetkey'))
    try {
      for (const program of [join(dirname(fastPath), 'valetkey'), join(folder, 'valetkey')]) {
        const accounts = await both(daemon.paths.home, ['accounts'], {}, program)
        expect(accounts.stdout).toContain('ada')
        expect(await both(daemon.paths.home, ['token', 'ada'], {}, program)).toMatchObject({ code: 0 })
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('handed over to the command line', () => {
  const usage: readonly (readonly string[])[] = [
    [],
    ['--version'],
    ['token'],
    ['token', ''],
    ['token', 'a', 'b'],
    ['token', 'a', '--unknown'],
    ['token', 'a', '--scop', 'x'],
    ['token', 'a', '--', '--header', 'b'],
    ['token', 'a', '--scope'],
    ['token', 'a', '--json=1'],
    ['token', 'a', '--json', '--json'],
    ['token', 'a', '--json', '--header'],
    ['token', 'a', '--timeout', 'soon'],
    ['token', 'a', '--timeout', '601'],
    ['token', 'a', '--min-valid', '-1'],
    ['token', 'a', '--interaction', 'perhaps'],
    ['token', 'a', '-x'],
    ['token', 'a', '--as', 'nightly'],
    ['token', 'a', '--help'],
    ['token', '-h'],
    ['status'],
  ]

  let home: string
  beforeEach(() => {
    home = newHome()
  })
  afterEach(() => {
    removeHome(home)
  })

  it.each(usage.map((args) => [args]))('untouched: %j', async (args) => {
    expect(await runFast(home, args, {}, lone.program)).toEqual(handedOver)
    await both(home, args)
  })

  it('because nothing runs, or the place cannot be made sense of', async () => {
    const places: readonly (readonly [number, Record<string, string>])[] = [
      [3, {}],
      [2, { VALETKEY_HOME: 'relative' }],
      [2, { VALETKEY_HOME: '' }],
      [2, { VALETKEY_HOME: '/' }],
      [2, { VALETKEY_SOCK: 'relative' }],
      [2, { VALETKEY_URL: 'http://localhost:1' }],
      [3, { VALETKEY_URL: 'http://127.0.0.1:1' }],
      [3, { VALETKEY_SOCK: `/tmp/${'x'.repeat(200)}` }],
    ]
    for (const [status, env] of places) {
      expect(await runFast(home, ['token', 'ada'], env, lone.program), JSON.stringify(env)).toEqual(handedOver)
      expect(await both(home, ['token', 'ada'], env), JSON.stringify(env)).toMatchObject({ code: status, stdout: '' })
    }
  })

  it('is never itself, whatever it is called', async () => {
    const { program, remove } = makeLone()
    try {
      symlinkSync(basename(program), join(dirname(program), 'valetkey'))
      expect(await runFast(home, ['status'], {}, join(dirname(program), 'valetkey'))).toEqual(handedOver)
    } finally {
      remove()
    }
  })
})
