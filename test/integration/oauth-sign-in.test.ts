/**
 * Sign-ins at a real OpenID provider (oidc-provider), one of them through a real browser. What is tested is what a person
 * would see and what ends up in hand; the bad answers are in test/adversarial.
 */
import { chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Secret } from '../../main/broker/secret.ts'
import { signIn, startIdentityProvider, visit, type IdentityProvider } from '../fakes/identity-provider.ts'
import { everythingVisible, realServers, signedIn } from '../fakes/real-servers.ts'
import { startTokenServer } from '../fakes/token-server.ts'

let provider: IdentityProvider
const servers = realServers()

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 60 })
})
afterAll(async () => {
  await provider.stop()
})

describe('with a real browser', () => {
  it('a person signs in, consents, reads that it worked, and we hold tokens that work', async () => {
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
      ],
    })
    try {
      const running = await servers.begin(provider.issuer)
      const page = await browser.newPage()
      const problems: string[] = []
      page.on('console', (message) => {
        if (message.text().includes('Content Security Policy')) problems.push(message.text())
      })
      page.on('pageerror', (error) => {
        problems.push(error.message)
      })
      await page.goto(running.authorization_url)
      await signIn(page, { login: 'alice' })
      await page.getByRole('heading', { name: 'Signed in' }).waitFor()
      expect(await page.locator('main').innerText()).toContain(
        'OpenID Connect has signed you in. You can close this window.',
      )
      // The code does not stay in the address bar.
      expect(new URL(page.url()).search).toBe('')
      expect(await page.locator('main').evaluate((main) => getComputedStyle(main).maxWidth)).toBe('480px')
      expect(problems).toEqual([])

      const { material, identity, scope, provider_name } = signedIn(await running.done)
      expect(identity).toEqual({ issuer: provider.issuer, subject: 'alice', label: 'alice' })
      expect([scope, provider_name]).toEqual(['openid profile email offline_access', 'OpenID Connect'])
      expect(material.connection).toMatchObject({
        provider: 'generic-oidc',
        issuer: provider.issuer,
        token_endpoint: `${provider.issuer}/token`,
        revocation_endpoint: `${provider.issuer}/token/revocation`,
        client_id: 'valetkey',
        token_endpoint_auth_method: 'none',
        insecure_loopback: true,
        params: { issuer: provider.issuer },
        requested_scope: 'openid profile email offline_access',
      })
      expect((material.access?.expires_at ?? 0) - (material.access?.obtained_at ?? 0)).toBe(60)
      expect(await provider.isActive(material.refresh_token?.reveal() ?? '')).toBe(true)
      const me = await fetch(`${provider.issuer}/me`, {
        headers: { authorization: `Bearer ${material.access?.value.reveal() ?? ''}` },
      })
      expect(await me.json()).toMatchObject({ sub: 'alice', email: 'alice@example.test' })
    } finally {
      await browser.close()
    }
  })
})

describe('the authorization request', () => {
  it('carries PKCE S256, and a state and nonce of 256 bits that are never the same twice', async () => {
    const one = await servers.begin(provider.issuer)
    const two = await servers.begin(provider.issuer)
    const [a, b] = [one, two].map((running) => new URL(running.authorization_url).searchParams)
    expect(Object.fromEntries(a ?? [])).toMatchObject({
      response_type: 'code',
      client_id: 'valetkey',
      code_challenge_method: 'S256',
      prompt: 'consent',
      scope: 'openid profile email offline_access',
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback\/generic-oidc$/u) as string,
    })
    for (const name of ['state', 'nonce', 'code_challenge']) {
      expect(a?.get(name)).toMatch(/^[\w-]{43}$/u)
      expect(a?.get(name)).not.toBe(b?.get(name))
    }
    one.cancel()
    two.cancel()
  })
})

describe('without a browser on this machine', () => {
  it('the pasted redirect URL signs in, and no port was open for it', async () => {
    const running = await servers.begin(provider.issuer, { redirect: 'paste' })
    const answer = await visit(running.authorization_url, { login: 'bob' })
    await expect(fetch(answer)).rejects.toThrow('fetch failed')
    await running.submit(`\n${answer} `)
    expect(signedIn(await running.done).identity.subject).toBe('bob')
  })

  it('a wrong paste says what to do, and the sign-in goes on', async () => {
    const running = await servers.begin(provider.issuer, { redirect: 'paste' })
    await expect(running.submit('https://example.com/')).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining('Paste the whole address') as string,
    })
    await running.submit(await visit(running.authorization_url, { login: 'bob' }))
    expect((await running.done).kind).toBe('signed-in')
  })

  it('a pasted URL also helps when the listener was out of reach', async () => {
    const running = await servers.begin(provider.issuer)
    const answer = await visit(running.authorization_url, { login: 'bob' })
    await running.submit(answer)
    expect((await running.done).kind).toBe('signed-in')
    await expect(fetch(answer)).rejects.toThrow('fetch failed')
  })
})

