/**
 * What can come over a socket: torn and hostile messages, callers that vanish or never read, and proofs that prove
 * something else. The rule: each row asserts what the broker was asked.
 */
import { createServer as createHttpServer } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { HelloAnswer } from '../../main/contract/client-api.ts'
import { verifyHello } from '../../main/endpoint/hello.ts'
import { httpLimits } from '../../main/endpoint/http-service.ts'
import { loadIdentity } from '../../main/endpoint/identity.ts'
import { jsonRequest as request } from '../unit/endpoint/refusal.ts'
import { accessToken, clientToken } from '../unit/endpoint/stand-in-doors.ts'
import { ask, freshHome, post, RawConnection, sendRaw, startStage, until } from '../unit/endpoint/wire.ts'

const good = request('{"account":"github"}')
const nonce = 'n'.repeat(43)

describe('S1: how messages are cut', () => {
  it('S1: one byte at a time, several in one write, cut anywhere', async () => {
    const { paths, asking } = await startStage()
    const bytewise = new RawConnection(paths.socket)
    for (const byte of good) {
      bytewise.write(Buffer.of(byte))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await bytewise.statuses(1)).toEqual([200])
    const together = new RawConnection(paths.socket)
    together.write(Buffer.concat([good, good, good]))
    expect(await together.statuses(3)).toEqual([200, 200, 200])
    for (let cut = 1; cut < good.length; cut += 13) {
      const torn = new RawConnection(paths.socket)
      torn.write(good.subarray(0, cut))
      await new Promise((resolve) => setImmediate(resolve))
      torn.write(Buffer.concat([good.subarray(cut), good]))
      expect(await torn.statuses(2)).toEqual([200, 200])
      torn.socket.destroy()
    }
    expect(asking.calls).toHaveLength(4 + 2 * Math.ceil((good.length - 1) / 13))
  })

  it('S1: pipelined requests are answered in order, also when one has to wait', async () => {
    const { paths, asking } = await startStage()
    const raw = new RawConnection(paths.socket)
    raw.write(Buffer.concat(['refresh', 'ask', 'ask', 'busy'].map((account) => request(JSON.stringify({ account })))))
    await until(() => asking.signals.length === 2, 'both questions')
    expect(raw.received).toBe('')
    asking.release('refresh')
    // The question of the second is told once the first has been answered, and before its own answer.
    await until(() => raw.received.includes('valetkey-request: q-1'), 'the question')
    asking.release()
    expect(await raw.statuses(4)).toEqual([200, 200, 200, 503])
    expect(asking.calls).toHaveLength(4)
  })

  it('S1: garbage behind a request that waits ends both, and is not taken for its answer', async () => {
    const { paths, asking } = await startStage()
    const raw = new RawConnection(paths.socket)
    raw.write(request('{"account":"ask"}'))
    await until(() => raw.received.includes('valetkey-request'), 'the question')
    raw.write('\0garbage\r\n\r\n')
    await raw.end()
    expect(raw.received).not.toMatch(/^HTTP\/1\.1 [2-5]/mu)
    await until(() => asking.signals[0]?.aborted === true, 'the question to be withdrawn')
  })

  it('S1: as many requests as may wait on one connection do so without a warning', async () => {
    const { paths, asking } = await startStage()
    const warnings: Error[] = []
    const listen = (warning: Error): void => {
      warnings.push(warning)
    }
    process.on('warning', listen)
    onTestFinished(() => {
      process.off('warning', listen)
    })
    const { pipelined } = httpLimits
    const raw = new RawConnection(paths.socket)
    raw.write(Buffer.concat(Array.from({ length: pipelined }, () => request('{"account":"ask"}'))))
    await until(() => asking.signals.length === pipelined, 'all questions')
    asking.release()
    expect(await raw.statuses(pipelined)).toEqual(Array<number>(pipelined).fill(200))
    expect(warnings).toEqual([])
  })
})

describe('S2: lengths', () => {
  const head = `POST /v1/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${clientToken}\r\nContent-Type: application/json\r\n`

  it('S2: none, four gigabytes, beyond any integer, negative, hexadecimal, not a number', async () => {
    const { paths, asking } = await startStage()
    const before = process.memoryUsage().rss
    expect((await sendRaw(paths.socket, `${head}Content-Length: 0\r\n\r\n`, false)).status).toBe(400)
    for (const [length, status] of [
      ['4294967295', 413],
      ['9007199254740993', 413],
      ['-1', 400],
      ['0x14', 400],
      ['+20', 400],
      ['20.0', 400],
      ['', 400],
      ['99999999999999999999999999', 400],
    ] as const)
      // prettier-ignore
      expect((await sendRaw(paths.socket, `${head}Content-Length: ${length}\r\n\r\n`)).status, length).toBe(status)
    expect(process.memoryUsage().rss - before).toBeLessThan(256 * 1024 * 1024)
    expect(asking.calls).toEqual([])
  })

  it('S2: a body that is shorter than its length, and chunks that never end', async () => {
    const { paths, asking } = await startStage()
    for (const bytes of [
      `${head}Content-Length: 40\r\n\r\n{"account":"github"}`,
      `${head}Transfer-Encoding: chunked\r\n\r\n14\r\n{"account":"gith`,
    ]) {
      const raw = new RawConnection(paths.socket)
      raw.write(bytes)
      raw.socket.end()
      await raw.end()
      expect(raw.received).not.toContain(accessToken)
    }
    const huge = await sendRaw(
      paths.socket,
      `${head}Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFF\r\n${' '.repeat(70_000)}`,
    )
    expect(huge.status).toBe(413)
    expect(asking.calls).toEqual([])
  })

  it('S2: chunks are read like a length', async () => {
    const { paths } = await startStage()
    const raw = await sendRaw(
      paths.socket,
      `${head}Transfer-Encoding: chunked\r\n\r\n5\r\n{"acc\r\nf\r\nount":"github"}\r\n0\r\n\r\n`,
      false,
    )
    expect(raw.status).toBe(200)
  })
})

