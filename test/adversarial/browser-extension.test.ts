/** Threat row 3: other extensions, a forged Origin, and the sample's own content scripts, in a real Chromium. */
import { join } from 'node:path'
import type { BrowserContext, Page, Worker } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { type RunningDaemon, startDaemon } from '../setup/daemon.ts'
import {
  allow,
  idOf,
  install,
  type Listener,
  listen,
  questions,
  sampleWithContentScript,
  startBrowser,
  workerOf,
  writeExtension,
} from '../setup/extension.ts'
import { linkAccount, pairProgram } from '../setup/link.ts'

/** Runs in the page's content-script world and leaves what it got in the page, where the test reads it. */
const contentScript = `
const say = (name, value) => document.documentElement.setAttribute('data-' + name, JSON.stringify(value ?? null))
const attempt = async (name, work) => { try { say(name, await work()) } catch (thrown) { say(name, 'thrown: ' + thrown.message) } }
addEventListener('go', async ({ detail }) => {
  const { base, token } = JSON.parse(detail)
  const headers = { 'content-type': 'application/json', authorization: 'Bearer ' + token }
  const read = async (answer) => answer.status + ' ' + (await answer.text())
  await attempt('post', async () => read(await fetch(base + '/v1/token', { method: 'POST', headers, body: '{"account":"ada"}' })))
  await attempt('get', async () => read(await fetch(base + '/v1/accounts', { headers })))
  await attempt('blind', async () => read(await fetch(base + '/v1/pair', { method: 'POST', mode: 'no-cors', body: '{"name":"x","kind":"extension"}' })))
  await attempt('message', () => chrome.runtime.sendMessage({ do: 'call', account: 'ada' }))
  await attempt('port', () => new Promise((resolve) => {
    const got = []
    const port = chrome.runtime.connect()
    port.onMessage.addListener((message) => got.push(message))
    port.onDisconnect.addListener(() => resolve(got))
    for (const what of ['look', 'pair', 'request', 'call']) port.postMessage({ do: what, account: 'ada' })
  }))
  await attempt('native', () => typeof chrome.runtime.connectNative)
  await attempt('storage', () => chrome.storage.local.get(null))
  say('done', true)
})`

let daemon: RunningDaemon
let provider: IdentityProvider
let site: Listener
let context: BrowserContext
let page: Page
let sample: string
let stranger: Worker
let strangerFolder: string
/** The sample's own client token, as if it had leaked, and another program's. */
let sampleToken: string
let otherToken: string

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  daemon = await startDaemon({ args: ['--insecure-key-file', '--http'] })
  await linkAccount(daemon, provider, { login: 'ada' })
  otherToken = await pairProgram(daemon, 'another extension', 'extension')
  site = await listen((_request, response) => {
    response.writeHead(200, { 'Content-Type': 'text/html' }).end('<!doctype html><title>a page</title>')
  })
  const { home } = daemon.paths
  sample = sampleWithContentScript(join(home, 'sample'), ['http://127.0.0.1/*'], contentScript)
  await install(daemon, sample)
  strangerFolder = writeExtension(
    join(home, 'stranger'),
    {
      name: 'Stranger',
      permissions: ['nativeMessaging', 'declarativeNetRequestWithHostAccess'],
      host_permissions: ['http://127.0.0.1/*'],
      background: { service_worker: 'worker.js' },
    },
    { 'worker.js': 'self.hello = true' },
  )
  context = await startBrowser(home, [sample, strangerFolder])
  await workerOf(context, sample)
  stranger = await workerOf(context, strangerFolder)
  page = await context.newPage()
  sampleToken = await pairSample()
})
afterAll(async () => {
  await context.close()
  await daemon.stop()
  await site.stop()
  await provider.stop()
})

/** The sample paired over HTTP and allowed to read ada, as a person does it; answers the token it keeps. */
async function pairSample(): Promise<string> {
  const own = `chrome-extension://${idOf(sample)}`
  await page.goto(`${own}/options.html`)
  await page.getByLabel('HTTP on this machine').check()
  await page.getByLabel('Address', { exact: true }).fill(daemon.endpoint.url ?? '')
  await page.getByLabel('The broker’s key').fill(daemon.endpoint.public_key)
  await page.getByLabel('API address to call').fill(`${site.origin}/me`)
  await page.getByRole('button', { name: 'Save' }).click()
  await page.getByText('Saved.').waitFor()
  await page.goto(`${own}/popup.html`)
  await page.getByRole('button', { name: 'Pair this extension' }).click()
  await allow(daemon, (await page.locator('.code').textContent()) ?? '')
  await page.getByRole('button', { name: 'Ask' }).click()
  await allow(daemon, (await page.locator('.code').textContent()) ?? '')
  await page.locator('.accounts').waitFor()
  const worker = await workerOf(context, sample)
  const kept = (await worker.evaluate('chrome.storage.local.get(null)')) as Readonly<Record<string, string>>
  return kept['token-http'] ?? ''
}

const activity = async (): Promise<string> => (await daemon.cli(['activity', '--json'])).stdout

interface Answer {
  readonly status: number
  readonly text: string
}

/** One request of the other extension's service worker. */
const strange = (path: string, init: Readonly<Record<string, unknown>>): Promise<Answer> =>
  stranger.evaluate(
    async ([url, how]) => {
      const answer = await fetch(url, how)
      return { status: answer.status, text: await answer.text() }
    },
    [`${daemon.endpoint.url ?? ''}${path}`, init] as const,
  )
