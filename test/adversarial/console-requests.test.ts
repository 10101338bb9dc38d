/**
 * What a web page or a neighbour may send to the console with somebody's cookie, byte by byte: every row changes one
 * thing about a call that would lock the vault, and the vault's door must not have been touched.
 */
import { describe, expect, it } from 'vitest'
import { ask, sendRaw } from '../unit/endpoint/wire.ts'
import { expectRefused, expectUntouched, lockCall, pairOf, runConsole, statusOf } from './console-rig.ts'

describe('H9: the call every row changes', () => {
  it('H9: succeeds unchanged, and from our own page', async () => {
    const running = await runConsole()
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

describe('H1: one Host, ours', () => {
  it('H1: two Host headers', async () => {
    const running = await runConsole()
    const cookie = pairOf(await running.signIn())
    const good = `Host: 127.0.0.1:${String(running.port)}\r\n`
    for (const host of [`${good}Host: evil.example\r\n`, `Host: evil.example\r\n${good}`, `${good}${good}`])
      await expectRefused(running, lockCall(running.port, cookie, { host }), 400)
  })

  it('H6: a rebound name and everything else that is not exactly ours', async () => {
    const running = await runConsole()
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
    const running = await runConsole()
    const cookie = pairOf(await running.signIn())
    await expectRefused(running, lockCall(running.port, cookie, { line: 'POST /v1/window/lock HTTP/1.0' }), 400)
    await expectRefused(running, lockCall(running.port, cookie, { host: '' }), 400)
  })

  it('H3: absolute-form targets', async () => {
    const running = await runConsole()
    const cookie = pairOf(await running.signIn())
    for (const target of [
      'http://evil.example/v1/window/lock',
      `http://127.0.0.1:${String(running.port)}/v1/window/lock`,
    ])
      await expectRefused(running, lockCall(running.port, cookie, { line: `POST ${target} HTTP/1.1` }), 400)
  })

  it('H4: a target that begins with two slashes', async () => {
    const running = await runConsole()
    const cookie = pairOf(await running.signIn())
    await expectRefused(
      running,
      lockCall(running.port, cookie, { line: 'POST //evil.example/v1/window/lock HTTP/1.1' }),
      400,
    )
  })

  it('H5: paths that only normalising would make ours', async () => {
    const running = await runConsole()
    const cookie = pairOf(await running.signIn())
    const paths = [
      '/v1/window/../window/lock',
      '/v1/window/%6cock',
      '/v1/window/lock/',
      '/v1/window//lock',
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
    const running = await runConsole()
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
    const running = await runConsole()
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
    const running = await runConsole()
    const headers =
      'Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\nAccess-Control-Request-Private-Network: true\r\n'
    await expectRefused(
      running,
      lockCall(running.port, 'x=y', { line: 'OPTIONS /v1/window/lock HTTP/1.1', type: '', body: '', headers }),
      405,
    )
  })

  it('H10: what a form can send is not a call', async () => {
    const running = await runConsole()
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
      const line = `${method} /v1/window/lock HTTP/1.1`
      expect(await statusOf(running.port, lockCall(running.port, cookie, { line })), method).toBe(405)
    }
    for (const path of ['/', '/V1/window/lock'])
      await expectRefused(running, lockCall(running.port, cookie, { line: `POST ${path} HTTP/1.1` }), 405, false)
    expectUntouched(running)
  })

  it('H11: a body too large, broken, doubled or unknown', async () => {
    const running = await runConsole()
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
    const running = await runConsole()
    const cookie = pairOf(await running.signIn())
    const headers =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    for (const line of ['GET /v1/window/events HTTP/1.1', 'GET / HTTP/1.1'])
      await expectRefused(running, lockCall(running.port, cookie, { line, type: '', body: '', headers }), 426)
  })
})
