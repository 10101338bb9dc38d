/**
 * What a web page, a neighbour or a broken client may send to the HTTP endpoint, byte by byte. The rule: beside the
 * status, each row asserts that the broker was not even asked and that nothing in the answer is worth having.
 */
import { describe, expect, it } from 'vitest'
import { credential, expectHarmless, expectRefused, expectUntouched, tokenRequest } from '../unit/endpoint/refusal.ts'
import { accessToken, clientToken, secondToken } from '../unit/endpoint/stand-in-doors.ts'
import { ask, post, RawConnection, sendRaw, startStage, until } from '../unit/endpoint/wire.ts'

describe('H9: the request every row changes', () => {
  it('H9: succeeds unchanged, with the same headers and no CORS', async () => {
    const { port, asking } = await startStage()
    const answer = await sendRaw(port, tokenRequest(port), false)
    expect(answer.status).toBe(200)
    expect(answer.body).toContain(accessToken)
    expect(answer.all).not.toMatch(/access-control-/iu)
    expect(answer.head).toMatch(/^cache-control: no-store$/imu)
    expect(asking.calls).toEqual(['token'])
  })
})

describe('H1: Host headers', () => {
  it('H1: two, the good one first, last, or the same twice', async () => {
    const running = await startStage()
    const good = `Host: 127.0.0.1:${String(running.port)}\r\n`
    for (const host of [`${good}Host: evil.example\r\n`, `Host: evil.example\r\n${good}`, `${good}${good}`])
      await expectRefused(running, tokenRequest(running.port, { host }), 400)
  })

  it('H1: a second one behind more header lines than Node keeps by default', async () => {
    const running = await startStage()
    const headers = `${'a:\r\n'.repeat(2500)}Host: evil.example\r\n`
    await expectRefused(running, tokenRequest(running.port, { headers }), 400)
  })

  it('H1: two are refused on the socket too, where any one is taken', async () => {
    const { paths, asking } = await startStage()
    const both = await sendRaw(paths.socket, tokenRequest(0, { host: 'Host: a\r\nHost: a\r\n' }))
    expect(both.status).toBe(400)
    expect(asking.calls).toEqual([])
    expect((await sendRaw(paths.socket, tokenRequest(0, { host: 'Host: localhost\r\n' }), false)).status).toBe(200)
  })
})

describe('H2: protocol versions', () => {
  it('H2: HTTP/1.0 with and without Host, HTTP/1.1 without', async () => {
    const running = await startStage()
    await expectRefused(running, tokenRequest(running.port, { version: 'HTTP/1.0', host: '' }), 400)
    await expectRefused(running, tokenRequest(running.port, { version: 'HTTP/1.0' }), 400)
    await expectRefused(running, tokenRequest(running.port, { host: '' }), 400)
    await expectRefused(running, tokenRequest(running.port, { version: 'HTTP/2.0' }), 400)
    await expectRefused(running, tokenRequest(running.port, { version: 'HTTP/0.9' }), 400)
  })
})

describe('H3: absolute-form targets', () => {
  it('H3: another host, our own host, an asterisk', async () => {
    const running = await startStage()
    const own = `http://127.0.0.1:${String(running.port)}/v1/token`
    for (const target of ['http://evil.example/v1/token', own, '*'])
      await expectRefused(running, tokenRequest(running.port, { target }), 400)
  })
})

describe('H4: network-path targets', () => {
  it('H4: //host/v1/token and //v1/token', async () => {
    const running = await startStage()
    for (const target of ['//evil.example/v1/token', '//v1/token', '///v1/token'])
      await expectRefused(running, tokenRequest(running.port, { target }), 400)
  })
})

