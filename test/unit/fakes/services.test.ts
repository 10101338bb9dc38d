/**
 * What is claimed of the emulated services PPMessage, blsct and Biggerplate, and of what all have in common. The rule: each is
 * driven by plain requests, and no test waits for time to pass.
 */
import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { type Biggerplate, startBiggerplate } from '../../fakes/services/biggerplate.ts'
import { type Blsct, startBlsct } from '../../fakes/services/blsct.ts'
import type { Params } from '../../fakes/services/common.ts'
import { startPpmessage } from '../../fakes/services/ppmessage.ts'
import { basicOf, codeOf, form, get, json, type Seen, start, stopAll } from './plain-requests.ts'

afterEach(stopAll)

const PAGE = /^<html><title>\d{3}: /u

describe('PPMessage', () => {
  const redirect_uri = 'http://localhost:1234/auth_callback'
  const authorizeUrl = (origin: string, params: Params): string =>
    `${origin}/ppauth/auth?${new URLSearchParams({ response_type: 'code', ...params }).toString()}`

  it('redirects for good, unencoded, and says None for a state that is missing', async () => {
    const service = await start(startPpmessage())
    const { origin, client } = service
    const { client_id } = client
    const plain = await service.approve(authorizeUrl(origin, { client_id, redirect_uri, state: 'abc' }))
    expect(plain).toMatch(/^http:\/\/localhost:1234\/auth_callback\?code=[A-Za-z0-9+/]+==&state=abc$/u)
    expect(await service.approve(authorizeUrl(origin, { client_id, redirect_uri }))).toMatch(/&state=None$/u)
    const odd = await service.approve(authorizeUrl(origin, { client_id, redirect_uri, state: 'a b&c%d#é' }))
    expect(odd).toMatch(/==&state=a b&c%d#é$/u)
    const query = await service.approve(
      authorizeUrl(origin, { client_id, redirect_uri: `${redirect_uri}?tenant=1`, state: 'x' }),
    )
    expect(query).toContain('?tenant=1?code=')
  })

  it('answers pages with statuses of its own before and after the form', async () => {
    const service = await start(startPpmessage())
    const { origin, client } = service
    const { client_id } = client
    const statusOf = async (params: Params): Promise<number> => (await get(authorizeUrl(origin, params))).status
    expect(await statusOf({ client_id, response_type: 'token' })).toBe(501)
    expect(await statusOf({})).toBe(400)
    expect(await statusOf({ client_id: 'nobody' })).toBe(404)
    expect(await service.deny(authorizeUrl(origin, { client_id, redirect_uri, state: 'x' }))).toBe(500)
    const literal = await get(authorizeUrl(origin, { client_id, redirect_id: redirect_uri, state: 'x' }))
    expect(literal.body).toEqual({ state: 'x', code: expect.stringMatching(/==$/u) as unknown })
  })

  it('brings the same token for the same code, with a misspelt lifetime', async () => {
    const service = await start(startPpmessage())
    const { origin, client, settings } = service
    const code = codeOf(
      await service.approve(authorizeUrl(origin, { client_id: client.client_id, redirect_uri, state: 'x' })),
    )
    const params = { grant_type: 'authorization_code', code, ...client }
    const first = await form(`${origin}/ppauth/token`, params)
    expect(first.body).toEqual({ access_token: first.body['access_token'], token_type: 'Bearer', exipired_in: 86_400 })
    settings.lifetime_member = 'expires_in'
    const second = await form(`${origin}/ppauth/token`, params)
    expect(second.body).toMatchObject({ access_token: first.body['access_token'], expires_in: 86_400 })
  })

  it('refuses token requests with the same page, whatever is wrong', async () => {
    const service = await start(startPpmessage())
    const { origin, client } = service
    const token = `${origin}/ppauth/token`
    const code = await service.unapprovedCode()
    const good = { grant_type: 'authorization_code', code, ...client }
    const answers = await Promise.all([
      form(token, good),
      form(token, { ...good, client_secret: 'wrong' }),
      form(token, { ...good, code: 'unknown' }),
      form(token, { ...good, grant_type: 'refresh_token' }),
      json(token, good),
      form(token, { grant_type: 'authorization_code', code }, { authorization: basicOf(client) }),
    ])
    expect(answers.map(({ status }) => status)).toEqual([400, 400, 400, 400, 400, 400])
    for (const { text } of answers) expect(text).toMatch(PAGE)
    expect((await get(token)).status).toBe(500)
    expect((await form(token, { grant_type: 'authorization_code', ...client })).status).toBe(500)
  })

  it('knows two undocumented grants', async () => {
    const { origin, client, person, settings } = await start(startPpmessage())
    const token = `${origin}/ppauth/token`
    const own = await form(token, { grant_type: 'client_credentials', ...client })
    expect(Object.keys(own.body)).toEqual(['access_token', 'token_type'])
    const user_password = createHash('sha1').update(person.password).digest('hex')
    const password = { grant_type: 'password', user_email: person.email, user_password, ...client }
    expect((await form(token, password)).body).toMatchObject({ error_code: 0, token_type: 'Bearer' })
    const refused = await form(token, { ...password, user_password: person.password })
    expect([refused.status, refused.body]).toEqual([200, { error_code: -1 }])
    settings.level = 'THIRD_PARTY_KEFU'
    expect((await form(token, { grant_type: 'client_credentials', ...client })).status).toBe(400)
  })

  it('refuses API calls with HTTP 200', async () => {
    const service = await start(startPpmessage({ enforce_expiry: true }))
    const { origin, client } = service
    const issue = async (): Promise<string> =>
      String(
        (await form(`${origin}/ppauth/token`, { grant_type: 'client_credentials', ...client })).body['access_token'],
      )
    const url = `${origin}/api/PP_GET_APP_SERVICE_USER_LIST`
    const call = (authorization: string): Promise<Seen> => json(url, { app_uuid: 'x' }, { authorization })
    const token = await issue()
    expect((await call(`oauth ${token}`)).body).toEqual({
      list: [],
      error_code: 0,
      error_string: 'success.',
      uri: '/PP_GET_APP_SERVICE_USER_LIST',
    })
    service.settings.success_code = '0'
    expect((await call(`OAuth ${token}`)).body['error_code']).toBe('0')
    const bearer = await call(`Bearer ${token}`)
    expect([bearer.status, bearer.body['error_code']]).toEqual([200, 3])
    expect((await form(url, {}, { authorization: `OAuth ${token}` })).body['error_code']).toBe(1)
    service.expireAccessTokens()
    expect((await call(`OAuth ${token}`)).body).toMatchObject({ error_code: 4, error_string: 'wrong access token.' })
    const later = await issue()
    service.advance(86_400)
    expect((await call(`OAuth ${later}`)).body['error_code']).toBe(4)
  })
})

describe('blsct', () => {
  const obtain = ({ origin, client }: Blsct, members: Readonly<Record<string, unknown>> = {}): Promise<Seen> => {
    const { client_id: app_id, client_secret } = client
    return json(`${origin}/oauth/token/get`, { app_id, app_key: client_secret, app_secret: client_secret, ...members })
  }
  const product = ({ origin }: Blsct, authorization?: string): Promise<Seen> =>
    get(`${origin}/product/get?id=1`, authorization)

  it('answers in both spellings, with a prefix or none, and says the lifetime or leaves it to the JWT', async () => {
    const service = await start(startBlsct({ now: () => 1_597_715_044_000 }))
    expect((await obtain(service)).body).toEqual({
      appId: 'coupang',
      accessToken: expect.stringMatching(/^Bearer eyJ/u) as unknown,
      expiresIn: 3600,
      statusCode: 200,
      errMsg: null,
    })
    Object.assign(service.settings, { spelling: 'snake_case', prefix: '', say_lifetime: false })
    const { body } = await obtain(service)
    expect(body).toMatchObject({ app_id: 'coupang', expires_in: null, status_code: 200, err_msg: null })
    const claims: unknown = JSON.parse(
      Buffer.from(String(body['access_token']).split('.')[1] ?? '', 'base64url').toString(),
    )
    expect(claims).toMatchObject({ nbf: 1_597_715_044, exp: 1_597_718_644, scope: ['bailunApi'] })
  })

  it('refuses in the body or by status, and reads the one name of the secret it is told to', async () => {
    const service = await start(startBlsct())
    const outcomes = async (): Promise<readonly unknown[]> => {
      const answers = await Promise.all([
        obtain(service, { app_id: 'nobody' }),
        obtain(service, { app_key: 'x', app_secret: 'x' }),
      ])
      return answers.map(({ status, body }) => [status, body['statusCode'], body['errMsg']])
    }
    expect(await outcomes()).toEqual([
      [200, 400, 'Illegal id'],
      [200, 401, 'Illegal key'],
    ])
    service.settings.errors = 'http'
    expect(await outcomes()).toEqual([
      [400, 400, 'Illegal id'],
      [401, 401, 'Illegal key'],
    ])
    for (const [secret_member, other] of [
      ['app_key', 'app_secret'],
      ['app_secret', 'app_key'],
    ] as const) {
      service.settings.secret_member = secret_member
      expect((await obtain(service, { [other]: 'wrong' })).status, secret_member).toBe(200)
      expect((await obtain(service, { [secret_member]: undefined })).status, secret_member).toBe(400)
    }
    service.settings.failure = 500
    expect((await obtain(service)).body['statusCode']).toBe(500)
    const { client_id: app_id, client_secret: app_key } = service.client
    expect((await form(`${service.origin}/oauth/token/get`, { app_id, app_key })).status).toBe(415)
  })

  it('serves its API for a time, and tells the end by status or by text', async () => {
    const service = await start(startBlsct())
    expect((await get(`${service.origin}/product`)).status).toBe(200)
    expect([(await product(service)).status, (await product(service)).text]).toEqual([401, '401'])
    const header = String((await obtain(service)).body['accessToken'])
    expect((await product(service, header)).text).toBe('Ok!You successfully caught me. The Id is 1')
    expect((await product(service, `Bearer ${header}`)).status).toBe(401)
    service.advance(3600)
    expect((await product(service, header)).status).toBe(401)
    service.settings.refusal_status = 200
    const refused = await product(service, header)
    expect([refused.status, refused.text, refused.headers.get('content-type')]).toEqual([
      200,
      '401',
      'text/plain; charset=utf-8',
    ])
    const again = String((await obtain(service)).body['accessToken'])
    service.settings.refuse_all = true
    expect((await product(service, again)).text).toBe('401')
    service.revokeAll()
    expect((await obtain(service)).body['errMsg']).toBe('Illegal id')
  })
})

describe('Biggerplate', () => {
  const redirect_uri = 'http://localhost:13524/'
  const authorization = ({ origin, client }: Biggerplate, params: Params = { state: 's' }): string => {
    const query = { response_type: 'code', client_id: client.client_id, redirect_uri, ...params }
    return `${origin}/oauth/auth?${new URLSearchParams(query).toString()}`
  }
  const exchange = ({ origin, client }: Biggerplate, params: Params): Promise<Seen> =>
    form(`${origin}/oauth/token`, { grant_type: 'authorization_code', redirect_uri, ...client, ...params })
  const refresh = ({ origin, client }: Biggerplate, refresh_token: unknown): Promise<Seen> =>
    form(`${origin}/oauth/token`, { grant_type: 'refresh_token', refresh_token: String(refresh_token), ...client })
  const signIn = async (service: Biggerplate): Promise<Seen> =>
    exchange(service, { code: codeOf(await service.approve(authorization(service))) })
  const me = ({ origin }: Biggerplate, header: string): Promise<Seen> => get(`${origin}/users/me`, header)

  it('answers with an absolute and a relative lifetime, in the order of the sample', async () => {
    const service = await start(startBiggerplate({ now: () => 1_441_735_346_000 }))
    const { body } = await signIn(service)
    expect(Object.keys(body)).toEqual(['access_token', 'token_type', 'expires', 'expires_in', 'refresh_token'])
    expect(body).toMatchObject({ token_type: 'Bearer', expires: 1_441_738_946, expires_in: 3600 })
    expect([String(body['access_token']).length, String(body['refresh_token']).length]).toEqual([40, 40])
    Object.assign(service.settings, { lifetime: 'expires', clock_skew: 300 })
    const skewed = (await signIn(service)).body
    expect(skewed['expires']).toBe(1_441_739_246)
    expect(skewed).not.toHaveProperty('expires_in')
  })

  it('denies with a message of another name, and an empty state where none was sent', async () => {
    const service = await start(startBiggerplate())
    const paramsOf = (location: string): unknown => Object.fromEntries(new URL(location).searchParams)
    const error_message = 'The resource owner or authorization server denied the request.'
    const denied = await service.deny(authorization(service))
    expect(paramsOf(denied)).toEqual({ error: 'access_denied', error_message, state: 's' })
    service.settings.deny_message = false
    expect(paramsOf(await service.deny(authorization(service, {})))).toEqual({ error: 'access_denied', state: '' })
  })

  it('refuses as League 3 does', async () => {
    const service = await start(startBiggerplate())
    const code = codeOf(await service.approve(authorization(service)))
    const cases: readonly (readonly [Params, number, string])[] = [
      [{ code, client_secret: 'wrong' }, 401, 'invalid_client'],
      [{ code, redirect_uri: 'http://localhost:1/' }, 401, 'invalid_client'],
      [{ code, redirect_uri: 'http://localhost:13525/' }, 400, 'invalid_grant'],
      [{ grant_type: 'password' }, 501, 'unsupported_grant_type'],
      [{}, 400, 'invalid_request'],
    ]
    for (const [params, status, error] of cases) {
      const answer = await exchange(service, params)
      expect([answer.status, answer.body['error']]).toEqual([status, error])
      expect(answer.headers.get('www-authenticate')).toBeNull()
    }
    service.settings.require_response_type_token = true
    expect((await exchange(service, { code })).body['error']).toBe('invalid_request')
    expect((await exchange(service, { code, response_type: 'token' })).status).toBe(200)
    expect((await exchange(service, { code, response_type: 'token' })).body['error']).toBe('invalid_grant')
    const late = codeOf(await service.approve(authorization(service)))
    service.advance(600)
    expect((await exchange(service, { code: late, response_type: 'token' })).body['error']).toBe('invalid_grant')
    expect((await get(authorization(service, { redirect_uri: 'http://localhost:1/' }))).body['error']).toBe(
      'bad_request',
    )
  })

  it('keeps the refresh token or replaces it, and calls a dead one an invalid request', async () => {
    const service = await start(startBiggerplate())
    const { refresh_token } = (await signIn(service)).body
    const kept = await refresh(service, refresh_token)
    expect(Object.keys(kept.body)).toEqual(['access_token', 'token_type', 'expires', 'expires_in'])
    service.settings.rotate = true
    const replaced = await refresh(service, refresh_token)
    expect(replaced.body['refresh_token']).not.toBe(refresh_token)
    const dead = await refresh(service, refresh_token)
    expect(dead.status).toBe(400)
    expect(dead.body).toEqual({ error: 'invalid_request', error_description: 'The refresh token is invalid.' })
    service.settings.error_member = 'error_message'
    service.revokeAll()
    const ended = await refresh(service, replaced.body['refresh_token'])
    expect(ended.body).toEqual({ error: 'invalid_request', error_message: 'The refresh token is invalid.' })
  })

  it('ends the sign-in before, where the server does', async () => {
    const service = await start(startBiggerplate({ one_session: true }))
    const { refresh_token } = (await signIn(service)).body
    expect((await signIn(service)).status).toBe(200)
    expect((await refresh(service, refresh_token)).body['error']).toBe('invalid_request')
  })

  it('takes the token bare or as a Bearer', async () => {
    const service = await start(startBiggerplate())
    const token = String((await signIn(service)).body['access_token'])
    expect((await me(service, token)).body).toEqual({ UserName: 'mapper' })
    expect((await me(service, `Bearer ${token}`)).status).toBe(200)
    expect((await me(service, `bearer ${token}`)).status).toBe(401)
    service.settings.api_scheme = 'raw'
    expect((await me(service, `Bearer ${token}`)).status).toBe(401)
    service.settings.api = 'forbidden'
    expect((await me(service, token)).body).toMatchObject({ status: 403, error: 'forbidden' })
    service.expireAccessTokens()
    expect((await me(service, token)).body).toMatchObject({ status: 401, error: 'unauthorized' })
  })
})

describe('what they share', () => {
  it('answers with what was arranged, and records every request', async () => {
    const service = await start(startBlsct())
    service.answerNext('/product', { status: 503, body: '<h1>Down</h1>', headers: { 'retry-after': '7' } })
    const down = await get(`${service.origin}/product?x=1`)
    expect([down.status, down.headers.get('retry-after'), down.text]).toEqual([503, '7', '<h1>Down</h1>'])
    expect((await get(`${service.origin}/product`)).status).toBe(200)
    expect(service.requests).toMatchObject([
      { method: 'GET', path: '/product', query: { x: '1' }, encoding: 'none', body: '' },
      { method: 'GET', path: '/product' },
    ])
  })

  it('holds a request until it is let go', async () => {
    const service = await start(startBlsct())
    const held = service.holdNext('/product')
    const answer = get(`${service.origin}/product`)
    await held.arrived
    // A later one overtakes it, so the first is held and not merely slow.
    expect((await get(`${service.origin}/product`)).status).toBe(200)
    held.release()
    expect((await answer).status).toBe(200)
  })
})
