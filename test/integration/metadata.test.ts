/**
 * `valetkey metadata` with the clouds' own libraries: google-auth-library and @azure/identity run as programs that know
 * nothing of us, in the environment that the command gives them.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import {
  cleanEnvironment,
  collect,
  startDaemon,
  until,
  type CommandResult,
  type RunningDaemon,
} from '../setup/daemon.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'
import { startMetadata, type MetadataServer } from '../setup/metadata.ts'

const program = (name: string): readonly string[] => [
  process.execPath,
  join(import.meta.dirname, '..', 'fakes', `${name}.ts`),
]
const platform = 'https://www.googleapis.com/auth/cloud-platform'
const vault = 'https://vault.azure.net/user_impersonation'
const flavor = { 'Metadata-Flavor': 'Google' }
const tokenPath = '/computeMetadata/v1/instance/service-accounts/default/token'

let daemon: RunningDaemon
let provider: IdentityProvider
/** Its tokens end after a few seconds. */
let hasty: IdentityProvider
beforeAll(async () => {
  ;[daemon, provider, hasty] = await Promise.all([
    startDaemon(),
    startIdentityProvider({ access_ttl: 3600 }),
    startIdentityProvider({ access_ttl: 2 }),
  ])
  const scope = ['--scope', `openid offline_access api:read ${platform} ${vault}`]
  await linkAccount(daemon, provider, { login: 'ada', label: 'ada@example.test', args: scope })
  await linkAccount(daemon, hasty, { login: 'grace', args: scope })
})
afterAll(async () => {
  await Promise.all([daemon.stop(), provider.stop(), hasty.stop()])
})

const last = ({ stdout, stderr }: CommandResult): Readonly<Record<string, unknown>> => {
  const line = stdout.trim().split('\n').at(-1) ?? ''
  if (!line.startsWith('{')) throw new Error(`no line of JSON: ${stdout}${stderr}`)
  return JSON.parse(line) as Readonly<Record<string, unknown>>
}

describe('google-auth-library', () => {
  it('has a token of the account by Application Default Credentials, and its address and project', async () => {
    const ended = await daemon.cli([
      ...['metadata', 'google', '--account', 'ada@example.test', '--project', 'blue-harbor-42', '--'],
      ...program('google-sdk'),
    ])
    const { token, ...rest } = last(ended)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(rest).toEqual({
      credential: 'Compute',
      client_email: 'ada@example.test',
      universe_domain: 'googleapis.com',
      project: 'blue-harbor-42',
    })
    expect(await provider.isActive(String(token))).toBe(true)
  })

  it('has one for the scopes it names, and is told which the account lacks', async () => {
    const run = ['metadata', 'google', '--account', 'ada@example.test', '--', ...program('google-sdk')]
    const narrow = last(await daemon.cli([...run, platform]))
    expect(await provider.isActive(String(narrow['token']))).toBe(true)
    expect(narrow['project']).toBeNull()
    const ended = await daemon.cli([...run, 'https://www.googleapis.com/auth/drive'])
    expect(last(ended)['error']).toMatch(/A Forbidden error was returned/u)
    expect(ended.stderr).toContain('was not granted: https://www.googleapis.com/auth/drive')
    expect(ended.stderr).toContain('run: valetkey link generic-oidc --account')
  })
})

describe('@azure/identity', () => {
  it('has a token of the account by the App Service endpoint', async () => {
    const ended = await daemon.cli([
      ...['metadata', 'azure', '--account', 'ada@example.test', '--'],
      ...program('azure-sdk'),
      'https://vault.azure.net/.default',
    ])
    const { token, expires_in } = last(ended)
    expect(ended).toMatchObject({ code: 0, stderr: '' })
    expect(await provider.isActive(String(token))).toBe(true)
    expect(expires_in).toBeGreaterThan(3000)
  })

  it('has one by the instance metadata service', async () => {
    const server = await startMetadata(daemon.paths.home, 'azure', ['--account', 'ada@example.test'])
    onTestFinished(() => void server.stop())
    const { AZURE_POD_IDENTITY_AUTHORITY_HOST = '' } = server.variables
    const [node = '', ...words] = program('azure-sdk')
    const env = cleanEnvironment(daemon.paths.home, { AZURE_POD_IDENTITY_AUTHORITY_HOST })
    const ended = await collect(spawn(node, [...words, 'https://vault.azure.net'], { env }))
    expect(last(ended)).toEqual({ token: expect.any(String) as string, expires_in: expect.any(Number) as number })
    expect(await provider.isActive(String(last(ended)['token']))).toBe(true)
    await server.stop()
  })

  it('is told in its own words what the account lacks', async () => {
    const ended = await daemon.cli([
      ...['metadata', 'azure', '--account', 'ada@example.test', '--'],
      ...program('azure-sdk'),
      'https://management.azure.com/.default',
    ])
    expect(last(ended)['error']).toMatch(/was not granted: https:\/\/management\.azure\.com\/\.default/u)
  })
})

