/**
 * What a web page, a neighbour or a thief of links may try against the console, byte by byte. The rule: beside the
 * status, each row asserts that the deciding door was not touched and that nothing worth having came back.
 */
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Assets } from '../../main/daemon/console-assets.ts'
import { type Console, type ConsoleOptions, startConsole } from '../../main/daemon/console.ts'
import { StandInDeciding } from '../unit/endpoint/stand-in-doors.ts'
import { type Answer, ask, RawConnection, sendRaw, until } from '../unit/endpoint/wire.ts'

const assets: Assets = new Map([
  ['/', { type: 'text/html; charset=utf-8', body: Buffer.from('<!doctype html><title>the window</title>') }],
  ['/assets/index.js', { type: 'text/javascript; charset=utf-8', body: Buffer.from('export const window = 1') }],
])

interface Running {
  readonly console: Console
  readonly deciding: StandInDeciding
  readonly port: number
  readonly logged: string[]
  /** Uses up a link; the whole `Set-Cookie` value. */
  readonly signIn: () => Promise<string>
}

async function run(options: Partial<ConsoleOptions> = {}): Promise<Running> {
  const deciding = new StandInDeciding()
  const logged: string[] = []
  const served = await startConsole({
    deciding,
    assets,
    log: (level, event, fields) => logged.push(`${level} ${event} ${JSON.stringify(fields)}`),
    ...options,
  })
  onTestFinished(() => served.close())
  const port = Number(new URL(served.url).port)
  const signIn = async (): Promise<string> => {
    const answer = await ask(port, new URL(served.newUrl()).pathname, { credential: null })
    return answer.headers['set-cookie']?.[0] ?? ''
  }
  return { console: served, deciding, port, logged, signIn }
}

const pairOf = (setCookie: string): string => setCookie.split(';')[0] ?? ''

/** A call that would lock the vault, but for what a row changes. */
function lockCall(
  port: number,
  cookie: string,
  {
    host = `Host: 127.0.0.1:${String(port)}\r\n`,
    line = 'POST /v1/window/lock HTTP/1.1',
    type = 'Content-Type: application/json\r\n',
    headers = '',
    body = '{}',
  } = {},
): string {
  return `${line}\r\n${host}Cookie: ${cookie}\r\n${type}${headers}Content-Length: ${String(Buffer.byteLength(body))}\r\n\r\n${body}`
}

function expectUntouched({ deciding }: Running): void {
  expect(deciding.calls).toEqual([])
  expect(deciding.snapshots).toBe(0)
}

function expectNothingWorthHaving({ all }: Answer): void {
  expect(all).not.toMatch(/access-control-|set-cookie|the window|\/nowhere\//iu)
  expect(all).toMatch(/^cache-control: no-store$/imu)
  expect(all).toMatch(/^x-content-type-options: nosniff$/imu)
  expect(all).toMatch(/^cross-origin-resource-policy: same-origin$/imu)
}

async function expectRefused(running: Running, bytes: string, status: number, ends = true): Promise<Answer> {
  const answer = await sendRaw(running.port, bytes, ends)
  expect(answer.status, bytes).toBe(status)
  expectNothingWorthHaving(answer)
  expectUntouched(running)
  return answer
}

describe('H9: the call every row changes', () => {
  it('H9: succeeds unchanged, and from our own page', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    expect((await sendRaw(running.port, lockCall(running.port, cookie), false)).status).toBe(200)
    const headers = `Origin: http://127.0.0.1:${String(running.port)}\r\nSec-Fetch-Site: same-origin\r\n`
    const answer = await sendRaw(running.port, lockCall(running.port, cookie, { headers }), false)
    expect(answer.body).toBe('{"ok":true,"value":{"name":"lock","argument":null}}')
    expect(answer.all).not.toMatch(/access-control-/iu)
    expect(running.deciding.calls).toEqual(['lock', 'lock'])
    expect(new Set(running.deciding.surfaces)).toEqual(new Set(['console']))
  })
})

