/** Where a provider's secrets may go. */
import { describe, expect, it } from 'vitest'
import { checkApiBase, checkEndpoints, isLoopback, parseEndpoint } from '../../../main/oauth/endpoints.ts'

const addresses: Readonly<Record<string, readonly string[]>> = {
  'idp.example.com': ['203.0.113.7', '2001:db8::7'],
  'api.example.com': ['203.0.113.8'],
  'inside.example.com': ['10.1.2.3'],
  'both.example.com': ['203.0.113.9', '192.168.0.9'],
  'metadata.example.com': ['169.254.169.254'],
  'self.example.com': ['127.0.0.1'],
  'intranet.corp': ['10.0.0.1'],
  'intranet2.corp': ['10.0.0.2'],
}
const resolve = (hostname: string): Promise<readonly string[]> => Promise.resolve(addresses[hostname] ?? [])
const check = (issuer: string, token_endpoint: string): ReturnType<typeof checkEndpoints> =>
  checkEndpoints(issuer, { token_endpoint }, resolve)

describe('parseEndpoint', () => {
  it.each([
    'file:///etc/passwd',
    'javascript:alert(1)',
    'data:text/plain,x',
    'ftp://idp.example.com/',
    '//idp.example.com/token',
    'idp.example.com/token',
    'https://',
    'https://user@idp.example.com/token',
    'https://user:password@idp.example.com/token',
    'https://idp.example.com\\@evil.example/',
    'https://idp.example.com/token#fragment',
    'https://idp.example.com/token#',
    'https://idp.example.com/\ttoken',
    'https://idp.exam\nple.com/token',
    'https://idp.example.com/ token',
    'https://ídp.example.com/token',
    `https://idp.example.com/${'x'.repeat(3000)}`,
    '',
    42,
    null,
    ['https://idp.example.com/token'],
  ])('refuses %j with a sentence', (value) => {
    expect(() => parseEndpoint('token_endpoint', value)).toThrow(
      /^The provider's token_endpoint cannot be used: it .*\.$/u,
    )
  })

  it('takes a query, which RFC 6749 section 3.2 allows', () => {
    expect(parseEndpoint('token_endpoint', 'https://idp.example.com/token?tenant=1').search).toBe('?tenant=1')
  })
})

describe('isLoopback', () => {
  it.each([
    'http://127.0.0.1:1/',
    'http://127.1/',
    'http://0x7f000001/',
    'http://127.9.9.9/',
    'http://[::1]/',
    'http://[::ffff:127.0.0.1]/',
    'http://localhost:1/',
    'http://LOCALHOST./',
    'http://a.localhost/',
  ])('is %s', (url) => {
    expect(isLoopback(new URL(url))).toBe(true)
  })

  it.each([
    'http://127.0.0.1.example.com/',
    'http://localhost.example.com/',
    'http://notlocalhost/',
    'http://0.0.0.0/',
    'http://128.0.0.1/',
  ])('is not %s', (url) => {
    expect(isLoopback(new URL(url))).toBe(false)
  })
})

describe('checkEndpoints', () => {
  it.each([
    ['https://idp.example.com', 'https://idp.example.com/token'],
    ['https://idp.example.com', 'https://api.example.com/token'],
    ['https://idp.example.com', 'https://unknown.example.com/token'],
    ['https://intranet.corp', 'https://intranet2.corp/token'],
    ['https://intranet.corp', 'https://api.example.com/token'],
    ['https://127.0.0.1:8443', 'https://10.0.0.1/token'],
  ])('%s may point to %s', async (issuer, endpoint) => {
    await expect(check(issuer, endpoint)).resolves.toEqual({ insecure_loopback: false })
  })

  it.each([
    ['http://127.0.0.1:1', 'http://127.0.0.1:2/token'],
    ['http://localhost:1', 'http://[::1]:2/token'],
    ['https://127.0.0.1:1', 'http://127.0.0.1:2/token'],
  ])('%s with %s is plain http that stays on this machine', async (issuer, endpoint) => {
    await expect(check(issuer, endpoint)).resolves.toEqual({ insecure_loopback: true })
  })

  it.each([
    ['plain http', 'https://idp.example.com', 'http://idp.example.com/token'],
    ['plain http', 'http://idp.example.com', 'https://idp.example.com/token'],
    ['plain http', 'http://127.0.0.1:1', 'http://idp.example.com/token'],
    ['plain http', 'http://127.0.0.1:1', 'https://idp.example.com/token'],
    ['plain http', 'https://idp.example.com', 'http://127.0.0.1/token'],
    ['private network', 'https://idp.example.com', 'https://inside.example.com/token'],
    ['private network', 'https://idp.example.com', 'https://both.example.com/token'],
    ['private network', 'https://idp.example.com', 'https://metadata.example.com/token'],
    ['private network', 'https://idp.example.com', 'https://self.example.com/token'],
    ['private network', 'https://idp.example.com', 'https://10.0.0.1/token'],
    ['private network', 'https://idp.example.com', 'https://192.168.1.1/token'],
    ['private network', 'https://idp.example.com', 'https://[fd00::1]/token'],
    ['private network', 'https://idp.example.com', 'https://[::ffff:10.0.0.1]/token'],
    ['private network', 'https://idp.example.com', 'https://127.0.0.1/token'],
    ['private network', 'https://idp.example.com', 'https://localhost/token'],
    ['private network', 'https://idp.example.com', 'https://0.0.0.0/token'],
    ['private network', 'https://intranet.corp', 'https://localhost/token'],
  ])('refuses, because of %s: %s with %s', async (why, issuer, endpoint) => {
    await expect(check(issuer, endpoint)).rejects.toMatchObject({
      code: 'provider_error',
      message: expect.stringContaining(why) as string,
    })
  })
})

describe('checkApiBase', () => {
  it('takes https, and http on this machine', () => {
    expect(checkApiBase('https://api.example.com/v1/')).toBe('https://api.example.com/v1/')
    expect(checkApiBase('http://127.0.0.1:8080/')).toBe('http://127.0.0.1:8080/')
  })

  it.each(['http://api.example.com/', 'https://user@api.example.com/', 'file:///'])('refuses %s', (url) => {
    expect(() => checkApiBase(url)).toThrow(/https URL/u)
  })
})
