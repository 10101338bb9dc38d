/** Consent and pairing from the command line, with the real daemon: terms, keys, sessions, and everything taken back. */
import { existsSync, mkdtempSync, readFileSync, realpathSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AccessAnswer, SessionAnswer } from '../../main/contract/client-api.ts'
import type { AccessRequest, AccountChoice, Client, Grant } from '../../main/contract/model.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, startCli, startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'
import { startHost } from '../setup/native-host.ts'
import { SigningClient } from '../setup/signing-client.ts'

let provider: IdentityProvider
let daemon: RunningDaemon
let folder: string

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  daemon = await startDaemon()
  folder = mkdtempSync(join(tmpdir(), 'vk-'))
  for (const login of ['ada', 'bea']) await linkAccount(daemon, provider, { login })
})

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true })
  await daemon.stop()
  await provider.stop()
})

async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await daemon.cli([...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}

const consents = (): Promise<{ grants: Grant[]; choices: (AccountChoice & { client_id: string })[] }> =>
  json('consents')
const clientNamed = async (name: string): Promise<Client | undefined> =>
  (await json<{ clients: Client[] }>('clients')).clients.find((client) => client.name === name)

/** A call as the program with this token makes it. */
async function call(token: string, path: string, body?: unknown): Promise<{ status: number; body: Answer }> {
  const { status, body: answer } = await new SigningClient().call(daemon.paths.socket, path, body, {
    token,
    proof: null,
  })
  return { status, body: answer }
}

/** What the tests look at, of any answer. */
type Answer = Partial<AccessAnswer & Pick<SessionAnswer, 'session_id' | 'client_token'>>

/** Asks for access and answers it on these terms. */
async function consent(token: string, wish: object, ...terms: readonly string[]): Promise<void> {
  const { body } = await call(token, '/v1/requests', wish)
  await approve(daemon, body.id ?? '', body.code ?? '', terms)
}

describe('terms', () => {
  it('until locked: listed as that, and over with the lock', async () => {
    const token = await pairProgram(daemon, 'until')
    await consent(token, { account: 'ada', right: 'read' }, '--for', 'until-locked')
    expect((await daemon.cli(['consents'])).stdout).toMatch(/until +ada +read +the vault is locked/u)
    const own = { env: { VALETKEY_CLIENT_TOKEN: token } }
    expect((await daemon.cli(['token', 'ada', '--interaction', 'never'], own)).code).toBe(0)
    await daemon.cli(['lock'])
    await daemon.cli(['unlock'])
    expect((await daemon.cli(['token', 'ada', '--interaction', 'never'], own)).code).toBe(5)
    expect((await consents()).grants.filter(({ until_locked }) => until_locked)).toEqual([])
  })

  it('until locked: over with the daemon, however it ends', async () => {
    const token = await pairProgram(daemon, 'until killed')
    await consent(token, { account: 'ada', right: 'read' }, '--for', 'until-locked')
    const home = daemon.paths.home
    await daemon.kill()
    daemon = await startDaemon({ home })
    const own = { env: { VALETKEY_CLIENT_TOKEN: token } }
    expect((await daemon.cli(['token', 'ada', '--interaction', 'never'], own)).code).toBe(5)
  })

  it('less than was asked for', async () => {
    const token = await pairProgram(daemon, 'narrow')
    await consent(token, { account: 'ada', scope: 'openid profile', right: 'read' }, '--for', '1h', '--scope', 'openid')
    const client = await clientNamed('narrow')
    expect((await consents()).grants.find(({ client_id }) => client_id === client?.id)).toMatchObject({
      scope: 'openid',
    })
  })

  it('the account that was chosen is remembered, listed, and forgotten', async () => {
    const token = await pairProgram(daemon, 'chooser')
    await consent(token, { provider: 'generic-oidc', right: 'read' }, '--account', 'bea', '--for', 'once')
    const { choices } = await consents()
    expect(choices).toMatchObject([{ provider: 'generic-oidc' }])
    expect((await daemon.cli(['consents'])).stdout).toMatch(/chooser +bea +generic-oidc/u)
    const { body } = await call(token, '/v1/requests', { provider: 'generic-oidc', scope: 'openid' })
    const { requests } = await json<{ requests: AccessRequest[] }>('requests')
    // The "once" for reading is there still; using is included in it.
    expect([body.state, requests.length]).toEqual(['approved', 0])
    expect((await daemon.cli(['revoke', choices[0]?.id ?? ''])).stderr).toContain('asked again which account')
    expect((await consents()).choices).toEqual([])
  })

  it('an agent may use by a plain yes, and reading has to be said', async () => {
    const token = await pairProgram(daemon, 'scribe', 'agent')
    const { body } = await call(token, '/v1/requests', { account: 'ada', right: 'read' })
    const { code, stderr } = await daemon.cli(['approve', body.id ?? '', '--code', body.code ?? '', '--for', '1h'])
    expect(code).toBe(0)
    expect(stderr).toContain('to use the account and not to read its tokens')
    const again = await call(token, '/v1/requests', { account: 'ada', right: 'read' })
    await approve(daemon, again.body.id ?? '', again.body.code ?? '', ['--for', '1h', '--right', 'read'])
    const own = { env: { VALETKEY_CLIENT_TOKEN: token } }
    expect((await daemon.cli(['token', 'ada', '--interaction', 'never'], own)).code).toBe(0)
  })
})

describe('who asks', () => {
  it('is the process at the other end, by the system’s word', async () => {
    const token = await pairProgram(daemon, 'seen')
    const asking = startCli(daemon.paths.home, ['token', 'ada'], { VALETKEY_CLIENT_TOKEN: token })
    const result = collect(asking)
    const request = await until(async () => {
      const { requests } = await json<{ requests: AccessRequest[] }>('requests')
      return requests.find(({ peer }) => peer !== undefined)
    })
    expect(request.peer).toEqual({
      pid: asking.pid,
      executable: realpathSync(process.execPath),
      uid: process.getuid?.(),
      verified: true,
    })
    expect((await daemon.cli(['requests'])).stdout).toContain(`process ${String(asking.pid)}`)
    await daemon.cli(['deny', request.id])
    expect((await result).code).toBe(6)
  })
})

describe('who asks through a browser', () => {
  it('is the extension, as the relay says, beside the process that relays', async () => {
    const extension = 'abcdefghijklmnopabcdefghijklmnop'
    const { code, stderr } = await daemon.cli(['native-host', 'install', '--extension-id', extension])
    expect({ code, stderr }).toMatchObject({ code: 0 })
    const token = await pairProgram(daemon, 'an extension', 'extension')
    const host = startHost(daemon.paths.home, [`chrome-extension://${extension}/`])
    host.send({ id: 'a', call: 'requestAccess', argument: { account: 'ada' }, client_token: token })
    expect(await host.answer('a')).toMatchObject({ value: { state: 'pending' } })
    const { requests } = await json<{ requests: AccessRequest[] }>('requests')
    const request = requests.find(({ client }) => client.name === 'an extension')
    expect(request?.peer).toMatchObject({ verified: true, executable: realpathSync(process.execPath) })
    expect(request?.peer?.says).toBe(`browser extension ${extension} in ${realpathSync(process.execPath)}`)
    expect((await daemon.cli(['requests'])).stdout).toContain(`for browser extension ${extension}`)
    host.close()
    await daemon.cli(['deny', request?.id ?? ''])
  })
})

describe('waiting for an answer', () => {
  it('ends with it, and with its time', async () => {
    const token = await pairProgram(daemon, 'patient')
    const { body } = await call(token, '/v1/requests', { account: 'ada' })
    const path = `/v1/requests/${body.id ?? ''}`
    expect((await call(token, `${path}?wait=1`)).body).toMatchObject({ state: 'pending', right: 'use' })
    const waiting = call(token, `${path}?wait=60`)
    await approve(daemon, body.id ?? '', body.code ?? '')
    expect((await waiting).body.state).toBe('approved')
    for (const query of ['?wait=61', '?wait=-1', '?wait=', '?wait=1&wait=2', '?x=1'])
      expect((await call(token, `${path}${query}`)).status).toBe(400)
  })
})

describe('a key of its own', () => {
  it('is made where it is to be, and the token is nothing without it', async () => {
    const key = join(folder, 'deploy.key')
    const pairing = startCli(daemon.paths.home, ['pair', 'deploy', '--key', key, '--json'])
    let said = ''
    pairing.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text))
    const result = collect(pairing)
    const { id, code } = await until(() => {
      const { pending } = said.includes('}}')
        ? (JSON.parse(said) as { pending?: { request_id: string; code: string } })
        : {}
      return pending && { id: pending.request_id, code: pending.code }
    })
    await approve(daemon, id, code, [])
    const { client_token } = JSON.parse((await result).stdout) as { client_token: string }
    expect(statSync(key).mode & 0o777).toBe(0o600)
    expect(readFileSync(key, 'utf8')).toContain('PRIVATE KEY')
    expect(await clientNamed('deploy')).toMatchObject({ keyed: true })
    const bare = await daemon.cli(['status', '--json'], { env: { VALETKEY_CLIENT_TOKEN: client_token } })
    expect(bare.code).toBe(0)
    const without = await daemon.cli(['accounts', '--json'], { env: { VALETKEY_CLIENT_TOKEN: client_token } })
    expect(JSON.parse(without.stderr)).toMatchObject({ error: 'invalid_client' })
    const signed = { env: { VALETKEY_CLIENT_TOKEN: client_token, VALETKEY_CLIENT_KEY: key } }
    expect((await daemon.cli(['accounts', '--json'], signed)).code).toBe(0)
    expect((await daemon.cli(['token', 'ada', '--interaction', 'never'], signed)).code).toBe(5)
    const missing = { env: { ...signed.env, VALETKEY_CLIENT_KEY: join(folder, 'nothing') } }
    expect((await daemon.cli(['accounts'], missing)).code).toBe(1)
    expect(existsSync(join(folder, 'nothing'))).toBe(false)
  })
})

