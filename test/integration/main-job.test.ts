/**
 * The main job with every part real: daemon and command line as processes, a certified provider, a browser, sockets. What
 * a person and three tools meet on an ordinary day, and what happens when something is in the way.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connect } from '../../clients/js/index.ts'
import { signIn, startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import {
  collect,
  firstLine,
  newHome,
  removeHome,
  startCli,
  startDaemon,
  until,
  type RunningDaemon,
} from '../setup/daemon.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'
import { chromiumArguments, findChromium } from '../setup/system-packages.ts'

describe('an ordinary day', () => {
  let provider: IdentityProvider
  let other: IdentityProvider
  let daemon: RunningDaemon
  let script: string

  beforeAll(async () => {
    provider = await startIdentityProvider({ access_ttl: 3600 })
    other = await startIdentityProvider({ access_ttl: 3600 })
    daemon = await startDaemon({ args: ['--insecure-key-file', '--http'] })
  })

  afterAll(async () => {
    await daemon.stop()
    await provider.stop()
    await other.stop()
  })

  it('links through a real browser', async () => {
    const browser = await chromium.launch({ executablePath: findChromium() ?? '', args: chromiumArguments() })
    try {
      const args = [
        'link',
        'generic-oidc',
        '--param',
        `issuer=${provider.issuer}`,
        '--client-id',
        provider.client_id,
        '--no-browser',
      ]
      const linking = startCli(daemon.paths.home, args)
      const result = collect(linking)
      const url = await firstLine(linking)
      const page = await browser.newPage()
      await page.goto(url)
      await signIn(page, { login: 'ada' })
      expect(await page.locator('body').innerText()).toContain('Signed in')
      expect(page.url()).not.toContain('code=')
      expect((await result).code).toBe(0)
    } finally {
      await browser.close()
    }
  })

  it('the command line may read what was linked in its terminal, and the token works', async () => {
    const { code, stdout } = await daemon.cli(['token', 'ada', '--header'])
    expect(code).toBe(0)
    const answer = await fetch(`${provider.issuer}/me`, {
      headers: { authorization: stdout.trim().replace(/^Authorization: /u, '') },
    })
    expect(await answer.json()).toMatchObject({ sub: 'ada' })
  })

  it('a paired script asks, waits for the person, and reads the API on both transports', async () => {
    script = await pairProgram(daemon, 'report')
    for (const place of [
      { home: daemon.paths.home },
      { url: daemon.endpoint.url ?? '', publicKey: daemon.endpoint.public_key },
    ]) {
      const client = connect({ ...place, clientToken: script })
      const asked: Promise<void>[] = []
      const onPending = ({ requestId, code }: { requestId: string; code: string }): void => {
        asked.push(approve(daemon, requestId, code))
      }
      const { access_token } = await client.getToken({ account: 'ada' }, { onPending })
      await Promise.all(asked)
      expect(await provider.isActive(access_token)).toBe(true)
      const me = await client.fetch('ada', `${provider.issuer}/me`)
      expect(await me.json()).toMatchObject({ sub: 'ada' })
      client.close()
    }
  })

  it('H15: fifty callers at one grant are one upstream refresh and fifty equal answers', async () => {
    const before = (await provider.events()).token_requests
    await provider.set({ delay: 200 })
    const answers = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = connect({ home: daemon.paths.home, clientToken: script })
        const answer = await client.getToken({ account: 'ada', force_refresh: true, interaction: 'never' })
        client.close()
        return answer
      }),
    )
    await provider.set({ delay: 0 })
    expect((await provider.events()).token_requests - before).toBe(1)
    expect(new Set(answers.map(({ access_token }) => access_token)).size).toBe(1)
    expect(new Set(answers.map(({ token_id }) => token_id)).size).toBe(1)
  })

  it("a provider that hangs delays nobody else's token", async () => {
    await linkAccount(daemon, other, { login: 'bea' })
    await other.set({ token_endpoint: 'hang-before' })
    let over = false
    const hanging = daemon.cli(['token', 'bea', '--force-refresh', '--timeout', '20']).then((result) => {
      over = true
      return result
    })
    await until(async () => ((await other.events()).token_requests > 1 ? true : undefined))
    for (let round = 0; round < 20; round++) expect((await daemon.cli(['token', 'ada'])).code).toBe(0)
    expect(over).toBe(false)
    await other.set({ token_endpoint: 'normal' })
    // Whatever became of the request that hung, the account is not lost with it.
    await hanging
    expect((await daemon.cli(['accounts', '--all', '--json'])).stdout).toContain('bea')
  })

  it('S6: a second daemon in the same home says where the first is, and changes nothing', async () => {
    const second = await collect(startCli(daemon.paths.home, ['daemon', '--insecure-key-file']))
    expect(second.code).not.toBe(0)
    expect(second.stderr).toContain('already running')
    expect((await daemon.cli(['token', 'ada'])).code).toBe(0)
  })

  it('a 401 reported with invalidate brings a new token, once', async () => {
    const client = connect({ home: daemon.paths.home, clientToken: script })
    const first = await client.getToken({ account: 'ada', interaction: 'never' })
    const before = (await provider.events()).token_requests
    const second = await client.invalidate({ account: 'ada', token_id: first.token_id })
    const third = await client.invalidate({ account: 'ada', token_id: first.token_id })
    client.close()
    expect(second.access_token).not.toBe(first.access_token)
    expect(third.access_token).toBe(second.access_token)
    expect((await provider.events()).token_requests - before).toBe(1)
  })

  it('a revoked program is out at once', async () => {
    expect((await daemon.cli(['revoke', 'report'])).code).toBe(0)
    const client = connect({ home: daemon.paths.home, clientToken: script })
    const refused: unknown = await client
      .getToken({ account: 'ada', interaction: 'never' })
      .catch((error: unknown) => error)
    client.close()
    expect(refused).toMatchObject({ code: 'invalid_client' })
  })

  it('unlink revokes at the provider and forgets here', async () => {
    const { stdout: last } = await daemon.cli(['token', 'ada'])
    const { code, stderr, stdout } = await daemon.cli(['unlink', 'ada'])
    expect({ code, said: `${stderr}${stdout}` }).toMatchObject({
      code: 0,
      said: expect.stringContaining('revoked') as string,
    })
    expect(await provider.isActive(last.trim())).toBe(false)
    expect((await daemon.cli(['token', 'ada'])).code).toBe(8)
  })
})

describe('a vault with a passphrase', () => {
  it('starts locked, refuses with what to do, survives wrong guesses, and opens', async () => {
    const provider = await startIdentityProvider({ access_ttl: 3600 })
    const home = newHome()
    const first = await startDaemon({ home, args: ['--passphrase'], input: 'correct horse battery staple\n' })
    await linkAccount(first, provider, { login: 'ada' })
    const { stdout: token } = await first.cli(['token', 'ada'])
    await first.stop()

    const daemon = await startDaemon({ home, args: [] })
    try {
      const refused = await daemon.cli(['token', 'ada', '--json'])
      expect(refused.code).toBe(4)
      expect(JSON.parse(refused.stderr)).toMatchObject({ error: 'locked', resolve: { command: 'valetkey unlock' } })
      const before = createHash('sha256').update(readFileSync(daemon.paths.vault)).digest('hex')
      for (let guess = 0; guess < 3; guess++) expect((await daemon.cli(['unlock'], { input: 'wrong\n' })).code).toBe(6)
      expect(createHash('sha256').update(readFileSync(daemon.paths.vault)).digest('hex')).toBe(before)
      expect((await daemon.cli(['unlock'], { input: 'correct horse battery staple\n' })).code).toBe(0)
      // The access token was kept sealed: a restart costs the provider nothing.
      expect((await daemon.cli(['token', 'ada'])).stdout).toBe(token)
      expect((await daemon.cli(['lock'])).code).toBe(0)
      expect((await daemon.cli(['token', 'ada'])).code).toBe(4)
      const texts = readdirSync(home, { recursive: true, encoding: 'utf8' })
        .map((name) => join(home, name))
        .filter((file) => statSync(file).isFile())
        .map((file) => readFileSync(file, 'latin1'))
      for (const secret of [token.trim(), 'correct horse'])
        expect([...texts, first.output(), daemon.output()].some((text) => text.includes(secret))).toBe(false)
    } finally {
      await daemon.stop()
      await provider.stop()
      removeHome(home)
    }
  })
})