describe('a token that has ended', () => {
  const ways = [
    ['google', tokenPath, flavor],
    [
      'azure',
      '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net',
      { Metadata: 'true' },
    ],
  ] as const
  it.each(ways)('is renewed for who asks again: %s', async (cloud, path, headers) => {
    const server = await startMetadata(daemon.paths.home, cloud, ['--account', 'grace'])
    onTestFinished(() => void server.stop())
    const ask = async (): Promise<string> => {
      const { body } = await server.get(path, headers)
      const token = JSON.parse(body) as { readonly access_token: string; readonly expires_in: number | string }
      expect(Number(token.expires_in)).toBeLessThanOrEqual(2)
      return token.access_token
    }
    const first = await ask()
    await until(async () => ((await hasty.isActive(first)) ? undefined : true))
    const second = await ask()
    expect(second).not.toBe(first)
    expect(await hasty.isActive(second)).toBe(true)
    expect(await server.stop()).toMatchObject({ code: 0 })
  })
})

describe('the shape of Google’s server', () => {
  let server: MetadataServer
  beforeAll(async () => {
    server = await startMetadata(daemon.paths.home, 'google', [
      ...['--account', 'ada@example.test', '--project', 'blue-harbor-42'],
    ])
  })
  afterAll(() => server.stop())

  const texts: readonly (readonly [path: string, body: string])[] = [
    ['/', 'computeMetadata/\n'],
    ['/computeMetadata/v1/', 'instance/\nproject/\nuniverse/\n'],
    ['/computeMetadata/v1/instance', 'service-accounts/\n'],
    ['/computeMetadata/v1/instance/service-accounts/', 'default/\nada@example.test/\n'],
    ['/computeMetadata/v1/instance/service-accounts/default/', 'aliases\nemail\nscopes\ntoken\n'],
    ['/computeMetadata/v1/instance/service-accounts/default/email', 'ada@example.test'],
    ['/computeMetadata/v1/instance/service-accounts/default/aliases', 'default\n'],
    ['/computeMetadata/v1/project/project-id', 'blue-harbor-42'],
    ['/computeMetadata/v1/universe/universe-domain', 'googleapis.com'],
  ]
  it.each(texts)('%s', async (path, body) => {
    const answer = await server.get(path, flavor)
    expect(answer).toMatchObject({ status: 200, body })
    expect(answer.headers).toMatchObject({ 'metadata-flavor': 'Google', 'cache-control': 'no-store' })
  })

  it('a token, by alias and by address, and the directory without it', async () => {
    for (const name of ['default', 'ada@example.test']) {
      const { status, body, headers } = await server.get(
        `/computeMetadata/v1/instance/service-accounts/${name}/token?scopes=openid,${platform}`,
        flavor,
      )
      expect({ status, type: headers['content-type'] }).toEqual({ status: 200, type: 'application/json' })
      const token = JSON.parse(body) as Readonly<Record<string, unknown>>
      expect(Object.keys(token).toSorted()).toEqual(['access_token', 'expires_in', 'token_type'])
      expect(token).toMatchObject({ token_type: 'Bearer', expires_in: expect.any(Number) as number })
    }
    const { body } = await server.get('/computeMetadata/v1/instance/service-accounts/default/?recursive=true', flavor)
    expect(JSON.parse(body)).toEqual({
      aliases: ['default'],
      email: 'ada@example.test',
      scopes: expect.arrayContaining([platform]) as readonly string[],
    })
  })

  it('404 for what is not there', async () => {
    for (const path of [
      ...['/computeMetadata/v1/instance/disks', '/computeMetadata/v1beta1/instance/', '/computeMetadata/v1/../v1/'],
      ...[`${tokenPath}/`, '/computeMetadata/v1/instance/service-accounts/bob@example.test/token', '/metadata'],
      ...['/computeMetadata/v1/instance/service-accounts/default/identity?audience=x'],
    ])
      expect(await server.get(path, flavor), path).toMatchObject({
        status: 404,
        headers: { 'metadata-flavor': 'Google' },
      })
  })
})

describe('the shape of Azure’s servers', () => {
  let server: MetadataServer
  beforeAll(async () => {
    server = await startMetadata(daemon.paths.home, 'azure', ['--account', 'ada@example.test'])
  })
  afterAll(() => server.stop())

  it('numbers are strings', async () => {
    const query = 'resource=https%3A%2F%2Fvault.azure.net'
    const secret = { 'X-IDENTITY-HEADER': server.variables['IDENTITY_HEADER'] ?? '' }
    const instance = await server.get(`/metadata/identity/oauth2/token?api-version=2018-02-01&${query}`, {
      Metadata: 'true',
    })
    const appService = await server.get(`/msi/token?api-version=2019-08-01&${query}`, secret)
    for (const { status, body } of [instance, appService]) {
      expect(status).toBe(200)
      const token = JSON.parse(body) as Readonly<Record<string, string>>
      expect(token).toMatchObject({ resource: 'https://vault.azure.net', token_type: 'Bearer' })
      for (const name of ['expires_in', 'expires_on', 'not_before']) expect(token[name]).toMatch(/^\d+$/u)
      expect(token).not.toHaveProperty('refresh_token')
    }
  })

  const refused: readonly (readonly [name: string, path: string, headers: Record<string, string>, body: unknown])[] = [
    [
      'no Metadata header',
      '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=x',
      {},
      { error: 'invalid_request', error_description: 'Required metadata header not specified' },
    ],
    [
      'no resource',
      '/metadata/identity/oauth2/token?api-version=2018-02-01',
      { Metadata: 'true' },
      { error: 'invalid_request', error_description: 'Required audience parameter not specified' },
    ],
    [
      'no api-version',
      '/metadata/identity/oauth2/token?resource=x',
      { Metadata: 'true' },
      { error: 'invalid_request', error_description: expect.stringContaining('api-version') as string },
    ],
    [
      'a secret that is none',
      '/msi/token?api-version=2019-08-01&resource=x',
      { 'X-IDENTITY-HEADER': 'x' },
      { statusCode: 401, message: expect.stringContaining('X-IDENTITY-HEADER') as string },
    ],
  ]
  it.each(refused)('%s', async (_name, path, headers, body) => {
    const answer = await server.get(path, headers)
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(JSON.parse(answer.body)).toEqual(body)
  })
})

