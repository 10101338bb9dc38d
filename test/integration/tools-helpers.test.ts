/**
 * The helper protocols of Docker and kubectl, byte for byte, and the strings for mail servers. What Docker compares is from
 * github.com/docker/docker-credential-helpers, `client/client.go` and `credentials/error.go`.
 */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { TokenAnswer } from '../../main/contract/client-api.ts'
import type { ErrorBody } from '../../main/contract/errors.ts'
import { misfit } from '../../main/providers/schema.ts'
import { execCredentialSchema as schema } from '../fakes/exec-credential.ts'
import { type IdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts'
import { type RunningDaemon, startDaemon } from '../setup/daemon.ts'
import { linkAccount, pairProgram } from '../setup/link.ts'
import { type Tools, toolsBeside } from '../setup/tool.ts'

const notFound = 'credentials not found in native keychain'
const registry = 'registry.example:5000'

let daemon: RunningDaemon
let provider: IdentityProvider
let tools: Tools
let answer: TokenAnswer
const folder = mkdtempSync(join(tmpdir(), 'vk-helpers-'))

beforeAll(async () => {
  ;[daemon, provider] = await Promise.all([startDaemon(), startIdentityProvider({ access_ttl: 600 })])
  await linkAccount(daemon, provider, { login: 'ada', args: ['--param', `api_base=https://${registry}/v2/`] })
  await linkAccount(daemon, provider, { login: 'grace' })
  tools = toolsBeside(daemon, folder)
  answer = JSON.parse((await daemon.cli(['token', 'ada', '--json'])).stdout) as TokenAnswer
})
afterAll(async () => {
  await Promise.all([daemon.stop(), provider.stop()])
  rmSync(folder, { recursive: true, force: true })
})

describe('Docker’s helper', () => {
  const docker = (action: string, input: string, args: readonly string[] = []): ReturnType<Tools['run']> =>
    tools.run(['docker-credential-valetkey', action, ...args], { input })

  it.each([registry, `https://${registry}`, `https://${registry}/v2/`])('gets for %s', async (server) => {
    const { code, stdout, stderr } = await docker('get', server)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe(`${JSON.stringify({ ServerURL: server, Username: 'oauth2', Secret: answer.access_token })}\n`)
  })

  it('is found by its name when that is a link to the program', async () => {
    const link = join(folder, 'docker-credential-valetkey')
    symlinkSync(join(import.meta.dirname, '../../dist/cli.cjs'), link)
    const { code, stdout } = await tools.run([process.execPath, link, 'get'], { input: registry })
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ Secret: answer.access_token })
  })

  it('says that it has nothing in the words Docker compares', async () => {
    expect(await docker('get', 'https://index.docker.io/v1/')).toEqual({ code: 1, stdout: `${notFound}\n`, stderr: '' })
    expect(await docker('get', 'localhost:5000')).toMatchObject({ code: 1, stdout: `${notFound}\n` })
    const elsewhere = await docker('get', 'other.example', ['--account', 'ada'])
    expect(elsewhere).toMatchObject({ code: 1, stdout: `${notFound}\n` })
    expect(elsewhere.stderr).toContain('--host other.example')
    expect(await docker('get', ' \n')).toMatchObject({ code: 2, stdout: 'no credentials server URL\n' })
  })

  it('gives the token to a host that was named, also on this machine without TLS', async () => {
    const args = ['--account', 'grace', '--host', 'localhost:5000', '--username', 'robot']
    const { code, stdout } = await docker('get', 'localhost:5000', args)
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ ServerURL: 'localhost:5000', Username: 'robot' })
    expect(
      await docker('get', 'http://other.example', ['--account', 'grace', '--host', 'other.example']),
    ).toMatchObject({ code: 1, stdout: `${notFound}\n` })
  })

  it('lists what was named and nothing else', async () => {
    expect(await docker('list', 'unused')).toEqual({ code: 0, stdout: '{}\n', stderr: '' })
    const named = await docker('list', 'unused', ['--account', 'ada', '--host', registry])
    expect(named).toEqual({ code: 0, stdout: `{"${registry}":"oauth2"}\n`, stderr: '' })
  })

  it('keeps nothing: what it gave itself may be stored, anything else is refused; erasing is nothing', async () => {
    const stored = { ServerURL: registry, Username: 'oauth2', Secret: answer.access_token }
    expect(await docker('store', JSON.stringify(stored))).toEqual({ code: 0, stdout: '', stderr: '' })
    const other = await docker('store', JSON.stringify({ ...stored, Secret: 'a-password' }))
    expect(other.code).toBe(2)
    expect(other.stdout).toContain('keeps no passwords')
    expect(other.stdout + other.stderr).not.toContain('a-password')
    expect((await docker('store', 'a-password')).stderr).not.toContain('a-password')
    expect(await docker('erase', registry)).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await daemon.cli(['token', 'ada'])).stdout.trim()).toBe(answer.access_token)
  })

  it('says what is wrong where Docker looks for it', async () => {
    expect((await daemon.cli(['lock'])).code).toBe(0)
    const { code, stdout, stderr } = await docker('get', registry)
    expect((await daemon.cli(['unlock'])).code).toBe(0)
    expect(code).toBe(4)
    expect(stdout).toMatch(/locked/u)
    expect(stderr).toMatch(/^run: valetkey unlock$/mu)
    expect(await docker('forget', registry)).toMatchObject({ code: 2 })
  })
})

