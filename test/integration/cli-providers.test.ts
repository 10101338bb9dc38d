/** A person's own provider definitions, from the command line to the real daemon and back. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ProviderCheck, ProviderDescription, ProviderSummary } from '../../main/contract/model.ts'
import { newHome, removeHome, startDaemon, type RunningDaemon } from '../setup/daemon.ts'

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

describe('a definition of the person’s own', () => {
  it('is shown before it is trusted: where one signs in, and where secrets would go', async () => {
    const shown = await daemon.cli(['providers', 'validate', file('acme.yaml')])
    expect(shown).toMatchObject({ code: 0 })
    expect(shown.stdout).toMatch(/server\.token_endpoint +https:\/\/\$\{tenant\}\/token/u)
    expect(shown.stdout).toMatch(/resource\.base_urls\[0\] +https:\/\/\$\{tenant\}\/api\//u)
    expect(shown.stderr).toContain('You would sign in at login.acme.example, and secrets would go to ${tenant}.')
    expect(existsSync(daemon.paths.providers)).toBe(false)
    // Without a terminal nobody has seen it.
    const refused = await daemon.cli(['providers', 'add', file('acme.yaml')])
    expect(refused).toMatchObject({ code: 2 })
    expect(refused.stderr).toContain('--yes')
    expect(existsSync(daemon.paths.providers)).toBe(false)
  })

  it('is kept for the person alone, listed, tried out, and removed', async () => {
    expect(await json<ProviderSummary>('add', file('acme.yaml'), '--yes')).toMatchObject({ id: 'acme', name: 'Acme' })
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
