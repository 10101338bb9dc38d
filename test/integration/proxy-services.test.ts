/**
 * The documented services through the proxy: each one's own header is put on by its definition, and a token that has ended
 * is renewed as its definition says, also where the service says so inside an answer that looks like a success.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBiggerplate, type Biggerplate } from '../fakes/services/biggerplate.ts'
import { startBlsct, type Blsct } from '../fakes/services/blsct.ts'
import type { Client, Params } from '../fakes/services/common.ts'
import { startDeskpro, type Deskpro } from '../fakes/services/deskpro.ts'
import { startPpmessage, type Ppmessage } from '../fakes/services/ppmessage.ts'
import { startTextmaster, type Textmaster } from '../fakes/services/textmaster.ts'
import { collect, firstLine, startCli, startDaemon, type CommandResult, type RunningDaemon } from '../setup/daemon.ts'

let daemon: RunningDaemon
let textmaster: Textmaster
let deskpro: Deskpro
let blsct: Blsct
let ppmessage: Ppmessage
let biggerplate: Biggerplate

interface Linkable {
  readonly client: Client
  approve?(url: string): Promise<string>
}

async function link(provider: string, service: Linkable, params: Params): Promise<void> {
  const linking = startCli(daemon.paths.home, [
    ...['link', provider, '--client-id', service.client.client_id, '--client-secret-stdin', '--no-browser'],
    ...Object.entries(params).flatMap(([name, value]) => ['--param', `${name}=${value}`]),
  ])
  linking.stdin?.end(`${service.client.client_secret}\n`)
  const result = collect(linking)
  if (service.approve) await fetch(await service.approve(await firstLine(linking)))
  const { code, stderr } = await result
  expect(code, stderr).toBe(0)
}

const run = (...args: string[]): Promise<CommandResult> => daemon.cli(['fetch', ...args])

beforeAll(async () => {
  ;[textmaster, deskpro, blsct, ppmessage, biggerplate] = await Promise.all([
    startTextmaster({ any_loopback_port: true }),
    startDeskpro({ any_loopback_port: true }),
    startBlsct({ refusal_status: 200 }),
    startPpmessage(),
    startBiggerplate(),
  ])
  daemon = await startDaemon()
  await link('textmaster', textmaster, { host: textmaster.host, api_host: textmaster.host })
  await link('deskpro', deskpro, { helpdesk_host: deskpro.host })
  await link('biggerplate', biggerplate, { host: biggerplate.host, api_host: biggerplate.host })
  await link('ppmessage', ppmessage, { host: ppmessage.host })
  await link('coupang-blsct', { client: blsct.client }, { host: blsct.host, api_host: blsct.host })
})

afterAll(async () => {
  await daemon.stop()
  await Promise.all([textmaster, deskpro, blsct, ppmessage, biggerplate].map((service) => service.stop()))
})

describe.each([
  ['textmaster', 'clients/users/me', /"email"/u, /^Bearer /u],
  ['deskpro', 'me', /"data"/u, /^token /u],
  ['biggerplate', 'users/me', /UserName/u, /^Bearer /u],
] as const)('%s', (provider, path, says, scheme) => {
  it('is called in its own scheme, and renewed when it answers 401', async () => {
    const service = { textmaster, deskpro, biggerplate }[provider]
    expect((await run(provider, path)).stdout).toMatch(says)
    expect(service.requests.at(-1)?.headers.authorization).toMatch(scheme)
    service.expireAccessTokens()
    const again = await run(provider, path)
    expect({ code: again.code, stderr: again.stderr }).toEqual({ code: 0, stderr: '' })
    expect(again.stdout).toMatch(says)
    const calls = service.requests.filter((request) => request.path.endsWith(path)).slice(-2)
    expect(new Set(calls.map(({ headers }) => headers.authorization)).size).toBe(2)
  })
})

describe('an error inside a success', () => {
  it('is what it says: blsct’s text 401 under HTTP 200 has the token fetched anew, and the call made again', async () => {
    const good = await run('coupang-blsct', 'product/get?id=7')
    expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining('caught me. The Id is 7') as string })
    blsct.expireAccessTokens()
    const again = await run('coupang-blsct', 'product/get?id=8')
    expect(again.stdout).toContain('caught me. The Id is 8')
    const [refused, accepted] = blsct.requests.filter(({ path }) => path === '/product/get').slice(-2)
    expect(refused?.headers.authorization).not.toBe(accepted?.headers.authorization)
    blsct.settings.refuse_all = true
    const before = blsct.requests.length
    expect(await run('coupang-blsct', 'product/get')).toEqual({ code: 0, stdout: '401', stderr: '' })
    expect(blsct.requests.slice(before).map(({ path }) => path)).toEqual([
      ...['/product/get', '/oauth/token/get', '/product/get'],
    ])
  })

  it('that no new token mends comes back as the service said it, or says who can mend it', async () => {
    const call = ['ppmessage', 'PP_GET_USER_UUID', '--json-body', '{}'] as const
    expect(JSON.parse((await run(...call)).stdout)).toMatchObject({ error_code: 0 })
    expect(ppmessage.requests.at(-1)?.headers.authorization).toMatch(/^OAuth /u)
    ppmessage.expireAccessTokens()
    expect(JSON.parse((await run(...call)).stdout)).toMatchObject({ error_code: 4 })
    const { code, stderr } = await run(...call, '--retry-unsafe')
    expect(code).toBe(5)
    expect(stderr).toMatch(/needs a new sign-in[^]*run: valetkey link ppmessage --account/u)
  })
})
