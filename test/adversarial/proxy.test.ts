/**
 * The proxy against its callers and against the APIs it calls. The rule: what an API must not get is looked for in the raw
 * bytes it got, what a caller must not get in the raw bytes it got, and a call that is refused has reached no API.
 */
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { Secret } from '../../main/broker/secret.ts'
import { startApi } from '../fakes/api-server.ts'
import { clientToken, secondToken } from '../unit/endpoint/stand-in-doors.ts'
import { ask, RawConnection, sendRaw, until } from '../unit/endpoint/wire.ts'
import { head, newer, stage, through, token } from './proxy-rig.ts'

describe('Threat 18: an agent as confused deputy', () => {
  it('Threat 18: cannot lead the token to another host, port, scheme or path', async () => {
    const { paths, api, asking } = await stage()
    const other = await startApi(() => true)
    onTestFinished(() => other.stop())
    const here = `127.0.0.1:${String(api.port)}`
    for (const [rest, status] of [
      [`${other.origin}/v1/x`, 403],
      [`https://${here}/v1/x`, 403],
      [`http://127.0.0.1:80/v1/x`, 403],
      [`http://localhost:${String(api.port)}/v1/x`, 403],
      [`http://127.0.0.1.evil.example:${String(api.port)}/v1/x`, 403],
      [`http://evil.example/?${here}/v1/`, 403],
      [`http://${here}.evil.example/v1/x`, 400],
      [`http://${here}@evil.example/v1/x`, 400],
      [`http://evil.example%23@${here}/v1/x`, 400],
      [`http://${here}%2eevil.example/v1/x`, 400],
      [`http://${here}\\@evil.example/v1/x`, 400],
      [`http:/evil.example/v1/x`, 400],
      [`http:evil.example/v1/x`, 400],
      [`http:///evil.example/v1/x`, 400],
      [`ftp://${here}/v1/x`, 400],
      [`//evil.example/x`, 400],
      [`/evil.example/x`, 400],
      [`http://${here}/x`, 403],
      [`http://${here}/v1`, 403],
      [`http://${here}/v10/x`, 403],
      [`http://${here}/V1/x`, 403],
      [`http://${here}/v1/../x`, 400],
      [`http://${here}/%76%31/x`, 403],
      ['../x', 400],
      ['a/../../x', 400],
      ['a/..', 400],
      ['./x', 400],
      ['%2e%2e/x', 400],
      ['%2E%2e/x', 400],
      ['.%2e/x', 400],
      ['..%2fx', 400],
      ['..%5cx', 400],
      ['%252e%252e%252fx', 400],
      ['%25252e%25252e/x', 400],
      ['..;/x', 400],
      ['..;a=b/x', 400],
      ['a//x', 400],
      ['%2fx', 400],
      ['a%2f%2fx', 400],
      ['a\\..\\x', 400],
      ['a%00', 400],
      ['a%0d%0aHost:%20evil.example', 400],
      ['a%zz', 400],
      ['a#b', 400],
      ['a|b', 400],
    ] as const) {
      const answer = await sendRaw(paths.socket, head(`GET ${through}${rest}`), false)
      expect([rest, answer.status]).toEqual([rest, status])
      expect(answer.head).toMatch(/^valetkey-error: (?:access_denied|invalid_request)$/imu)
    }
    expect(api.requests).toEqual([])
    expect(other.requests).toEqual([])
    // About what is no path at all nobody was asked; the rest is what the person allowed, and its row says what became of it.
    const asked = asking.calls.filter((call) => call === 'use GET work').length
    expect(asking.ends).toHaveLength(asked)
    expect(asking.ends.every(({ outcome, status }) => outcome === 'access_denied' && status === undefined)).toBe(true)
  })

  it('Threat 18: cannot use another program’s account, nor be taken for it by what it says of itself', async () => {
    const { paths, api } = await stage()
    for (const fields of ['', 'Valetkey-Reason: I am first\r\n', 'User-Agent: first\r\n', 'X-Client-Id: first\r\n']) {
      const bytes = head('GET /v1/accounts/theirs/proxy/x', fields).replace(clientToken, secondToken)
      expect((await sendRaw(paths.socket, bytes, false)).status).toBe(404)
    }
    expect(api.requests).toEqual([])
  })

  it('Threat 18: reads no token where the API shows it: in a field, in the body, in pieces, packed', async () => {
    const { paths, api } = await stage()
    api.serve('/v1/echo', ({ headers }, response) => {
      const shown = headers.authorization ?? ''
      response.setHeader('X-Authorization', shown)
      response.setHeader('Set-Cookie', `t=${shown}`)
      response.setHeader('Location', `https://api.example/?t=${encodeURIComponent(token)}`)
      response.write(`{"plain":"${shown.slice(0, 20)}`)
      setImmediate(() => response.end(`${shown.slice(20)}","json":"${token.replaceAll('/', String.raw`\/`)}"}`))
    })
    api.serve('/v1/packed', ({ headers }, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(`it is ${headers.authorization ?? ''}`))
    })
    for (const [path, says] of [
      ['echo', '","json":"'],
      ['packed', 'it is Bearer '],
    ] as const) {
      const raw = new RawConnection(paths.socket)
      raw.write(head(`GET ${through}${path}`, 'Connection: close\r\n'))
      await raw.end()
      expect(raw.received).toContain('HTTP/1.1 200 OK')
      expect(raw.received).toContain(says)
      for (const form of [token, token.replaceAll('/', String.raw`\/`), encodeURIComponent(token)])
        expect(raw.received).not.toContain(form)
      expect(raw.received).not.toMatch(/set-cookie|x-authorization|content-encoding/iu)
      expect(raw.received).toContain('*'.repeat(token.length))
    }
    api.serve('/v1/sealed', (_request, response) => response.writeHead(200, { 'content-encoding': 'x-own' }).end(token))
    const sealed = await ask(paths.socket, `${through}sealed`)
    expect([sealed.status, sealed.headers['valetkey-error']]).toEqual([502, 'provider_error'])
  })

  it('Threat 18: cannot have its request taken for TRACE, a tunnel or an upgrade', async () => {
    const { paths, api } = await stage()
    for (const [bytes, status] of [
      [head(`TRACE ${through}x`), 405],
      [head(`OPTIONS ${through}x`), 405],
      [head(`GET ${through}x`, 'Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\n'), 426],
    ] as const) {
      const answer = await sendRaw(paths.socket, bytes, false)
      expect(answer.status).toBe(status)
      expect(answer.head).toMatch(/^valetkey-error: invalid_request$/imu)
      expect(answer.body.includes('WebSocket')).toBe(status === 426)
    }
    expect(api.requests).toEqual([])
  })
})

