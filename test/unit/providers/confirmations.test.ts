/** Definitions that the person has not added themselves: what is said of them, and that nothing but a mark of the vault's key makes one theirs. */
import { createHmac } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openLibrary, type Library } from '../../../main/providers/library.ts'
import { summaryOf } from '../../../main/providers/summary.ts'

let folder: string
let locked: boolean
let marks: Record<string, string | undefined>
/** As the vault's key does it. */
const sign = (text: string): string | undefined =>
  locked ? undefined : createHmac('sha256', 'key').update(text).digest('base64url')
const open = (): Library => openLibrary(folder, () => undefined, sign)
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), 'vk-confirmations-')), 'providers')
  mkdirSync(folder, { mode: 0o700 })
  locked = false
  marks = {}
})
afterEach(() => {
  rmSync(join(folder, '..'), { recursive: true, force: true })
})

const acme = (id = 'acme', from = '', to = ''): string =>
  `schema_version: 1
id: ${id}
display_name: Acme
discovery: { type: none }
server: { authorization_endpoint: 'https://login.acme.example/go', token_endpoint: 'https://api.acme.example/token' }
client: { token_endpoint_auth_method: client_secret_basic }
redirect: { methods: [loopback] }
resource:
  base_urls: ['https://api.acme.example/v1/']
  authorization: { in: header, name: Authorization, template: 'Acme \${access_token}' }
`.replace(from, to)

/** Puts a file there as another program would. */
const drop = (name: string, text: string): void => {
  writeFileSync(join(folder, name), text)
}

/** Puts a file there as an earlier process of ours has. */
function put(name: string, text: string): void {
  const id = name.replace(/\.yaml$/u, '')
  marks[id] = sign(JSON.stringify([id, text]))
  writeFileSync(`${folder}.json`, JSON.stringify(marks))
  drop(name, text)
}

describe('what the person has not added', () => {
  it('is listed, described with a warning, found by nobody, and told of by doctor', async () => {
    put('mine.yaml', acme('mine'))
    drop('acme.yaml', acme())
    const library = open()
    const refused = {
      code: 'access_denied',
      resolve: { command: `valetkey providers add ${join(folder, 'acme.yaml')}` },
    }
    await expect(library.find('acme')).rejects.toMatchObject(refused)
    const own = (await library.list()).filter((one) => !summaryOf(one).built_in)
    expect(own.map((one) => [one.id, library.isUnconfirmed?.(one)])).toEqual([
      ['acme', true],
      ['mine', false],
    ])
    expect(await library.describe({ id: 'acme' })).toMatchObject({
      unconfirmed: true,
      warnings: [expect.stringMatching(/not added by you/u) as string],
    })
    expect(await library.describe({ id: 'mine' })).not.toHaveProperty('unconfirmed')
    expect((await library.examine()).map(({ level, message }) => [level, message])).toEqual([
      ['warning', expect.stringMatching(/^acme\.yaml was not added by you/u)],
    ])
    await library.add(acme())
    expect((await library.find('acme'))?.id).toBe('acme')
    expect((await open().find('acme'))?.id).toBe('acme')
  })

  it('cannot be told while the vault is locked, when nothing is added either', async () => {
    put('acme.yaml', acme())
    locked = true
    const library = open()
    await expect(library.find('acme')).rejects.toMatchObject({ code: 'locked' })
    await expect(library.add(acme('other'))).rejects.toMatchObject({ code: 'locked' })
    expect(existsSync(join(folder, 'other.yaml'))).toBe(false)
    expect((await library.examine()).map(({ message }) => message)).toEqual([
      'Whether acme.yaml is as you added it can be told once the vault is unlocked.',
    ])
    expect(await library.list()).toContainEqual(expect.objectContaining({ id: 'acme' }))
    locked = false
    expect((await library.find('acme'))?.id).toBe('acme')
  })

  it('is what was changed since, and what takes the mark of another', async () => {
    put('acme.yaml', acme())
    drop('acme.yaml', acme('acme', 'login.acme', 'login.evil'))
    await expect(open().find('acme')).rejects.toMatchObject({ code: 'access_denied' })
    put('mine.yaml', acme('mine'))
    marks['acme'] = marks['mine']
    writeFileSync(`${folder}.json`, JSON.stringify(marks))
    await expect(open().find('acme')).rejects.toMatchObject({ code: 'access_denied' })
    for (const text of ['', '[1]', 'null', '{"acme":{"a":1}}', '{']) {
      writeFileSync(`${folder}.json`, text)
      await expect(open().find('acme')).rejects.toMatchObject({ code: 'access_denied' })
    }
  })
})
