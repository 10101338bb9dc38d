/** A person's own provider definitions, from the command line to the real daemon and back. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProviderCheck, ProviderDescription, ProviderSummary } from '../../main/contract/model.ts'
import {
  cleanEnvironment,
  collect,
  newHome,
  removeHome,
  runCli,
  startDaemon,
  until,
  type RunningDaemon,
} from '../setup/daemon.ts'

let daemon: RunningDaemon
beforeAll(async () => {
  daemon = await startDaemon({ home: newHome(), args: ['--insecure-key-file'] })
})
afterAll(async () => {
  await daemon.stop()
  removeHome(daemon.paths.home)
})

const acme = `schema_version: 1
id: acme
display_name: Acme
variables: { tenant: { title: Tenant, format: hostname, under: acme.example, example: you.acme.example } }
discovery: { type: none }
server: { authorization_endpoint: 'https://login.acme.example/go', token_endpoint: 'https://\${tenant}/token' }
client: { token_endpoint_auth_method: client_secret_basic }
redirect: { methods: [loopback] }
grants: { authorization_code: { content_type: json }, refresh_token: { content_type: json } }
token_response: { access_token: [/session/key], expires_in: [/session/minutes], expires_in_unit: min }
token_error: { code: [/fault], code_map: { EXPIRED: invalid_grant, WHO: invalid_client } }
resource:
  base_urls: ['https://\${tenant}/api/']
  authorization: { in: header, name: Authorization, template: 'Acme \${access_token}' }
`

/** A file with this definition, changed. */
function file(name: string, from: string | RegExp = '', to = ''): string {
  const path = join(daemon.paths.home, name)
  writeFileSync(path, acme.replace(from, to))
  return path
}
async function json<T>(...args: readonly string[]): Promise<T> {
  const { code, stdout, stderr } = await daemon.cli(['providers', ...args, '--json'])
  if (code !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as T
}

function onTerminal(args: string): {
  readonly child: ReturnType<typeof spawn> & { readonly stdin: NodeJS.WritableStream }
  shown(): string
  readonly ended: ReturnType<typeof collect>
} {
  const command = `${process.execPath} ${join(import.meta.dirname, '..', '..', 'dist', 'cli.cjs')} ${args}`
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: cleanEnvironment(daemon.paths.home, { TERM: 'xterm' }),
  })
  let text = ''
  child.stdout.setEncoding('utf8').on('data', (part: string) => (text += part))
  return { child, shown: () => text, ended: collect(child) }
}