describe('H5: paths that only normalisation would make ours', () => {
  it('H5: dot segments, encoded characters, case, trailing and doubled slashes', async () => {
    const running = await startStage()
    const targets = [
      '/v1/../v1/token', '/v1/./token', '/v1/x/../token', '/v1/%74oken', '/v1%2ftoken', '/v1%2Ftoken', '/%76%31/token',
      '/v1/%2e%2e/v1/token', '/v1/token%00', '/v1/token/', '/v1//token', '/V1/TOKEN', '/v1/token;x', '/v1/token#x',
      '/v1\\token', '/admin', '/', '/v1/requests/', '/v1/requests/../token', '/v1/requests/a%2fb', '/v1/window/snapshot',
    ] // prettier-ignore
    for (const target of targets) await expectRefused(running, tokenRequest(running.port, { target }), 404, false)
  })

  it('H5: a raw NUL, tab or space in the target', async () => {
    const running = await startStage()
    for (const target of ['/v1/to\0ken', '/v1/to\tken', '/v1/to ken'])
      await expectRefused(running, tokenRequest(running.port, { target }), 400)
  })

  it('H5: a query where none is taken, and other parameters than the nonce where one is', async () => {
    const running = await startStage()
    for (const target of ['/v1/token?', '/v1/token?access_token=x', '/v1/status?a=b', '/v1/requests/q1?x'])
      await expectRefused(running, tokenRequest(running.port, { target }), 400, false)
    const hello = `/v1/hello?nonce=${'n'.repeat(43)}`
    const bad = [
      `${hello}&x=1`,
      `${hello}&nonce=${'m'.repeat(43)}`,
      '/v1/hello',
      '/v1/hello?nonce=short',
      `${hello}%0a`,
    ]
    for (const target of bad) {
      const { status, text } = await ask(running.port, target, { credential: null })
      expect(status, target).toBe(400)
      expect(text).not.toContain('signature')
    }
  })
})

describe('H6: Host values that are nearly ours', () => {
  it('H6: every spelling but the one we print', async () => {
    const running = await startStage()
    const port = String(running.port)
    const hosts = [
      `127.0.0.1.evil.example:${port}`, `localhost:${port}`, `localhost.:${port}`, `127.1:${port}`, `0.0.0.0:${port}`,
      `[::ffff:127.0.0.1]:${port}`, `[::1]:${port}`, '127.0.0.1', '127.0.0.1:1', `127.0.0.1:0${port}`, `LOCALHOST:${port}`,
      `127.0.0.1:${port}.`, `user@127.0.0.1:${port}`, `127.0.0.1:${port},127.0.0.1:${port}`, '', 'evil.example', `2130706433:${port}`,
    ] // prettier-ignore
    for (const host of hosts)
      await expectRefused(running, tokenRequest(running.port, { host: `Host: ${host}\r\n` }), 403)
  })
})

describe('H7: requests of a web page', () => {
  it('H7: any Origin, one or more, on both transports', async () => {
    const running = await startStage()
    const own = `http://127.0.0.1:${String(running.port)}`
    const good = 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'
    for (const origin of ['null', 'https://evil.example', own, good, '', `${own}\r\nOrigin: https://evil.example`]) {
      const headers = `Origin: ${origin}\r\n`
      await expectRefused(running, tokenRequest(running.port, { headers }), 403)
      const overSocket = await sendRaw(running.paths.socket, tokenRequest(running.port, { headers }))
      expect(overSocket.status).toBe(403)
    }
    expectUntouched(running)
  })

  it('H7: what a browser says of where a request comes from', async () => {
    const running = await startStage()
    for (const site of [
      'same-site',
      'same-origin',
      'cross-site',
      'Cross-Site',
      'something',
      'none\r\nSec-Fetch-Site: cross-site',
      'cross-site\r\nSec-Fetch-Site: none',
    ])
      await expectRefused(running, tokenRequest(running.port, { headers: `Sec-Fetch-Site: ${site}\r\n` }), 403)
    const hello = await ask(running.port, `/v1/hello?nonce=${'n'.repeat(43)}`, {
      credential: null,
      headers: { 'sec-fetch-site': 'cross-site' },
    })
    expect(hello.status).toBe(403)
    // A person typing the address is no page, but has no credential either.
    const typed = await ask(running.port, '/v1/status', { credential: null, headers: { 'sec-fetch-site': 'none' } })
    expect(typed.status).toBe(401)
    expectUntouched(running)
  })
})

describe('H8: preflights', () => {
  it('H8: OPTIONS gets 405 and no CORS header, with and without what a browser adds', async () => {
    const running = await startStage()
    const host = `Host: 127.0.0.1:${String(running.port)}\r\n`
    const asks =
      'Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\nAccess-Control-Request-Private-Network: true\r\n'
    for (const bytes of [
      `OPTIONS /v1/token HTTP/1.1\r\n${host}${asks}\r\n`,
      `OPTIONS * HTTP/1.1\r\n${host}\r\n`,
      `OPTIONS /v1/token HTTP/1.1\r\n${host}${credential}\r\n`,
    ])
      await expectRefused(running, bytes, 405)
  })

  it('H8: other methods than the one of the call', async () => {
    const running = await startStage()
    const host = `Host: 127.0.0.1:${String(running.port)}\r\n`
    for (const method of ['GET', 'PUT', 'DELETE', 'HEAD', 'TRACE', 'PATCH']) {
      const raw = new RawConnection(running.port)
      raw.write(`${method} /v1/token HTTP/1.1\r\n${host}${credential}\r\n`)
      await until(() => raw.received.includes('\r\n\r\n'), 'an answer')
      expect(raw.received, method).toMatch(/^HTTP\/1\.1 405 /u)
      expect(raw.received).toMatch(/^allow: POST$/imu)
    }
    expectUntouched(running)
  })
})

