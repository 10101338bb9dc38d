/** Rows N1-N7 of the adversarial table: browsers, extensions and manifests that are not what they should be. */
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { newHome, removeHome, runCli, startDaemon, type RunningDaemon, until } from '../setup/daemon.ts'
import { pairProgram } from '../setup/link.ts'
import { frame, startHost } from '../setup/native-host.ts'

const extension = 'abcdefghijklmnopabcdefghijklmnop'
const other = 'ponmlkjihgfedcbaponmlkjihgfedcba'
const origin = `chrome-extension://${extension}/`
const firefox = 'valetkey@example.org'

let daemon: RunningDaemon
let token: string
beforeAll(async () => {
  daemon = await startDaemon({ args: ['--insecure-key-file'] })
  token = await pairProgram(daemon, 'an extension', 'extension')
  const { code, stderr } = await install(daemon.paths.home, extension, firefox)
  if (code !== 0) throw new Error(stderr)
})
afterAll(async () => {
  await daemon.stop()
})

const install = (home: string, ...ids: readonly string[]) =>
  runCli(home, ['native-host', 'install', ...ids.flatMap((id) => ['--extension-id', id])])
function emptyHome(): string {
  const home = newHome()
  mkdirSync(home, { recursive: true, mode: 0o700 })
  return home
}

const open = (args: readonly string[] = [origin]) => startHost(daemon.paths.home, args)

describe('N1: who starts it', () => {
  it.each([
    ['nobody', []],
    ['another extension', [`chrome-extension://${other}/`]],
    ['a window and no extension', ['--parent-window=3']],
    ['an extension and more', [origin, '--parent-window=3', 'more']],
    ['an extension and something else', [origin, '--evil']],
    ['a page', ['https://example.com/']],
    ['an origin without its end', [origin.slice(0, -1)]],
    ['another Firefox extension', ['/x/app.valetkey.json', 'evil@example.org']],
    ['Firefox without an extension', ['/x/app.valetkey.json']],
  ])('N1: %s gets no answer at all', async (_, args) => {
    const host = open(args)
    host.send({ id: 'a', call: 'status', client_token: token })
    expect(await host.ended).toBe(1)
    expect(host.output().toString()).toBe('')
  })

  it.each([
    ['Chrome', [origin]],
    ['Chrome on Windows', [origin, '--parent-window=12345']],
    ['Firefox', ['/home/x/.mozilla/native-messaging-hosts/app.valetkey.json', firefox]],
  ])('N1: %s is served', async (_, args) => {
    const host = open(args)
    host.send({ id: 'a', call: 'status', client_token: token })
    expect(await host.answer('a')).toMatchObject({ value: { version: expect.any(String) as string } })
    host.close()
    expect(await host.ended).toBe(0)
  })

  it('N1: nobody is, where the list is missing or another user could have written it', async () => {
    const home = emptyHome()
    try {
      expect(await startHost(home, [origin]).ended).toBe(1)
      writeFileSync(join(home, 'native-host.json'), JSON.stringify({ extensions: [extension] }))
      chmodSync(join(home, 'native-host.json'), 0o666)
      const host = startHost(home, [origin])
      expect(await host.ended).toBe(1)
      expect(host.errors()).toContain('open to other users')
      expect(host.output()).toHaveLength(0)
    } finally {
      removeHome(home)
    }
  })
})

describe('N2-N4: frames', () => {
  it('N2, N3: are the bytes the browsers’ documentation has, whatever the length', async () => {
    const host = open()
    // 10 and 13 in the length are what a translated line end would change.
    const empty = JSON.stringify({ id: '', call: 'nothing' }).length
    for (const length of [0x0a0a, 0x0d0a, 0x0d0d]) {
      const id = 'x'.repeat(length - empty)
      host.send({ id, call: 'nothing' })
      await host.answer(id)
    }
    const first = host.answers[0]
    expect(host.output().subarray(0, frame(JSON.stringify(first)).length)).toEqual(frame(JSON.stringify(first)))
    host.close()
    expect(await host.ended).toBe(0)
  })

  it('N2: that come in pieces or together are read alike', async () => {
    const host = open()
    const bytes = Buffer.concat(
      ['a', 'b'].map((id) => frame(JSON.stringify({ id, call: 'status', client_token: token }))),
    )
    for (const byte of bytes.subarray(0, 7)) host.write(Buffer.of(byte))
    host.write(bytes.subarray(7))
    expect(await host.answer('a')).toHaveProperty('value')
    expect(await host.answer('b')).toHaveProperty('value')
    host.close()
    await host.ended
  })

  it.each([
    ['four gigabytes', Buffer.of(255, 255, 255, 255), /4294967295 bytes is too long/u],
    ['no JSON', frame('{"id":'), /not JSON/u],
  ])('N2: %s end it with an error frame', async (_, bytes, why) => {
    const host = open()
    host.write(bytes)
    expect(await host.ended).toBe(1)
    expect(host.answers).toMatchObject([{ error: { error: 'invalid_request' } }])
    expect(JSON.stringify(host.answers)).toMatch(why)
  })

  it('N4: are all there is on standard output, for nonsense too', async () => {
    const host = open()
    const nonsense = [null, 7, 'text', [], {}, { id: 'a' }, { id: {}, call: 'status' }, { id: 1, call: '__proto__' }]
    for (const message of nonsense) host.send(message)
    host.send({ id: 'last', call: 'token', client_token: token, argument: { account: 7 } })
    expect(await host.answer('last')).toMatchObject({ error: { error: 'invalid_request' } })
    // Reading them throws at anything that is no frame.
    expect(host.answers.every((answer) => 'error' in answer)).toBe(true)
    expect(host.answers).toHaveLength(nonsense.length + 1)
    host.close()
    await host.ended
  })
})

