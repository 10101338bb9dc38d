/**
 * Bound tokens, client keys and registered clients as a person meets them: the real daemon and the real command line, at a
 * real OpenID provider that binds tokens (RFC 9449).
 */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { boundDefinition, RESOURCE, startBoundProvider, type BoundProvider } from '../fakes/bound-provider.ts'
import { visit } from '../fakes/identity-provider.ts'
import {
  collect,
  firstLine,
  newHome,
  removeHome,
  startCli,
  startDaemon,
  type CommandResult,
  type RunningDaemon,
} from '../setup/daemon.ts'

let provider: BoundProvider
let daemon: RunningDaemon
const home = newHome()

beforeAll(async () => {
  provider = await startBoundProvider()
  daemon = await startDaemon({ home })
  const client = { token_endpoint_auth_method: 'private_key_jwt' } as const
  for (const definition of [
    boundDefinition({ dpop: 'required', redirect: { methods: ['loopback'], loopback: { path: '/callback/bound' } } }),
    boundDefinition({
      id: 'keyed',
      client,
      redirect: { methods: ['loopback'], loopback: { path: '/callback/bound' } },
    }),
  ]) {
    // JSON is YAML.
    const file = join(home, `${definition.id}.yaml`)
    writeFileSync(file, JSON.stringify(definition))
    await daemon.cli(['providers', 'add', file, '--yes'])
  }
})
afterAll(async () => {
  await daemon.stop()
  await provider.stop()
  removeHome(home)
})

async function link(...args: readonly string[]): Promise<CommandResult> {
  const linking = startCli(home, ['link', ...args, '--param', `issuer=${provider.issuer}`, '--no-browser'])
  const result = collect(linking)
  const url = await firstLine(linking).catch(() => undefined)
  if (url !== undefined) await fetch(await visit(url, { login: 'ada' }))
  return result
}

/** A call of the control socket, whole. */
function control<T>(method: string, body: object = {}): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request({
      socketPath: daemon.paths.control,
      method: 'POST',
      path: `/v1/window/${method}`,
      headers: { 'content-type': 'application/json' },
    })
    call.on('error', reject)
    call.on('response', (answer) => {
      void answer.toArray().then((parts) => {
        resolve((JSON.parse(parts.join('')) as { value: T }).value)
      }, reject)
    })
    call.end(JSON.stringify(body))
  })
}

describe('an account whose tokens are bound', () => {
  it('is linked like any other, and gives its token to nobody', async () => {
    expect(await link('bound', '--client-id', 'native', '--label', 'ada')).toMatchObject({ code: 0 })
    const asked = await daemon.cli(['token', 'ada'])
    expect([asked.code, asked.stdout]).toEqual([6, ''])
    expect(asked.stderr).toContain('The tokens of ada are bound to a key that stays in the vault (DPoP)')
    expect(asked.stderr).toContain('valetkey fetch')
    expect((await daemon.cli(['accounts'])).stdout).toMatch(/\bada\b.*\bconnected\s+use\s/u)
  })

  it('has its API called with a proof, with the nonce that the API demands', async () => {
    const called = await daemon.cli(['fetch', 'ada', '/me'])
    expect([called.code, called.stderr]).toEqual([0, ''])
    expect(JSON.parse(called.stdout)).toMatchObject({ sub: 'ada' })
  })

  it('is renewed with the same key after a restart', async () => {
    const before = provider.asked.length
    expect(await daemon.stop()).toBe(0)
    daemon = await startDaemon({ home })
    const { accounts } = await control<Snapshot>('snapshot')
    const id = accounts.find(({ label }) => label === 'ada')?.id
    expect(await control('retry', { account: id })).toMatchObject({ state: 'connected', use_only: true })
    const [renewal, ...rest] = provider.asked.slice(before)
    expect(rest).toEqual([])
    expect(renewal).toMatchObject({ event: 'token', params: { grant_type: 'refresh_token' } })
    expect(provider.refused).not.toContain('invalid_grant')
  })

  it('its key is in no file, no output and no snapshot as it is', async () => {
    const jwk = /"d":"[\w-]{43}"/u
    expect(JSON.stringify(await control('snapshot'))).not.toMatch(jwk)
    expect(daemon.output()).not.toMatch(jwk)
    const files = readdirSync(home, { recursive: true, encoding: 'utf8' }).map((name) => join(home, name))
    const read = files.filter((file) => statSync(file).isFile())
    expect(read.length).toBeGreaterThan(3)
    for (const file of read) expect(readFileSync(file, 'latin1'), file).not.toMatch(jwk)
  })
})

