/** git itself, cloning from git's own server with tokens for passwords that it has of `valetkey credential git`. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { AccountsAnswer } from '../../main/contract/client-api.ts'
import { type GitServer, startGitServer } from '../fakes/git-server.ts'
import { type IdentityProvider, startIdentityProvider } from '../fakes/identity-provider.ts'
import { type RunningDaemon, startDaemon } from '../setup/daemon.ts'
import { linkAccount } from '../setup/link.ts'
import { type Tools, toolsBeside } from '../setup/tool.ts'

let daemon: RunningDaemon
let provider: IdentityProvider
let server: GitServer
/** Another server, for which two accounts were linked. */
let shared: GitServer
let tools: Tools
/** A server that a definition of its own names (https becomes http on this machine, as everywhere), with the user name it wants. */
let ours: GitServer
const forge = `
schema_version: 1
id: forge
display_name: Forge
variables: { issuer: { title: Issuer, format: uri }, host: { title: Host, format: hostname } }
discovery: { type: oidc }
server: { issuer: '\${issuer}' }
client: { token_endpoint_auth_method: none }
redirect: { methods: [loopback], loopback: { path: /callback/generic-oidc } }
scope: { default: [openid, offline_access] }
authorization_request: { params: { prompt: consent } }
resource:
  base_urls: []
  authorization: { in: header, name: Authorization, template: 'Bearer \${access_token}' }
  basic_authentication: { base_urls: ['https://\${host}/'], username: forge-token }
`
const folder = mkdtempSync(join(tmpdir(), 'vk-git-'))

beforeAll(async () => {
  ;[daemon, provider] = await Promise.all([startDaemon(), startIdentityProvider({ access_ttl: 600 })])
  const isActive = (token: string): Promise<boolean> => provider.isActive(token)
  ;[server, shared] = await Promise.all([startGitServer(folder, isActive), startGitServer(folder, isActive)])
  await linkAccount(daemon, provider, { login: 'ada', args: ['--param', `api_base=${server.url}/`] })
  for (const login of ['grace', 'alan'])
    await linkAccount(daemon, provider, { login, args: ['--param', `api_base=${shared.url}/api/`] })
  writeFileSync(join(folder, 'forge.yaml'), forge)
  const added = await daemon.cli(['providers', 'add', join(folder, 'forge.yaml'), '--yes'])
  if (added.code !== 0) throw new Error(added.stderr)
  ours = await startGitServer(folder, isActive)
  const args = ['--param', `host=${hostOf(ours)}`]
  await linkAccount(daemon, provider, { login: 'edsger', definition: 'forge', args })
  tools = toolsBeside(daemon, folder)
  writeFileSync(
    join(folder, '.gitconfig'),
    '[credential]\n\thelper = valetkey\n[user]\n\tname = Ada\n\temail = ada@example.test\n[init]\n\tdefaultBranch = main\n',
  )
  await git(['init', '--quiet', 'source'])
  writeFileSync(join(folder, 'source', 'README'), 'hello\n')
  await git(['-C', 'source', 'add', 'README'])
  await git(['-C', 'source', 'commit', '--quiet', '-m', 'first'])
  await git(['clone', '--quiet', '--bare', 'source', 'repository.git'])
  await git(['-C', 'repository.git', 'config', 'http.receivepack', 'true'])
})
afterAll(async () => {
  await Promise.all([daemon.stop(), provider.stop(), server.stop(), shared.stop(), ours.stop()])
  rmSync(folder, { recursive: true, force: true })
})

/** Runs git; throws with what it said when it fails. */
async function git(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tools.run(['git', ...args])
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
  return stdout
}

const helper = (
  action: string,
  input: string,
  args: readonly string[] = [],
  env: Record<string, string> = {},
): ReturnType<Tools['run']> => tools.run(['valetkey', 'credential', 'git', action, ...args], { input, env })
const hostOf = ({ url }: GitServer): string => new URL(url).host
const askFor = (where: GitServer, more = ''): string => `protocol=http\nhost=${hostOf(where)}\n${more}\n`

