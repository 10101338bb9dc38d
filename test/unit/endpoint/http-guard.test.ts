/** The guard as a function of the request line and the raw headers, for every policy a listener may have. */
import { describe, expect, it } from 'vitest'
import { bearerToken, guardRequest, type GuardPolicy, isJson } from '../../../main/endpoint/http-guard.ts'

const loopback: GuardPolicy = { host: '127.0.0.1:4000', origins: new Set(), sites: new Set() }
const socket: GuardPolicy = { ...loopback, host: null }
const host = ['Host', '127.0.0.1:4000']

const status = (policy: GuardPolicy, headers: readonly string[]): number => {
  const head = guardRequest(policy, '1.1', 'GET', '/v1/status', headers)
  return head.kind === 'request' ? 200 : head.error.status
}

describe('guardRequest', () => {
  it('takes any single Host on a socket and only ours on loopback', () => {
    expect(status(loopback, host)).toBe(200)
    expect(status(socket, ['host', 'localhost'])).toBe(200)
    expect(status(loopback, ['HOST', '127.0.0.1:4001'])).toBe(403)
    expect(status(socket, [])).toBe(400)
    expect(status(socket, [...host, 'hOsT', '127.0.0.1:4000'])).toBe(400)
  })

  it('lets a paired origin in, alone and exact, and then asks nothing of Sec-Fetch-Site', () => {
    const origin = 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'
    const paired = { ...loopback, origins: new Set([origin]) }
    expect(status(paired, [...host, 'Origin', origin])).toBe(200)
    expect(status(paired, [...host, 'Origin', origin, 'Sec-Fetch-Site', 'cross-site'])).toBe(200)
    expect(status(paired, [...host, 'Origin', origin, 'Origin', origin])).toBe(403)
    expect(status(paired, [...host, 'Origin', `${origin}/`])).toBe(403)
    expect(status(paired, [...host, 'Origin', origin.toUpperCase()])).toBe(403)
    expect(status(paired, [...host, 'Sec-Fetch-Site', 'cross-site'])).toBe(403)
  })

  it('lets the Origin of an extension pass where the policy says so, and names it for who has to judge it', () => {
    const origin = 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'
    const open = { ...loopback, extensions: true }
    const raw = [...host, 'Origin', origin, 'Sec-Fetch-Site', 'none']
    expect(guardRequest(open, '1.1', 'GET', '/', raw)).toMatchObject({ kind: 'request', extension: origin })
    expect(guardRequest(open, '1.1', 'GET', '/', host)).toMatchObject({ kind: 'request', extension: undefined })
    expect(status(loopback, raw)).toBe(403)
    for (const other of [`${origin}x`, `x${origin}`, 'null', '', 'moz-extension://x', 'http://127.0.0.1:4000'])
      expect(status(open, [...host, 'Origin', other]), other).toBe(403)
  })

  it('lets a console call from its own origin when the policy says so', () => {
    const console_ = { ...loopback, origins: new Set(['http://127.0.0.1:4000']), sites: new Set(['same-origin']) }
    expect(status(console_, [...host, 'Sec-Fetch-Site', 'same-origin'])).toBe(200)
    expect(status(console_, [...host, 'Sec-Fetch-Site', 'same-site'])).toBe(403)
    expect(status(console_, [...host, 'Origin', 'http://127.0.0.1:4000', 'Sec-Fetch-Site', 'same-origin'])).toBe(200)
    expect(status(console_, [...host, 'Origin', 'http://localhost:4000'])).toBe(403)
  })

  it('reports what later steps need', () => {
    const raw = [...host, 'Authorization', 'Bearer x', 'Content-Type', 'application/json', 'Content-Length', '12']
    expect(guardRequest(loopback, '1.1', 'POST', '/v1/token?x', raw)).toEqual({
      kind: 'request', method: 'POST', target: '/v1/token?x', authorization: 'Bearer x', json: true, length: 12,
    }) // prettier-ignore
    const chunked = guardRequest(loopback, '1.1', 'POST', '/', [...host, 'Transfer-Encoding', 'chunked'])
    expect(chunked).toMatchObject({ authorization: null, json: false, length: 'chunked' })
    const doubled = guardRequest(loopback, '1.1', 'GET', '/', [...host, 'authorization', 'a', 'Authorization', 'a'])
    expect(doubled).toMatchObject({ authorization: null, length: 0 })
  })

  it('names the one allowed method and the protocol in the headers that go with the refusal', () => {
    expect(guardRequest(loopback, '1.1', 'OPTIONS', '*', host)).toMatchObject({ headers: ['Allow', 'GET, POST'] })
    expect(guardRequest(loopback, '1.1', 'GET', '/', [...host, 'Upgrade', 'websocket'])).toMatchObject({
      headers: ['Upgrade', 'HTTP/1.1'],
    })
  })
})

describe('isJson', () => {
  it('takes JSON in UTF-8 in any case and spacing', () => {
    for (const type of [
      'application/json',
      'Application/JSON',
      'application/json;charset=UTF-8',
      'application/json ; charset="utf-8"',
      'application/json;',
    ])
      expect(isJson(type), type).toBe(true)
    for (const type of [
      '',
      'text/json',
      'application/json+x',
      'application/problem+json',
      'application/json; charset=latin1',
      'application/json; boundary=x',
    ])
      expect(isJson(type), type).toBe(false)
  })
})

describe('bearerToken', () => {
  it('takes one token of RFC 6750 and at most 512 characters', () => {
    expect(bearerToken('Bearer vk_aZ09-._~+/=')).toBe('vk_aZ09-._~+/=')
    expect(bearerToken(`Bearer ${'a'.repeat(512)}`)).toHaveLength(512)
    for (const value of [
      null,
      '',
      'Bearer',
      'Bearer ',
      'bearer x',
      'Bearer x y',
      'Bearer x\u00e9',
      `Bearer ${'a'.repeat(513)}`,
    ])
      expect(bearerToken(value)).toBeNull()
  })
})