describe('H9: the link and the session', () => {
  it('H9: a link opens once, whoever comes second', async () => {
    const running = await run()
    const path = new URL(running.console.url).pathname
    const both = await Promise.all([1, 2].map(() => ask(running.port, path, { credential: null })))
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403])
    const again = await ask(running.port, path, { credential: null })
    expect(again.status).toBe(403)
    expect(again.headers['set-cookie']).toBeUndefined()
    expect(again.text).toContain('<code>valetkey status</code>')
    expect(running.logged.join('\n')).not.toContain(path.slice(6))
  })

  it('H9: the key has 256 bits, and none that is nearly right is taken', async () => {
    const running = await run()
    const key = new URL(running.console.url).pathname.slice('/open/'.length)
    expect(Buffer.from(key, 'base64url')).toHaveLength(32)
    for (const wrong of ['', key.slice(0, -1), `${key}x`, `${key}/`, `${key}?`, key.toUpperCase(), 'A'.repeat(43)])
      expect((await ask(running.port, `/open/${wrong}`, { credential: null })).status, wrong).toBe(403)
    expect((await ask(running.port, `/open/${key}`, { credential: null })).status).toBe(200)
  })

  it('H9: neither HEAD nor POST uses a link up', async () => {
    const running = await run()
    const path = new URL(running.console.url).pathname
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE'])
      expect((await ask(running.port, path, { method, credential: null })).status, method).toBe(405)
    expect((await ask(running.port, path, { credential: null })).status).toBe(200)
  })

  it('H9: a link lasts five minutes', async () => {
    let now = 0
    const running = await run({ now: () => now })
    const [late, early] = [new URL(running.console.url).pathname, new URL(running.console.newUrl()).pathname]
    now = 299_999
    expect((await ask(running.port, early, { credential: null })).status).toBe(200)
    now = 300_000
    expect((await ask(running.port, late, { credential: null })).status).toBe(403)
  })

  it('H9: unused links do not pile up', async () => {
    const running = await run()
    const first = new URL(running.console.url).pathname
    for (let n = 0; n < 100; n++) running.console.newUrl()
    expect((await ask(running.port, first, { credential: null })).status).toBe(403)
  })

  it('H9: the cookie is for this host, this site and no script, and goes with the browser', async () => {
    const running = await run()
    const setCookie = await running.signIn()
    const [pair = '', ...attributes] = setCookie.split('; ')
    expect(attributes.toSorted()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict'])
    const [name, secret = ''] = pair.split('=')
    expect(name).toBe(`__valetkey_console_${String(running.port)}`)
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
    expect(running.console.url).not.toContain(secret)
  })

  it('H9: a session ends after twelve hours without use, and lives while it is used', async () => {
    let now = 0
    const running = await run({ now: () => now })
    const cookie = pairOf(await running.signIn())
    const visit = async (): Promise<number> =>
      (await ask(running.port, '/', { credential: null, headers: { cookie } })).status
    now += 12 * 3_600_000 - 1
    expect(await visit()).toBe(200)
    now += 12 * 3_600_000 - 1
    expect(await visit()).toBe(200)
    now += 12 * 3_600_000
    expect(await visit()).toBe(401)
    now = 0
    expect(await visit()).toBe(401)
  })

  it('H9: a stream that outlives its session is told nothing more', async () => {
    let now = 0
    const running = await run({ now: () => now })
    const cookie = pairOf(await running.signIn())
    const stream = new RawConnection(running.port)
    stream.write(
      `GET /v1/window/events HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\nCookie: ${cookie}\r\n\r\n`,
    )
    await until(() => stream.received.includes('/nowhere/1'), 'the first snapshot')
    running.deciding.change()
    await until(() => stream.received.includes('/nowhere/2'), 'the second snapshot')
    now = 12 * 3_600_000
    running.deciding.change()
    // The answer is over: its last chunk.
    await until(() => stream.received.endsWith('0\r\n\r\n'), 'the end of the stream')
    expect(stream.received).not.toContain('/nowhere/3')
    expect(running.deciding.snapshots).toBe(2)
  })

  it('H9: no cookie, a wrong one, one of another console, and the same one twice are all strangers', async () => {
    const [running, other] = [await run(), await run()]
    const cookie = pairOf(await running.signIn())
    const theirs = pairOf(await other.signIn())
    const [name = '', secret = ''] = cookie.split('=')
    const strange = [
      '',
      name,
      `${name}=`,
      `${name}=${secret.slice(0, -1)}`,
      `${name}=${secret}x`,
      `${name}="${secret}"`,
      `x${name}=${secret}`,
      theirs,
      `${name}=${theirs.split('=')[1] ?? ''}`,
      `${cookie}; ${cookie}`,
      `${name}=planted; ${cookie}`,
      `${name}=${'A'.repeat(10_000)}`,
    ]
    for (const sent of strange) {
      const call = await expectRefused(running, lockCall(running.port, sent), 401, false)
      expect(call.body).toContain('"invalid_client"')
      await expectRefused(
        running,
        `GET / HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\nCookie: ${sent}\r\n\r\n`,
        401,
        false,
      )
    }
  })

  it('H9: without a session every path answers the same, whether there is something or not', async () => {
    const running = await run()
    const get = (path: string): Promise<Answer> =>
      expectRefused(running, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\n\r\n`, 401, false)
    const withoutDate = ({ all }: Answer): string => all.replace(/^date: .*\r\n/imu, '')
    const pages = await Promise.all(
      ['/', '/assets/index.js', '/assets/none.js', '/favicon.ico', '/index.html', '/open'].map(get),
    )
    expect(new Set(pages.map(withoutDate)).size).toBe(1)
    const calls = await Promise.all(
      ['/v1/window/snapshot', '/v1/window/events', '/v1/window/none', '/v1/window'].map(get),
    )
    expect(new Set(calls.map(withoutDate)).size).toBe(1)
  })
})

describe('H1: one Host, ours', () => {
  it('H1: two Host headers', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    const good = `Host: 127.0.0.1:${String(running.port)}\r\n`
    for (const host of [`${good}Host: evil.example\r\n`, `Host: evil.example\r\n${good}`, `${good}${good}`])
      await expectRefused(running, lockCall(running.port, cookie, { host }), 400)
  })

  it('H6: a rebound name and everything else that is not exactly ours', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    const port = String(running.port)
    const foreign = [
      `evil.example:${port}`,
      `localhost:${port}`,
      `127.0.0.1.evil.example:${port}`,
      `127.1:${port}`,
      `0.0.0.0:${port}`,
      `[::1]:${port}`,
      `[::ffff:127.0.0.1]:${port}`,
      '127.0.0.1',
      '127.0.0.1:1',
      `127.0.0.1:${port}.`,
      `127.0.0.1.:${port}`,
      '',
    ]
    for (const name of foreign) {
      await expectRefused(running, lockCall(running.port, cookie, { host: `Host: ${name}\r\n` }), 403)
      await expectRefused(
        running,
        `GET ${new URL(running.console.url).pathname} HTTP/1.1\r\nHost: ${name}\r\n\r\n`,
        403,
      )
    }
    expect((await ask(running.port, new URL(running.console.url).pathname, { credential: null })).status).toBe(200)
  })

  it('H2: HTTP/1.0, and no Host at all', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    await expectRefused(running, lockCall(running.port, cookie, { line: 'POST /v1/window/lock HTTP/1.0' }), 400)
    await expectRefused(running, lockCall(running.port, cookie, { host: '' }), 400)
  })

  it('H3: absolute-form targets', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    for (const target of [
      'http://evil.example/v1/window/lock',
      `http://127.0.0.1:${String(running.port)}/v1/window/lock`,
    ])
      await expectRefused(running, lockCall(running.port, cookie, { line: `POST ${target} HTTP/1.1` }), 400)
  })

  it('H4: a target that begins with two slashes', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    await expectRefused(
      running,
      lockCall(running.port, cookie, { line: 'POST //evil.example/v1/window/lock HTTP/1.1' }),
      400,
    )
  })

  it('H5: paths that only normalising would make ours', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    const paths = [
      '/v1/window/../window/lock',
      '/v1/window/%6cock',
      '/v1/window/lock/',
      '/v1/window//lock',
      '/V1/window/lock',
      '/v1/window/__proto__',
      '/v1/window/constructor',
      '/v1/window/lock?x=1',
      '/v1/window/lock%00',
    ]
    for (const path of paths)
      await expectRefused(running, lockCall(running.port, cookie, { line: `POST ${path} HTTP/1.1` }), 404, false)
    const files = [
      '/assets/../index.html',
      '/index.html',
      '/%2e%2e/package.json',
      '/..%2fpackage.json',
      '/assets/index.js?x',
      '/assets',
      '/assets/',
      '/assets\\index.js',
      '/etc/passwd',
    ]
    for (const file of files)
      await expectRefused(
        running,
        `GET ${file} HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\nCookie: ${cookie}\r\n\r\n`,
        404,
        false,
      )
  })
})

