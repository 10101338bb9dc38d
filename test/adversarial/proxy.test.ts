/**
 * The proxy against its callers and against the APIs it calls. The rule: what an API must not get is looked for in the raw
 * bytes it got, what a caller must not get in the raw bytes it got, and a call that is refused has reached no API.
 */
import { type IncomingMessage, request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callLimit } from '../../main/endpoint/calls-under-way.ts'
import { ConnectionPool, sweepLimits } from '../../main/endpoint/connection-pool.ts'
import { startApi, type ApiServer } from '../fakes/api-server.ts'
import { clientToken, secondToken } from '../unit/endpoint/stand-in-doors.ts'
import { ask, RawConnection, sendRaw, startStage, until, type Stage } from '../unit/endpoint/wire.ts'

const token = 'access/token+of-the-account=='
const newer = 'another/token+of-the-account='

type Set = Stage & { readonly api: ApiServer; readonly port: number }

/** An endpoint whose every account has one API, which takes both tokens. */
async function stage(): Promise<Set> {
  const api = await startApi((authorization) => [`Bearer ${token}`, `Bearer ${newer}`].includes(authorization))
  onTestFinished(() => api.stop())
  const staged = await startStage()
  staged.asking.bases = [`${api.origin}/v1/`]
  staged.asking.tokens = [token]
  return { ...staged, api }
}

const auth = `Authorization: Bearer ${clientToken}\r\n`
const head = (line: string, fields = ''): string => `${line} HTTP/1.1\r\nHost: x\r\n${auth}${fields}\r\n`
const through = '/v1/accounts/work/proxy/'

/** Everything an API got, and everything in it that came from a caller's credential. */
const received = (api: ApiServer): string => JSON.stringify(api.requests.map(({ url, raw }) => [url, raw]))

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
    expect(asking.ends.every(({ status }) => status === undefined)).toBe(true)
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
      if (status === 426) expect(answer.body).toContain('WebSocket')
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

describe('S1: requests that two readers could read differently', () => {
  it('S1: a length and chunks, two lengths, two Hosts: none reaches the API', async () => {
    const { paths, api } = await stage()
    for (const fields of [
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      'Content-Length: 5\r\nContent-Length: 6\r\n',
      'Transfer-Encoding: chunked, identity\r\n',
      'Transfer-Encoding : chunked\r\n',
      'Host: evil.example\r\n',
      'X: a\r\n b\r\n',
      'Content-Length: 5\r\nValetkey-Retry: allow\r\nValetkey-Retry: allow\r\n',
    ]) {
      const raw = new RawConnection(paths.socket)
      raw.write(`${head(`POST ${through}x`, fields)}0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n`)
      await until(() => raw.received.includes('\r\n\r\n') || raw.closed, 'an answer')
      expect([fields, raw.received.slice(0, 12)]).toEqual([fields, 'HTTP/1.1 400'])
    }
    expect(api.requests).toEqual([])
  })

  it('S1: what stands behind a body is another request of ours, and none of the API’s', async () => {
    const { paths, api } = await stage()
    const inner = 'GET /v1/smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
    const raw = new RawConnection(paths.socket)
    const chunk = `${inner.length.toString(16)};ext="\n\r\n"\r\n`
    raw.write(`${head(`POST ${through}a`, `Content-Length: ${String(inner.length)}\r\n`)}${inner}`)
    await raw.statuses(1)
    raw.write(
      `${head(`POST ${through}b`, 'Transfer-Encoding: chunked\r\n')}${inner.length.toString(16)}\r\n${inner}\r\n0\r\nX-Trailer: Authorization\r\n\r\n`,
    )
    await until(() => api.requests.length === 2, 'both')
    expect(api.requests.map(({ url }) => url)).toEqual(['/v1/a', '/v1/b'])
    await until(() => api.requests.every(({ body }) => body.toString() === inner), 'the bodies')
    expect(received(api)).not.toMatch(/trailer|smuggled/iu)
    const torn = new RawConnection(paths.socket)
    torn.write(`${head(`POST ${through}c`, 'Transfer-Encoding: chunked\r\n')}${chunk}${inner}\r\n0\r\n\r\n`)
    await torn.end()
    expect(api.requests.filter(({ url }) => url === '/v1/smuggled')).toEqual([])
  })

  it('S1: no field of the caller’s stands in for the credential or the host', async () => {
    const { paths, api } = await stage()
    const fields = [
      'authorization: Bearer evil',
      'Proxy-Authorization: Basic x',
      'X-Forwarded-Host: evil.example',
      'Forwarded: host=evil',
      'Cookie: session=evil',
      'Origin: null',
      'DPoP: evil',
      'Connection: Authorization, keep-alive',
      'TE: trailers',
    ]
    // Two credentials are none; and a page's Origin is refused before anything is read.
    const doubled = await sendRaw(paths.socket, head(`GET ${through}x`, `${fields[0] ?? ''}\r\n`), false)
    const page = await sendRaw(paths.socket, head(`GET ${through}x`, `${fields[5] ?? ''}\r\n`))
    expect([doubled.status, page.status, api.requests.length]).toEqual([401, 403, 0])
    const rest = fields.filter((field) => !/^(?:authorization|origin):/iu.test(field)).join('\r\n')
    expect((await ask(paths.socket, `${through}x`)).status).toBe(200)
    const raw = new RawConnection(paths.socket)
    raw.write(head(`GET ${through}y`, `${rest}\r\n`))
    await until(() => api.requests.length === 2, 'the request')
    expect(received(api)).not.toMatch(/evil|Basic x|session=|vkc_|"TE"|"Origin"/u)
    for (const { raw: seen } of api.requests) {
      const values = seen.filter((_, at) => at % 2 === 1 && seen[at - 1]?.toLowerCase() === 'authorization')
      expect(values).toEqual([`Bearer ${token}`])
    }
  })
})