describe('H9: credentials', () => {
  it('H9: none, wrong, a prefix, doubled, another spelling, 10 kB: 401 with one and the same body', async () => {
    const running = await startStage()
    const host = `Host: 127.0.0.1:${String(running.port)}\r\n`
    const credentials = [
      '', 'Authorization: Bearer wrong\r\n', 'Authorization: \r\n', 'Authorization: Bearer\r\n', 'Authorization: Bearer \r\n',
      `Authorization: Bearer ${clientToken.slice(0, -1)}\r\n`, `Authorization: Bearer ${clientToken}x\r\n`,
      `${credential}${credential}`, `${credential}Authorization: Bearer wrong\r\n`, `Authorization: Bearer wrong\r\n${credential}`,
      `Authorization: bearer ${clientToken}\r\n`, `Authorization: BEARER ${clientToken}\r\n`, `Authorization: Bearer  ${clientToken}\r\n`,
      `Authorization: Basic ${clientToken}\r\n`, `Authorization: ${clientToken}\r\n`, `Authorization: Bearer ${clientToken} ${clientToken}\r\n`,
      `Authorization: Bearer ${clientToken},\r\n`, `Authorization: Bearer ${'A'.repeat(10_000)}\r\n`, `Proxy-Authorization: Bearer ${clientToken}\r\n`,
      `Cookie: token=${clientToken}\r\n`,
    ] // prettier-ignore
    const bodies = new Set<string>()
    for (const value of credentials) {
      const bytes = `POST /v1/token HTTP/1.1\r\n${host}${value}Content-Type: application/json\r\nContent-Length: 20\r\n\r\n{"account":"github"}`
      const answer = await expectRefused(running, bytes, 401, false)
      expect(answer.head).toMatch(/^www-authenticate: Bearer$/imu)
      bodies.add(answer.body)
    }
    expect([...bodies]).toHaveLength(1)
  })

  it('H9: every call but pair and hello needs one', async () => {
    const running = await startStage()
    for (const path of ['/v1/accounts', '/v1/status', '/v1/requests/q1'])
      expect((await ask(running.port, path, { credential: null })).status).toBe(401)
    for (const path of ['/v1/token', '/v1/invalidate'])
      expect((await post(running.port, path, {}, { credential: null })).status).toBe(401)
    expectUntouched(running)
  })
})

describe('H10: bodies that are not declared as JSON', () => {
  it('H10: forms, text and multipart that carry JSON, JSON doubled or encoded', async () => {
    const running = await startStage()
    const host = `Host: 127.0.0.1:${String(running.port)}\r\n`
    const types = [
      '', 'Content-Type: application/x-www-form-urlencoded\r\n', 'Content-Type: text/plain\r\n', 'Content-Type: multipart/form-data; boundary=x\r\n',
      'Content-Type: application/json; charset=utf-16\r\n', 'Content-Type: application/jsonp\r\n', 'Content-Type: application/json, text/plain\r\n',
      'Content-Type: text/plain; application/json\r\n', 'Content-Type: application/json\r\nContent-Type: text/plain\r\n',
      'Content-Type: application/json\r\nContent-Encoding: gzip\r\n',
    ] // prettier-ignore
    for (const type of types) {
      const bytes = `POST /v1/token HTTP/1.1\r\n${host}${credential}${type}Content-Length: 20\r\n\r\n{"account":"github"}`
      await expectRefused(running, bytes, 415, false)
    }
    // Without a credential too: pairing is the one call a page could hope to start.
    const pair = `POST /v1/pair HTTP/1.1\r\n${host}Content-Type: text/plain\r\nContent-Length: 30\r\n\r\n{"name":"page","kind":"agent"}`
    await expectRefused(running, pair, 415, false)
  })
})

