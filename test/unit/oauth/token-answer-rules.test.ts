/** The answer side of the seam: the places in which providers put what RFC 6749 sections 5.1 and 5.2 name. */
import { describe, expect, it } from 'vitest'
import { readTokenAnswer, type Reading } from '../../../main/oauth/token-answer.ts'

/** 2026-01-01T00:00:00Z, milliseconds. */
const NOW = 1_767_225_600_000
const read = (body: unknown, reading: Reading, status = 200, headers: Record<string, string> = {}) =>
  readTokenAnswer(
    {
      status,
      headers: { 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    },
    reading,
    NOW,
  )
const jwt = (claims: object) => `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.sig`

describe('a token is found', () => {
  it.each<readonly [string, object, Reading['response'], object]>([
    [
      'under other names, the first that leads to something',
      { accessToken: 'Bearer t', appId: 'x' },
      { access_token: ['/access_token', '/accessToken'], access_token_strip_prefix: ['bearer '] },
      { access_token: 't', expires_in: null },
    ],
    [
      'in a member of a member',
      { ok: true, token_type: 'bot', authed_user: { access_token: 'u', scope: 'a,b', refresh_token: 'r' } },
      {
        access_token: ['/authed_user/access_token'],
        refresh_token: ['/authed_user/refresh_token'],
        scope: ['/authed_user/scope'],
        scope_delimiter: ',',
        force_token_type: 'Bearer',
        success_when: [{ pointer: '/ok', in: [true] }],
      },
      { access_token: 'u', refresh_token: 'r', scope: 'a b' },
    ],
    [
      'with a misspelt lifetime',
      { access_token: 't', exipired_in: 86_400 },
      { expires_in: ['/expires_in', '/exipired_in'] },
      { expires_in: 86_400 },
    ],
    [
      'with a lifetime in milliseconds',
      { access_token: 't', ttl: 5000 },
      { expires_in: ['/ttl'], expires_in_unit: 'ms' },
      { expires_in: 5 },
    ],
    [
      'with the moment it ends, in seconds',
      { access_token: 't', expires: NOW / 1000 + 90 },
      { expires_at: ['/expires'] },
      { expires_in: 90 },
    ],
    ['in milliseconds', { access_token: 't', expires: NOW + 90_000 }, { expires_at: ['/expires'] }, { expires_in: 90 }],
    [
      'as a date',
      { access_token: 't', expires: '2026-01-01T00:02:00Z' },
      { expires_at: ['/expires'] },
      { expires_in: 120 },
    ],
    ['by its own exp', { access_token: jwt({ exp: NOW / 1000 + 60 }) }, { expires_from_jwt: true }, { expires_in: 60 }],
    ['by the definition', { access_token: 't' }, { default_expires_in: 77 }, { expires_in: 77 }],
    [
      'with a lifetime that outweighs the moment',
      { access_token: 't', expires_in: 5, expires: 1 },
      { expires_at: ['/expires'] },
      { expires_in: 5 },
    ],
    ['over already, so soon', { access_token: 't', expires: 1 }, { expires_at: ['/expires'] }, { expires_in: 1 }],
  ])('%s', (_, body, response, expected) => {
    expect(read(body, { response })).toMatchObject({ kind: 'token', ...expected })
  })

  it('with its end by the provider’s clock, not by ours', () => {
    const answer = read(
      { access_token: 't', expires: NOW / 1000 + 3600 },
      { response: { expires_at: ['/expires'] } },
      200,
      { date: 'Thu, 01 Jan 2026 00:50:00 GMT' },
    )
    expect(answer).toMatchObject({ expires_in: 600 })
  })

  it('but not without what makes a success, nor of a type nobody understands', () => {
    const response = { success_when: [{ pointer: '/statusCode', in: [200, null] }] } as const
    expect(read({ access_token: 't', statusCode: 500 }, { response })).toEqual({ kind: 'no-token' })
    expect(read({ access_token: 't' }, { response })).toMatchObject({ kind: 'token' })
    expect(read({ access_token: 't', token_type: 'bot' }, {})).toMatchObject({ kind: 'unsupported-type' })
    expect(read({ access_token: 'Bearer ' }, { response: { access_token_strip_prefix: ['Bearer '] } })).toEqual({
      kind: 'no-token',
    })
  })
})

describe('a refusal is found', () => {
  it.each<readonly [string, unknown, number, Reading['error'], object]>([
    [
      'inside a 200',
      { error_code: -1 },
      200,
      { code: ['/error_code'], ok_codes: [0, '0'], code_map: { '-1': 'invalid_grant' } },
      { error: 'invalid_grant' },
    ],
    [
      'under a number, with its words elsewhere',
      { statusCode: 401, errMsg: 'Illegal id' },
      200,
      { code: ['/statusCode'], ok_codes: [200], code_map: { 401: 'invalid_client' }, description: ['/errMsg'] },
      { error: 'invalid_client', description: 'Illegal id' },
    ],
    [
      'by its words, where the code says too little',
      { error: 'invalid_request', error_message: 'The Refresh token is invalid.' },
      400,
      {
        description: ['/error_message'],
        description_map: [{ contains: 'refresh token is invalid', error: 'invalid_grant' }],
      },
      { error: 'invalid_grant' },
    ],
    [
      'by the status of a page',
      '<html>400: Bad Request</html>',
      400,
      { by_status: { 400: 'invalid_grant' } },
      { error: 'invalid_grant' },
    ],
    ['by a code nobody has mapped', { code: 'odd' }, 400, { code: ['/code'] }, { error: 'odd' }],
  ])('%s', (_, body, status, error, expected) => {
    expect(read(body, { error }, status)).toMatchObject({ kind: 'error', ...expected })
  })

  it('and is none where the code says that all is well', () => {
    const error = { code: ['/error_code'], ok_codes: [0, '0'] }
    for (const error_code of [0, '0'])
      expect(read({ error_code, access_token: 't' }, { error })).toMatchObject({ kind: 'token' })
  })
})
