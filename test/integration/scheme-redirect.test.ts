/**
 * The custom-scheme redirect, nothing of it played: Chromium follows a provider's 302 to app.valetkey:, xdg-open asks the
 * MIME database, the .desktop file starts a second process, and that hands the address to the daemon that waits for it.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, firstLine, startCli, startDaemon, type RunningDaemon } from '../setup/daemon.ts'
import { chromiumArguments, findChromium } from '../setup/system-packages.ts'

describe('app.valetkey:/callback', () => {
  let provider: IdentityProvider
  let daemon: RunningDaemon
  let desk: string

  /** A desktop of our own: where xdg-open and xdg-mime look, and a display that need not be there. */
  const session = (): Record<string, string> => ({
    HOME: desk,
    XDG_DATA_HOME: join(desk, 'data'),
    XDG_CONFIG_HOME: join(desk, 'config'),
    DISPLAY: ':99',
  })

  beforeAll(async () => {
    desk = mkdtempSync(join(tmpdir(), 'vk-desk-'))
    mkdirSync(join(desk, 'data', 'applications'), { recursive: true })
    mkdirSync(join(desk, 'config'))
    provider = await startIdentityProvider({ access_ttl: 3600 })
    daemon = await startDaemon({ args: ['--insecure-key-file', '--scheme'], env: session() })
  })

  afterAll(async () => {
    await daemon.stop()
    await provider.stop()
    rmSync(desk, { recursive: true, force: true })
  })

  const link = (...args: readonly string[]): ReturnType<typeof startCli> =>
    startCli(daemon.paths.home, [
      ...['link', 'generic-oidc', '--param', `issuer=${provider.issuer}`, '--client-id', provider.client_id],
      ...['--no-browser', ...args],
    ])

  it('is the first rung, goes through browser, system and a second process, and links the account', async () => {
    const linking = link()
    const ended = collect(linking)
    const url = await firstLine(linking)
    expect(new URL(url).searchParams.get('redirect_uri')).toBe('app.valetkey:/callback/generic-oidc')

    const profile = join(desk, 'profile')
    mkdirSync(join(profile, 'Default'), { recursive: true })
    // What the person would tick once: "always allow this site to open links of this kind".
    const allowed = {
      protocol_handler: { allowed_origin_protocol_pairs: { [provider.issuer]: { 'app.valetkey': true } } },
    }
    writeFileSync(join(profile, 'Default', 'Preferences'), JSON.stringify(allowed))
    const context = await chromium.launchPersistentContext(profile, {
      executablePath: findChromium() ?? '',
      args: chromiumArguments(),
      env: { ...session(), PATH: process.env['PATH'] ?? '' },
    })
    try {
      const page = context.pages()[0] ?? (await context.newPage())
      await page.goto(url)
      await page.locator('input[name=login]').fill('ada')
      await page.locator('input[name=password]').fill('any')
      await page.locator('button[type=submit]').click()
      await page.getByRole('button', { name: /continue/iu }).click()
      const { code, stderr } = await ended
      expect({ code, stderr }).toMatchObject({ code: 0 })
    } finally {
      await context.close()
    }
    const { stdout } = await daemon.cli(['token', 'ada'])
    expect(await provider.isActive(stdout.trim())).toBe(true)
  })

  it('C1: an address nobody waits for changes nothing, and says so to whoever called', async () => {
    const before = await provider.events()
    for (const url of [
      'app.valetkey:/callback/generic-oidc?code=x&state=y',
      'app.valetkey:/callback/other?code=x&state=y',
      'app.valetkey://callback/generic-oidc?code=x',
      'APP.VALETKEY:/callback/generic-oidc?code=x',
    ]) {
      const { code, stderr } = await daemon.cli(['callback', url])
      expect({ code, stderr }).toMatchObject({
        code: 8,
        stderr: expect.stringContaining('No sign-in is waiting') as string,
      })
    }
    expect((await provider.events()).token_requests).toBe(before.token_requests)
  })

  it('the next rungs are there to choose', async () => {
    const linking = link('--redirect', 'loopback', '--json')
    const value = await firstLine(linking)
    expect(JSON.parse(value)).toMatchObject({ redirect: 'loopback', rungs: ['custom-scheme', 'paste'] })
    linking.kill('SIGINT')
    await new Promise((resolve) => linking.once('close', resolve))
  })
})
