/** Provider definitions: what is read, and the path of what is refused (rows D1 of the adversarial table that a loader meets). */
import { readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { builtInProviders, parseDefinition } from '../../../main/providers/loader.ts'
import schema from '../../../main/providers/provider.schema.json' with { type: 'json' }
import { misfit, type Schema } from '../../../main/providers/schema.ts'

const folder = new URL('../../../main/providers/', import.meta.url)
const generic = readFileSync(new URL('generic-oidc.yaml', folder), 'utf8')
/** The generic definition with one line changed or added. */
const changed = (from: string | RegExp, to: string): string => {
  const text = generic.replace(from, to)
  if (text === generic) throw new Error(`${String(from)} is not in the definition`)
  return text
}
const added = (line: string): string => `${generic}${line}\n`

describe('built-in definitions', () => {
  it('are all read, one per file, each under the name of its file', async () => {
    const files = readdirSync(folder).filter((name) => name.endsWith('.yaml'))
    const ids = (await builtInProviders().list()).map(({ id }) => `${id}.yaml`)
    expect(ids.toSorted()).toEqual(files.toSorted())
    expect(ids).toContain('generic-oidc.yaml')
  })

  it('are found by id, and by nothing else', async () => {
    const providers = builtInProviders()
    expect((await providers.find('generic-oidc'))?.display_name).toBe('OpenID Connect')
    expect(await providers.find('Generic-OIDC')).toBeUndefined()
    expect(await providers.find('__proto__')).toBeUndefined()
    expect(await providers.find('../generic-oidc')).toBeUndefined()
  })
})

describe('D1: a definition is refused with the path of the offending key', () => {
  it.each<readonly [string, string, RegExp]>([
    ['an unknown key', added('token_responce: {}'), /token_responce is not a known key/u],
    [
      'an unknown key below',
      changed('type: oidc', 'type: oidc, url: https://x.example/'),
      /discovery\.url is not a known key/u,
    ],
    ['a key named __proto__', added('__proto__: { polluted: true }'), /__proto__ is not a known key/u],
    ['a missing key', changed(/^display_name.*$/mu, ''), /display_name is missing/u],
    ['another version', changed('schema_version: 1', 'schema_version: 2'), /schema_version must be 1/u],
    ['an id that is a path', changed('id: generic-oidc', 'id: ../x'), /^.*: id is not of the form/u],
    ['an id in capitals', changed('id: generic-oidc', 'id: Generic'), /: id is not of the form/u],
    [
      'control characters in the name',
      changed('display_name: OpenID Connect', 'display_name: "Good\\u001b[2JBank"'),
      /display_name is not of the form/u,
    ],
    [
      'a name that reorders the line',
      changed('display_name: OpenID Connect', 'display_name: "Bank\\u202Emoc"'),
      /display_name is not of the form/u,
    ],
    ['plain http', changed("issuer: '${issuer}'", "issuer: 'http://idp.example.com'"), /server\.issuer is plain http/u],
    [
      'plain http for the API',
      changed("['${api_base}']", "['http://api.example.com/']"),
      /resource\.base_urls\[0\] is plain http/u,
    ],
    [
      'another scheme',
      changed("issuer: '${issuer}'", "issuer: 'javascript:alert(1)'"),
      /server\.issuer is not of the form/u,
    ],
    [
      'a look-alike host',
      changed("issuer: '${issuer}'", "issuer: 'https://аpple.example'"),
      /server\.issuer is not of the form/u,
    ],
    [
      'a variable nobody defined',
      changed("issuer: '${issuer}'", "issuer: 'https://${tenant}.example.com'"),
      /server\.issuer uses \$\{tenant\}/u,
    ],
    [
      'a placeholder that is none',
      changed("issuer: '${issuer}'", "issuer: 'https://${issuer'"),
      /server\.issuer has a placeholder/u,
    ],
    ['no issuer to discover', changed("server: { issuer: '${issuer}' }", 'server: {}'), /server\.issuer is missing/u],
    [
      'no endpoints without discovery',
      changed('type: oidc', 'type: none'),
      /server\.authorization_endpoint is missing/u,
    ],
    [
      'a redirect of its own',
      changed('methods: [custom_scheme, loopback]', "methods: [loopback], uri: 'https://evil.example/'"),
      /redirect\.uri is not a known key/u,
    ],
    [
      'another redirect method',
      changed('methods: [custom_scheme, loopback]', 'methods: [https_relay]'),
      /redirect\.methods\[0\] must be one of custom_scheme, loopback/u,
    ],
    [
      "a parameter that is the protocol's own",
      changed('{ prompt: consent }', "{ redirect_uri: 'https://evil.example/' }"),
      /authorization_request\.params\.redirect_uri is not a name/u,
    ],
    [
      'a redirect of its own in the address of its form',
      changed(
        'server: {',
        "server: { authorization_endpoint: 'https://idp.example.com/a?redirect_uri=https://evil.example/',",
      ),
      /server\.authorization_endpoint has redirect_uri in it/u,
    ],
    [
      'a challenge left out',
      changed('{ params: { prompt: consent } }', '{ omit: [code_challenge, code_challenge_method] }'),
      /authorization_request\.omit has code_challenge/u,
    ],
    [
      'an address where the code is only to be shown',
      changed(/redirect: .*/u, "redirect: { methods: [oob], oob_uri: 'https://evil.example/cb' }"),
      /redirect\.oob_uri is not of the form/u,
    ],
    [
      'a number for a text',
      changed('{ prompt: consent }', '{ max_age: 1 }'),
      /authorization_request\.params\.max_age must be a string/u,
    ],
    ['a token outside the header', changed('in: header', 'in: query'), /resource\.authorization\.in must be "header"/u],
    [
      'a header template without the token',
      changed('Bearer ${access_token}', 'Bearer x'),
      /resource\.authorization\.template is not of the form/u,
    ],
    [
      'a scope with a space',
      changed('[openid, profile', "['openid profile'"),
      /scope\.default\[0\] is not of the form/u,
    ],
    ['a duplicate key', added('id: other'), /unique/u],
    ['a list', '- 1', /The definition must be an object/u],
    ['nothing', '', /The definition must be an object/u],
    ['two documents', `${generic}---\nid: other\n`, /cannot be used/u],
    ['broken YAML', '{', /cannot be used/u],
    ['a tag', changed('display_name: OpenID Connect', 'display_name: !!js/function x'), /cannot be used/u],
    ['ten megabytes', `${generic}#${'x'.repeat(10_000_000)}`, /larger than 65536 characters/u],
    [
      'a thousand laughs',
      `a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n`,
      /too many aliases/u,
    ],
  ])('D1: %s', async (_, text, sentence) => {
    await expect(parseDefinition(text, 'x.yaml')).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(sentence) as string,
    })
  })

  it('D1: a hundred thousand levels, and seventeen', async () => {
    for (const levels of [17, 30_000])
      await expect(
        parseDefinition(`${generic}x: ${'['.repeat(levels)}${']'.repeat(levels)}\n`, 'x.yaml'),
      ).rejects.toMatchObject({ code: 'invalid_request', message: expect.stringMatching(/deeper than 16/u) as string })
  })

  it('D1: nothing of a refused definition reaches the prototypes', async () => {
    await expect(parseDefinition(added('__proto__: { polluted: true }'), 'x.yaml')).rejects.toThrow('__proto__')
    expect({}).not.toHaveProperty('polluted')
  })
})

describe('the published schema', () => {
  it('uses only what is implemented, everywhere', () => {
    let visited = 0
    const visit = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      visited++
      for (const value of ['x', 1, true, null, [], {}]) misfit(value, node as Schema, schema)
      const { properties, $defs, items, additionalProperties, propertyNames } = node as Readonly<
        Record<string, unknown>
      >
      for (const child of [
        ...(Object.values(properties ?? {}) as unknown[]),
        ...(Object.values($defs ?? {}) as unknown[]),
        items,
        additionalProperties,
        propertyNames,
      ])
        visit(child)
    }
    expect(() => {
      visit(schema)
    }).not.toThrow()
    expect(visited).toBeGreaterThan(50)
  })

  it('is not silent about a keyword it does not know', () => {
    expect(() => misfit({}, { unevaluatedProperties: false })).toThrow(/not implemented/u)
    expect(() => misfit({}, { $ref: '#/$defs/nowhere' })).toThrow(/not there/u)
  })
})
