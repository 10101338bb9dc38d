/**
 * What is claimed of the emulated Deskpro and TextMaster, the two that verify PKCE and rotate refresh tokens. The rule is that
 * of services.test.ts.
 */
import { createHash, randomBytes } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import type { Params } from '../../fakes/services/common.ts'
import { type Deskpro, startDeskpro } from '../../fakes/services/deskpro.ts'
import { OOB, startTextmaster, type Textmaster } from '../../fakes/services/textmaster.ts'
import { basicOf, codeOf, form, get, json, type Seen, seen, start, stopAll } from './plain-requests.ts'

afterEach(stopAll)

describe('Deskpro', () => {
  const redirect_uri = 'http://127.0.0.1:53682/callback/deskpro'
  const verifier = randomBytes(32).toString('base64url')
  const pkce = {
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }
  const authorization = ({ origin, client }: Deskpro, params: Params = {}): string => {
    const query = { response_type: 'code', client_id: client.client_id, redirect_uri, state: 's', ...params }
    return `${origin}/oauth/authorize?${new URLSearchParams(query).toString()}`
  }
  const exchange = ({ origin, client }: Deskpro, params: Params): Promise<Seen> =>
    form(`${origin}/oauth/token`, { grant_type: 'authorization_code', redirect_uri, ...client, ...params })
  const refresh = ({ origin, client }: Deskpro, refresh_token: unknown): Promise<Seen> =>
    form(`${origin}/oauth/token`, { grant_type: 'refresh_token', refresh_token: String(refresh_token), ...client })

  it('gives out League tokens with and without PKCE, once for a code', async () => {
    const service = await start(startDeskpro())
    const code = codeOf(await service.approve(authorization(service)))
    expect((await exchange(service, { code })).body).toMatchObject({ token_type: 'Bearer', expires_in: 3600 })
    const again = await exchange(service, { code })
    expect(again.status).toBe(400)
    expect(again.body).toMatchObject({ error: 'invalid_request', hint: 'Authorization code has been revoked' })
    const { client_id } = service.public_client
    const bound = codeOf(await service.approve(authorization(service, { client_id, ...pkce })))
    const params = { grant_type: 'authorization_code', redirect_uri, client_id, code: bound }
    const token = `${service.origin}/oauth/token`
    expect((await form(token, params)).body['hint']).toBe('Check the `code_verifier` parameter')
    const wrong = await form(token, { ...params, code_verifier: 'x'.repeat(43) })
    expect(wrong.body).toMatchObject({ error: 'invalid_grant', hint: 'Failed to verify `code_verifier`.' })
    expect((await form(token, { ...params, code_verifier: verifier })).status).toBe(200)
  })

  it('denies by redirect, and shows a page where no redirect can be trusted', async () => {
    const service = await start(startDeskpro({ any_loopback_port: false }))
    const denied = new URL(await service.deny(authorization(service)))
    expect(Object.fromEntries(denied.searchParams)).toMatchObject({
      error: 'access_denied',
      hint: 'The user denied the request',
      message: 'The resource owner or authorization server denied the request.',
      state: 's',
    })
    const elsewhere = { redirect_uri: 'http://127.0.0.1:1/callback/deskpro' }
    expect(await service.approve(authorization(service, elsewhere))).toMatch(/^\/oauth\/error\?error=invalid_client/u)
    service.settings.any_loopback_port = true
    expect(await service.approve(authorization(service, elsewhere))).toContain(
      'http://127.0.0.1:1/callback/deskpro?code=',
    )
    const { client_id } = service.public_client
    expect(await service.approve(authorization(service, { client_id }))).toMatch(/^\/oauth\/error/u)
  })

  it('challenges a wrong secret only if the client used the header', async () => {
    const service = await start(startDeskpro())
    const body = await exchange(service, { code: 'x', client_secret: 'wrong' })
    expect([body.status, body.body['error'], body.headers.get('www-authenticate')]).toEqual([
      401,
      'invalid_client',
      null,
    ])
    const wrong = basicOf({ ...service.client, client_secret: 'wrong' })
    const header = await form(
      `${service.origin}/oauth/token`,
      { grant_type: 'refresh_token' },
      { authorization: wrong },
    )
    expect(header.headers.get('www-authenticate')).toBe('Basic realm="OAuth"')
  })

  it('rotates refresh tokens, and ends codes and grants', async () => {
    const service = await start(startDeskpro())
    const code = codeOf(await service.approve(authorization(service)))
    const first = (await exchange(service, { code })).body
    const second = (await refresh(service, first['refresh_token'])).body
    expect(second['refresh_token']).not.toBe(first['refresh_token'])
    const dead = await refresh(service, first['refresh_token'])
    expect([dead.status, dead.body['error']]).toEqual([401, 'invalid_request'])
    service.settings.league = 9
    expect((await refresh(service, first['refresh_token'])).body['error']).toBe('invalid_grant')
    service.settings.rotate = false
    expect((await refresh(service, second['refresh_token'])).status).toBe(200)
    expect((await refresh(service, second['refresh_token'])).status).toBe(200)
    service.revokeAll()
    expect((await refresh(service, second['refresh_token'])).body['hint']).toBe('Token has been revoked')
    const late = codeOf(await service.approve(authorization(service)))
    service.advance(601)
    expect((await exchange(service, { code: late })).body['hint']).toBe('Authorization code has expired')
  })

  it('exchanges a password for an API token, nested or flat', async () => {
    const service = await start(startDeskpro())
    const url = `${service.origin}/api/v2/api_tokens`
    const nested = await json(url, service.person)
    expect([nested.status, nested.body]).toEqual([
      201,
      { data: { person_id: 5, token: expect.stringMatching(/^857103:/u) as unknown }, meta: {}, linked: {} },
    ])
    service.settings.api_tokens = 'flat'
    const flat = await json(url, service.person)
    expect([flat.status, flat.body['person_id']]).toEqual([200, 5])
    const wrong = await json(url, { ...service.person, password: 'wrong' })
    expect([wrong.status, wrong.body['code']]).toEqual([401, 'bad_credentials'])
    expect(wrong.headers.get('www-authenticate')).toBe('session,token,key realm="DeskPRO API"')
    const missing = await json(url, { email: 'x' })
    expect([missing.status, missing.body['code']]).toEqual([400, 'invalid_input'])
    expect((await form(url, { ...service.person })).status).toBe(400)
    const me = `${service.origin}/api/v2/me`
    expect((await get(me, `token ${String(flat.body['token'])}`)).status).toBe(200)
    expect((await get(me, `Bearer ${String(flat.body['token'])}`)).status).toBe(401)
    expect((await get(me, `key ${service.api_key}`)).status).toBe(200)
  })

  it('takes OAuth tokens with the scheme that is set, and fails as it is told', async () => {
    const service = await start(startDeskpro())
    const code = codeOf(await service.approve(authorization(service)))
    const token = String((await exchange(service, { code })).body['access_token'])
    const me = `${service.origin}/api/v2/me`
    const statuses = async (): Promise<readonly number[]> => [
      (await get(me, `token ${token}`)).status,
      (await get(me, `Bearer ${token}`)).status,
    ]
    expect(await statuses()).toEqual([200, 401])
    service.settings.oauth_scheme = 'Bearer'
    expect(await statuses()).toEqual([401, 200])
    service.settings.oauth_scheme = 'either'
    const failing = { forbidden: 403, rate_limited: 429, offline: 423 } as const
    for (const [api, status] of Object.entries(failing)) {
      service.settings.api = api as keyof typeof failing
      expect(await statuses(), api).toEqual([status, status])
    }
    service.settings.api = 'normal'
    service.advance(3600)
    expect(await statuses()).toEqual([401, 401])
  })
})