describe('git', () => {
  it('clones, and pushes, with the token of the account that is for this server', async () => {
    await git(['clone', '--quiet', `${server.url}/repository.git`, 'copy'])
    expect(readFileSync(join(folder, 'copy', 'README'), 'utf8')).toBe('hello\n')
    const token = (await daemon.cli(['token', 'ada'])).stdout.trim()
    expect(server.tried.at(-1)).toEqual({ username: 'oauth2', password: token })
    writeFileSync(join(folder, 'copy', 'README'), 'hello again\n')
    await git(['-C', 'copy', 'commit', '--quiet', '--all', '-m', 'second'])
    await git(['-C', 'copy', 'push', '--quiet', 'origin', 'HEAD:main'])
    expect(await git(['-C', 'repository.git', 'log', '--format=%s', 'main'])).toBe('second\nfirst\n')
  })

  it('is given the user name that the definition names for its server', async () => {
    expect(await git(['ls-remote', `${ours.url}/repository.git`])).toContain('refs/heads/main')
    const token = (await daemon.cli(['token', 'edsger'])).stdout.trim()
    expect(ours.tried.at(-1)).toEqual({ username: 'forge-token', password: token })
    const { accounts } = JSON.parse((await daemon.cli(['accounts', '--json'])).stdout) as AccountsAnswer
    expect(accounts.find(({ label }) => label === 'edsger')).toMatchObject({
      api_base_urls: [],
      basic_authentication: { base_urls: [`${ours.url}/`], username: 'forge-token' },
    })
  })

  it('tells of a refused token, and has another one the next time', async () => {
    const old = (await daemon.cli(['token', 'ada'])).stdout.trim()
    server.refuse(old)
    const { code, stderr } = await tools.run(['git', 'ls-remote', `${server.url}/repository.git`])
    expect(code).not.toBe(0)
    expect(stderr).toContain('the token of ada was refused and has been replaced; try again')
    expect(await git(['ls-remote', `${server.url}/repository.git`])).toContain('refs/heads/main')
    const { password } = server.tried.at(-1) ?? {}
    expect(password).not.toBe(old)
    expect(password).toBe((await daemon.cli(['token', 'ada'])).stdout.trim())
  })

  it('is not asked for a password when the vault is locked or a choice is needed', async () => {
    const several = await tools.run(['git', 'ls-remote', `${shared.url}/repository.git`])
    expect(several.code).not.toBe(0)
    expect(several.stderr).toMatch(/Several accounts are for/u)
    expect(several.stderr).toMatch(/told us to quit/u)
    const named = `http://grace@${hostOf(shared)}/repository.git`
    expect(await git(['ls-remote', named])).toContain('refs/heads/main')
    expect((await daemon.cli(['lock'])).code).toBe(0)
    const locked = await tools.run(['git', 'ls-remote', named])
    expect((await daemon.cli(['unlock'])).code).toBe(0)
    expect(locked.code).not.toBe(0)
    expect(locked.stderr).toMatch(/^run: valetkey unlock$/mu)
  })

  it('keeps nothing of it', async () => {
    const token = (await daemon.cli(['token', 'ada'])).stdout.trim()
    expect(token).toMatch(/^\S{20,}$/u)
    const files = await tools.run(['grep', '-rlF', '--', token, folder])
    expect(files).toMatchObject({ code: 1, stdout: '' })
  })
})