describe('H7: only our own page', () => {
  it('H7: every other Origin, although the cookie is right', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    const own = `http://127.0.0.1:${String(running.port)}`
    const origins = [
      'null',
      'https://evil.example',
      'http://127.0.0.1',
      'http://127.0.0.1:1',
      `http://localhost:${String(running.port)}`,
      `https://127.0.0.1:${String(running.port)}`,
      `${own}/`,
      'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
      '',
    ]
    for (const origin of origins) {
      await expectRefused(running, lockCall(running.port, cookie, { headers: `Origin: ${origin}\r\n` }), 403)
      await expectRefused(
        running,
        lockCall(running.port, cookie, {
          line: 'GET /v1/window/events HTTP/1.1',
          type: '',
          body: '',
          headers: `Origin: ${origin}\r\n`,
        }),
        403,
      )
    }
    await expectRefused(
      running,
      lockCall(running.port, cookie, { headers: `Origin: ${own}\r\nOrigin: https://evil.example\r\n` }),
      403,
    )
  })

  it('H7: what the browser says of a page on another port or another site', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    for (const site of ['same-site', 'cross-site', 'cross-origin', 'same-origin, cross-site', ''])
      for (const more of ['', 'Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n']) {
        const headers = `Sec-Fetch-Site: ${site}\r\n${more}`
        await expectRefused(running, lockCall(running.port, cookie, { headers }), 403)
        await expectRefused(
          running,
          lockCall(running.port, cookie, { headers, line: 'GET /v1/window/events HTTP/1.1', type: '', body: '' }),
          403,
        )
      }
    for (const dest of ['iframe', 'frame', 'object', 'embed', 'image', 'script', 'empty'])
      await expectRefused(
        running,
        lockCall(running.port, cookie, {
          headers: `Sec-Fetch-Site: same-site\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: ${dest}\r\n`,
          line: 'GET / HTTP/1.1',
          type: '',
          body: '',
        }),
        403,
      )
  })

  it('H8: a preflight is refused and allows nothing', async () => {
    const running = await run()
    const headers =
      'Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\nAccess-Control-Request-Private-Network: true\r\n'
    await expectRefused(
      running,
      lockCall(running.port, 'x=y', { line: 'OPTIONS /v1/window/lock HTTP/1.1', type: '', body: '', headers }),
      405,
    )
  })

  it('H10: what a form can send is not a call', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      'application/json; charset=latin1',
      'text/plain; application/json',
    ])
      await expectRefused(running, lockCall(running.port, cookie, { type: `Content-Type: ${type}\r\n` }), 415, false)
    await expectRefused(running, lockCall(running.port, cookie, { type: '' }), 415, false)
    for (const method of ['GET', 'PUT', 'DELETE', 'PATCH', 'HEAD']) {
      const answer = await ask(running.port, '/v1/window/lock', { method, credential: null, headers: { cookie } })
      expect(answer.status, method).toBe(405)
    }
    expect((await ask(running.port, '/', { method: 'POST', credential: null, headers: { cookie } })).status).toBe(405)
    expectUntouched(running)
  })

  it('H11: a body too large, broken, doubled or unknown', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    await expectRefused(running, lockCall(running.port, cookie, { body: `{"a":"${'x'.repeat(70_000)}"}` }), 413)
    for (const body of ['{', '{"id":"a","id":"b"}', '[]'.repeat(2), '\u00ff'])
      await expectRefused(
        running,
        lockCall(running.port, cookie, { line: 'POST /v1/window/deny HTTP/1.1', body }),
        400,
        false,
      )
    const unknown = await sendRaw(
      running.port,
      lockCall(running.port, cookie, { line: 'POST /v1/window/deny HTTP/1.1', body: '{"id":"a","__proto__":{}}' }),
      false,
    )
    expect(JSON.parse(unknown.body)).toMatchObject({ ok: false, error: { error: 'invalid_request' } })
    expectUntouched(running)
  })

  it('H13: a WebSocket', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    const headers =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    for (const line of ['GET /v1/window/events HTTP/1.1', 'GET / HTTP/1.1'])
      await expectRefused(running, lockCall(running.port, cookie, { line, type: '', body: '', headers }), 426)
  })
})