describe('H11: sizes and smuggling', () => {
  it('H11: 20 kB of headers', async () => {
    const running = await startStage()
    await expectRefused(running, tokenRequest(running.port, { headers: `X-Long: ${'a'.repeat(20_000)}\r\n` }), 431)
  })

  it('H11: a body over the cap, declared or counted', async () => {
    const running = await startStage()
    const start = `POST /v1/token HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\n${credential}Content-Type: application/json\r\n`
    const declared = await sendRaw(running.port, `${start}Content-Length: 2000000\r\n\r\n${' '.repeat(2_000_000)}`)
    expect(declared.status).toBe(413)
    const chunk = `8000\r\n${' '.repeat(0x8000)}\r\n`
    const counted = await sendRaw(running.port, `${start}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(3)}0\r\n\r\n`)
    expect(counted.status).toBe(413)
    for (const answer of [declared, counted]) expectHarmless(answer)
    expectUntouched(running)
  })

  it('H11: a body of exactly the cap is read', async () => {
    const { port, asking } = await startStage()
    const json = '{"account":"github"}'
    expect((await ask(port, '/v1/token', { method: 'POST', body: json.padEnd(65_536) })).status).toBe(200)
    expect((await ask(port, '/v1/token', { method: 'POST', body: json.padEnd(65_537) })).status).toBe(413)
    expect(asking.calls).toEqual(['token'])
  })

  it('H11: two lengths, a length and chunks, bare line feeds, folded and spaced headers', async () => {
    const running = await startStage()
    const port = running.port
    const start = `POST /v1/token HTTP/1.1\r\nHost: 127.0.0.1:${String(port)}\r\n${credential}Content-Type: application/json\r\n`
    const body = '{"account":"github"}'
    for (const bytes of [
      `${start}Content-Length: 20\r\nContent-Length: 21\r\n\r\n${body}`,
      `${start}Content-Length: 20\r\nContent-Length: 20\r\n\r\n${body}`,
      `${start}Content-Length: 20, 20\r\n\r\n${body}`,
      `${start}Content-Length: 20\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n${body}\r\n0\r\n\r\n`,
      `${start}Transfer-Encoding: chunked, identity\r\n\r\n14\r\n${body}\r\n0\r\n\r\n`,
      `${start}Transfer-Encoding: gzip, chunked\r\nTransfer-Encoding: x\r\n\r\n14\r\n${body}\r\n0\r\n\r\n`,
      `${start}Content-Length : 20\r\n\r\n${body}`,
      `${start}X: a\r\n folded\r\nContent-Length: 20\r\n\r\n${body}`,
      tokenRequest(port).replaceAll('\r\n', '\n'),
    ])
      await expectRefused(running, bytes, 400)
  })

  it('H11: a call without a body is refused with one', async () => {
    const running = await startStage()
    await expectRefused(
      running,
      tokenRequest(running.port, { target: '/v1/status' }).replace('POST', 'GET'),
      400,
      false,
    )
  })
})

describe('H13: upgrades', () => {
  it('H13: WebSocket, h2c and anything else gets 426 and never a token', async () => {
    const running = await startStage()
    const websocket =
      'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
    for (const headers of [
      websocket,
      'Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n',
      'Upgrade: x\r\n',
    ])
      await expectRefused(running, tokenRequest(running.port, { headers }), 426)
  })
})

describe('H14: clients that may not', () => {
  it('H14: a revoked client, an account of another client, more scope than consented', async () => {
    const { port, asking } = await startStage()
    expect((await post(port, '/v1/token', { account: 'theirs' }, { credential: secondToken })).status).toBe(403)
    const wide = await post(port, '/v1/token', { account: 'github', scope: 'everything' })
    expect([wide.status, (wide.json as { error: string }).error]).toEqual([403, 'invalid_scope'])
    expect((await post(port, '/v1/token', { account: 'theirs' })).status).toBe(200)
    asking.clients.delete(clientToken)
    const revoked = await post(port, '/v1/token', { account: 'theirs' })
    const stranger = await post(port, '/v1/token', { account: 'theirs' }, { credential: null })
    expect([revoked.status, revoked.text]).toEqual([401, stranger.text])
    for (const { text } of [wide, revoked]) expect(text).not.toContain(accessToken)
  })

  it('H14: a client that is revoked loses a connection it keeps alive', async () => {
    const { port, asking } = await startStage()
    const raw = new RawConnection(port)
    raw.write(tokenRequest(port))
    expect(await raw.statuses(1)).toEqual([200])
    asking.clients.delete(clientToken)
    raw.write(tokenRequest(port))
    expect(await raw.statuses(2)).toEqual([200, 401])
  })
})
