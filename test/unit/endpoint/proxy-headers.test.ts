/** Which header fields pass the proxy, in either direction. */
import { describe, expect, it } from 'vitest'
import { credentialed, forwarded, isRepeatable, returned, wishesOf } from '../../../main/endpoint/proxy-headers.ts'

const url = 'https://api.example.com/v1/users/1'
const token = 'secret-token-of-the-account'
const quotes = (text: string): boolean => text.includes(token)
const back = (...fields: string[]): string[] => returned(fields, url, quotes)

describe('to the API', () => {
  it('goes what is meant for it, in its order, doubled names too', () => {
    const fields = [
      'Accept',
      'a/b',
      'X-Two',
      '1',
      'x-two',
      '2',
      'If-None-Match',
      '"x"',
      'Range',
      'bytes=0-',
      'TEST',
      '',
    ]
    expect(forwarded(fields)).toEqual(fields)
  })

  it('goes nothing of the connection, of the caller, or for us', () => {
    for (const name of [
      ...['Connection', 'Keep-Alive', 'Proxy-Connection', 'TE', 'Trailer', 'Transfer-Encoding', 'Upgrade'],
      ...[
        'HTTP2-Settings',
        'Host',
        'Authorization',
        'authorization',
        'Cookie',
        'Origin',
        'Referer',
        'Forwarded',
        'Via',
      ],
      ...['X-Forwarded-For', 'X-Forwarded-Host', 'X-Real-IP', 'Proxy-Authorization', 'Proxy-Anything', 'Expect'],
      ...['Sec-Fetch-Site', 'Sec-WebSocket-Key', 'DPoP', 'Content-Length', 'Accept-Encoding', 'Valetkey-Reason'],
      ...['Access-Control-Request-Method', 'valetkey-x', 'COOKIE2'],
    ])
      expect(forwarded(['A', '1', name, 'x', 'B', '2']), name).toEqual(['A', '1', 'B', '2'])
  })

  it('goes nothing that Connection names', () => {
    const fields = [
      'X-Hop',
      '1',
      'Connection',
      'close, X-HOP',
      'connection',
      ' x-other ,',
      'X-Other',
      '2',
      'X-Stays',
      '3',
    ]
    expect(forwarded(fields)).toEqual(['X-Stays', '3'])
  })

  it('goes the credential, whatever the caller sent, and what the definition says where the caller says nothing', () => {
    const headers = { Accept: 'application/json', 'Content-Type': 'application/json', Authorization: `Bearer ${token}` }
    const head = { headers, host: 'api.example.com', method: 'GET' }
    expect(credentialed(['Authorization', 'Bearer mine', 'accept', 'text/html'], { ...head, length: 0 })).toEqual([
      ...['Host', 'api.example.com', 'accept', 'text/html', 'User-Agent', 'valetkey', 'Accept-Encoding', 'identity'],
      ...['Authorization', `Bearer ${token}`],
    ])
    expect(credentialed(['User-Agent', 'x'], { ...head, length: 12 })).toEqual([
      ...['Host', 'api.example.com', 'User-Agent', 'x', 'Accept-Encoding', 'identity', 'Accept', 'application/json'],
      ...['Content-Type', 'application/json', 'Authorization', `Bearer ${token}`, 'Content-Length', '12'],
    ])
    expect(credentialed([], { ...head, method: 'POST', length: 0 }).slice(-2)).toEqual(['Content-Length', '0'])
    expect(credentialed([], { ...head, length: 'chunked' }).slice(-2)).toEqual(['Transfer-Encoding', 'chunked'])
  })
})