describe('S7: callers that vanish or never read', () => {
  /** An API that writes as long as anybody takes it. */
  const endless = (api: ApiServer): { written: number } => {
    const count = { written: 0 }
    const block = Buffer.alloc(65_536, 'x')
    api.serve('/v1/endless', (_request, response) => {
      response.writeHead(200)
      const more = (): void => {
        while (!response.destroyed && response.write(block)) count.written += block.length
        count.written += block.length
      }
      response.on('drain', more)
      more()
    })
    return count
  }

  it('S7: an answer nobody reads is not fetched, and costs no memory', async () => {
    const { paths, api } = await stage()
    const count = endless(api)
    const before = process.memoryUsage().arrayBuffers
    const raw = new RawConnection(paths.socket)
    raw.socket.pause()
    raw.write(head(`GET ${through}endless`))
    // It has stopped when it stays the same over many turns, in which a reader would have been given megabytes.
    let last = -1
    let same = 0
    await until(() => {
      same = count.written > 0 && count.written === last ? same + 1 : 0
      last = count.written
      return same > 60
    }, 'the API to be held up')
    expect(count.written).toBeLessThan(32 * 1024 * 1024)
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 1024 * 1024)
    raw.socket.resume()
    await until(() => count.written > last + 64 * 1024 * 1024, 'it to go on')
    raw.socket.destroy()
    await until(() => api.requests[0]?.aborted === true, 'the API to be let go')
  })

  it('S7: one who does not take a byte for a minute is let go, and a pause is not held against anybody', () => {
    const pool = new ConnectionPool(4)
    const listeners: (() => void)[] = []
    const socket = {
      ...{ destroyed: false, writableLength: 1000, setMaxListeners: () => socket },
      once: (_event: string, listener: () => void) => listeners.push(listener),
      destroy: () => {
        socket.destroyed = true
      },
    }
    pool.add(socket as never)
    const connection = pool.of(socket as never)
    if (!connection) throw new Error('not taken in')
    connection.carrying = 1
    for (let i = 0; i < sweepLimits.paused; i++) pool.sweep()
    expect(socket.destroyed).toBe(false)
    socket.writableLength = 900
    for (let i = 0; i <= sweepLimits.paused; i++) pool.sweep()
    expect(socket.destroyed).toBe(false)
    pool.sweep()
    expect(socket.destroyed).toBe(true)
  })

  it('S7: a body whose sender goes does not reach the API as a whole one', async () => {
    const { paths, api } = await stage()
    let ended = false
    let aborted = false
    api.serve('/v1/upload', (request) => {
      request.on('data', () => undefined).on('end', () => (ended = true))
      request.on('aborted', () => (aborted = true)).on('error', () => undefined)
    })
    const raw = new RawConnection(paths.socket)
    raw.write(`${head(`POST ${through}upload`, 'Content-Length: 1000000\r\n')}${'x'.repeat(100_000)}`)
    await until(() => api.requests.length === 1, 'the request')
    raw.socket.destroy()
    await until(() => aborted, 'the API to be told')
    expect(ended).toBe(false)
  })

  it('S7: who goes while the person is asked withdraws the question, and nothing is sent', async () => {
    const { paths, api, asking } = await stage()
    const raw = new RawConnection(paths.socket)
    raw.write(`${head('POST /v1/accounts/ask/proxy/x', 'Content-Length: 1000000\r\n')}${'x'.repeat(1000)}`)
    await until(() => raw.received.includes('valetkey-code: ABCD-1234'), 'the question')
    raw.socket.destroy()
    await until(() => asking.signals[0]?.aborted === true, 'the question to be withdrawn')
    expect(api.requests).toEqual([])
  })

  it('S7: calls count as their client’s until their answers have ended, however they end', async () => {
    const { paths, api } = await stage()
    api.serve('/v1/open', (_request, response) => {
      response.writeHead(200)
      response.flushHeaders()
    })
    const open = Array.from({ length: callLimit }, () => {
      const raw = new RawConnection(paths.socket)
      raw.write(head(`GET ${through}open`))
      return raw
    })
    await until(() => open.every(({ received: bytes }) => bytes.startsWith('HTTP/1.1 200')), 'all')
    expect((await ask(paths.socket, `${through}x`)).status).toBe(429)
    expect((await ask(paths.socket, `${through}x`, { credential: secondToken })).status).toBe(200)
    for (const { socket } of open) socket.destroy()
    await until(() => api.requests.slice(0, callLimit).every(({ aborted }) => aborted), 'the API to be let go')
    expect((await ask(paths.socket, `${through}x`)).status).toBe(200)
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