describe('a definition of the person’s own', () => {
  it('is shown before it is trusted: where one signs in, and where secrets would go', async () => {
    const shown = await daemon.cli(['providers', 'validate', file('acme.yaml')])
    expect(shown).toMatchObject({ code: 0 })
    expect(shown.stdout).toMatch(/server\.token_endpoint +https:\/\/\$\{tenant\}\/token/u)
    expect(shown.stdout).toMatch(/resource\.base_urls\[0\] +https:\/\/\$\{tenant\}\/api\//u)
    expect(shown.stderr).not.toContain('careful')
    expect(existsSync(daemon.paths.providers)).toBe(false)
    // Without a terminal nobody has seen it.
    const refused = await daemon.cli(['providers', 'add', file('acme.yaml')])
    expect(refused).toMatchObject({ code: 2 })
    expect(refused.stderr).toContain('--yes')
    expect(existsSync(daemon.paths.providers)).toBe(false)
  })

  it('is said to be unusual where it is', async () => {
    const evil = file('evil.yaml', 'https://${tenant}/token', 'https://login.evil.example/token')
    const sentence = 'You would sign in at login.acme.example, and secrets would go to login.evil.example.'
    const refused = await daemon.cli(['providers', 'add', evil])
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toContain(`valetkey: careful: ${sentence}`)
    expect(refused.stderr).toContain('https://login.evil.example/token')
    const plain = file(
      'plain.yaml',
      /resource:\n {2}base_urls: \['https/u,
      "allow_insecure_http: true\nresource:\n  base_urls: ['http",
    )
    expect((await json<ProviderDescription>('validate', evil)).warnings).toEqual([sentence])
    expect((await json<ProviderDescription>('validate', plain)).warnings).toEqual([
      'Tokens may be sent unencrypted, for anyone on the way to read, to ${tenant}.',
    ])
    // A program gets one line of JSON, and nothing else.
    const { stdout, stderr } = await daemon.cli(['providers', 'add', evil, '--json'])
    expect([stdout, stderr.trim().split('\n')]).toEqual(['', [expect.stringMatching(/^\{"error":"invalid_request"/u)]])
    expect(existsSync(daemon.paths.providers)).toBe(false)
  })

  it('is added by a person who has seen it and types yes, and by no other word', async () => {
    for (const [word, code] of [
      ['acme', 6],
      ['', 6],
      ['yes', 0],
    ] as const) {
      const typing = onTerminal(`providers add ${file('acme.yaml')}`)
      await until(() => (typing.shown().includes('add acme? type yes: ') ? true : undefined))
      for (const shown of ['Acme (acme)', 'https://login.acme.example/go', 'where tokens may be sent'.toUpperCase()])
        expect(typing.shown()).toContain(shown)
      typing.child.stdin.write(`${word}\r`)
      expect((await typing.ended).code).toBe(code)
      expect(existsSync(join(daemon.paths.providers, 'acme.yaml'))).toBe(word === 'yes')
    }
    await json('remove', 'acme')
  })

  it('is judged where nothing runs; what is kept is for a broker to say', async () => {
    const home = newHome()
    try {
      const good = await runCli(home, ['providers', 'validate', file('acme.yaml'), '--json'])
      expect(good).toMatchObject({ code: 0, stderr: '' })
      expect(JSON.parse(good.stdout)).toMatchObject({ id: 'acme', built_in: false, warnings: [] })
      const bad = await runCli(home, ['providers', 'validate', file('bad.yaml', 'redirect:', 'redirects:')])
      expect(bad).toMatchObject({ code: 2, stdout: '' })
      expect(bad.stderr).toContain('redirects is not a known key')
      const taken = await runCli(home, ['providers', 'validate', file('bad.yaml', 'id: acme', 'id: github')])
      expect(taken).toMatchObject({ code: 2, stdout: '' })
      expect(await runCli(home, ['providers', 'validate', '/nowhere.yaml'])).toMatchObject({ code: 2, stdout: '' })
      for (const words of [['list'], ['show', 'github'], ['add', file('acme.yaml'), '--yes'], ['remove', 'acme']])
        expect(await runCli(home, ['providers', ...words])).toMatchObject({ code: 3, stdout: '' })
    } finally {
      removeHome(home)
    }
  })

  it('is kept for the person alone, listed, tried out, and removed', async () => {
    expect(await json<ProviderSummary>('add', file('acme.yaml'), '--yes')).toMatchObject({
      ...{ id: 'acme', name: 'Acme', built_in: false, flows: ['browser'], client_fields: { secret: 'required' } },
    })
    expect(statSync(daemon.paths.providers).mode & 0o777).toBe(0o700)
    const kept = join(daemon.paths.providers, 'acme.yaml')
    expect(statSync(kept).mode & 0o777).toBe(0o600)
    expect(readFileSync(kept, 'utf8')).toBe(acme)
    expect((await json<{ providers: readonly ProviderSummary[] }>('list')).providers.map(({ id }) => id)).toContain(
      'acme',
    )
    expect(await json<ProviderDescription>('show', 'acme')).toMatchObject({ built_in: false, text: acme })
    const { checks } = await json<{ checks: readonly ProviderCheck[] }>('test', 'acme')
    expect(checks.length).toBeGreaterThan(4)
    expect(checks.filter(({ ok }) => !ok)).toEqual([])
    await json('remove', 'acme')
    expect(readdirSync(daemon.paths.providers)).toEqual([])
    expect(await daemon.cli(['providers', 'show', 'acme'])).toMatchObject({ code: 8 })
    expect(await daemon.cli(['providers', 'remove', 'acme'])).toMatchObject({ code: 8 })
  })

  it('outlives the daemon, and one that was damaged since hides no other', async () => {
    await json('add', file('acme.yaml'), '--yes')
    await json('add', file('other.yaml', 'id: acme', 'id: other'), '--yes')
    writeFileSync(join(daemon.paths.providers, 'acme.yaml'), 'id: acme\n')
    const { home } = daemon.paths
    await daemon.stop()
    daemon = await startDaemon({ home, args: ['--insecure-key-file'] })
    const ids = (await json<{ providers: readonly ProviderSummary[] }>('list')).providers.map(({ id }) => id)
    expect(ids).toContain('other')
    expect(ids).toContain('generic-oidc')
    expect(ids).not.toContain('acme')
    expect((await daemon.cli(['providers', 'show', 'acme'])).stderr).toMatch(/schema_version is missing/u)
    expect((await daemon.cli(['doctor'])).stdout).toMatch(
      /warning {2}providers: .*acme\.yaml.*schema_version is missing/u,
    )
    await json('remove', 'acme')
    await json('remove', 'other')
    expect(readdirSync(daemon.paths.providers)).toEqual([])
  })

  it.each<readonly [string, string | RegExp, string, RegExp]>([
    ['an unknown key', 'redirect:', 'redirects:', /redirects is not a known key/u],
    ['a built-in one’s id', 'id: acme', 'id: generic-oidc', /generic-oidc comes with Valetkey/u],
    ['plain http', 'https://login', 'http://login', /server\.authorization_endpoint is plain http/u],
    ['a variable nobody declared', '${tenant}/token', '${host}/token', /uses \$\{host\}/u],
    [
      'no place for the token',
      'access_token: [/session/key]',
      'access_token: []',
      /access_token must have at least 1/u,
    ],
  ])('D1: with %s is refused, by its path, and nothing is kept', async (_, from, to, why) => {
    const refused = await daemon.cli(['providers', 'add', file('bad.yaml', from, to), '--yes'])
    expect(refused).toMatchObject({ code: 2, stdout: '' })
    expect(refused.stderr).toMatch(why)
    expect(readdirSync(daemon.paths.providers)).toEqual([])
  })

  it.each(['evil.com/#', 'a@b', 'evil.com', 'notacme.example', 'acme.example.evil.com', 'you.acme.example/..', ''])(
    'a tenant %j is refused before anything is asked',
    async (tenant) => {
      await json('add', file('acme.yaml'), '--yes')
      const args = ['--param', `tenant=${tenant}`, '--client-id', 'x', '--client-secret-stdin', '--no-browser']
      const refused = await daemon.cli(['link', 'acme', ...args], { input: 'secret\n' })
      expect(refused).toMatchObject({ code: 2, stdout: '' })
      expect(refused.stderr).toMatch(/tenant/u)
    },
  )

  it('that comes with Valetkey is shown and cannot be removed', async () => {
    expect(await json<ProviderDescription>('show', 'github')).toMatchObject({ built_in: true, id: 'github' })
    expect(await daemon.cli(['providers', 'remove', 'github'])).toMatchObject({ code: 2 })
  })
})
