/** What is accepted as a token answer, and what is not. */
import { describe, expect, it } from 'vitest'
import { readTokenAnswer } from '../../../main/oauth/token-answer.ts'

const read = (
  body: unknown,
  status = 200,
  headers: Record<string, string> = { 'content-type': 'application/json' },
): ReturnType<typeof readTokenAnswer> =>
  readTokenAnswer({ status, headers, body: typeof body === 'string' ? body : JSON.stringify(body) })
const good = { access_token: 'at', token_type: 'Bearer', expires_in: 60, refresh_token: 'rt', scope: 'a b' }

describe('readTokenAnswer: a good token is never lost', () => {
  it.each<readonly [string, ReturnType<typeof readTokenAnswer>]>([
    ['as the standard has it', read(good)],
    ['with status 201', read(good, 201)],
    ['with another content type', read(JSON.stringify(good), 200, { 'content-type': 'text/html' })],
    [
      'form-encoded',
      read(new URLSearchParams({ ...good, expires_in: '60' }).toString(), 200, {
        'content-type': 'application/x-www-form-urlencoded',
      }),
    ],
    ['in lower case', read({ ...good, token_type: 'bearer' })],
    ['without a token_type', read({ ...good, token_type: undefined })],
    ['with a null token_type', read({ ...good, token_type: null })],
    ['with an empty error', read({ ...good, error: '' })],
    ['with a null error', read({ ...good, error: null })],
    ['with scope as a list', read({ ...good, scope: ['a', 'b'] })],
    ['beside unknown members', read({ ...good, extra: { deep: [1] } })],
  ])('%s', (_, answer) => {
    expect(answer).toEqual({ kind: 'token', access_token: 'at', expires_in: 60, refresh_token: 'rt', scope: 'a b' })
  })

  it('keeps an ID token as it is', () => {
    expect(read({ ...good, id_token: 'a.b.c' })).toMatchObject({ id_token: 'a.b.c' })
    expect(read({ ...good, id_token: null })).not.toHaveProperty('id_token')
  })
})

describe('readTokenAnswer: what is not a token is not taken for one', () => {
  it.each<readonly [string, ReturnType<typeof readTokenAnswer>['kind'], ReturnType<typeof readTokenAnswer>]>([
    ['a DPoP token', 'unsupported-type', read({ ...good, token_type: 'DPoP' })],
    ['a MAC token', 'unsupported-type', read({ ...good, token_type: 'mac' })],
    ['a token that would end a header line', 'no-token', read({ ...good, access_token: 'a\r\nX: y' })],
    ['a token with a space', 'no-token', read({ ...good, access_token: 'a b' })],
    ['a null token', 'no-token', read({ ...good, access_token: null })],
    ['an empty token', 'no-token', read({ ...good, access_token: '' })],
    ['a number for a token', 'no-token', read({ ...good, access_token: 1 })],
    ['an endless token', 'no-token', read({ ...good, access_token: 'x'.repeat(40_000) })],
    ['a token under a 3xx', 'no-token', read(good, 302)],
    ['a token under a 4xx', 'no-token', read(good, 400)],
    ['a token beside an error', 'error', read({ ...good, error: 'invalid_grant' })],
    ['a token in a prototype', 'no-token', read('{"__proto__":{"access_token":"at"}}')],
    ['a list', 'no-token', read('[{"access_token":"at"}]')],
    ['a page', 'foreign', read('<!doctype html>', 200, { 'content-type': 'text/html' })],
    ['a page that claims to be JSON', 'foreign', read('<!doctype html>')],
    ['half an answer', 'cut', read('{"access_token":"at","refr')],
    ['nothing', 'empty', read('')],
    ['white space', 'empty', read(' \n ')],
    ['too much', 'oversized', readTokenAnswer({ status: 200, headers: {}, body: null })],
  ])('%s', (_, kind, answer) => {
    expect(answer.kind).toBe(kind)
  })
})

describe('readTokenAnswer: refresh_token', () => {
  it('absent means keep the old one, silently', () => {
    const answer = read({ ...good, refresh_token: undefined })
    expect(answer).toMatchObject({ kind: 'token', refresh_token: null })
    expect(answer).not.toHaveProperty('alarm')
  })

  it.each<readonly [string, unknown]>([
    ['null', null],
    ['empty', ''],
    ['a number', 7],
    ['a list', ['rt']],
    ['an object', { value: 'rt' }],
    ['far too long', 'x'.repeat(32_769)],
    ['with NUL', 'rt\u0000'],
    ['with a line end', 'rt\n'],
    ['not ASCII', 'rté'],
  ])('%s is not stored, and said', (_, refresh_token) => {
    const answer = read({ ...good, refresh_token })
    expect(answer).toMatchObject({ kind: 'token', access_token: 'at', refresh_token: null })
    expect(answer).toHaveProperty('alarm', expect.stringContaining('the old one is kept'))
  })
})