describe('S3: bytes that are not UTF-8', () => {
  it('S3: lone continuation, overlong, surrogate, truncated, Latin-1, UTF-16', async () => {
    const { paths, asking } = await startStage()
    const around = (...bytes: number[]): Buffer =>
      Buffer.concat([Buffer.from('{"account":"'), Buffer.from(bytes), Buffer.from('"}')])
    for (const body of [
      around(0x80),
      around(0xc0, 0xaf),
      around(0xed, 0xa0, 0x80),
      around(0xe2, 0x82),
      around(0xfc),
      around(0xff, 0xfe),
      Buffer.from('{"account":"github"}', 'utf16le'),
      Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), Buffer.from('{}')]),
    ])
      // prettier-ignore
      expect((await sendRaw(paths.socket, request(body), false)).status, body.toString('hex')).toBe(400)
    expect(asking.calls).toEqual([])
    expect((await post(paths.socket, '/v1/token', { account: 'Zoë 🗝' })).status).toBe(200)
    expect(asking.requests).toEqual([{ account: 'Zoë 🗝' }])
  })
})

describe('S4: JSON that two readers would read differently', () => {
  it('S4: depth, doubled members, prototypes, unknown members, other types', async () => {
    const { paths, asking } = await startStage()
    const bodies = [
      '['.repeat(60_000), '{"account":'.repeat(5_000), `${'['.repeat(17)}${']'.repeat(17)}`,
      '{"account":"github","account":"theirs"}', '{"account":"github","\\u0061ccount":"theirs"}', '{"account":"github","reason":{"a":1,"a":2}}',
      '{"account":"github","__proto__":{"force_refresh":true}}', '{"__proto__":null}', '{"constructor":{"prototype":{"x":1}}}',
      '{"account":"github","toString":"x"}', '{"account":"github","acount":"x"}', '["github"]', '"github"', '1', 'null', 'true',
      '{"account":["github"]}', '{"account":{"id":"x"}}', '{"account":1}', '{"account":null}', '{"min_valid_period":"60"}',
      '{"min_valid_period":1e309}', '{"min_valid_period":-1}', '{"min_valid_period":1.5}', '{"timeout":601}', '{"force_refresh":"true"}',
      '{"interaction":"always"}', '{"account":"a\\u0000b"}', '{"account":"a\\nb"}', '{"account":""}', `{"account":"${'a'.repeat(257)}"}`,
      '{"account":"github"}}', '{"account":"github"', "{'account':'github'}", '{"account":"github",}', '{"account":"github"}{}', 'NaN', '',
    ] // prettier-ignore
    for (const body of bodies) {
      const answer = await sendRaw(paths.socket, request(body), false)
      expect(answer.status, body.slice(0, 80)).toBe(400)
      expect(answer.body, body.slice(0, 80)).toContain('"error":"invalid_request"')
      expect(answer.body.length).toBeLessThan(400)
    }
    expect(asking.calls).toEqual([])
    expect(({} as { force_refresh?: boolean }).force_refresh).toBeUndefined()
  })
})

