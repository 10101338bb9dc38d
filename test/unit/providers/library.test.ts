/** The definitions there are: nothing is read before it is asked for, what is kept is whole, and a broken one hides no other. */
import { createHmac } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Broker } from '../../../main/broker/broker.ts'
import { describeText, openLibrary, type Library } from '../../../main/providers/library.ts'
import { builtInProviders, parseDefinition } from '../../../main/providers/loader.ts'
import { flowsOf, summaryOf } from '../../../main/providers/summary.ts'
import { createRig } from '../../fakes/broker-ports.ts'

/** As it is, counted. */
vi.mock(import('../../../main/providers/loader.ts'), async (original) => {
  const whole = await original()
  return { ...whole, parseDefinition: vi.fn<typeof whole.parseDefinition>(whole.parseDefinition) }
})
const parses = vi.mocked(parseDefinition)

let folder: string
let lines: (readonly unknown[])[]
/** As the vault's key does it. */
const sign = (text: string): string => createHmac('sha256', 'key').update(text).digest('base64url')
let marks: Record<string, string>
const open = (): Library => openLibrary(folder, (...line) => void lines.push(line), sign)
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'vk-library-')), 'providers')
  lines = []
  marks = {}
  parses.mockClear()
})
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

const acme = (id = 'acme', from: string | RegExp = '', to = ''): string =>
  `schema_version: 1
id: ${id}
display_name: Acme # as it was written
discovery: { type: none }
server: { authorization_endpoint: 'https://login.acme.example/go', token_endpoint: 'https://api.acme.example/token' }
client: { token_endpoint_auth_method: client_secret_basic }
redirect: { methods: [loopback] }
resource:
  base_urls: ['https://api.acme.example/v1/']
  authorization: { in: header, name: Authorization, template: 'Acme \${access_token}' }
`.replace(from, to)

/** Puts a file there as somebody else would. */
function drop(name: string, text: string): string {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  writeFileSync(join(folder, name), text)
  return join(folder, name)
}

/** Puts a file there as an earlier process of ours has. */
function put(name: string, text: string): string {
  const id = name.replace(/\.yaml$/u, '')
  marks[id] = sign(JSON.stringify([id, text]))
  writeFileSync(`${folder}.json`, JSON.stringify(marks))
  return drop(name, text)
}

describe('what is read', () => {
  it('is nothing at the start, and one file of five hundred when one is asked for', async () => {
    for (let n = 0; n < 500; n++) put(`own-${String(n)}.yaml`, acme(`own-${String(n)}`))
    const library = open()
    expect(parses).not.toHaveBeenCalled()
    expect((await library.find('google'))?.display_name).toBe('Google')
    expect(parses).not.toHaveBeenCalled()
    expect((await library.find('own-7'))?.id).toBe('own-7')
    expect(parses).toHaveBeenCalledTimes(1)
    expect(await library.find('own-500')).toBeUndefined()
    expect(parses).toHaveBeenCalledTimes(1)
    parses.mockClear()
    const shipped = (await builtInProviders().list()).length
    expect(await library.list()).toHaveLength(shipped + 500)
    await library.list()
    await library.find('own-8')
    expect(parses).toHaveBeenCalledTimes(500)
  })

  it('is what came with Valetkey where there is no folder', async () => {
    const shipped = (await builtInProviders().list()).map(({ id }) => id)
    expect((await open().list()).map(({ id }) => id)).toEqual(shipped)
    expect(await open().examine()).toEqual([])
    expect(existsSync(folder)).toBe(false)
  })

  it.each(['../acme', 'a/b', '', '.', 'ACME', '__proto__', 'x'.repeat(300)])('is no file for %j', async (id) => {
    writeFileSync(join(folder, '..', 'acme.yaml'), acme())
    put('a.yaml', acme('a'))
    expect(await open().find(id)).toBeUndefined()
    await expect(open().describe({ id })).rejects.toMatchObject({ code: 'not_found' })
    await expect(open().remove(id)).rejects.toMatchObject({ code: 'not_found' })
    expect(existsSync(join(folder, '..', 'acme.yaml'))).toBe(true)
  })
})