describe('kubectl’s exec plugin', () => {
  const kubectl = (info: unknown, args: readonly string[] = ['--account', 'ada']): ReturnType<Tools['run']> =>
    tools.run(['valetkey', 'credential', 'kubectl', ...args], {
      ...(info !== undefined && {
        env: { KUBERNETES_EXEC_INFO: typeof info === 'string' ? info : JSON.stringify(info) },
      }),
    })
  const asked = (version: string, spec: unknown = { interactive: true }): unknown => ({
    apiVersion: `client.authentication.k8s.io/${version}`,
    kind: 'ExecCredential',
    spec,
  })

  it.each(['v1', 'v1beta1'])('answers %s by the schema, with the token and its end', async (version) => {
    const { code, stdout, stderr } = await kubectl(asked(version))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const credential = JSON.parse(stdout) as { status: { expirationTimestamp: string } }
    expect(misfit(credential, schema)).toBeUndefined()
    expect(credential).toMatchObject({
      apiVersion: `client.authentication.k8s.io/${version}`,
      status: { token: answer.access_token },
    })
    expect(Date.parse(credential.status.expirationTimestamp) / 1000).toBe(answer.expires_at)
  })

  it('the schema sees what is wrong', () => {
    const good = { apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status: { token: 't' } }
    expect(misfit(good, schema)).toBeUndefined()
    expect(misfit({ ...good, apiVersion: 'v1' }, schema)).toMatch(/apiVersion/u)
    expect(misfit({ ...good, status: {} }, schema)).toMatch(/token/u)
    expect(misfit({ ...good, status: { token: 't', expirationTimestamp: 5 } }, schema)).toMatch(/expirationTimestamp/u)
    expect(misfit({ ...good, status: { token: 't', expirationTimestamp: 'soon' } }, schema)).toMatch(/form/u)
  })

  it('answers the newest version to a person who types it', async () => {
    const { stdout } = await kubectl(undefined)
    expect(JSON.parse(stdout)).toMatchObject({ apiVersion: 'client.authentication.k8s.io/v1' })
  })

  it('finds the account by the cluster it is told', async () => {
    const at = (server: string): unknown => asked('v1', { interactive: false, cluster: { server } })
    const found = await kubectl(at(`https://${registry}`), [])
    expect(JSON.parse(found.stdout)).toMatchObject({ status: { token: answer.access_token } })
    const none = await kubectl(at('https://cluster.example:6443'), [])
    expect(none).toMatchObject({ code: 2, stdout: '' })
    expect(none.stderr).toContain('No account is for https://cluster.example:6443')
    expect(await kubectl(asked('v1'), [])).toMatchObject({ code: 2, stdout: '' })
  })

  it('disturbs nobody when kubectl has no terminal', async () => {
    const token = await pairProgram(daemon, 'cluster')
    const env = (interactive: boolean): Record<string, string> => ({
      VALETKEY_CLIENT_TOKEN: token,
      KUBERNETES_EXEC_INFO: JSON.stringify(asked('v1', { interactive })),
    })
    const words = ['valetkey', 'credential', 'kubectl', '--account', 'ada', '--json']
    const never = await tools.run(words, { env: env(false) })
    expect(never).toMatchObject({ code: 5, stdout: '' })
    expect(JSON.parse(never.stderr)).toMatchObject({ error: 'consent_required' })
    expect(JSON.parse((await daemon.cli(['requests', '--json'])).stdout)).toEqual({ requests: [] })
    const notified = await tools.run([...words, '--interaction', 'notify'], { env: env(false) })
    const { request_id } = JSON.parse(notified.stderr) as ErrorBody
    expect((await daemon.cli(['deny', request_id ?? ''])).code).toBe(0)
  })

  it.each([
    ['what is not JSON', '{'],
    ['another version', asked('v1alpha1')],
    ['another kind', { apiVersion: 'client.authentication.k8s.io/v1', kind: 'Pod' }],
  ])('refuses %s', async (_what, info) => {
    const { code, stdout, stderr } = await kubectl(info)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toContain('KUBERNETES_EXEC_INFO')
  })
})