describe('Threat 7: an API that answers what it should not', () => {
  it('Threat 7: sets no cookie, opens no origin, speaks not for the broker, and leads nobody to another account', async () => {
    const { paths, api } = await stage()
    api.serve('/v1/hostile', (_request, response) => {
      response.writeHead(307, [
        ...[
          'Set-Cookie',
          'a=b',
          'Access-Control-Allow-Origin',
          '*',
          'Valetkey-Error',
          'locked',
          'Alt-Svc',
          'h3=":443"',
        ],
        ...['Connection', 'X-Hop', 'X-Hop', '1', 'Clear-Site-Data', '"*"', 'Location', '/v1/accounts/bank/proxy/pay'],
        ...['Refresh', '0;url=/v1/token', 'Content-Length', '2', 'X-Stays', 'yes'],
      ])
      response.end('{}')
    })
    const raw = new RawConnection(paths.socket)
    raw.write(head(`GET ${through}hostile`))
    expect(await raw.statuses(1)).toEqual([307])
    expect(raw.received).not.toMatch(/set-cookie|access-control|valetkey-error|alt-svc|x-hop|clear-site|refresh/iu)
    expect(raw.received).toContain(`Location: ${api.origin}/v1/accounts/bank/proxy/pay\r\n`)
    expect(raw.received).toContain('X-Stays: yes')
    expect(raw.received).toContain('X-Content-Type-Options: nosniff')
  })

  it('Threat 7: that is not HTTP, endless in its head, or silent in the middle, is an error with an end', async () => {
    const { paths, api } = await stage()
    api.serve('/v1/garbage', ({ socket }) => socket.end('garbage\r\n\r\n'))
    api.serve('/v1/long', ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(100_000)}\r\n\r\n`))
    api.serve('/v1/both', ({ socket }) =>
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nabc'),
    )
    api.serve('/v1/reset', ({ socket }) => socket.resetAndDestroy())
    for (const path of ['garbage', 'long', 'both', 'reset']) {
      const answer = await ask(paths.socket, `${through}${path}`)
      expect([path, answer.status]).toEqual([path, path === 'reset' ? 503 : 502])
    }
    api.serve('/v1/cut', (_request, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('abc', () => response.destroy())
    })
    const raw = new RawConnection(paths.socket)
    raw.write(head(`GET ${through}cut`))
    await raw.end()
    expect(raw.received).toMatch(/Content-Length: 10\r\n[^]*\r\n\r\nabc$/u)
  })

  it('Threat 7: that refuses every token has a new one fetched once, and its answer is the answer', async () => {
    const { paths, api, asking } = await stage()
    asking.tokens = ['refused-token-of-the-account', 'refused-too-of-the-account', token]
    const answer = await ask(paths.socket, `${through}x`)
    expect([answer.status, answer.headers['valetkey-error'], asking.renewed]).toEqual([401, undefined, 1])
    expect(api.requests).toHaveLength(2)
    expect(asking.ends).toEqual([{ outcome: 'ok', host: `127.0.0.1:${String(api.port)}`, status: 401 }])
  })
})

describe('Threat 18: what the person takes back', () => {
  it('Threat 18: ends also where it has begun: a stream is cut, a call that waits is given up', async () => {
    const { paths, api, asking } = await stage()
    api.serve('/v1/stream', (_request, response) => {
      response.writeHead(200)
      response.write('begun')
    })
    api.serve('/v1/never', () => undefined)
    const stream = new RawConnection(paths.socket)
    stream.write(head(`GET ${through}stream`))
    await until(() => stream.received.endsWith('begun\r\n'), 'the stream')
    const waiting = ask(paths.socket, `${through}never`)
    await until(() => api.requests.length === 2, 'both')
    expect(asking.closed).toBe(0)
    asking.taken.abort()
    await stream.end()
    expect(stream.received).not.toContain('\r\n0\r\n')
    expect((await waiting).json).toMatchObject({ error: 'consent_required' })
    await until(() => api.requests.every(({ aborted }) => aborted), 'the API to be let go')
    expect(asking.closed).toBe(2)
  })
})

describe('how a call is made', () => {
  it('keeps a connection that has served a refusal, and serves what is behind it', async () => {
    const { paths } = await stage()
    const raw = new RawConnection(paths.socket)
    raw.write(head(`GET ${through}../x`))
    raw.write(head('GET /v1/status'))
    expect(await raw.statuses(2)).toEqual([400, 200])
  })

  it('sends a nonce the API asked for, at once and with the next call', async () => {
    const { paths, api, asking } = await stage()
    asking.key = { dpop_key: new Secret('a key') }
    api.serve('/v1/bound', ({ headers }, response) => {
      const proven = headers['dpop'] === 'proof over n-1'
      response.writeHead(proven ? 200 : 401, {
        'dpop-nonce': 'n-1',
        ...(!proven && { 'www-authenticate': 'DPoP error="use_dpop_nonce"' }),
      })
      response.end('{}')
    })
    expect((await ask(paths.socket, `${through}bound`, { method: 'POST', body: '{}' })).status).toBe(200)
    expect((await ask(paths.socket, `${through}bound`)).status).toBe(200)
    expect(api.requests).toHaveLength(3)
    expect(asking.renewed).toBe(0)
    expect(asking.apiCalls.map(({ method, url, nonce }) => [method, url, nonce])).toEqual([
      ['POST', `${api.origin}/v1/bound`, undefined],
      ['POST', `${api.origin}/v1/bound`, 'n-1'],
      ['GET', `${api.origin}/v1/bound`, 'n-1'],
    ])
  })

  it('looks into an answer only where the definition says that it tells, and hands it on whole', async () => {
    const { paths, api, asking } = await stage()
    asking.rules = JSON.stringify({ api: { expired_when: [{ pointer: '/code', in: [4] }] } })
    asking.tokens = [token, newer]
    api.serve('/v1/inside', ({ headers }, response) => {
      response.end(headers.authorization === `Bearer ${newer}` ? '{"code":0}' : '{"code":4}')
    })
    expect((await ask(paths.socket, `${through}inside`)).text).toBe('{"code":0}')
    expect([asking.renewed, api.requests.length]).toEqual([1, 2])
    expect((await ask(paths.socket, `${through}inside`, { method: 'POST', body: '{}' })).text).toBe('{"code":4}')
    expect([asking.renewed, api.requests.length]).toEqual([2, 3])
    const large = `{"code":0,"x":"${'y'.repeat(200_000)}"}`
    api.serve('/v1/large', (_request, response) => {
      for (let at = 0; at < large.length; at += 10_000) response.write(large.slice(at, at + 10_000))
      response.end()
    })
    expect((await chunked(paths.socket, `${through}large`)).toString()).toBe(large)
    api.serve('/v1/slow', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: 1\n\n')
    })
    const raw = new RawConnection(paths.socket)
    raw.write(head(`GET ${through}slow`))
    await until(() => raw.received.includes('data: 1'), 'the first event', 3_000)
  })
})

/** The body of an answer of any length. */
async function chunked(socketPath: string, path: string): Promise<Buffer> {
  const call = httpRequest({ socketPath, path, headers: { authorization: `Bearer ${clientToken}` } })
  const answer = await new Promise<IncomingMessage>((resolve) => call.once('response', resolve).end())
  return Buffer.concat((await answer.toArray()) as Buffer[])
}