describe('N5, N6: the ends it stands between', () => {
  it('N5: ends when the browser does, even while the person is asked', async () => {
    const host = open()
    host.send({ id: 'a', call: 'pair', argument: { name: 'waiting', kind: 'extension' } })
    await until(() => host.answers.find((answer) => 'pending' in answer))
    expect(host.answers).toMatchObject([
      { id: 'a', pending: { code: expect.stringMatching(/^\d{3}-\d{3}$/u) as string } },
    ])
    host.close()
    expect(await host.ended).toBe(0)
  })

  it('N6: says that no broker runs, and goes on', async () => {
    const home = newHome()
    try {
      await install(home, extension)
      const host = startHost(home, [origin])
      for (const id of ['a', 'b']) {
        host.send({ id, call: 'accounts', client_token: token })
        expect(await host.answer(id)).toMatchObject({
          error: { error: 'not_running', resolve: { command: 'valetkey daemon' } },
        })
      }
      host.close()
      await host.ended
    } finally {
      removeHome(home)
    }
  })

  it('N6: says what the broker refuses, and never asks with a token that is not the extension’s', async () => {
    const host = open()
    host.send({ id: 'a', call: 'token', argument: { account: 'nobody' }, client_token: token })
    expect(await host.answer('a')).toMatchObject({ error: { error: 'not_found' } })
    host.send({ id: 'b', call: 'accounts', client_token: 'vkc_wrong' })
    expect(await host.answer('b')).toMatchObject({ error: { error: 'invalid_client' } })
    // The command line's own token lies in the same home and would be let in.
    host.send({ id: 'c', call: 'accounts' })
    expect(await host.answer('c')).toMatchObject({ error: { error: 'invalid_client' } })
    host.close()
    await host.ended
    expect(host.output().toString()).not.toContain(token)
  })
})

describe('N7: manifests', () => {
  it('N7: name the right program from a home with spaces and other letters, and are all taken back', async () => {
    const home = join(emptyHome(), "Ünï 'code")
    mkdirSync(home, { mode: 0o700 })
    try {
      const { stdout, code } = await runCli(home, ['native-host', 'install', '--extension-id', extension, '--json'])
      expect(code).toBe(0)
      const { browsers } = JSON.parse(stdout) as { browsers: { browser: string; state: string; manifest: string }[] }
      const installed = browsers.filter(({ state }) => state === 'installed')
      expect(installed.map(({ browser }) => browser)).toEqual(['chrome', 'chromium', 'edge', 'brave', 'vivaldi'])
      const manifest = JSON.parse(readFileSync(installed[0]?.manifest ?? '', 'utf8')) as { path: string }
      expect(manifest).toMatchObject({ name: 'app.valetkey', type: 'stdio', allowed_origins: [origin] })
      expect(statSync(manifest.path).mode & 0o777).toBe(0o700)
      const host = startHost(home, [origin], [manifest.path])
      host.send({ id: 'a', call: 'accounts', client_token: token })
      expect(await host.answer('a')).toMatchObject({ error: { error: 'not_running' } })
      host.close()
      await host.ended
      expect((await runCli(home, ['native-host', 'uninstall'])).code).toBe(0)
      expect(installed.filter((one) => existsSync(one.manifest))).toEqual([])
      expect(existsSync(join(home, 'native-host.json')) || existsSync(manifest.path)).toBe(false)
    } finally {
      removeHome(dirname(home))
    }
  })

  it('N7: a link or somebody else’s manifest in its place is refused, and stays', async () => {
    const home = emptyHome()
    const target = join(home, 'target.txt')
    const place = join(home, '.config/chromium/NativeMessagingHosts/app.valetkey.json')
    try {
      writeFileSync(target, 'precious')
      mkdirSync(dirname(place), { recursive: true })
      symlinkSync(target, place)
      const refused = await install(home, extension)
      expect(refused).toMatchObject({ code: 6, stdout: '' })
      expect(refused.stderr).toContain(place)
      expect(readFileSync(target, 'utf8')).toBe('precious')
      expect(existsSync(join(home, 'native-host.json'))).toBe(false)
      expect((await runCli(home, ['native-host', 'uninstall'])).code).toBe(0)
      expect(readFileSync(place, 'utf8')).toBe('precious')
    } finally {
      removeHome(home)
    }
  })

  it.each(['ABC', `${extension}x`, 'https://evil.example/', '*'])('N7: %s is no extension', async (id) => {
    const home = newHome()
    try {
      expect(await install(home, id)).toMatchObject({ code: 2 })
      expect(existsSync(join(home, 'native-host.json'))).toBe(false)
    } finally {
      removeHome(home)
    }
  })
})