describe('TextMaster', () => {
  const redirect_uri = 'http://127.0.0.1:53682/callback/textmaster'
  const authorization = ({ origin, client }: Textmaster, params: Params = {}): string => {
    const scope = 'user:read user:email'
    const query = { response_type: 'code', client_id: client.client_id, redirect_uri, scope, state: 's', ...params }
    return `${origin}/oauth/authorize?${new URLSearchParams(query).toString()}`
  }
  const exchange = ({ origin, client }: Textmaster, params: Params): Promise<Seen> =>
    form(`${origin}/oauth/token`, { grant_type: 'authorization_code', redirect_uri, ...client, ...params })
  const refresh = ({ origin, client }: Textmaster, refresh_token: unknown): Promise<Seen> =>
    form(`${origin}/oauth/token`, { grant_type: 'refresh_token', refresh_token: String(refresh_token), ...client })
  const signIn = async (service: Textmaster): Promise<Seen['body']> =>
    (await exchange(service, { code: codeOf(await service.approve(authorization(service))) })).body
  const me = ({ origin }: Textmaster, token: unknown): Promise<Seen> =>
    get(`${origin}/v1/clients/users/me`, `Bearer ${String(token)}`)

  it('answers as documented, and denies with a description', async () => {
    const service = await start(
      startTextmaster({ now: () => 1_605_191_853_000, issuer: 'https://app.textmaster.test' }),
    )
    const location = new URL(await service.approve(authorization(service)))
    expect(location.searchParams.get('code')).toMatch(/^[0-9a-f]{64}$/u)
    expect([location.searchParams.get('state'), location.searchParams.get('iss')]).toEqual([
      's',
      'https://app.textmaster.test',
    ])
    const { body } = await exchange(service, { code: codeOf(location.href) })
    expect(body).toMatchObject({
      token_type: 'Bearer',
      expires_in: 28_800,
      scope: 'user:read user:email',
      created_at: 1_605_191_853,
    })
    const denied = new URL(await service.deny(authorization(service)))
    expect(denied.searchParams.get('error')).toBe('access_denied')
    expect(denied.searchParams.get('state')).toBe('s')
    const unknown = new URL(await service.approve(authorization(service, { scope: 'everything' })))
    expect(unknown.searchParams.get('error')).toBe('invalid_scope')
    expect((await get(authorization(service, { redirect_uri: 'https://other.test/' }))).status).toBe(400)
  })

  it('puts a challenge on every refusal', async () => {
    const service = await start(startTextmaster())
    const code = codeOf(await service.approve(authorization(service)))
    const cases: readonly (readonly [Params, number, string])[] = [
      [{ code, client_secret: 'wrong' }, 401, 'invalid_client'],
      [{ code, redirect_uri: 'https://other.test/' }, 400, 'invalid_grant'],
      [{ code: 'unknown' }, 400, 'invalid_grant'],
      [{ grant_type: 'magic' }, 400, 'unsupported_grant_type'],
    ]
    for (const [params, status, error] of cases) {
      const answer = await exchange(service, params)
      expect([answer.status, answer.body['error']]).toEqual([status, error])
      expect(answer.headers.get('www-authenticate')).toContain(`Bearer realm="Doorkeeper", error="${error}"`)
    }
    const { client, origin } = service
    const missing = await form(`${origin}/oauth/token`, { grant_type: 'authorization_code', code, ...client })
    expect(missing.body['error_description']).toBe('Missing required parameter: redirect_uri.')
    service.advance(601)
    expect((await exchange(service, { code })).body['error']).toBe('invalid_grant')
  })

  it('checks PKCE where its columns exist', async () => {
    const service = await start(startTextmaster())
    const code_challenge = createHash('sha256').update('v'.repeat(43)).digest('base64url')
    const url = authorization(service, { code_challenge, code_challenge_method: 'S256' })
    const code = codeOf(await service.approve(url))
    expect((await exchange(service, { code, code_verifier: 'w'.repeat(43) })).body['error']).toBe('invalid_grant')
    expect((await exchange(service, { code, code_verifier: 'v'.repeat(43) })).status).toBe(200)
    service.settings.pkce = 'ignored'
    expect((await exchange(service, { code: codeOf(await service.approve(url)) })).status).toBe(200)
  })

  it('ends what a reused code had brought, in newer versions', async () => {
    const service = await start(startTextmaster())
    const code = codeOf(await service.approve(authorization(service)))
    const { body } = await exchange(service, { code })
    expect((await exchange(service, { code })).body['error']).toBe('invalid_grant')
    expect((await me(service, body['access_token'])).status).toBe(401)
    expect((await refresh(service, body['refresh_token'])).body['error']).toBe('invalid_grant')
    service.settings.code_reuse = 'refuses'
    const other = codeOf(await service.approve(authorization(service)))
    const kept = (await exchange(service, { code: other })).body
    await exchange(service, { code: other })
    expect((await me(service, kept['access_token'])).status).toBe(200)
  })

  it('rotates strictly, or when the new token is first used', async () => {
    const service = await start(startTextmaster())
    const first = await signIn(service)
    const [one, two] = await Promise.all([1, 2].map(() => refresh(service, first['refresh_token'])))
    expect(new Set([one?.status, two?.status])).toEqual(new Set([200, 400]))
    expect((await me(service, first['access_token'])).status).toBe(401)
    service.settings.rotation = 'revoked_on_use'
    const grant = await signIn(service)
    service.loseNext('/oauth/token')
    await expect(refresh(service, grant['refresh_token'])).rejects.toThrow('fetch failed')
    const second = await refresh(service, grant['refresh_token'])
    expect(second.status).toBe(200)
    expect((await me(service, second.body['access_token'])).status).toBe(200)
    expect((await refresh(service, grant['refresh_token'])).body['error']).toBe('invalid_grant')
  })

  it('loses the grant when an answer is lost under strict rotation', async () => {
    const service = await start(startTextmaster())
    const grant = await signIn(service)
    service.loseNext('/oauth/token')
    await expect(refresh(service, grant['refresh_token'])).rejects.toThrow('fetch failed')
    expect((await refresh(service, grant['refresh_token'])).body['error']).toBe('invalid_grant')
  })

  it('shows the code, or that it was denied, on a page', async () => {
    const service = await start(startTextmaster())
    const code = await service.approve(authorization(service, { redirect_uri: OOB }))
    expect(code).toMatch(/^[0-9a-f]{64}$/u)
    expect((await exchange(service, { code, redirect_uri: OOB })).status).toBe(200)
    expect(await service.deny(authorization(service, { redirect_uri: OOB }))).toContain('server denied the request')
  })

  it('grants less, reads every encoding, and may give tokens no end', async () => {
    const service = await start(startTextmaster({ granted_scope: 'public', expires: false }))
    const { origin, client } = service
    expect(await signIn(service)).toMatchObject({ scope: 'public' })
    expect(await signIn(service)).not.toHaveProperty('expires_in')
    const url = `${origin}/oauth/token`
    const params = async (): Promise<Params> => ({
      grant_type: 'authorization_code',
      code: codeOf(await service.approve(authorization(service))),
      redirect_uri,
      ...client,
    })
    const multipart = new FormData()
    for (const [name, value] of Object.entries(await params())) multipart.set(name, value)
    expect((await seen(url, { method: 'POST', body: multipart })).status).toBe(200)
    expect(service.requests.at(-1)?.encoding).toBe('multipart')
    expect((await json(url, await params())).status).toBe(200)
    const query = new URLSearchParams(await params()).toString()
    expect((await seen(`${url}?${query}`, { method: 'POST' })).status).toBe(200)
    service.settings.enforce_content_type = true
    expect((await json(url, await params())).status).toBe(415)
  })

  it('answers 401 and 403 with the same body', async () => {
    const service = await start(startTextmaster())
    const grant = await signIn(service)
    expect((await me(service, grant['access_token'])).body['email']).toBe(service.person.email)
    service.settings.api = 'forbidden'
    const forbidden = await me(service, grant['access_token'])
    service.advance(28_800)
    const expired = await me(service, grant['access_token'])
    expect([forbidden.status, expired.status]).toEqual([403, 401])
    expect(forbidden.body).toEqual(expired.body)
    expect((await refresh(service, grant['refresh_token'])).status).toBe(200)
    service.revokeAll()
    expect((await refresh(service, grant['refresh_token'])).body['error']).toBe('invalid_grant')
  })
})