describe('a broken file', () => {
  it.each<readonly [string, () => unknown, RegExp]>([
    [
      'that is no definition',
      () => put('bad.yaml', 'id: bad\n'),
      /bad\.yaml cannot be used: schema_version is missing/u,
    ],
    ['that is no YAML', () => put('bad.yaml', '{'), /bad\.yaml cannot be used/u],
    ['of another id', () => put('bad.yaml', acme('other')), /bad\.yaml cannot be used: its id is other/u],
    ['that is huge', () => put('bad.yaml', `#${'x'.repeat(3_000_000)}`), /bad\.yaml cannot be used: it is larger/u],
    ['with a built-in one’s id', () => put('github.yaml', acme('github')), /github\.yaml cannot be used: .*Valetkey/u],
    ['with a name that is none', () => put('My Acme.yml', acme('my')), /"My Acme\.yml" is not read/u],
  ])('%s hides no other, and doctor says what is wrong', async (_, make, why) => {
    put('acme.yaml', acme())
    make()
    const library = open()
    const list = await library.list()
    expect(list.map(({ id }) => id)).toContain('acme')
    expect(list.filter(({ id }) => id === 'github').map((one) => summaryOf(one).built_in)).toEqual([true])
    expect(await library.examine()).toEqual([
      expect.objectContaining({
        level: 'warning',
        subject: 'providers',
        message: expect.stringMatching(why) as string,
      }),
    ])
  })

  it('is good again once it was mended by hand, or removed', async () => {
    put('acme.yaml', 'id: acme\n')
    put('github.yaml', acme('github'))
    const library = open()
    expect(await library.examine()).toHaveLength(2)
    put('acme.yaml', acme())
    // A file that took a built-in one's id goes, the built-in one stays.
    await library.remove('github')
    await expect(library.remove('github')).rejects.toThrow('github comes with Valetkey and cannot be removed.')
    expect(await library.examine()).toEqual([
      { level: 'ok', subject: 'providers', message: '1 of your own, all of them can be used.' },
    ])
    expect((await library.list()).map(({ id }) => id)).toEqual(expect.arrayContaining(['acme', 'github']))
  })

  it('may be the folder itself', async () => {
    writeFileSync(folder, 'a file')
    const library = open()
    expect((await library.list()).length).toBeGreaterThan(2)
    expect((await library.examine()).map(({ message }) => message)).toEqual([
      'The folder of your own provider definitions cannot be read.',
    ])
    await expect(library.add(acme())).rejects.toMatchObject({ code: 'temporarily_unavailable' })
  })

  it('is no way to another file', async () => {
    put('real.yaml', acme('acme'))
    symlinkSync(join(folder, 'real.yaml'), join(folder, 'acme.yaml'))
    expect(await open().find('acme')).toBeUndefined()
  })
})