describe('endings', () => {
  it('the person declines', async () => {
    const running = await servers.begin(provider.issuer)
    await fetch(await visit(running.authorization_url, { login: 'carol', deny: true }))
    expect(await running.done).toMatchObject({ kind: 'refused', error: { code: 'access_denied' } })
  })

  it('a stolen code is worth nothing without our verifier (PKCE)', async () => {
    const running = await servers.begin(provider.issuer)
    const answer = new URL(await visit(running.authorization_url, { login: 'carol' }))
    const stolen = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: 'valetkey',
      code: answer.searchParams.get('code') ?? '',
      redirect_uri: `${answer.origin}${answer.pathname}`,
      code_verifier: 'x'.repeat(43),
    })
    const theft = await fetch(`${provider.issuer}/token`, { method: 'POST', body: stolen })
    expect(theft.status).toBe(400)
    await fetch(answer)
    const outcome = await running.done
    expect(everythingVisible(outcome)).not.toContain(answer.searchParams.get('code'))
    expect(outcome.kind).toBe('signed-in')
  })

  it('a code of another sign-in is not redeemed with our verifier (PKCE)', async () => {
    const [mine, theirs] = [await servers.begin(provider.issuer), await servers.begin(provider.issuer)]
    const answer = new URL(await visit(mine.authorization_url, { login: 'carol' }))
    const injected = new URL(await visit(theirs.authorization_url, { login: 'mallory' }))
    answer.searchParams.set('code', injected.searchParams.get('code') ?? '')
    await fetch(answer)
    expect(await mine.done).toMatchObject({ kind: 'refused', error: { code: 'provider_error' } })
    theirs.cancel()
  })

  it('a confidential client authenticates with its secret, which is never shown', async () => {
    const { client_id, client_secret } = provider.confidential
    const running = await servers.begin(provider.issuer, { client_id, client_secret: new Secret(client_secret) })
    await fetch(await visit(running.authorization_url, { login: 'dave' }))
    const outcome = signedIn(await running.done)
    expect(outcome.material.connection.token_endpoint_auth_method).toBe('client_secret_basic')
    expect(everythingVisible(outcome)).not.toContain(client_secret)
    const refreshed = await servers.refresh(
      outcome.material.connection,
      outcome.material.refresh_token ?? new Secret(''),
      {},
    )
    expect(refreshed.kind).toBe('refreshed')
  })

  it('a wrong client secret is our configuration, not the person', async () => {
    const running = await servers.begin(provider.issuer, {
      client_id: provider.confidential.client_id,
      client_secret: new Secret('wrong-secret'),
    })
    await fetch(await visit(running.authorization_url, { login: 'dave' }))
    const outcome = await running.done
    expect(outcome).toMatchObject({
      kind: 'refused',
      error: { code: 'provider_error', message: expect.stringContaining('invalid_client') as string },
    })
    expect(everythingVisible(outcome)).not.toContain('wrong-secret')
  })
})

describe('before anything is opened', () => {
  it.each<readonly [string, Parameters<typeof servers.begin>[1], string, RegExp]>([
    ['an unknown provider', { provider: 'nowhere' }, 'not_found', /no provider "nowhere"/u],
    ['no client id', { client_id: '' }, 'invalid_request', /client id/u],
    ['no issuer', { params: {} }, 'invalid_request', /needs issuer/u],
    [
      'an unknown parameter',
      { params: { issuer: 'https://idp.example', tenant: 'x' } },
      'invalid_request',
      /no parameter "tenant"/u,
    ],
    [
      'an API over plain http',
      { params: { issuer: 'ISSUER', api_base: 'http://api.example.com/' } },
      'invalid_request',
      /API base URL/u,
    ],
  ])('%s: %s', async (_, plan, code, sentence) => {
    const params =
      plan?.params &&
      Object.fromEntries(
        Object.entries(plan.params).map(([name, value]) => [name, value === 'ISSUER' ? provider.issuer : value]),
      )
    await expect(servers.begin(provider.issuer, { ...plan, ...(params && { params }) })).rejects.toMatchObject({
      code,
      message: expect.stringMatching(sentence) as string,
    })
  })

  it('an issuer that is down is temporarily unavailable', async () => {
    const gone = await startTokenServer()
    await gone.stop()
    await expect(servers.begin(gone.issuer)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })

  it('a server without metadata is the wrong issuer', async () => {
    await expect(servers.begin(provider.control)).rejects.toMatchObject({ code: 'provider_error' })
  })
})

describe('what the person is offered', () => {
  it('lists the providers with what they need', async () => {
    const generic = (await servers.providers()).find(({ id }) => id === 'generic-oidc')
    expect(generic).toMatchObject({
      name: 'OpenID Connect',
      scopes: ['openid', 'profile', 'email', 'offline_access'],
      variables: [
        { name: 'issuer', required: true, secret: false },
        { name: 'api_base', required: false, secret: false },
      ],
    })
  })
})