describe('the helper', () => {
  it('says a name, a password and its end, and nothing that could renew it', async () => {
    const answer = JSON.parse((await daemon.cli(['token', 'ada', '--json'])).stdout) as Record<string, unknown>
    const { code, stdout, stderr } = await helper('get', askFor(server))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toBe(
      `username=oauth2\npassword=${String(answer['access_token'])}\npassword_expiry_utc=${String(answer['expires_at'])}\n`,
    )
  })

  it('says a scheme and a credential to a git that can use them, where the server takes no passwords', async () => {
    const token = (await daemon.cli(['token', 'ada'])).stdout.trim()
    const bearer = await helper('get', askFor(server, 'capability[]=authtype\nwwwauth[]=Bearer realm="git"\n'))
    expect(bearer.stdout.split('\n').slice(0, 4)).toEqual([
      ...['capability[]=authtype', 'authtype=Bearer', `credential=${token}`, 'ephemeral=1'],
    ])
    const both = ['capability[]=authtype', 'wwwauth[]=Bearer', 'wwwauth[]=Basic realm="git"', ''].join('\n')
    expect((await helper('get', askFor(server, both))).stdout).toContain(`password=${token}\n`)
    expect((await helper('get', askFor(server, 'wwwauth[]=Bearer\n'))).stdout).toContain(`password=${token}\n`)
    const refused = askFor(server, `authtype=Bearer\ncredential=${token}\n`)
    expect((await helper('erase', refused)).code).toBe(0)
    expect((await daemon.cli(['token', 'ada'])).stdout.trim()).not.toBe(token)
  })

  it.each([
    ['a server nobody was linked for', 'protocol=https\nhost=git.example\n\n', []],
    ['another port of the same machine', 'protocol=http\nhost=127.0.0.1:1\n\n', []],
    ['an account at a server that is not its', 'protocol=https\nhost=git.example\n\n', ['--account', 'ada']],
    [
      'a host named for plain http',
      'protocol=http\nhost=git.example\n\n',
      ['--account', 'ada', '--host', 'git.example'],
    ],
    ['another protocol', 'protocol=smtp\nhost=127.0.0.1\n\n', ['--account', 'ada']],
    ['nothing', '\n', []],
  ])('gives nothing for %s', async (_what, input, args) => {
    expect(await helper('get', input, args)).toMatchObject({ code: 0, stdout: '' })
  })

  it('gives the token of an account to a host that was named for it', async () => {
    const args = ['--account', 'ada', '--host', 'git.example', '--username', 'x-access-token']
    const { code, stdout } = await helper('get', 'protocol=https\nhost=git.example\npath=a/b.git\n\n', args)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^username=x-access-token\npassword=\S+\npassword_expiry_utc=\d+\n$/u)
  })

  it('replaces no token because of one that is not current, and stores nothing', async () => {
    const token = (await daemon.cli(['token', 'ada'])).stdout
    expect(await helper('erase', askFor(server, 'password=another\n'))).toMatchObject({
      code: 0,
      stdout: '',
      stderr: '',
    })
    expect(await helper('erase', askFor(server))).toMatchObject({ code: 0, stdout: '', stderr: '' })
    expect(await helper('store', askFor(server, 'username=a\npassword=b\n'))).toMatchObject({ code: 0, stdout: '' })
    expect((await daemon.cli(['token', 'ada'])).stdout).toBe(token)
  })

  it.each([
    ['a line that is none', 'protocol\n\n', 2],
    ['a line end in a value', 'protocol=https\nhost=git.example\r\n\n', 2],
    ['a host that is none', 'protocol=https\nhost=git.example/x@y\n\n', 2],
  ])('refuses %s', async (_what, input, status) => {
    const { code, stdout, stderr } = await helper('get', input)
    expect({ code, stdout }).toEqual({ code: status, stdout: '' })
    expect(stderr).toMatch(/^valetkey: \S/u)
  })

  it('tells git to ask nobody else where the person has named the server, also when nothing runs', async () => {
    const home = join(folder, 'nobody-home')
    const words = ['--account', 'ada', '--host', 'git.example']
    const input = 'protocol=https\nhost=git.example\n\n'
    const named = await helper('get', input, words, { VALETKEY_HOME: home })
    expect(named).toMatchObject({ code: 3, stdout: 'quit=1\n' })
    expect(named.stderr).toMatch(/^run: valetkey daemon$/mu)
    expect(await helper('get', input, [], { VALETKEY_HOME: home })).toMatchObject({ code: 3, stdout: '' })
  })

  it('tells git to ask nobody else once it is known whose password is wanted', async () => {
    const { code, stdout, stderr } = await helper('get', askFor(server), ['--scope', 'openid universe'])
    expect({ code, stdout }).toEqual({ code: 6, stdout: 'quit=1\n' })
    expect(stderr).toMatch(/^valetkey: \S/u)
  })
})