describe('adding and removing', () => {
  it('keeps the text as it was written, for the person alone, and nothing beside it', async () => {
    const library = open()
    expect(await library.add(acme())).toMatchObject({ id: 'acme', built_in: false, flows: ['browser'] })
    expect(readdirSync(folder)).toEqual(['acme.yaml'])
    expect(readFileSync(join(folder, 'acme.yaml'), 'utf8')).toBe(acme())
    expect(statSync(folder).mode & 0o777).toBe(0o700)
    expect(statSync(join(folder, 'acme.yaml')).mode & 0o777).toBe(0o600)
    expect((await library.find('acme'))?.display_name).toBe('Acme')
    expect(await library.describe({ id: 'acme' })).toMatchObject({ text: acme(), built_in: false })
    await library.add(acme('acme', 'Acme #', 'Acme, newer #'))
    expect((await library.find('acme'))?.display_name).toBe('Acme, newer')
    expect(await library.remove('acme')).toMatchObject({ id: 'acme', name: 'Acme, newer' })
    expect(await library.find('acme')).toBeUndefined()
    await expect(library.remove('acme')).rejects.toMatchObject({ code: 'not_found' })
    expect(readdirSync(folder)).toEqual([])
  })

  it('closes the folder, and takes no half-written file of a crash for anything', async () => {
    put('acme.yaml.new', 'half')
    chmodSync(folder, 0o755)
    const elsewhere = put('elsewhere', 'mine')
    symlinkSync(elsewhere, join(folder, 'other.yaml.new'))
    const library = open()
    expect(await library.examine()).toEqual([])
    await library.add(acme())
    await library.add(acme('other'))
    expect(readFileSync(elsewhere, 'utf8')).toBe('mine')
    expect(readdirSync(folder)).toEqual(['acme.yaml', 'elsewhere', 'other.yaml'])
    expect(statSync(folder).mode & 0o777).toBe(0o700)
  })

  it('leaves what there was when the new one cannot be used or written', async () => {
    const library = open()
    await library.add(acme())
    await expect(library.add(acme('acme', 'redirect:', 'redirects:'))).rejects.toThrow('redirects is not a known key')
    await expect(library.add(acme('github'))).rejects.toThrow('github comes with Valetkey and cannot be replaced')
    // The disk cannot put a file in a folder's place.
    mkdirSync(join(folder, 'other.yaml'))
    await expect(library.add(acme('other'))).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    expect(await library.find('other')).toBeUndefined()
    expect(readdirSync(folder)).toEqual(['acme.yaml', 'other.yaml'])
    expect(readFileSync(join(folder, 'acme.yaml'), 'utf8')).toBe(acme())
  })

  it('is seen by a list that is being read meanwhile', async () => {
    for (let n = 0; n < 20; n++) put(`own-${String(n)}.yaml`, acme(`own-${String(n)}`))
    const library = open()
    const [, , , list] = await Promise.all([library.list(), library.examine(), library.add(acme()), library.examine()])
    expect(list).toHaveLength(1)
    expect((await library.list()).map(({ id }) => id)).toContain('acme')
  })

  it('stops at a thousand', async () => {
    for (let n = 0; n < 1000; n++) put(`own-${String(n)}.yaml`, acme(`own-${String(n)}`))
    const library = open()
    await expect(library.add(acme())).rejects.toThrow('There are 1000 definitions of your own already')
    await library.add(acme('own-1', 'Acme #', 'Other #'))
  })
})

describe('who decides', () => {
  const surfaces = (host: 'desktop' | 'daemon'): Broker['deciding'] =>
    new Broker({ ...createRig().ports, definitions: open() }, { version: '0.0.0', host, home: '/home/x' }).deciding

  it('is the window alone where there is one; a terminal may look', async () => {
    const [window, terminal] = [surfaces('desktop').on('window'), surfaces('desktop').on('terminal')]
    const refused = { code: 'access_denied', resolve: { command: 'open the Valetkey window' } }
    await expect(terminal.addProvider({ text: acme() })).rejects.toMatchObject(refused)
    await expect(terminal.removeProvider({ id: 'acme' })).rejects.toMatchObject(refused)
    expect(existsSync(folder)).toBe(false)
    expect(await terminal.describeProvider({ text: acme() })).toMatchObject({ id: 'acme' })
    expect(await window.addProvider({ text: acme() })).toMatchObject({ id: 'acme' })
    expect(await terminal.describeProvider({ id: 'acme' })).toMatchObject({ id: 'acme' })
    await expect(terminal.removeProvider({ id: 'acme' })).rejects.toMatchObject(refused)
    expect(await window.removeProvider({ id: 'acme' })).toMatchObject({ id: 'acme' })
  })

  it('is the terminal where there is no window, and its doctor tells what is wrong', async () => {
    const terminal = surfaces('daemon').on('terminal')
    expect(await terminal.addProvider({ text: acme() })).toMatchObject({ id: 'acme' })
    put('bad.yaml', 'id: bad\n')
    const { findings } = await terminal.doctor()
    expect(findings[0]).toMatchObject({ level: 'warning', subject: 'providers' })
  })
})