const asking = (token?: string): Readonly<Record<string, unknown>> => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...(token !== undefined && { authorization: `Bearer ${token}` }) },
  body: '{"account":"ada"}',
})

describe('Threat 3: another extension', () => {
  it('Threat 3: the token is good, where it belongs', async () => {
    const raw = await fetch(`${daemon.endpoint.url ?? ''}/v1/token`, asking(sampleToken))
    expect(raw.status).toBe(200)
  })

  it('Threat 3: is refused through native messaging, by the browser', async () => {
    const why = await stranger.evaluate(
      `new Promise((resolve) => {
        const port = chrome.runtime.connectNative('app.valetkey')
        port.onMessage.addListener((message) => resolve(message))
        port.onDisconnect.addListener(() => resolve(chrome.runtime.lastError?.message))
        port.postMessage({ id: 1, call: 'accounts', client_token: ${JSON.stringify(sampleToken)} })
      })`,
    )
    expect(why).toMatch(/forbidden/u)
  })

  it.each([
    ['without a token', 401, () => asking()],
    ['with the sample’s token', 403, () => asking(sampleToken)],
    ['with a token of an extension paired elsewhere', 403, () => asking(otherToken)],
  ])('Threat 3: is refused over HTTP %s', async (_what, expected, init) => {
    const before = await activity()
    const { status, text } = await strange('/v1/token', init())
    expect(status).toBe(expected)
    expect(text).not.toContain('access_token')
    expect(await questions(daemon)).toEqual([])
    expect(await activity()).toBe(before)
  })

  it('Threat 3: that asks to be paired is shown to the person by its own id, unverified', async () => {
    const pairing = strange('/v1/pair', {
      ...asking(),
      body: JSON.stringify({ name: 'Valetkey sample', kind: 'extension' }),
    })
    await expect
      .poll(() => questions(daemon), { timeout: 10_000 })
      .toMatchObject([{ client: { name: 'Valetkey sample', origin: `chrome-extension://${idOf(strangerFolder)}` } }])
    const [question] = await questions(daemon)
    await daemon.cli(['deny', question?.id ?? ''])
    expect((await pairing).status).toBe(403)
  })
})

describe('Threat 3: a forged Origin', () => {
  const forged = (): string => `chrome-extension://${idOf(sample)}`

  it.each([
    ['no token', 401, () => asking()],
    ['another client’s token', 403, () => asking(otherToken)],
    ['a token that is none', 401, () => asking('vkc_nonsense')],
  ])('Threat 3: is refused with %s, from any program', async (_what, expected, init) => {
    const before = await activity()
    const { headers, ...rest } = init() as { readonly headers: Readonly<Record<string, string>> }
    const answer = await fetch(`${daemon.endpoint.url ?? ''}/v1/token`, {
      ...rest,
      headers: { ...headers, origin: forged() },
    })
    expect(answer.status).toBe(expected)
    expect([...answer.headers.keys()].filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(await activity()).toBe(before)
  })

  it('Threat 3: is refused from an extension that has its browser rewrite it', async () => {
    await stranger.evaluate(
      `chrome.declarativeNetRequest.updateDynamicRules({ addRules: [{
        id: 1,
        action: { type: 'modifyHeaders', requestHeaders: [{ header: 'origin', operation: 'set', value: ${JSON.stringify(forged())} }] },
        condition: { urlFilter: '||127.0.0.1', resourceTypes: ['xmlhttprequest', 'other'] },
      }] })`,
    )
    const seen: (string | undefined)[] = []
    const mirror = await listen((request, response) => {
      seen.push(request.headers.origin)
      response.end()
    })
    await stranger.evaluate((url) => fetch(url, { method: 'POST' }).then(({ status }) => status), mirror.origin)
    // The browser does it: what arrives is the sample's Origin.
    expect(seen).toEqual([forged()])
    await mirror.stop()
    expect((await strange('/v1/token', asking())).status).toBe(401)
    expect((await strange('/v1/token', asking(otherToken))).status).toBe(403)
    expect(await questions(daemon)).toEqual([])
  })
})

describe('Threat 3: a content script', () => {
  it('Threat 3: gets nothing from the broker, the service worker, the native host or the store', async () => {
    await page.goto(`${site.origin}/`)
    const before = await activity()
    await page.evaluate(
      (detail) => dispatchEvent(new CustomEvent('go', { detail })),
      JSON.stringify({ base: daemon.endpoint.url, token: sampleToken }),
    )
    await page.locator('html[data-done]').waitFor({ state: 'attached' })
    const got = await page.evaluate(() => Object.fromEntries(Object.entries(document.documentElement.dataset)))
    const refusal = expect.stringContaining('service worker') as string
    expect(got['post']).toBe('"thrown: Failed to fetch"')
    expect(got['get']).toBe('"thrown: Failed to fetch"')
    // Not even a blind one: the answer says that it is for its own origin alone.
    expect(got['blind']).toBe('"thrown: Failed to fetch"')
    expect(JSON.parse(got['message'] ?? '')).toEqual({ error: 'access_denied', error_description: refusal })
    expect(JSON.parse(got['port'] ?? '')).toEqual([{ error: 'access_denied', error_description: refusal }])
    expect(got['native']).toBe('"undefined"')
    expect(got['storage']).toMatch(/^"thrown: Access to storage is not allowed/u)
    expect(JSON.stringify(got)).not.toContain(sampleToken)
    expect(await questions(daemon)).toEqual([])
    expect(await activity()).toBe(before)
  })
})