describe('a client key', () => {
  it('is read from its file, sealed, and used again without it', async () => {
    const file = join(home, '..', 'client-key.json')
    writeFileSync(file, provider.keyed.jwk)
    const args = ['keyed', '--client-id', 'keyed', '--label', 'with a key']
    expect(await link(...args, '--client-key-file', file)).toMatchObject({ code: 0 })
    const { code, stdout } = await daemon.cli(['token', 'with a key', '--force-refresh'])
    expect([code, stdout.length > 10]).toEqual([0, true])
    writeFileSync(file, 'gone')
    const again = await link('keyed', '--account', 'with a key')
    expect([again.code, again.stderr]).toEqual([0, expect.stringContaining('linked with a key')])
    const { d } = JSON.parse(provider.keyed.jwk) as { d: string }
    expect(daemon.output() + JSON.stringify(await control('snapshot'))).not.toContain(d)
    expect(readFileSync(daemon.paths.vault, 'latin1')).not.toContain(d)
  })

  it.each<readonly [string, string | undefined, RegExp]>([
    ['that is not there', undefined, /cannot be read/u],
    ['that is something else', 'hello', /The client key cannot be used: it is neither PEM nor a JWK/u],
    ['that is none at all', 'x'.repeat(16_385), /larger than any private key/u],
  ])('in a file %s is refused', async (_, text, words) => {
    const file = join(home, '..', `${String(text?.length)}.pem`)
    if (text !== undefined) writeFileSync(file, text)
    const { code, stderr } = await link('keyed', '--client-id', 'keyed', '--client-key-file', file)
    expect([code, stderr]).toEqual([2, expect.stringMatching(words)])
  })

  it('that is missing is said with what to type', async () => {
    const { code, stderr } = await link('keyed', '--client-id', 'keyed')
    expect(code).toBe(2)
    expect(stderr).toContain('valetkey link keyed --client-id ID --client-key-file FILE')
  })
})

describe('--register and --resource', () => {
  it('link without a client id, for one resource', async () => {
    const before = provider.registered.length
    const scope = ['--scope', 'openid offline_access tickets:read']
    const { code, stderr } = await link(
      'bound',
      '--register',
      '--resource',
      RESOURCE,
      '--label',
      'registered',
      ...scope,
    )
    expect([code, stderr]).toEqual([0, expect.stringContaining('linked registered')])
    expect(provider.registered).toHaveLength(before + 1)
    expect(provider.asked.at(-1)?.params['resource']).toBe(RESOURCE)
    const again = await link('bound', '--account', 'registered', ...scope)
    expect(again.code).toBe(0)
    expect(provider.registered).toHaveLength(before + 1)
    expect(provider.asked.at(-1)?.params['resource']).toBe(RESOURCE)
  })

  it('is shown as an endpoint and in plain words', async () => {
    const file = join(home, 'registers.yaml')
    const { server, ...rest } = boundDefinition({ id: 'registers' })
    writeFileSync(file, JSON.stringify({ ...rest, server: { ...server, registration_endpoint: '${issuer}/reg' } }))
    await daemon.cli(['providers', 'add', file, '--yes'])
    const { stdout } = await daemon.cli(['providers', 'show', 'registers'])
    expect(stdout).toContain('where the provider does it (--register)')
    expect(stdout).toMatch(/server\.registration_endpoint\s+\$\{issuer\}\/reg/u)
  })

  it('a client that is neither named nor registered is asked for, with both ways', async () => {
    const { code, stderr } = await link('bound')
    expect([code, stderr]).toEqual([
      2,
      expect.stringMatching(/needs the client id .* register one for you \(--register\)/u),
    ])
  })

  it('a client that is named as well is refused', async () => {
    const { code, stderr } = await link('bound', '--register', '--client-id', 'native')
    expect([code, stderr]).toEqual([2, expect.stringContaining('Either name a client, or have one registered')])
  })
})