describe('who is asked', () => {
  it('a client that may not read asks the person at the start, by --as', async () => {
    const token = await pairProgram(daemon, 'deploy')
    const env = { VALETKEY_CLIENT_TOKEN: token }
    const starting = startMetadata(daemon.paths.home, 'google', ['--account', 'grace', '--as', 'deploy'], env)
    const request = await until(async () => {
      const { requests } = JSON.parse((await daemon.cli(['requests', '--json'])).stdout) as {
        requests: { id: string; reason?: string }[]
      }
      return requests[0]
    })
    expect(request.reason).toBe('valetkey metadata google, for as long as it runs')
    const { stderr } = await daemon.cli(['token', 'grace', '--interaction', 'notify', '--json'], { env })
    const { resolve } = JSON.parse(stderr) as { resolve: { code: string } }
    await approve(daemon, request.id, resolve.code, ['--right', 'read', '--for', '1h'])
    const server = await starting
    onTestFinished(() => void server.stop())
    expect((await server.get(tokenPath, flavor)).status).toBe(200)
    const { stdout } = await daemon.cli(['clients', '--json'])
    const { clients } = JSON.parse(stdout) as { clients: { id: string; name: string }[] }
    await daemon.cli(['revoke', clients.find(({ name }) => name === 'deploy')?.id ?? ''])
    expect((await server.get(tokenPath, flavor)).status).toBe(403)
    expect(server.said()).toContain('"error":"invalid_client"')
    await server.stop()
  })

  it('an account that is not there, a port that is taken, a program that is not there', async () => {
    const run = (args: readonly string[]): Promise<CommandResult> => daemon.cli(['metadata', 'google', ...args])
    expect(await run(['--account', 'nobody'])).toMatchObject({ code: 8, stdout: '' })
    expect(await run([])).toMatchObject({ code: 2, stdout: '' })
    expect(await run(['--account', 'grace', '--port', '70000'])).toMatchObject({ code: 2, stdout: '' })
    expect(await run(['--account', 'grace', '--', '/no/such/program'])).toMatchObject({ code: 127, stdout: '' })
    expect(await run(['--account', 'grace', '--', '/'])).toMatchObject({ code: 126, stdout: '' })
    expect(await run(['--account', 'grace', '--', 'sh', '-c', 'exit 7'])).toMatchObject({ code: 7, stderr: '' })
    const server = await startMetadata(daemon.paths.home, 'google', ['--account', 'grace'])
    onTestFinished(() => void server.stop())
    expect(await run(['--account', 'grace', '--port', server.host.split(':')[1] ?? ''])).toMatchObject({ code: 2 })
    await server.stop()
  })

  it('the program has the variables and no client token of ours; a proxy is told to leave us out', async () => {
    const deployed = await pairProgram(daemon, 'reader')
    const { stdout } = await daemon.cli(['metadata', 'azure', '--account', 'grace', '--', 'env'], {
      env: { HTTP_PROXY: 'http://proxy.example' },
    })
    expect(stdout).toMatch(/^IDENTITY_ENDPOINT=http:\/\/127\.0\.0\.1:\d+\/msi\/token$/mu)
    expect(stdout).toMatch(/^NO_PROXY=127\.0\.0\.1$/mu)
    const env = { VALETKEY_CLIENT_TOKEN: deployed }
    const asking = daemon.cli(['metadata', 'azure', '--account', 'grace', '--', 'env'], { env })
    const request = await until(async () => {
      const { requests } = JSON.parse((await daemon.cli(['requests', '--json'])).stdout) as {
        requests: { id: string }[]
      }
      return requests[0]
    })
    const { stderr } = await daemon.cli(['token', 'grace', '--interaction', 'notify', '--json'], { env })
    const { resolve } = JSON.parse(stderr) as { resolve: { code: string } }
    await approve(daemon, request.id, resolve.code, ['--right', 'read', '--for', '1h'])
    const ended = await asking
    expect(ended).toMatchObject({ code: 0 })
    expect(ended.stdout).toContain('IDENTITY_HEADER=')
    expect(ended.stdout).not.toContain(deployed)
  })
})
