/** What is put on a call of an API, and what its answer says about the token. */
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../main/broker/secret.ts'
import { apiHeaders, judgeApiAnswer } from '../../../main/oauth/api-answer.ts'

const rules = (api: object): { readonly rules: string } => ({ rules: JSON.stringify({ api }) })

describe('what is put on a call', () => {
  it('is the credential in the provider’s scheme, and what the definition names', () => {
    const access = { value: new Secret('a$&b') }
    const connection = { authorization_template: 'token ${access_token}', client_id: 'me$&' }
    expect(apiHeaders(connection, access)).toEqual({ Authorization: 'token a$&b' })
    const headers = { 'Client-Id': '${client_id}', 'X-Version': '2' }
    expect(apiHeaders({ ...connection, ...rules({ headers }) }, access)).toEqual({
      ...{ 'Client-Id': 'me$&', 'X-Version': '2', Authorization: 'token a$&b' },
    })
  })
})

describe('what an answer says', () => {
  it('is the standard’s, without rules', () => {
    for (const [status, verdict] of [
      [200, 'accepted'],
      [401, 'expired'],
      [403, 'forbidden'],
      [500, 'accepted'],
    ] as const)
      expect(judgeApiAnswer({}, { status })).toBe(verdict)
  })

  it('is not known before its body was looked at, where that is what tells', () => {
    const connection = rules({ expired_when: [{ pointer: '/code', in: [4] }, { http_status: [401] }] })
    expect(judgeApiAnswer(connection, { status: 200 })).toBe('unknown')
    expect(judgeApiAnswer(connection, { status: 401 })).toBe('expired')
    expect(judgeApiAnswer(connection, { status: 200, body: '{"code":4}' })).toBe('expired')
    expect(judgeApiAnswer(connection, { status: 200, body: '{"code":5}' })).toBe('accepted')
    expect(judgeApiAnswer(connection, { status: 200, body: null })).toBe('accepted')
    const ofErrors = rules({ expired_when: [{ http_status: [400], text: 'ended' }] })
    expect(judgeApiAnswer(ofErrors, { status: 200 })).toBe('accepted')
    expect(judgeApiAnswer(ofErrors, { status: 400 })).toBe('unknown')
    expect(judgeApiAnswer(ofErrors, { status: 400, body: 'ended' })).toBe('expired')
  })
})