describe('from the API', () => {
  it('comes what the caller can use', () => {
    const fields = [
      'Content-Type',
      'a/b',
      'ETag',
      '"x"',
      'Link',
      '<x>',
      'X-RateLimit-Left',
      '3',
      'WWW-Authenticate',
      'Bearer',
    ]
    expect(back(...fields)).toEqual(fields)
  })

  it('comes nothing of the connection, no cookie, and nothing that speaks for us', () => {
    for (const name of [
      ...['Connection', 'Keep-Alive', 'Transfer-Encoding', 'Trailer', 'Upgrade', 'Proxy-Authenticate', 'Set-Cookie'],
      ...['set-cookie2', 'Access-Control-Allow-Origin', 'Alt-Svc', 'Strict-Transport-Security', 'Clear-Site-Data'],
      ...['Refresh', 'Valetkey-Error', 'Valetkey-Code', 'Cache-Control', 'Content-Length', 'Service-Worker-Allowed'],
    ])
      expect(back('A', '1', name, 'x', 'B', '2'), name).toEqual(['A', '1', 'B', '2'])
    expect(back('Connection', 'X-Hop', 'X-Hop', '1', 'B', '2')).toEqual(['B', '2'])
  })

  it('comes nothing that quotes the token', () => {
    expect(back('X-Echo', `Bearer ${token}`, 'Location', `https://api.example.com/?t=${token}`, 'B', '2')).toEqual([
      'B',
      '2',
    ])
    expect(back(token, 'x', 'B', '2')).toEqual(['B', '2'])
  })

  it.each([
    ['https://other.example/x?y#z', 'https://other.example/x?y#z'],
    ['/v1/token', 'https://api.example.com/v1/token'],
    ['/v1/accounts/bank/proxy/pay', 'https://api.example.com/v1/accounts/bank/proxy/pay'],
    ['next', 'https://api.example.com/v1/users/next'],
    ['//other.example/x', 'https://other.example/x'],
    ['https:/v1/token', 'https://api.example.com/v1/token'],
    ['http:/v1/token', 'http://v1/token'],
    [String.raw`https:\\other.example\x`, 'https://other.example/x'],
  ])('comes a redirect to %s as %s', (value, said) => {
    expect(back('Location', value)).toEqual(['Location', said])
  })

  it.each([
    ...[
      'http://127.0.0.1:7000/v1/token',
      'http://localhost/v1/accounts/bank/proxy/pay',
      'http://x@127.1/',
      'http://[::1]/',
    ],
    ...['http://0.0.0.0/', '//localhost./x', 'http://a.localhost/', 'http://2130706433/', 'http://'],
  ])('comes no redirect to this machine: %s', (value) => {
    expect(back('Location', value)).toEqual([])
  })

  it('comes one to this machine from an API that is here too', () => {
    const here = 'http://127.0.0.1:8080/v1/'
    expect(returned(['Location', '/x'], here, quotes)).toEqual(['Location', 'http://127.0.0.1:8080/x'])
    expect(returned(['Location', 'http://127.0.0.1:9999/x'], here, quotes)).toEqual([])
  })
})

describe('what is for us', () => {
  it('is read, in UTF-8', () => {
    const reason = Buffer.from('für später').toString('latin1')
    expect(wishesOf(['Valetkey-Interaction', 'never', 'valetkey-timeout', '30', 'VALETKEY-REASON', reason])).toEqual({
      ...{ interaction: 'never', timeout: 30, reason: 'für später' },
    })
    expect(wishesOf(['Accept', 'x'])).toEqual({})
  })

  it.each([
    [['Valetkey-Interactoin', 'never'], 'Valetkey-Interactoin is not'],
    [['Valetkey-Error', 'x'], 'Valetkey-Error is not'],
    [['Valetkey-Retry', 'yes'], 'can only be'],
    [['Valetkey-Timeout', '1', 'Valetkey-Timeout', '2'], 'once'],
  ])('is refused when it cannot be meant: %j', (fields, says) => {
    expect(() => wishesOf(fields)).toThrow(says)
  })

  it('lets a call be sent twice that is safe, or whose sender says so', () => {
    expect(isRepeatable('GET', [])).toBe(true)
    expect(isRepeatable('HEAD', [])).toBe(true)
    for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'get', 'X']) expect(isRepeatable(method, [])).toBe(false)
    expect(isRepeatable('POST', ['Valetkey-Retry', 'allow'])).toBe(true)
    expect(isRepeatable('GET', ['X-HTTP-Method-Override', 'DELETE'])).toBe(false)
  })
})