describe('S7: callers that leave or do not read', () => {
  it('S7: a caller that leaves while the person is asked aborts its line; one that leaves during a refresh does not', async () => {
    const { paths, asking } = await startStage()
    const asks = new RawConnection(paths.socket)
    asks.write(request('{"account":"ask"}'))
    const refreshes = new RawConnection(paths.socket)
    refreshes.write(request('{"account":"refresh"}'))
    await until(() => asking.calls.length === 2, 'both calls')
    expect(asking.signals[0]?.aborted).toBe(false)
    asks.socket.destroy()
    refreshes.socket.destroy()
    await until(() => asking.signals[0]?.aborted === true, 'the line to be aborted')
    asking.release()
    await until(() => asking.refreshed === 1, 'the refresh')
    expect((await ask(paths.socket, '/v1/status')).status).toBe(200)
  })

  it('S7: an answered call does not abort, however its connection ends', async () => {
    const { paths, asking } = await startStage()
    const raw = new RawConnection(paths.socket)
    raw.write(request('{"account":"ask"}'))
    await until(() => asking.signals.length === 1, 'the question')
    asking.release()
    expect(await raw.statuses(1)).toEqual([200])
    raw.socket.destroy()
    await ask(paths.socket, '/v1/status')
    expect(asking.signals[0]?.aborted).toBe(false)
  })

  it('S7: a caller that pipelines and never reads is stopped, then dropped', async () => {
    const { paths, asking } = await startStage()
    const raw = new RawConnection(paths.socket)
    raw.socket.pause()
    const many = 50_000
    const batch = Buffer.concat(Array.from({ length: 500 }, () => good))
    for (let i = 0; i < many / 500; i++) raw.write(batch)
    await until(() => asking.calls.length > 0, 'the first call')
    // Nobody reads: the broker must not be asked for answers that would only pile up.
    let served = -1
    await until(() => {
      const same = served === asking.calls.length
      served = asking.calls.length
      return same && raw.socket.writableLength > 0
    }, 'the reading to stop')
    expect(served).toBeLessThan(many / 10)
    expect((await ask(paths.socket, '/v1/status')).status).toBe(200)
    await until(() => raw.socket.destroyed || raw.socket.errored !== null, 'the connection to be dropped', 15_000)
    expect(asking.calls.length).toBeLessThan(many / 10)
  })
})

describe('S8: proofs that prove something else', () => {
  const hello = async (where: string | number, own = nonce): Promise<HelloAnswer> =>
    (await ask(where, `/v1/hello?nonce=${own}`, { credential: null })).json as HelloAnswer

  it('S8: an answer counts for its own nonce, address and key only', async () => {
    const { paths, port, identity } = await startStage()
    const { public_key } = identity
    const address = `127.0.0.1:${String(port)}`
    const overSocket = await hello(paths.socket)
    const overTcp = await hello(port)
    const overControl = await hello(paths.control)
    expect(verifyHello(overSocket, { nonce, address: paths.socket, public_key })).toBe(true)
    expect(verifyHello(overTcp, { nonce, address, public_key })).toBe(true)
    expect(verifyHello(overControl, { nonce, address: paths.control, public_key })).toBe(true)
    const other = loadIdentity(freshHome().identity).public_key
    const expectations = [
      { nonce: 'm'.repeat(43), address: paths.socket, public_key },
      { nonce, address, public_key },
      { nonce, address: paths.control, public_key },
      { nonce, address: '', public_key },
      { nonce, address: paths.socket, public_key: other },
      { nonce, address: paths.socket, public_key: '' },
    ]
    for (const expected of expectations) expect(verifyHello(overSocket, expected)).toBe(false)
    const forged = [
      { ...overSocket, public_key: other },
      { ...overSocket, signature: overTcp.signature },
      { ...overSocket, signature: '' },
      { ...overSocket, signature: `${overSocket.signature}=` },
      { ...overSocket, signature: 'A'.repeat(86) },
    ]
    for (const answer of forged) expect(verifyHello(answer, { nonce, address: paths.socket, public_key })).toBe(false)
  })

  it('S8: a nonce cannot bring an address or a second line with it', async () => {
    const { paths, asking } = await startStage()
    const lines = [
      `${nonce}%0a${paths.control}`,
      `${nonce}%00`,
      `${nonce}/x`,
      `${nonce}.x`,
      'n'.repeat(21),
      'n'.repeat(87),
    ]
    for (const own of lines) {
      const answer = await ask(paths.socket, `/v1/hello?nonce=${own}`, { credential: null })
      expect(answer.status, own).toBe(400)
      expect(answer.text).not.toContain('signature')
    }
    expect(asking.calls).toEqual([])
  })

  it('S8: hello takes no body and reveals nothing but the key and the proof', async () => {
    const { paths } = await startStage()
    expect(Object.keys(await hello(paths.socket)).toSorted()).toEqual(['public_key', 'signature'])
    const bytes = `GET /v1/hello?nonce=${nonce} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}`
    for (const path of [paths.socket, paths.control]) expect((await sendRaw(path, bytes, false)).status).toBe(400)
  })
})

describe('S9: somebody else at the recorded place', () => {
  it('S9: a squatter that relays to the real broker does not prove itself', async () => {
    const { paths, identity } = await startStage()
    const squatter = createHttpServer((incoming, outgoing) => {
      void ask(paths.socket, incoming.url ?? '', { credential: null }).then(({ status, text }) => {
        outgoing.writeHead(status, { 'content-type': 'application/json' }).end(text)
      })
    })
    await new Promise<void>((resolve) => squatter.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      squatter.close()
    })
    const place = squatter.address()
    const port = typeof place === 'object' && place ? place.port : 0
    const relayed = (await ask(port, `/v1/hello?nonce=${nonce}`, { credential: null })).json as HelloAnswer
    const { public_key } = identity
    expect(verifyHello(relayed, { nonce, address: `127.0.0.1:${String(port)}`, public_key })).toBe(false)
    expect(verifyHello(relayed, { nonce, address: paths.socket, public_key })).toBe(true)
  })
})