describe('a session', () => {
  const show = ['-e', 'console.log(process.env.VALETKEY_CLIENT_TOKEN, process.env.VALETKEY_CLIENT_KEY ?? "no key")']

  it('gives a command a token of its own, which ends with it; its status is the command’s', async () => {
    const token = await pairProgram(daemon, 'builder', 'agent')
    const env = { VALETKEY_CLIENT_TOKEN: token, VALETKEY_CLIENT_KEY: '' }
    const { code, stdout } = await daemon.cli(
      ['session', 'build 7', '--', process.execPath, '-e', `${show[1] ?? ''}; process.exit(3)`],
      { env },
    )
    expect(code).toBe(3)
    const [child = ''] = stdout.split(' ')
    expect(child).toMatch(/^vkc_/u)
    expect(child).not.toBe(token)
    expect(stdout).toContain('no key')
    expect((await call(child, '/v1/status')).status).toBe(401)
  })

  it('is listed while it runs, asks as its client, and can be ended by the person', async () => {
    const token = await pairProgram(daemon, 'runner', 'agent')
    await consent(token, { account: 'ada' }, '--for', '1h')
    const started = await call(token, '/v1/sessions', { name: 'many' })
    const { session_id = '', client_token: child = '' } = started.body
    expect((await call(child, '/v1/requests', { account: 'ada' })).body.state).toBe('approved')
    expect((await call(child, '/v1/token', { account: 'ada' })).status).toBe(403)
    expect((await clientNamed('runner'))?.sessions).toMatchObject([{ id: session_id, name: 'many' }])
    expect((await daemon.cli(['clients'])).stdout).toContain('session many')
    expect((await daemon.cli(['revoke', session_id])).stderr).toContain('session is over')
    expect((await call(child, '/v1/status')).status).toBe(401)
    expect((await call(token, '/v1/status')).status).toBe(200)
  })

  it('ends with a lock', async () => {
    const token = await pairProgram(daemon, 'locked out')
    const { body } = await call(token, '/v1/sessions', { name: 'x' })
    const child = body.client_token ?? ''
    expect((await call(child, '/v1/status')).status).toBe(200)
    await daemon.cli(['lock'])
    expect((await call(child, '/v1/status')).status).toBe(401)
    await daemon.cli(['unlock'])
    expect((await call(child, '/v1/status')).status).toBe(401)
  })
})
