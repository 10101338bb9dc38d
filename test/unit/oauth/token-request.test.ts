/** The request side of the seam: what a definition's `grants` make of the standard token request. */
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../main/broker/secret.ts'
import type { ExchangeRules } from '../../../main/oauth/rules.ts'
import { shapeRequest } from '../../../main/oauth/token-request.ts'

const client = { client_id: 'id==', client_secret: new Secret('s&c=') }
const standard = (params: Record<string, string>, headers: Record<string, string> = {}) => ({
  url: 'https://op.example/token',
  headers: { accept: 'application/json', ...headers },
  body: new URLSearchParams(params),
})
const code = standard({ grant_type: 'authorization_code', code: 'c', client_id: 'id==', client_secret: 's&c=' })
const shaped = (rules: ExchangeRules, from = code) => shapeRequest(from, rules, client)

describe('a token request', () => {
  it('without rules goes out as it came, and the form that was given is not changed', () => {
    const before = code.body.toString()
    expect(shaped({})).toEqual({ url: code.url, method: 'POST', headers: code.headers, body: before })
    shaped({ grants: { authorization_code: { omit: ['code'], params: { x: '1' } } } })
    expect(code.body.toString()).toBe(before)
  })

  it('is left out, then renamed, then added to', () => {
    const { body } = shaped({
      grants: {
        authorization_code: {
          omit: ['grant_type'],
          rename: { client_id: 'app_id', client_secret: 'app_secret', missing: 'never' },
          params: { app_key: '${client_secret}', app_id: '${client_id}!', grant_type: 'back' },
        },
      },
    })
    expect(Object.fromEntries(new URLSearchParams(body))).toEqual({
      code: 'c',
      app_id: 'id==!',
      app_secret: 's&c=',
      app_key: 's&c=',
      grant_type: 'back',
    })
  })

  it('is sent as JSON, as multipart, or in the URL', async () => {
    const json = shaped({ grants: { authorization_code: { content_type: 'json' } } })
    expect(json.headers['content-type']).toBe('application/json')
    expect(JSON.parse(json.body ?? '')).toMatchObject({ grant_type: 'authorization_code', client_secret: 's&c=' })

    const multipart = shaped({ grants: { authorization_code: { content_type: 'multipart' } } })
    const read = await new Response(multipart.body ?? null, { headers: multipart.headers }).formData()
    expect([read.get('code'), read.get('client_secret')]).toEqual(['c', 's&c='])

    const query = shaped({ grants: { authorization_code: { method: 'GET', params: { v: '2 3' } } } })
    expect(query).toMatchObject({ method: 'GET' })
    expect(query).not.toHaveProperty('body')
    expect(new URL(query.url).searchParams.get('client_id')).toBe('id==')
    expect(new URL(query.url).searchParams.get('v')).toBe('2 3')
    expect(shaped({ grants: { authorization_code: { content_type: 'query' } } }).method).toBe('POST')
  })

  it('goes to another endpoint, with further fields, and without the client where none is wanted', () => {
    const basic = standard({ grant_type: 'password', username: 'a@b' }, { authorization: 'Basic x', Accept: 'x/y' })
    const request = shaped(
      {
        grants: {
          password: {
            endpoint: 'https://op.example/api_tokens',
            client_auth: 'none',
            rename: { username: 'email' },
            headers: { Accept: 'application/vnd.op+json', 'X-Key': '${client_id}' },
          },
        },
      },
      basic,
    )
    expect(request.url).toBe('https://op.example/api_tokens')
    expect(request.headers).not.toHaveProperty('authorization')
    expect(request.headers).toMatchObject({ accept: 'application/vnd.op+json', 'x-key': 'id==' })
    expect(new URLSearchParams(request.body).get('email')).toBe('a@b')
  })

  it('writes scopes as the provider does, and names them on a refresh where it insists', () => {
    const scope = { delimiter: ',', param: 'user_scope', on_refresh: 'a b' }
    const of = (params: Record<string, string>) =>
      Object.fromEntries(new URLSearchParams(shaped({ scope }, standard(params)).body))
    expect(of({ grant_type: 'refresh_token' })).toEqual({ grant_type: 'refresh_token', user_scope: 'a,b' })
    expect(of({ grant_type: 'refresh_token', scope: 'a' })).toMatchObject({ user_scope: 'a' })
    expect(of({ grant_type: 'client_credentials' })).toEqual({ grant_type: 'client_credentials' })
  })
})
