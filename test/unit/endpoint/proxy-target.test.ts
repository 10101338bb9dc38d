/** Where a proxied call may go: what is sent is what was written, or nothing is. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { proxyPath } from '../../../main/contract/client-api.ts'
import { BrokerError } from '../../../main/contract/errors.ts'
import { aimAt, destinationOf, proxyTarget } from '../../../main/endpoint/proxy-target.ts'

const bases = ['https://api.example.com/v1/', 'https://files.example.com:8443/', 'https://old.example.com/api']

/** The code of the refusal, or where it goes. */
function outcome(rest: string, among: readonly string[] = bases): string {
  try {
    return aimAt(destinationOf(rest), { api_base_urls: among, provider: 'example' }).url
  } catch (thrown) {
    if (thrown instanceof BrokerError) return thrown.code
    throw thrown
  }
}

describe('the target of a proxied call', () => {
  it('names the account, whatever its label, and the rest as it came', () => {
    for (const account of ['work', 'a/b?c', 'Ada Löwe', '%2F', '..', 'x#y']) {
      expect(proxyTarget(`${proxyPath(account)}users?a=%20`)).toEqual({ account, rest: 'users?a=%20' })
      expect(proxyTarget(proxyPath(account))).toEqual({ account, rest: '' })
    }
    expect(proxyTarget('/v1/accounts/work/proxy')).toEqual({ account: 'work', rest: '' })
    expect(proxyTarget('/v1/accounts/a/proxy/https://h/p')).toEqual({ account: 'a', rest: 'https://h/p' })
  })

  it('is no other path', () => {
    for (const target of [
      ...['/v1/accounts', '/v1/accounts/', '/v1/accounts/a', '/v1/accounts/a/proxyx', '/v1/accounts/a/prox'],
      ...['/v1/accounts//proxy/x', '/v1/accounts/a?/proxy/x', '/v1/account/a/proxy/x', '/v1/token'],
    ])
      expect(proxyTarget(target), target).toBeUndefined()
    expect(() => proxyTarget('/v1/accounts/%ff/proxy/x')).toThrow('percent-encoded')
  })
})

describe('where it goes', () => {
  it('is behind the first address, byte for byte', () => {
    for (const [rest, url] of [
      ['', 'https://api.example.com/v1/'],
      ['users', 'https://api.example.com/v1/users'],
      ['users/', 'https://api.example.com/v1/users/'],
      ['?page=2', 'https://api.example.com/v1/?page=2'],
      ["users/@me;v=1/x:y(z)*,=+$&'!~-_.", "https://api.example.com/v1/users/@me;v=1/x:y(z)*,=+$&'!~-_."],
      [
        'caf%C3%a9/stra%C3%9Fe/%20?q=a%2fb&r=../../x//y',
        'https://api.example.com/v1/caf%C3%a9/stra%C3%9Fe/%20?q=a%2fb&r=../../x//y',
      ],
      // GitLab names a project by its whole path, so encoded (docs.gitlab.com/api/rest, "Namespaced paths").
      ['projects/group%2Fproject', 'https://api.example.com/v1/projects/group%2Fproject'],
      ['x...y/.hidden/..z', 'https://api.example.com/v1/x...y/.hidden/..z'],
    ])
      expect(outcome(rest ?? ''), rest).toBe(url)
    expect(outcome('', ['https://old.example.com/api'])).toBe('https://old.example.com/api')
    expect(outcome('x', ['https://old.example.com/api'])).toBe('https://old.example.com/api/x')
    expect(outcome('x', ['https://api.example.com'])).toBe('https://api.example.com/x')
  })

  it('is one of the addresses, when it is named whole', () => {
    for (const [rest, url] of [
      ['https://files.example.com:8443/a?b', 'https://files.example.com:8443/a?b'],
      ['HTTPS://API.Example.COM/v1/x', 'https://api.example.com/v1/x'],
      ['https://api.example.com:443/v1/x', 'https://api.example.com/v1/x'],
      ['https://old.example.com/api', 'https://old.example.com/api'],
      ['https://old.example.com/api/x', 'https://old.example.com/api/x'],
      ['https://files.example.com:8443', 'https://files.example.com:8443/'],
    ])
      expect(outcome(rest ?? ''), rest).toBe(url)
  })

  it('is never in the clear, but on this machine', () => {
    expect(outcome('x', ['http://api.example.com/'])).toBe('invalid_request')
    expect(outcome('x', ['http://api.example.com/', 'https://api.example.com/'])).toBe('https://api.example.com/x')
    expect(outcome('http://api.example.com/x', ['http://api.example.com/', 'https://api.example.com/'])).toBe(
      'access_denied',
    )
    expect(outcome('x', ['http://127.0.0.1:8080/api/'])).toBe('http://127.0.0.1:8080/api/x')
    expect(outcome('x', ['http://[::1]:8080/'])).toBe('http://[::1]:8080/x')
    expect(aimAt(destinationOf('x'), { api_base_urls: ['http://[::1]:8080/'], provider: 'example' })).toMatchObject({
      hostname: '::1',
      port: 8080,
      host: '[::1]:8080',
    })
    expect(outcome('x', ['http://localhost.example.com/'])).toBe('invalid_request')
    expect(outcome('x', ['http://127.0.0.1.example.com/'])).toBe('invalid_request')
  })

  it('is nowhere, where no address is known', () => {
    expect(() => aimAt(destinationOf('x'), { api_base_urls: [], provider: 'example' })).toThrow('link it again')
    expect(outcome('https://api.example.com/', [])).toBe('invalid_request')
  })

  it('stays where it was written, whatever is written', () => {
    const piece = fc.constantFrom(
      ...['..', '.', '/', '//', '%2e', '%2E', '%2f', '%5c', '\\', '%252e', '%25', ';', '@', ':', '#', '?', 'a', '%00'],
      ...['https://', 'http:', 'api.example.com', 'evil.example', '%', '[', ' ', '\t', 'ü', '%0d%0a', '/v1', '..;'],
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const rest = pieces.join('')
        const url = outcome(rest)
        if (url === 'invalid_request' || url === 'access_denied') return
        // As another reader, which normalises, sees it.
        const read = new URL(url)
        const [address = ''] = url.split('?', 1)
        expect(bases.map((base) => new URL(base).origin)).toContain(read.origin)
        expect(`${read.origin}${read.pathname}`).toBe(address)
        expect(bases.some((base) => `${address}/`.startsWith(base.endsWith('/') ? base : `${base}/`))).toBe(true)
        expect(rest === '' || url.endsWith(rest) || rest.includes('://')).toBe(true)
        let decoded = read.pathname
        for (let i = 0; i < 4; i++)
          decoded = decoded.replaceAll(/%([\da-f]{2})/giu, (_, h: string) =>
            String.fromCharCode(Number.parseInt(h, 16)),
          )
        expect(decoded).not.toMatch(/(?:^|\/)\.\.?(?:[/;]|$)|\\|\0|\/\/|[\r\n]/u)
      }),
      { numRuns: 5000 },
    )
  })
})