describe('what a person is told', () => {
  it('of a built-in one: a text that can be one’s own under another name', async () => {
    const library = open()
    for (const { id } of await builtInProviders().list()) {
      const { text, built_in } = await library.describe({ id })
      expect(built_in).toBe(true)
      await expect(describeText(text)).rejects.toThrow('comes with Valetkey')
      const mine = text.replace(`id: ${id}\n`, 'id: mine\n')
      expect(await describeText(mine)).toMatchObject({ id: 'mine', built_in: false })
    }
  })

  it('of the flows: those that a sign-in finds', async () => {
    for (const definition of await builtInProviders().list()) {
      expect(summaryOf(definition)).toMatchObject({ built_in: true, flows: flowsOf(definition) })
    }
  })

  it.each([
    ['client_secret_post }', 'required'],
    ['none }', 'none'],
    ['none, client_type: confidential }', 'required'],
    ['client_secret_basic, client_type: either }', 'optional'],
    ['client_secret_basic, client_type: public }', 'none'],
  ])('of a client %s: its secret is %s', async (method, secret) => {
    const text = acme(
      'acme',
      'client_secret_basic }',
      `${method.slice(0, -1)}, fields: { client_id: { label: App ID, help: In settings } } }`,
    )
    expect((await describeText(text)).client_fields).toEqual({
      client_id: { label: 'App ID', help: 'In settings' },
      secret,
    })
  })

  it.each<readonly [string, string | RegExp, string, readonly string[]]>([
    ['one owner', '', '', []],
    ['one owner under a registry', /acme\.example/gu, 'acme.co.uk', []],
    [
      'another owner',
      'api.acme.example/token',
      'acme.evil.example/token',
      ['You would sign in at login.acme.example, and secrets would go to acme.evil.example.'],
    ],
    [
      'another owner under the same registry',
      "'https://login.acme.example/go', token_endpoint: 'https://api.acme.example/token'",
      "'https://login.acme.co.uk/go', token_endpoint: 'https://api.evil.co.uk/token'",
      [
        'You would sign in at login.acme.co.uk, and secrets would go to api.evil.co.uk.',
        'Access tokens would go to api.acme.example as well.',
      ],
    ],
    [
      'another address',
      "'https://login.acme.example/go', token_endpoint: 'https://api.acme.example/token'",
      "'https://10.1.2.3/go', token_endpoint: 'https://10.9.2.3/token'",
      [
        'You would sign in at 10.1.2.3, and secrets would go to 10.9.2.3.',
        'Access tokens would go to api.acme.example as well.',
      ],
    ],
    [
      'another place to revoke at',
      "api.acme.example/token'",
      "api.acme.example/token', revocation_endpoint: 'https://evil.example/revoke'",
      ['You would sign in at login.acme.example, and secrets would go to evil.example.'],
    ],
    [
      'a host of the person’s choice',
      'discovery:',
      'variables: { h: { title: H, format: hostname } }\ngrants: { authorization_code: { endpoint: "https://${h}/token" }, refresh_token: {} }\ndiscovery:',
      ['You would sign in at login.acme.example, and secrets would go to ${h}.'],
    ],
    [
      'a host of the person’s choice under the same owner',
      'discovery:',
      'variables: { h: { title: H, format: hostname, under: acme.example } }\ngrants: { authorization_code: { endpoint: "https://${h}/token" }, refresh_token: {} }\ndiscovery:',
      [],
    ],
    [
      'plain http that is allowed',
      'discovery:',
      'allow_insecure_http: true\ndiscovery:',
      ['Tokens may be sent unencrypted, for anyone on the way to read.'],
    ],
    [
      'plain http',
      /resource:\n {2}base_urls: \['https/u,
      "allow_insecure_http: true\nresource:\n  base_urls: ['http",
      ['Tokens may be sent unencrypted, for anyone on the way to read, to api.acme.example.'],
    ],
    [
      'secrets in an address',
      'discovery:',
      'grants: { authorization_code: {}, refresh_token: { content_type: query } }\ndiscovery:',
      ['Secrets of refresh_token would be part of an address, which servers write into their logs.'],
    ],
    [
      'another place to call, to ask who it is, and to begin on another device',
      'discovery:',
      "identity: { url: 'https://who.evil.example/me' }\ngrants: { authorization_code: {}, refresh_token: {} }\ndiscovery:",
      ['Access tokens would go to who.evil.example as well.'],
    ],
    [
      'a place where a token is a password',
      /resource:\n/u,
      "resource:\n  basic_authentication: { base_urls: ['https://git.evil.example/'] }\n",
      ['Access tokens would go to git.evil.example as well.'],
    ],
    [
      'a sign-in without PKCE',
      'discovery:',
      'authorization_request: { pkce: none }\ndiscovery:',
      ['It signs in without PKCE: only an unguessable state ties the answer to you.'],
    ],
    [
      'a password',
      'discovery:',
      'grants: { password: {} }\ndiscovery:',
      ['It can ask for your email and password, and would send them to the provider.'],
    ],
  ])('of %s', async (_, from, to, warnings) => {
    expect((await describeText(acme('acme', from, to))).warnings).toEqual(warnings)
  })
})
