/**
 * Programs that want more than they were given, in the real daemon: other users, stolen tokens, spoofed names, floods of
 * questions, guessed codes. Rows of the threat model by number.
 */
import { spawn } from 'node:child_process'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { AccessRequest, ActivityEntry, Client } from '../../main/contract/model.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, startCli, startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'
import { SigningClient } from '../setup/signing-client.ts'

let provider: IdentityProvider
let daemon: RunningDaemon
let socket: string
let port: number

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  daemon = await startDaemon({ args: ['--insecure-key-file', '--http'] })
  socket = daemon.paths.socket
  port = Number(new URL(daemon.endpoint.url ?? '').port)
  await linkAccount(daemon, provider, { login: 'ada' })
})

afterAll(async () => {
  await daemon.stop()
  await provider.stop()
})

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await daemon.cli([...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}

const requests = async (): Promise<readonly AccessRequest[]> =>
  (await json<{ requests: AccessRequest[] }>('requests')).requests
const clients = async (): Promise<readonly Client[]> => (await json<{ clients: Client[] }>('clients')).clients

describe('Threat 4: another user of this machine', () => {
  const attempt = `
const { readFileSync } = require('node:fs')
const { request } = require('node:http')
const [socket, file, port] = process.argv.slice(1)
const tried = {}
try { readFileSync(file); tried.file = 'read' } catch (error) { tried.file = error.code }
const ask = (name, options) => new Promise((done) => {
  const sent = request({ ...options, path: '/v1/status' }, (answer) => { tried[name] = answer.statusCode; answer.resume().on('end', done) })
  sent.on('error', (error) => { tried[name] = error.code; done() })
  sent.end()
})
ask('socket', { socketPath: socket }).then(() => ask('tcp', { host: '127.0.0.1', port })).then(() => console.log(JSON.stringify(tried)))`

  const tryAs = async (identity: { readonly uid?: number; readonly gid?: number }): Promise<unknown> => {
    const words = ['-e', attempt, socket, daemon.paths.endpointFile, String(port)]
    const child = spawn(process.execPath, words, { ...identity, cwd: '/', env: {} })
    return JSON.parse((await collect(child)).stdout)
  }

  it('Threat 4: reaches neither socket nor file, and over TCP nothing without a credential', async () => {
    // Only root can become somebody else; anybody else's tests show what this user itself meets.
    const isRoot = process.getuid?.() === 0 && process.platform === 'linux'
    const strangers = isRoot ? [{ uid: 65_534, gid: 65_534 }] : []
    for (const stranger of strangers)
      expect(await tryAs(stranger)).toEqual({ file: 'EACCES', socket: 'EACCES', tcp: 401 })
    expect(await tryAs({})).toEqual({ file: 'read', socket: 401, tcp: 401 })
  })
})

describe('Threat 18: a confused deputy', () => {
  it('Threat 18: one program’s consent is no other’s, whatever either says of itself', async () => {
    const owner = await pairProgram(daemon, 'owner')
    const thief = await pairProgram(daemon, 'thief')
    const ask = async (token: string, more: Record<string, unknown> = {}): ReturnType<SigningClient['call']> =>
      new SigningClient().call(
        socket,
        '/v1/token',
        { account: 'ada', interaction: 'never', ...more },
        { token, proof: null },
      )
    const wish = await new SigningClient().call(
      socket,
      '/v1/requests',
      { account: 'ada', right: 'read' },
      { token: owner, proof: null },
    )
    await approve(daemon, String(wish.body['id']), String(wish.body['code']))
    expect((await ask(owner)).status).toBe(200)
    for (const more of [{}, { reason: 'I am owner' }, { scope: 'openid' }, { force_refresh: true }])
      expect(await ask(thief, more)).toMatchObject({ status: 403, body: { error: 'consent_required' } })
    const watched = await new SigningClient().call(socket, `/v1/requests/${String(wish.body['id'])}`, undefined, {
      token: thief,
      proof: null,
    })
    expect(watched.status).toBe(404)
    const { entries } = await json<{ entries: ActivityEntry[] }>('activity')
    const ids = Object.fromEntries((await clients()).map(({ name, id }) => [name, id]))
    const refused = entries.filter(({ action, outcome }) => action === 'token' && outcome === 'consent_required')
    expect(refused.filter(({ client_id }) => client_id === ids['thief'])).toHaveLength(4)
    expect(refused.filter(({ client_id }) => client_id === ids['owner'])).toHaveLength(0)
  })

  it('Threat 18: an agent that was told yes may use, and cannot read', async () => {
    const agent = await pairProgram(daemon, 'agent', 'agent')
    const call = (path: string, body: unknown): ReturnType<SigningClient['call']> =>
      new SigningClient().call(socket, path, body, { token: agent, proof: null })
    const wish = await call('/v1/requests', { account: 'ada', right: 'read' })
    await approve(daemon, String(wish.body['id']), String(wish.body['code']))
    expect((await call('/v1/accounts', undefined)).body['accounts']).toMatchObject([{ rights: ['use'] }])
    expect(await call('/v1/token', { account: 'ada', interaction: 'never' })).toMatchObject({ status: 403 })
    const session = await call('/v1/sessions', { name: 'child', right: 'read' })
    expect(session).toMatchObject({ status: 403, body: { error: 'consent_required' } })
  })
})

describe('Threat 19: a flood of questions', () => {
  it('Threat 19: a hundred pairings at once are one question, and a no keeps all of them quiet', async () => {
    const flood = Array.from({ length: 100 }, async () => {
      const reply = await new SigningClient().call(
        socket,
        '/v1/pair',
        { name: 'flood', kind: 'agent' },
        { token: '', proof: null },
      )
      return reply.body['error']
    })
    const [question] = await until(async () => {
      const open = await requests()
      return open.length > 0 ? open : undefined
    })
    expect(await requests()).toHaveLength(1)
    expect((await daemon.cli(['deny', question?.id ?? ''])).code).toBe(0)
    expect(new Set(await Promise.all(flood))).toEqual(new Set(['slow_down', 'access_denied']))
    const { entries } = await json<{ entries: ActivityEntry[] }>('activity')
    expect(entries.filter(({ action, detail }) => action === 'pair' && detail === 'flood')).toHaveLength(1)
    const again = await new SigningClient().call(
      socket,
      '/v1/pair',
      { name: 'flood again', kind: 'agent' },
      { token: '', proof: null },
    )
    expect(again).toMatchObject({ status: 403, body: { error: 'access_denied' } })
    expect(again.body['retry_after']).toBeGreaterThan(0)
    expect(await requests()).toEqual([])
  })

  it('Threat 19: one program’s wishes are few at a time, however many it has', async () => {
    await linkAccount(daemon, provider, { login: 'eve' })
    const token = await untilPaired('wishful')
    const wishes = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        new SigningClient().call(
          socket,
          '/v1/requests',
          {
            account: index % 2 === 0 ? 'ada' : 'eve',
            scope: ['openid', 'profile', 'email'].slice(0, 1 + (index % 3)).join(' '),
          },
          { token, proof: null },
        ),
      ),
    )
    expect(new Set(wishes.flatMap(({ body }) => body['id'] ?? [])).size).toBeLessThanOrEqual(3)
    expect((await requests()).length).toBeLessThanOrEqual(3)
    expect(wishes.some(({ body }) => body['error'] === 'slow_down')).toBe(true)
    for (const { id } of await requests()) await daemon.cli(['deny', id])
  })

  /** After a no to a pairing nobody may ask for one for a while. */
  async function untilPaired(name: string): Promise<string> {
    return until(() => pairProgram(daemon, name).catch(() => undefined), 60_000)
  }
})

