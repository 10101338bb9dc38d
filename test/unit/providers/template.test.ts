/** A person's values in a definition's URLs: no value moves a URL to another host. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ProviderDefinition, Variable } from '../../../main/providers/provider.ts'
import { fill, valuesOf } from '../../../main/providers/template.ts'

const define = (variables: Readonly<Record<string, Variable>>): ProviderDefinition => ({
  schema_version: 1,
  id: 'test',
  display_name: 'Test',
  variables,
  discovery: { type: 'oidc' },
  server: { issuer: 'https://${host}' },
  client: { token_endpoint_auth_method: 'none' },
  redirect: { methods: ['loopback'] },
  resource: {
    base_urls: [],
    authorization: { in: 'header', name: 'Authorization', template: 'Bearer ${access_token}' },
  },
})
const one = (variable: Partial<Variable>, value: string): string | undefined =>
  valuesOf(define({ host: { title: 'Host', format: 'hostname', ...variable } }), { host: value })['host']

describe('valuesOf', () => {
  it.each(['acme.example.com', 'ACME.example.com', 'localhost', '127.0.0.1', 'acme.example.com:8443'])(
    'takes the host %s',
    (value) => {
      expect(one({}, value)).toBe(value.toLowerCase())
    },
  )

  it.each([
    'evil.com/#',
    'evil.com/',
    'evil.com?',
    'evil.com#',
    'a@b',
    'a:b@c',
    'evil.com\\x',
    'evil.com%2f',
    'evil.com\n',
    'evil.com\u0000',
    ' evil.com',
    'evil..com',
    '.evil.com',
    'evil.com.',
    '-evil.com',
    'evil.com:0',
    'evil.com:99999',
    'evil.com:1:2',
    '[::1]',
    'évil.com',
    '${host}',
    'x'.repeat(64),
    `${'x.'.repeat(130)}com`,
  ])('refuses the host %j', (value) => {
    expect(() => one({}, value)).toThrow(/host must be a host name/u)
  })

  it.each([
    'https://idp.example.com',
    'https://idp.example.com/',
    'https://idp.example.com/realms/a',
    'http://127.0.0.1:8080',
  ])('takes the URL %s', (value) => {
    expect(one({ format: 'uri' }, value)).toBe(value)
  })

  it.each([
    'idp.example.com',
    'file:///x',
    'javascript:x',
    'https://',
    'https://a@b',
    'https://a:b@c/',
    'https://x/?q',
    'https://x/#f',
    'https://x\\y',
    'https://x/ y',
    'https://x/\ty',
    'https://é/',
    'https:///x',
  ])('refuses the URL %j', (value) => {
    expect(() => one({ format: 'uri' }, value)).toThrow(/host must be an http\(s\) URL/u)
  })

  it.each(['acme', 'acme-1.b_c'])('takes the slug %s', (value) => {
    expect(one({ format: 'slug' }, value)).toBe(value)
  })

  it.each(['a/b', '..', 'a..b', '.a', 'a.', 'a b', 'a%2f', ''])('refuses the slug %j', (value) => {
    expect(() => one({ format: 'slug' }, value)).toThrow(/host/u)
  })

  it.each(['acme.example', 'ACME.EXAMPLE', 'a.acme.example', 'a.b.acme.example'])(
    'takes %s under acme.example',
    (value) => {
      expect(one({ under: 'acme.example' }, value)).toBe(value.toLowerCase())
    },
  )

  it.each(['evil.com', 'notacme.example', 'acme.example.evil.com', 'acme.example:8443', 'a.acme.example:1', 'example'])(
    'refuses %s under acme.example',
    (value) => {
      expect(() => one({ under: 'acme.example' }, value)).toThrow('host must be acme.example or a name under it')
    },
  )

  it.each(['A b/c?#@..', '~'])('takes the text %j as it is', (value) => {
    expect(one({ format: 'text' }, value)).toBe(value)
  })

  it.each(['a\nb', 'a\u0000', 'é', 'x'.repeat(2049)])('refuses the text %j', (value) => {
    expect(() => one({ format: 'text' }, value)).toThrow('host must be plain printable text')
  })

  it('never says a secret that does not fit', () => {
    const secret = { title: 'Key', format: 'text', secret: true } as const
    expect(() => one(secret, 'hunter2\n')).toThrow(
      expect.objectContaining({ message: 'host must be plain printable text.' }) as Error,
    )
  })

  it('takes only what is listed, where there is a list', () => {
    expect(one({ enum: ['eu.example.com'] }, 'eu.example.com')).toBe('eu.example.com')
    expect(() => one({ enum: ['eu.example.com'] }, 'us.example.com')).toThrow('host must be one of eu.example.com.')
  })

  it('falls back to the default, and goes without what is optional', () => {
    const definition = define({
      host: { title: 'Host', format: 'hostname', default: 'a.example' },
      other: { title: 'O', format: 'slug', optional: true },
    })
    expect(valuesOf(definition, {})).toEqual({ host: 'a.example' })
  })

  it('says which value is missing, and how to give it', () => {
    expect(() =>
      valuesOf(define({ host: { title: 'Your host', format: 'hostname', example: 'acme.example' } }), {}),
    ).toThrow(
      expect.objectContaining({
        code: 'invalid_request',
        message: 'Test needs host (Your host).',
        resolve: { command: 'valetkey link test --param host=acme.example' },
      }) as Error,
    )
  })

  it.each(['hots', '__proto__', 'constructor'])('refuses a parameter nobody asked for: %s', (name) => {
    const params = Object.fromEntries([[name, 'x']])
    expect(() =>
      valuesOf(define({ host: { title: 'Host', format: 'hostname', default: 'a.example' } }), params),
    ).toThrow(/has no parameter/u)
  })
})

describe('fill', () => {
  it('fills, and does not fill again what it filled in', () => {
    expect(fill('https://${a}.${b}/', { a: '${b}', b: '$&' })).toBe('https://${b}.$&/')
  })

  it('is nothing at all when a value is missing', () => {
    expect(fill('https://${a}.${b}/', { a: 'x' })).toBeUndefined()
  })

  it('keeps the host of the template, whatever host value was accepted', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.domain(), fc.webUrl(), fc.string({ unit: 'binary' })), (value) => {
        let host: string | undefined
        try {
          host = one({}, value)
        } catch {
          return
        }
        const text = fill('https://${host}.idp.example.com/token', { host: host ?? '' }) ?? ''
        // A port or bad Punycode in the middle makes no URL at all; that is refused where endpoints are checked.
        if (!URL.canParse(text)) return
        const url = new URL(text)
        expect(url.hostname.endsWith('.idp.example.com')).toBe(true)
        expect([url.pathname, url.username, url.hash]).toEqual(['/token', '', ''])
      }),
    )
  })
})
