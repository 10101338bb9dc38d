/** A service that sends the browser to a page of the person's own: the wizard of the real daemon, an emulated service, a tab. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { builtInProviders } from '../../main/providers/loader.ts'
import { serveDefinition, type Served } from '../fakes/services/from-definition.ts'
import { type RunningDaemon, startDaemon, until } from '../setup/daemon.ts'
import { expectShown, launchBrowser } from './browser.ts'

let browser: Browser
let daemon: RunningDaemon
let served: Served

beforeAll(async () => {
  const shipped = await builtInProviders().find('intercom')
  if (!shipped) throw new Error('there is no intercom')
  ;[browser, daemon, served] = await Promise.all([
    // Nobody is asked where that is.
    launchBrowser('--host-resolver-rules=MAP example.com ~NOTFOUND'),
    startDaemon({ args: ['--console', '--insecure-key-file'] }),
    serveDefinition(shipped),
  ])
  const file = join(daemon.paths.home, 'intercom.yaml')
  writeFileSync(file, served.text)
  const added = await daemon.cli(['providers', 'add', file, '--yes'])
  if (added.code !== 0) throw new Error(added.stderr)
})
afterAll(async () => {
  await browser.close()
  await Promise.all([daemon.stop(), served.stop()])
})

describe('a page of one’s own', () => {
  it('is where the browser ends, and its address links the account', { timeout: 60_000 }, async () => {
    const link = await until(() => /http:\/\/127\.0\.0\.1:\d+\/open\/\S+/u.exec(daemon.output())?.[0])
    const context = await browser.newContext()
    const page = await context.newPage()
    await page.goto(link, { waitUntil: 'commit' })
    await page.getByRole('link', { name: 'Link an account' }).click()
    await page.getByLabel('Find a provider').fill('Intercom')
    await page
      .getByRole('button', { name: /Intercom/u })
      .last()
      .click()
    await page.getByLabel('Host', { exact: true }).fill(served.host)
    await page.getByLabel('Redirect URL').fill('http://example.com/callback')
    await page.getByLabel('Client ID').fill(served.client.client_id)
    await page.getByLabel('Client secret').fill(served.client.client_secret)
    await page.getByLabel('Name for this account').fill('support')
    await page.getByRole('button', { name: 'Continue' }).click()
    await expectShown(page.getByText('redirect_url must be an https address'))
    expect(await page.getByLabel('Redirect URL').getAttribute('aria-invalid')).toBe('true')
    await page.getByLabel('Redirect URL').fill('https://example.com/callback')
    await page.getByRole('button', { name: 'Continue' }).click()
    await expectShown(page.getByText('the browser ends on your own page at example.com'))
    // The page need not exist: what the browser asks for is what stands in its address.
    const [ended] = await Promise.all([
      context.waitForEvent('request', (request) => request.url().startsWith('https://example.com/callback?')),
      page.getByRole('link', { name: /^Open /u }).click(),
    ])
    await page.getByLabel('Address the browser ended on').fill(ended.url())
    await page.getByRole('button', { name: 'Finish sign-in' }).click()
    await expectShown(page.getByRole('heading', { level: 2, name: 'support' }))
    expect(served.emulator.complaints).toEqual([])
    await context.close()
  })
})