describe('what mail servers are sent', () => {
  const said = async (option: string, user: string): Promise<string> => {
    const { code, stdout } = await daemon.cli(['token', 'ada', `--${option}=${user}`])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^[A-Za-z0-9+/]+={0,2}\n$/u)
    return Buffer.from(stdout.trim(), 'base64').toString('utf8')
  }

  it('is the token in the form of each mechanism', async () => {
    const end = `\u0001auth=Bearer ${answer.access_token}\u0001\u0001`
    expect(await said('xoauth2', 'ada@example.test')).toBe(`user=ada@example.test${end}`)
    expect(await said('oauthbearer', 'ada@example.test')).toBe(`n,a=ada@example.test,${end}`)
    expect(await said('oauthbearer', 'a=b,c')).toBe(`n,a=a=3Db=2Cc,${end}`)
  })

  it.each([
    [['--xoauth2', 'a\u0001b']],
    [['--xoauth2', '']],
    [['--xoauth2']],
    [['--xoauth2', 'a', '--header']],
    [['--xoauth2', 'a', '--oauthbearer', 'a']],
  ])('is refused: %j', async (args) => {
    expect(await daemon.cli(['token', 'ada', ...args])).toMatchObject({ code: 2, stdout: '' })
  })
})

it('R1: of all that the provider has given, no tool is given anything but the access token', async () => {
  const asked = `protocol=https\nhost=${registry}\ncapability[]=authtype\ncapability[]=state\nwwwauth[]=Bearer\n\n`
  const outputs = [
    await tools.run(['valetkey', 'credential', 'git', 'get'], { input: asked }),
    await tools.run(['docker-credential-valetkey', 'get'], { input: registry }),
    await tools.run(['valetkey', 'credential', 'kubectl', '--account', 'ada']),
    await tools.run(['valetkey', 'run', '--env', 'A=ada', '--', 'env']),
    await tools.run(['valetkey', 'accounts', '--json']),
    await tools.run(['valetkey', 'token', 'ada', '--json']),
  ]
  const given = outputs.map(({ stdout, stderr }) => stdout + stderr).join('')
  const current = (await daemon.cli(['token', 'ada'])).stdout.trim()
  expect(given).toContain(current)
  const others = (await provider.issued()).filter((token) => token !== current)
  expect(others.length).toBeGreaterThan(2)
  expect(others.filter((token) => given.includes(token))).toEqual([])
  expect(given).not.toMatch(/refresh_token/u)
})