describe('H9: the headers of pages', () => {
  it('H9: every page forbids frames, foreign scripts and inline ones, caches and referrers', async () => {
    const running = await run()
    const cookie = pairOf(await running.signIn())
    const used = await ask(running.port, '/open/x', { credential: null })
    const out = await ask(running.port, '/', { credential: null })
    const own = await ask(running.port, '/', { credential: null, headers: { cookie } })
    const script = await ask(running.port, '/assets/index.js', { credential: null, headers: { cookie } })
    const nothing = await ask(running.port, '/nothing', { credential: null, headers: { cookie } })
    expect([used, out, own, script, nothing].map(({ status }) => status)).toEqual([403, 401, 200, 200, 404])
    for (const { headers } of [used, out, own, script, nothing]) {
      const policy = headers['content-security-policy'] ?? ''
      for (const rule of [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ])
        expect(policy.split('; ')).toContain(rule)
      expect(policy).not.toMatch(/unsafe|\*|https?:/u)
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      })
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
    expect(own.headers['content-security-policy']).toContain("style-src 'self';")
  })

  it('H9: it listens on the loopback address and nowhere else', async () => {
    const running = await run()
    const { networkInterfaces } = await import('node:os')
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4')
    const { connect } = await import('node:net')
    const reaches = (host: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect({ host, port: running.port })
        socket.once('connect', () => {
          socket.destroy()
          resolve(true)
        })
        socket.once('error', () => {
          resolve(false)
        })
      })
    expect(await reaches('127.0.0.1')).toBe(true)
    expect(await Promise.all(outside.map(({ address }) => reaches(address)))).toEqual(outside.map(() => false))
    expect(await reaches('127.0.0.2')).toBe(false)
  })
})
