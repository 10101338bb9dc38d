/**
 * What can be at, or happen to, the places in the file system that are ours. The rule: a start succeeds or says what is
 * in the way, and nothing that is not ours is touched.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { BrokerError } from '../../main/contract/errors.ts'
import { type EndpointFile, homePaths } from '../../main/contract/home.ts'
import { startEndpoint } from '../../main/endpoint/server.ts'
import { jsonRequest as request } from '../unit/endpoint/refusal.ts'
import { ask, freshHome, post, RawConnection, setStage, start, startStage, until } from '../unit/endpoint/wire.ts'

/** Runs a start that must fail, and asserts that the folder is as it was. */
async function expectRefusedStart(paths: ReturnType<typeof freshHome>, code: string, words: RegExp): Promise<void> {
  const look = (): string[] =>
    existsSync(paths.run)
      ? readdirSync(paths.run).map((name) => `${name} ${String(lstatSync(join(paths.run, name)).ino)}`)
      : []
  const before = look()
  const { options } = setStage({ paths })
  await expect(startEndpoint(options)).rejects.toMatchObject({ code, message: expect.stringMatching(words) as string })
  expect(look()).toEqual(before)
}

describe('S5: what is already at the path', () => {
  it('S5: sockets of a broker that was killed are replaced', async () => {
    const paths = freshHome()
    mkdirSync(paths.run, { mode: 0o700 })
    const script = `for (const path of process.argv.slice(1)) require('node:net').createServer().listen(path, () => console.log('listening'))`
    const broker = spawn(process.execPath, ['-e', script, paths.socket, paths.control], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let printed = ''
    broker.stdout.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
    await until(() => printed.split('listening').length === 3, 'the other broker')
    await expectRefusedStart(paths, 'temporarily_unavailable', /answers at/u)
    const gone = new Promise((resolve) => broker.once('exit', resolve))
    broker.kill('SIGKILL')
    await gone
    expect(lstatSync(paths.socket).isSocket()).toBe(true)
    await start(setStage({ paths }).options)
    expect((await ask(paths.socket, '/v1/status')).status).toBe(200)
  })

  it('S5: a symbolic link, dangling or to a live socket, stays and is named', async () => {
    const live = await startStage()
    for (const target of ['/nowhere/at/all', live.paths.socket]) {
      const paths = freshHome()
      mkdirSync(paths.run, { mode: 0o700 })
      symlinkSync(target, paths.socket)
      await expectRefusedStart(paths, 'invalid_request', /symbolic link.*Nothing was changed/u)
      expect(readlinkSync(paths.socket)).toBe(target)
    }
    expect((await ask(live.paths.socket, '/v1/status')).status).toBe(200)
  })

  it('S5: a FIFO, a file and a folder stay and are named', async () => {
    for (const put of [
      (path: string) => execFileSync('mkfifo', [path]),
      (path: string) => {
        writeFileSync(path, 'mine')
      },
      (path: string) => mkdirSync(path),
    ])
      // prettier-ignore
      for (const name of ['socket', 'control'] as const) {
        const paths = freshHome()
        mkdirSync(paths.run, { mode: 0o700 })
        put(paths[name])
        await expectRefusedStart(paths, 'invalid_request', /is not a socket.*Nothing was changed/u)
      }
  })

  it('S5: what is in the way of endpoint.json: a link is replaced and not followed, a folder is named', async () => {
    const linked = freshHome()
    mkdirSync(linked.run, { mode: 0o700 })
    const victim = join(linked.home, 'victim')
    writeFileSync(victim, 'precious')
    symlinkSync(victim, linked.endpointFile)
    await start(setStage({ paths: linked }).options)
    expect(readFileSync(victim, 'utf8')).toBe('precious')
    expect(lstatSync(linked.endpointFile).isFile()).toBe(true)
    const blocked = freshHome()
    mkdirSync(blocked.endpointFile, { recursive: true, mode: 0o700 })
    await expectRefusedStart(blocked, 'invalid_request', /endpoint\.json/u)
  })

  it('S5: a run folder that is a link, a file, open to others, or another user’s', async () => {
    const elsewhere = mkdtempSync(join(tmpdir(), 'vk-'))
    onTestFinished(() => {
      rmSync(elsewhere, { recursive: true, force: true })
    })
    const cases: readonly [(path: string) => void, RegExp][] = [
      [(path) => { symlinkSync(elsewhere, path) }, /is not a folder/u],
      [(path) => { writeFileSync(path, '') }, /move aside what is in its place/u],
      [(path) => { mkdirSync(path); chmodSync(path, 0o755) }, /chmod 700/u],
      [(path) => { mkdirSync(path); chmodSync(path, 0o770) }, /chmod 700/u],
    ] // prettier-ignore
    for (const [put, words] of cases) {
      const paths = freshHome()
      put(paths.run)
      const { options } = setStage({ paths })
      await expect(startEndpoint(options)).rejects.toMatchObject({ message: expect.stringMatching(words) as string })
    }
    expect(readdirSync(elsewhere)).toEqual([])
    // As root a folder can be given away; anybody else finds one of root's.
    const paths = freshHome()
    const asRoot = process.getuid?.() === 0
    const run = asRoot ? paths.run : '/usr'
    if (asRoot) {
      mkdirSync(run, { mode: 0o700 })
      chownSync(run, 65_534, 65_534)
    }
    const { options } = setStage({ paths: { ...paths, run, socket: join(run, 'broker.sock') } })
    await expect(startEndpoint(options)).rejects.toMatchObject({
      message: expect.stringMatching(/another user/u) as string,
    })
  })

  it('S5: a path that no socket can have', async () => {
    const home = mkdtempSync(join(tmpdir(), `vk-${'x'.repeat(100)}-`))
    onTestFinished(() => {
      rmSync(home, { recursive: true, force: true })
    })
    const paths = homePaths({ VALETKEY_HOME: home }, process.platform)
    await expectRefusedStart(paths, 'invalid_request', /too long for a socket.*VALETKEY_HOME/u)
  })

  it('S5: modes do not depend on the umask, and the umask is left as it was', async () => {
    const before = process.umask(0)
    try {
      const { paths } = await startStage()
      const mode = (path: string): number => lstatSync(path).mode & 0o777
      expect([paths.run, paths.socket, paths.control, paths.endpointFile, paths.identity].map(mode)).toEqual([
        0o700, 0o600, 0o600, 0o600, 0o600,
      ])
    } finally {
      expect(process.umask(before)).toBe(0)
    }
  })
})

describe('S6: one broker, and it can be found', () => {
  it('S6: a second start is refused and harms nothing; after the first has ended it succeeds', async () => {
    const first = setStage()
    const running = await startEndpoint(first.options)
    const file = readFileSync(first.paths.endpointFile, 'utf8')
    for (let i = 0; i < 3; i++)
      await expectRefusedStart(first.paths, 'temporarily_unavailable', /Another Valetkey answers/u)
    expect(readFileSync(first.paths.endpointFile, 'utf8')).toBe(file)
    expect((await ask(first.paths.socket, '/v1/status')).status).toBe(200)
    await running.close()
    expect(readdirSync(first.paths.run)).toEqual([])
    await start(setStage({ paths: first.paths }).options)
    expect((await ask(first.paths.socket, '/v1/status')).status).toBe(200)
  })

  it('S6: a start during shutdown succeeds or is refused, and the one that ends removes nothing of the other', async () => {
    const first = setStage()
    const running = await startEndpoint(first.options)
    const held = new RawConnection(first.paths.socket)
    held.write(request('{"account":"ask"}'))
    await until(() => first.asking.signals.length === 1, 'a call under way')
    const closing = running.close()
    const second = setStage({ paths: first.paths, version: 'second' })
    const refusals: unknown[] = []
    for (let started = false; !started;)
      started = await start(second.options).then(
        () => true,
        (thrown: unknown) => {
          refusals.push((thrown as BrokerError).code)
          return false
        },
      )
    expect(refusals.filter((code) => code !== 'temporarily_unavailable')).toEqual([])
    await closing
    expect((JSON.parse(readFileSync(first.paths.endpointFile, 'utf8')) as EndpointFile).version).toBe('second')
    expect((await ask(first.paths.socket, '/v1/status')).status).toBe(200)
    expect(second.asking.calls).toEqual(['status'])
  })

  it('S6: deleted sockets and endpoint.json come back; who is connected stays connected', async () => {
    const { paths, asking, logged } = await startStage()
    const held = new RawConnection(paths.socket)
    held.write(request('{"account":"ask"}'))
    await until(() => asking.signals.length === 1, 'a call under way')
    for (const path of [paths.socket, paths.control, paths.endpointFile]) unlinkSync(path)
    await until(() => [paths.socket, paths.control, paths.endpointFile].every((path) => existsSync(path)), 'all three')
    expect((await ask(paths.socket, '/v1/status')).status).toBe(200)
    expect((await post(paths.control, '/v1/window/snapshot', {}, { credential: null })).status).toBe(200)
    expect(lstatSync(paths.socket).mode & 0o777).toBe(0o600)
    asking.release()
    expect(await held.statuses(1)).toEqual([200])
    expect(logged.filter((line) => line.includes('endpoint.socket_restored'))).toHaveLength(2)
    // And again, with the whole folder.
    rmSync(paths.run, { recursive: true })
    await until(() => existsSync(paths.socket) && existsSync(paths.endpointFile), 'the folder')
    expect(lstatSync(paths.run).mode & 0o777).toBe(0o700)
    expect((await ask(paths.socket, '/v1/status')).status).toBe(200)
  })

  it('S6: what somebody else put in the place is left, reported once, and outlives us', async () => {
    const stage = setStage()
    const running = await startEndpoint(stage.options)
    renameSync(stage.paths.socket, join(stage.paths.run, 'moved'))
    writeFileSync(stage.paths.socket, 'not yours')
    const lost = (): number => stage.logged.filter((line) => line.includes('endpoint.socket_lost')).length
    await until(() => lost() > 0, 'the report')
    expect((await ask(join(stage.paths.run, 'moved'), '/v1/status')).status).toBe(200)
    await running.close()
    expect(lost()).toBe(1)
    expect(readFileSync(stage.paths.socket, 'utf8')).toBe('not yours')
  })
})

describe('S9: somebody else at our place', () => {
  it('S9: a socket that somebody else serves in our place is not unlinked, and cannot make our proof', async () => {
    const paths = freshHome()
    mkdirSync(paths.run, { mode: 0o700 })
    const squatter = createServer()
    await new Promise<void>((resolve) => squatter.listen(paths.socket, resolve))
    onTestFinished(() => {
      squatter.close()
    })
    await expectRefusedStart(paths, 'temporarily_unavailable', /Another Valetkey answers/u)
    expect(squatter.listening).toBe(true)
    expect(lstatSync(paths.socket).isSocket()).toBe(true)
  })
})
