/**
 * The proxy's two connections: requests that are cut, doubled or smuggled, and callers that vanish or never read. The rule:
 * what an API got is looked at in raw bytes, and what is held for anybody has a bound.
 */
import { describe, expect, it } from 'vitest'
import { callLimit } from '../../main/endpoint/calls-under-way.ts'
import { ConnectionPool, sweepLimits } from '../../main/endpoint/connection-pool.ts'
import type { ApiServer } from '../fakes/api-server.ts'
import { secondToken } from '../unit/endpoint/stand-in-doors.ts'
import { ask, RawConnection, sendRaw, until } from '../unit/endpoint/wire.ts'
import { head, stage, through, token } from './proxy-rig.ts'

/** Everything an API got, and everything in it that came from a caller's credential. */
const received = (api: ApiServer): string => JSON.stringify(api.requests.map(({ url, raw }) => [url, raw]))

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

describe('S1: several calls on one connection', () => {
  it('S1: are answered in their order, and a body is read by its own call only', async () => {
    const { paths, api } = await stage()
    let first: () => void = () => undefined
    api.serve('/v1/first', (_request, response) => {
      first = () => response.writeHead(200, { 'content-length': '5' }).end('first')
    })
    const raw = new RawConnection(paths.socket)
    raw.write(
      `${head(`GET ${through}first`)}${head(`PUT ${through}second`, 'Content-Length: 4\r\n')}body${head('GET /v1/status')}`,
    )
    await until(() => api.requests.length === 2, 'both calls')
    first()
    expect(await raw.statuses(3)).toEqual([200, 200, 200])
    expect(raw.received.indexOf('first')).toBeLessThan(raw.received.indexOf('/v1/second'))
    expect(api.requests[1]?.body.toString()).toBe('body')
  })

  it('S1: are let go together when their connection ends', async () => {
    const { paths, api } = await stage()
    api.serve('/v1/open', () => undefined)
    const raw = new RawConnection(paths.socket)
    const calls = Array.from({ length: 5 }, () => head(`GET ${through}open`))
    raw.write(calls.join(''))
    await until(() => api.requests.length === calls.length, 'all')
    raw.socket.destroy()
    await until(() => api.requests.every(({ aborted }) => aborted), 'the API to be let go')
    // Each of them counted; if one still did, so many more would not fit.
    const again = Array.from({ length: callLimit }, () => ask(paths.socket, `${through}x`))
    expect((await Promise.all(again)).map(({ status }) => status)).toEqual(Array<number>(callLimit).fill(200))
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

  it('S7: who goes before the API has answered takes the call along, and the row says so', async () => {
    const { paths, api, asking } = await stage()
    api.serve('/v1/never', () => undefined)
    const raw = new RawConnection(paths.socket)
    raw.write(head(`GET ${through}never`))
    await until(() => api.requests.length === 1, 'the request')
    raw.socket.destroy()
    await until(() => api.requests[0]?.aborted === true, 'the API to be let go')
    await until(() => asking.ends.length === 1, 'the row')
    expect(asking.ends).toMatchObject([{ outcome: 'gone', host: `127.0.0.1:${String(api.port)}` }])
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
