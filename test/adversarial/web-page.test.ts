/** Threat rows 1 and 2: what a hostile page in a real Chromium can do to a broker that serves HTTP on loopback. */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { newHome, removeHome, type RunningDaemon, startDaemon } from '../setup/daemon.ts'
import { type Listener, listen, questions, startBrowser } from '../setup/extension.ts'
import { answersFrom, attack, shapes, startCareless } from '../setup/hostile-page.ts'
import { linkAccount, pairProgram } from '../setup/link.ts'

/** Names an attacker has, which lead to this machine. */
const rules = '--host-resolver-rules=MAP evil.example 127.0.0.1, MAP rebind.example 127.0.0.1'
const hostile = (): Promise<Listener> =>
  listen((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>a page</title><body>')
  })

let daemon: RunningDaemon
let provider: IdentityProvider
let token: string
let evil: Listener
let browserHome: string
let context: BrowserContext
let page: Page

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  daemon = await startDaemon({ args: ['--insecure-key-file', '--http'] })
  await linkAccount(daemon, provider, { login: 'ada' })
  // A client token that has leaked; not even with it is a page served.
  token = await pairProgram(daemon, 'leaky')
  evil = await hostile()
  browserHome = newHome()
  context = await startBrowser(browserHome, [], [rules])
  page = await context.newPage()
})
afterAll(async () => {
  await context.close()
  removeHome(browserHome)
  await evil.stop()
  await daemon.stop()
  await provider.stop()
})

/** Everything that could have changed: questions, programs, consents, activity, requests to the provider. */
async function state(of: RunningDaemon): Promise<unknown> {
  const read = async (...command: readonly string[]): Promise<unknown> =>
    JSON.parse((await of.cli([...command, '--json'])).stdout) as unknown
  return {
    questions: await questions(of),
    clients: await read('clients'),
    consents: await read('consents'),
    activity: await read('activity'),
    upstream: (await provider.events()).token_requests,
  }
}

/** From another origin of another site, and from another port of this host, which browsers call the same site. */
const origins = [
  ['another site', () => `http://evil.example:${String(evil.port)}/`],
  ['another port of 127.0.0.1', () => `${evil.origin}/`],
] as const

describe('Threat 1: a malicious web page', () => {
  it.each(origins)('Threat 1: on %s reaches a careless server in all eight shapes', async (_where, address) => {
    const careless = await startCareless()
    await page.goto(address())
    const loot = await attack(page, careless.origin, token)
    expect(loot).toMatchObject({
      'fetch GET with a token': expect.stringContaining('read') as string,
      EventSource: 'read',
    })
    expect([...new Set(careless.seen)]).toEqual(expect.arrayContaining([...shapes]))
    // The form smuggles JSON, and the beacon sends it.
    expect(careless.bodies.map((body) => body.trim())).toEqual(
      expect.arrayContaining(['{"name":"page","kind":"agent","x":"="}', '{"name":"page","kind":"agent"}']),
    )
    await careless.stop()
  })

  it.each(origins)('Threat 1: on %s gets no token, no prompt, no side effect from us', async (_where, address) => {
    const before = await state(daemon)
    const target = daemon.endpoint.url ?? ''
    const answers = await answersFrom(page, target)
    await page.goto(address())
    const loot = await attack(page, target, token)
    expect(Object.entries(loot).filter(([, read]) => read !== null)).toEqual([])
    // They arrived, and each was refused: for its Origin or its site, as a preflight, as an upgrade.
    await expect.poll(() => answers.length).toBeGreaterThanOrEqual(8)
    expect(answers.filter((answer) => !/^(?:403|405|426) /u.test(answer))).toEqual([])
    expect(await state(daemon)).toEqual(before)
  })

  it('Threat 1: nor does a person who is made to open the address, or to reload it', async () => {
    const before = await state(daemon)
    const target = daemon.endpoint.url ?? ''
    for (const path of ['/v1/status', '/v1/accounts', '/v1/token', '/v1/pair', '/'])
      expect((await page.goto(target + path))?.status(), path).toBeGreaterThanOrEqual(401)
    expect((await page.reload())?.status()).toBeGreaterThanOrEqual(401)
    expect(await state(daemon)).toEqual(before)
  })
})

describe('Threat 2: DNS rebinding', () => {
  it('Threat 2: a page whose own address has become ours is refused whatever it sends, and reads nothing of worth', async () => {
    const first = await hostile()
    const name = `http://rebind.example:${String(first.port)}`
    await page.goto(`${name}/`)
    expect(await page.title()).toBe('a page')
    // The page stays; what its name and port lead to is the broker now.
    await first.stop()
    const rebound = await startDaemon({ args: ['--insecure-key-file', '--http', String(first.port)] })
    const known = await pairProgram(rebound, 'leaky')
    const before = await state(rebound)
    const answers = await page.evaluate(async (credential) => {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${credential}` }
      const post = { method: 'POST', headers, body: JSON.stringify({ name: 'page', kind: 'agent' }) }
      const tries: readonly (readonly [string, RequestInit])[] = [
        ['/v1/hello?nonce=AAAAAAAAAAAAAAAAAAAAAA', {}],
        ['/v1/status', { headers }],
        ['/v1/accounts', { headers }],
        ['/v1/pair', post],
        ['/v1/token', { ...post, body: JSON.stringify({ interaction: 'prompt' }) }],
      ]
      return Promise.all(
        tries.map(async ([path, init]) => {
          const answer = await fetch(path, init)
          return `${String(answer.status)} ${await answer.text()}`
        }),
      )
    }, known)
    // Same origin for the browser, so the page reads the refusals; that is all there is to read.
    for (const answer of answers)
      expect(answer).toMatch(
        /^403 \{"error":"access_denied","error_description":"[^"]+","resolve":\{"command":"valetkey consents"\}\}$/u,
      )
    expect(answers).toHaveLength(5)
    expect(await state(rebound)).toEqual(before)
    await rebound.stop()
  })

  it('Threat 2: names that lead here are not ours, in the address bar and in a frame', async () => {
    const before = await state(daemon)
    const { port } = new URL(daemon.endpoint.url ?? '')
    for (const host of ['rebind.example', 'localhost', 'evil.example'])
      expect((await page.goto(`http://${host}:${port}/v1/status`))?.status(), host).toBe(403)
    expect(await state(daemon)).toEqual(before)
  })
})
