/** The console of the real daemon, from its link on the terminal to a token, with a real provider and a real program. */
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type IdentityProvider, signIn, startIdentityProvider } from '../fakes/identity-provider.ts'
import { collect, type RunningDaemon, startCli, startDaemon, until } from '../setup/daemon.ts'
import { post } from '../unit/endpoint/wire.ts'
import { eventually, expectShown, launchBrowser } from './browser.ts'

let browser: Browser
let provider: IdentityProvider
let daemon: RunningDaemon

beforeAll(async () => {
  ;[browser, provider, daemon] = await Promise.all([
    launchBrowser(),
    startIdentityProvider(),
    startDaemon({ args: ['--console', '--insecure-key-file'] }),
  ])
})
afterAll(async () => {
  await browser.close()
  await Promise.all([provider.stop(), daemon.stop()])
})

describe('the console of the daemon', () => {
  it('links, pairs, allows, shows and stops', { timeout: 120_000 }, async () => {
    const link = await until(() => /http:\/\/127\.0\.0\.1:\d+\/open\/\S+/u.exec(daemon.output())?.[0])
    const context = await browser.newContext()
    const page = await context.newPage()
    const troubles: string[] = []
    page.on('pageerror', (error) => troubles.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') troubles.push(message.text())
    })
    await page.goto(link, { waitUntil: 'commit' })
    await expectShown(page.getByRole('heading', { level: 1, name: 'Accounts' }))
    await expectShown(page.getByText('The vault’s key lies in a file beside it'))

    await page.getByRole('link', { name: 'Link an account' }).click()
    await page.getByRole('button', { name: /OpenID/iu }).click()
    await page.getByLabel(/issuer/iu).fill(provider.issuer)
    await page.getByRole('textbox', { name: 'Client ID' }).fill(provider.client_id)
    await page.getByLabel('Name for this account').fill('ada at work')
    await page.getByRole('button', { name: 'Continue' }).click()
    await expectShown(page.getByRole('heading', { level: 1, name: 'Continue in your browser' }))
    const [tab] = await Promise.all([context.waitForEvent('page'), page.getByRole('link', { name: /^Open /u }).click()])
    await signIn(tab, { login: 'ada' })
    await tab.close()
    await expectShown(page.getByRole('heading', { level: 2, name: 'ada at work' }))

    const pairing = startCli(daemon.paths.home, ['pair', 'deploy-cli', '--json'])
    const said: string[] = []
    pairing.stderr?.setEncoding('utf8').on('data', (text: string) => said.push(text))
    const paired = collect(pairing)
    const code = await until(() => /\b\d{3}-\d{3}\b/u.exec(said.join(''))?.[0])
    await page.getByRole('link', { name: 'Approvals 1 waiting' }).click()
    const question = page.getByRole('article', { name: /deploy-cli wants to be paired/u })
    expect(await question.locator('.code').innerText()).toBe(code)
    await question.getByRole('button', { name: 'Pair' }).click()
    const { client_token } = JSON.parse((await paired).stdout) as { client_token: string }

    const ask = (): Promise<{ readonly status: number; readonly json: unknown }> =>
      post(daemon.paths.socket, '/v1/token', { account: 'ada at work' }, { credential: client_token })
    const answer = ask()
    const wish = page.getByRole('article', { name: /deploy-cli wants to use your/u })
    await expectShown(wish.getByText('A working access token leaves Valetkey.'))
    await wish.getByLabel('For 8 hours').check()
    await wish.getByRole('button', { name: 'Allow' }).click()
    const { status, json } = await answer
    expect(status).toBe(200)
    const { access_token } = json as { access_token: string }
    expect(await provider.isActive(access_token)).toBe(true)
    expect(await page.content()).not.toContain(access_token)

    await page.getByRole('link', { name: 'Activity' }).click()
    await expectShown(page.locator('.activity tbody tr', { hasText: 'deploy-cli' }).getByText('Allowed').first())
    await page.getByRole('link', { name: 'Apps' }).click()
    await page.getByRole('link', { name: /deploy-cli/u }).click()
    await page.getByRole('button', { name: 'Remove…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await expectShown(page.getByText('The app was removed.'))
    expect((await ask()).status).toBe(401)

    await page.getByRole('link', { name: 'Accounts' }).click()
    await page.getByRole('link', { name: /ada at work/u }).click()
    await page.getByRole('button', { name: 'Remove…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await expectShown(page.getByText('The account was removed, and the provider has ended its session.'))
    await eventually(
      () => provider.isActive(access_token),
      (active) => !active,
    )
    expect(troubles).toEqual([])
    expect(daemon.output()).not.toContain(access_token)
  })
})