describe('Threat 20: guessing', () => {
  it('Threat 20: wrong passphrases are few before each has to wait, and none harms the vault', async () => {
    const passphrase = 'correct horse battery staple'
    const locked = await startDaemon({ args: ['--passphrase'], input: `${passphrase}\n` })
    onTestFinished(() => locked.stop().then(() => undefined))
    await locked.cli(['lock'])
    const tries: (number | null)[] = []
    for (let attempt = 0; attempt < 7; attempt++)
      tries.push((await locked.cli(['unlock'], { input: `wrong ${String(attempt)}\n` })).code)
    expect(tries.slice(0, 5)).toEqual([6, 6, 6, 6, 6])
    const refused = await locked.cli(['unlock', '--json'], { input: 'wrong\n' })
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: 'slow_down' })
    const opened = await until(async () => {
      const { code } = await locked.cli(['unlock'], { input: `${passphrase}\n` })
      return code === 0 ? true : undefined
    }, 30_000)
    expect(opened).toBe(true)
  }, 60_000)

  it('Threat 20: three wrong codes end the question, and the next has to wait', async () => {
    const pairing = startCli(daemon.paths.home, ['pair', 'guessed', '--json'])
    const result = collect(pairing)
    const [question] = await until(async () => {
      const open = await requests()
      return open.length > 0 ? open : undefined
    })
    const id = question?.id ?? ''
    for (const code of ['000-001', '000-002']) expect((await daemon.cli(['approve', id, '--code', code])).code).toBe(6)
    const third = await daemon.cli(['approve', id, '--code', '000-003'])
    expect(third.stderr).toContain('Three wrong codes')
    expect(await result).toMatchObject({ code: 6, stdout: '' })
    // A question a time, three guesses each, and longer pauses between: minutes for what a loop would try at once.
    for (let attempt = 0; attempt < 20; attempt++) {
      const { status } = await new SigningClient().call(
        socket,
        '/v1/pair',
        { name: 'guessed again', kind: 'script' },
        { token: '', proof: null },
      )
      expect(status).toBe(403)
    }
    expect(await requests()).toEqual([])
  })
})
