/** The desktop app from its start to a token, and everything that brings its window up. */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectShown, goIn } from '../e2e/browser.ts'
import { type IdentityProvider, startIdentityProvider, visit } from '../fakes/identity-provider.ts'
import { until } from '../setup/daemon.ts'
import { readPicture, tokenInPicture } from './pictures.ts'
import { fetchToken } from './programs.ts'
import { allow, askToPair, call, type DesktopApp, pressEscape, readEndpoint, snapshotOf, startApp } from './rig.ts'

let provider: IdentityProvider
let app: DesktopApp

beforeAll(async () => {
  ;[provider, app] = await Promise.all([startIdentityProvider({ access_ttl: 3600 }), startApp()])
})
afterAll(async () => {
  await app.end()
  await provider.stop()
})

describe('the desktop app', () => {
  it('starts, owns the home and protects a new vault with the system’s key', async () => {
    const page = await app.main()
    await expectShown(page.getByRole('heading', { level: 1, name: 'Accounts' }))
    const snapshot = await snapshotOf(page)
    expect(snapshot).toMatchObject({
      host: 'desktop',
      surface: 'window',
      home: app.paths.home,
      vault: { state: 'unlocked', protection: 'safe-storage' },
    })
    expect(readEndpoint(app.paths)).toMatchObject({ host: 'desktop', pid: app.pid })
    expect(statSync(app.paths.home).mode & 0o777).toBe(0o700)
    expect(statSync(join(app.paths.home, 'desktop')).mode & 0o777).toBe(0o700)
  })

  it('is who the command line asks, and decides in its window alone', async () => {
    const status = await app.cli(['status', '--json'])
    expect(status.code).toBe(0)
    const refused = await app.cli(['revoke', 'anybody'])
    expect(refused.stderr).toMatch(/decided in its window/u)
    expect(refused.code).toBe(6)
  })

  it(
    'links an account through the system’s browser and our own scheme, and shows it',
    { timeout: 90_000 },
    async () => {
      const page = await app.main()
      const linked = await call(page, 'link', {
        provider: 'generic-oidc',
        params: { issuer: provider.issuer },
        client_id: provider.client_id,
        label: 'ada at work',
        open_browser: true,
      })
      expect(linked).toMatchObject({ ok: true, value: { redirect: 'custom-scheme', state: 'waiting' } })
      const [url = ''] = await until(() => (app.opened().length > 0 ? app.opened() : undefined))
      expect(new URL(url).searchParams.get('redirect_uri')).toBe('app.valetkey:/callback/generic-oidc')
      const redirect = await visit(url, { login: 'ada' })
      expect(redirect).toMatch(/^app\.valetkey:\/callback\/generic-oidc\?code=/u)
      // Somebody else's answer first: no sign-in of ours waits for it.
      expect(await app.second('app.valetkey:/callback/generic-oidc?code=x&state=y')).toBe(0)
      expect(await app.second('--inspect-brk=0', redirect, '--allow-file-access')).toBe(0)
      await expectShown(page.getByText('ada at work').first())
      expect((await snapshotOf(page)).accounts).toMatchObject([{ label: 'ada at work', state: 'connected' }])
    },
  )

  it('gives a paired program a token after two questions, and none before', { timeout: 90_000 }, async () => {
    const pairing = askToPair(app, 'deploy-cli')
    const first = await app.prompt()
    await expectShown(first.getByText('deploy-cli').first())
    await allow(first, /^Pair$/u)
    const paired = await pairing
    expect(paired.code).toBe(0)
    const { client_token } = JSON.parse(paired.stdout) as { readonly client_token: string }
    const other = await fetchToken(app.paths, client_token, { account: 'ada at work', interaction: 'never' })
    expect(other).toMatchObject({ error: 'consent_required' })
    const waiting = fetchToken(app.paths, client_token, { account: 'ada at work', interaction: 'prompt' })
    const second = await app.prompt([first])
    await expectShown(second.getByText('ada at work').first())
    await allow(second, /^Allow/u)
    expect(await waiting).toMatchObject({ token_type: 'Bearer', account: { label: 'ada at work' } })
  })

  it('keeps every token out of its windows', async () => {
    const page = await app.main()
    const { providers, ...snapshot } = await snapshotOf(page)
    const shown = JSON.stringify([snapshot, await call(page, 'activity', {}), await call(page, 'doctor')])
    expect(shown).not.toMatch(/"access_token"|"refresh_token"|"client_token"|"token_hash"/u)
    // Names and addresses alone; one of Salesforce's scopes is called refresh_token.
    expect(JSON.stringify(providers)).not.toMatch(/"access_token"|"client_token"|"token_hash"/u)
    const token = readFileSync(app.paths.cliToken, 'utf8').trim()
    expect(shown).not.toContain(token)
  })

  it('shows no token in any picture of its windows', { timeout: 90_000 }, async () => {
    const page = await app.main()
    const tokens = [...(await provider.issued()), readFileSync(app.paths.cliToken, 'utf8').trim()]
    expect(tokens.length).toBeGreaterThan(2)
    const [account] = (await snapshotOf(page)).accounts
    const pairing = askToPair(app, 'once more')
    const prompt = await app.prompt()
    await expectShown(prompt.getByText('once more').first())
    const screens = ['accounts', `accounts/${account?.id ?? ''}`, 'link', 'apps', 'approvals', 'activity', 'settings']
    const texts = [await readPicture(prompt, app.place.folder)]
    for (const screen of screens) {
      await goIn(page)(screen)
      texts.push(await readPicture(page, app.place.folder))
    }
    expect(texts.map((text) => tokenInPicture(text, tokens))).toEqual(texts.map(() => undefined))
    // The reader reads: names are found, and so would a token be.
    expect(texts[0]).toMatch(/once more/u)
    expect(texts[1]).toMatch(/ada at work/u)
    for (const token of tokens.filter((one) => one.length < 100)) {
      await page.evaluate((text) => {
        const line = Object.assign(document.createElement('code'), { id: 'planted', textContent: text })
        document.querySelector('h1')?.replaceChildren(line)
      }, token)
      expect(tokenInPicture(await readPicture(page, app.place.folder), [token])).toBe(token)
    }
    await page.reload()
    await pressEscape(prompt)
    expect((await pairing).code).toBe(6)
  })

  it('comes up when it is started again, and only then', async () => {
    const visible = (): Promise<number> =>
      app.app.evaluate(
        ({ BrowserWindow }) => BrowserWindow.getAllWindows().filter((window) => window.isVisible()).length,
      )
    await app.app.evaluate(({ BrowserWindow }) => {
      for (const window of BrowserWindow.getAllWindows()) window.close()
    })
    await until(async () => ((await visible()) === 0 ? true : undefined))
    // Behind its tray icon it still answers.
    expect((await app.cli(['status', '--json'])).code).toBe(0)
    expect(await app.second('--hidden')).toBe(0)
    expect(await app.second('app.valetkey:/callback/generic-oidc?code=x&state=y')).toBe(0)
    expect(await app.second('app.valetkey://evil', '--hidden')).toBe(0)
    expect(await visible()).toBe(0)
    expect(await app.second()).toBe(0)
    await until(async () => ((await visible()) === 1 ? true : undefined))
  })

  it('quits in order, and leaves the home to the next', async () => {
    expect(await app.quit()).toBe(0)
    expect(readEndpoint(app.paths)).toBeUndefined()
    const again = await startApp({ place: app.place })
    try {
      const snapshot = await snapshotOf(await again.main())
      expect(snapshot.vault.state).toBe('unlocked')
      expect(snapshot.accounts).toMatchObject([{ label: 'ada at work' }])
    } finally {
      await again.end()
    }
  })
})
