/** The sample extension in a real Chromium, through both channels to the real daemon: paired, allowed, served, refused. */
import type { BrowserContext, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { type RunningDaemon, startDaemon } from '../setup/daemon.ts'
import {
  allow,
  type Api,
  idOf,
  install,
  questions,
  sampleFolder,
  startApi,
  startBrowser,
  workerOf,
} from '../setup/extension.ts'
import { linkAccount } from '../setup/link.ts'

const id = idOf(sampleFolder)
const page = (name: string): string => `chrome-extension://${id}/${name}.html`

interface Status {
  readonly url: string
  readonly public_key: string
}

describe.each(['native', 'http'] as const)('the sample extension over %s', (channel) => {
  let daemon: RunningDaemon
  let provider: IdentityProvider
  let api: Api
  let context: BrowserContext
  let popup: Page

  beforeAll(async () => {
    provider = await startIdentityProvider({ access_ttl: 3600 })
    daemon = await startDaemon({ args: ['--insecure-key-file', ...(channel === 'http' ? ['--http'] : [])] })
    await linkAccount(daemon, provider, { login: 'ada' })
    await linkAccount(daemon, provider, { login: 'grace' })
    api = await startApi(provider)
    if (channel === 'native') await install(daemon, sampleFolder)
    context = await startBrowser(daemon.paths.home, [sampleFolder])
    await workerOf(context, sampleFolder)
    popup = await context.newPage()
  })
  afterAll(async () => {
    await context.close()
    await daemon.stop()
    await api.stop()
    await provider.stop()
  })

  const code = async (): Promise<string> => (await popup.locator('.code').textContent()) ?? ''
  const title = (): Promise<string | null> => popup.locator('.problem h2').textContent()

  it('takes its settings and says that it is not paired', async () => {
    const { stdout } = await daemon.cli(['status', '--json'])
    const status = JSON.parse(stdout) as Status
    await popup.goto(page('options'))
    expect(await popup.locator('#install').textContent()).toBe(`valetkey native-host install --extension-id ${id}`)
    await popup.getByLabel('API address to call').fill('http://api.example.com/me')
    await popup.getByRole('button', { name: 'Save' }).click()
    await popup.getByText('A token is sent over https').waitFor()
    await popup.getByLabel('API address to call').fill(`${api.origin}/me`)
    if (channel === 'http') {
      await popup.getByLabel('HTTP on this machine').check()
      await popup.getByLabel('Address', { exact: true }).fill(status.url)
      await popup.getByLabel('The broker’s key').fill(status.public_key)
    }
    await popup.getByRole('button', { name: 'Save' }).click()
    await popup.getByText('Saved.').waitFor()
    await popup.goto(page('popup'))
    await popup.getByText('Not paired yet').waitFor()
  })

  it('stops waiting when the person says so, and the question goes', async () => {
    await popup.getByRole('button', { name: 'Pair this extension' }).click()
    await popup.locator('.code').waitFor()
    await expect.poll(() => questions(daemon)).toHaveLength(1)
    await popup.getByRole('button', { name: 'Stop waiting' }).click()
    await popup.getByText('You stopped waiting').waitFor()
    await expect.poll(() => questions(daemon), { timeout: 10_000 }).toEqual([])
  })

  it('is paired with the code it shows, also after its popup was closed meanwhile', async () => {
    await popup.getByRole('button', { name: 'Pair this extension' }).click()
    const shown = await code()
    await popup.goto('about:blank')
    await popup.goto(page('popup'))
    expect(await code()).toBe(shown)
    const asks = channel === 'http' ? `(extension ${id})` : '(extension)'
    expect((await daemon.cli(['requests'])).stdout).toContain(asks)
    const question = await allow(daemon, shown)
    expect(question.client).toEqual({
      name: 'Valetkey sample',
      kind: 'extension',
      ...(channel === 'http' && { origin: `chrome-extension://${id}` }),
    })
    await popup.getByText('Ask for an account').first().waitFor()
    const { stdout } = await daemon.cli(['clients'])
    expect(stdout).toContain(channel === 'http' ? `extension ${id}` : 'extension')
  })

  it('shows the account it was allowed and no other', async () => {
    await popup.getByLabel('Account to ask for').fill('ada')
    await popup.getByRole('button', { name: 'Ask' }).click()
    const question = await allow(daemon, await code())
    expect(question).toMatchObject({ account: { label: 'ada' }, reason: 'to call an API for you' })
    await popup.locator('.accounts').waitFor()
    expect(await popup.locator('.accounts strong').allTextContents()).toEqual(['ada'])
    expect(await popup.locator('.accounts').textContent()).toContain('connected')
  })

  const call = async (): Promise<string> => {
    await popup.getByRole('button', { name: 'Call the API as ada' }).click()
    await popup.getByText('The API answered').waitFor()
    return (await popup.locator('main').textContent()) ?? ''
  }

  it('calls an API with the account’s token, and no page or store of it holds that token', async () => {
    expect(await call()).toMatch(/The API answered 200\{"hello":"ada"\}/u)
    const token = (api.calls.at(-1)?.authorization ?? '').slice('Bearer '.length)
    expect(await provider.isActive(token)).toBe(true)
    expect(await popup.content()).not.toContain(token)
    const worker = await workerOf(context, sampleFolder)
    const kept: unknown = await worker.evaluate('chrome.storage.local.get(null)')
    expect(JSON.stringify(kept)).toContain(`token-${channel}`)
    expect(JSON.stringify(kept)).not.toContain(token)
  })

  it('reports a 401 and calls once more with the token that replaces it', async () => {
    api.refuse((await daemon.cli(['token', 'ada'])).stdout.trim())
    const { token_requests } = await provider.events()
    const before = api.calls.length
    expect(await call()).toContain('The API answered 200')
    expect(api.calls.slice(before).map(({ status }) => status)).toEqual([401, 200])
    expect((await provider.events()).token_requests).toBe(token_requests + 1)
  })

  it('says that it was denied', async () => {
    await popup.getByLabel('Account to ask for').fill('grace')
    await popup.getByRole('button', { name: 'Ask' }).click()
    await popup.locator('.code').waitFor()
    const [question] = await questions(daemon)
    await daemon.cli(['deny', question?.id ?? ''])
    expect(await title()).toBe('That was not allowed')
  })

  it('says that the vault is locked, and with which command it is opened', async () => {
    await daemon.cli(['lock'])
    await popup.getByRole('button', { name: 'Call the API as ada' }).click()
    expect(await title()).toBe('Valetkey is locked')
    expect(await popup.locator('.problem code').textContent()).toBe('valetkey unlock')
    await daemon.cli(['unlock'])
    expect(await call()).toContain('The API answered 200')
  })

  it.each(['light', 'dark'] as const)('is legible in the %s', async (colorScheme) => {
    await popup.emulateMedia({ colorScheme })
    const [ink, paper] = await popup.evaluate(() => {
      const { color, backgroundColor } = getComputedStyle(document.body)
      return [color, backgroundColor].map((text) => (text.match(/\d+/gu) ?? []).slice(0, 3).map(Number))
    })
    expect(contrast(ink ?? [], paper ?? [])).toBeGreaterThan(7)
  })

  it('finds out that its pairing was taken back', async () => {
    await daemon.cli(['revoke', 'Valetkey sample'])
    await popup.getByRole('button', { name: 'Refresh' }).click()
    await popup.getByText('Not paired yet').waitFor()
    expect(await title()).toBe('This extension is not paired any more')
  })

  it('says that nothing runs', async () => {
    await daemon.kill()
    await popup.getByRole('button', { name: 'Pair this extension' }).click()
    expect(await title()).toBe('Valetkey is not running')
    expect(await popup.locator('.problem code').textContent()).toMatch(/^valetkey daemon/u)
  })
})

/** WCAG 2.2, relative luminance and contrast ratio. */
function contrast(one: readonly number[], other: readonly number[]): number {
  const luminance = (colour: readonly number[]): number => {
    const [red = 0, green = 0, blue = 0] = colour.map((channel) => {
      const share = channel / 255
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].toSorted((a, b) => a - b)
  return (light + 0.05) / (dark + 0.05)
}
