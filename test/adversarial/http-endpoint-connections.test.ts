/**
 * Connections rather than requests: slow ones, idle ones, too many, other protocols, and where we listen at all. The
 * rule: whatever a stranger holds open or tears down, a paired client is served.
 */
import { Agent } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it, onTestFinished } from 'vitest'
import { callLimit } from '../../main/endpoint/calls-under-way.ts'
import { httpLimits } from '../../main/endpoint/http-service.ts'
import { startEndpoint } from '../../main/endpoint/server.ts'
import { credential, expectHarmless, expectUntouched, tokenRequest } from '../unit/endpoint/refusal.ts'
import { clientOf, secondToken } from '../unit/endpoint/stand-in-doors.ts'
import {
  answersIn,
  ask,
  freshHome,
  post,
  RawConnection,
  sendRaw,
  setStage,
  startStage,
  until,
} from '../unit/endpoint/wire.ts'

describe('H12: connections that keep us waiting', () => {
  it('H12: slow headers, a slow body and silence end within five seconds; others are served meanwhile', async () => {
    const running = await startStage()
    const slow = [
      new RawConnection(running.port),
      new RawConnection(running.port),
      new RawConnection(running.port),
    ] as const
    const request = tokenRequest(running.port)
    slow[1].write(request.slice(0, -20))
    let sent = 0
    const drip = setInterval(() => {
      slow[0].write(request.charAt(sent))
      slow[1].write(request.slice(-20).charAt(sent++))
    }, 400)
    try {
      expect((await ask(running.port, '/v1/status')).status).toBe(200)
      for (const raw of slow) await raw.end()
    } finally {
      clearInterval(drip)
    }
    for (const deadline of [httpLimits.headers, httpLimits.request])
      expect(deadline + httpLimits.enforcement).toBeLessThan(5_000)
    for (const { received } of slow) expect(received === '' || answersIn(received)[0]?.status === 408).toBe(true)
    expect(running.asking.calls).toEqual(['status'])
  })

  it('H12: 500 idle connections hit the cap, and a paired client still gets in', async () => {
    const running = await startStage()
    const idle = Array.from({ length: 500 }, () => new RawConnection(running.port))
    await until(() => idle.filter(({ closed }) => closed).length >= 500 - 256, 'the cap to be enforced')
    for (let i = 0; i < 20; i++) expect((await ask(running.port, '/v1/status')).status).toBe(200)
    await until(() => idle.every(({ closed }) => closed), 'all idle connections to end')
  })

  it('H12: a paired client at work keeps its connection when strangers fill the pool', async () => {
    const running = await startStage()
    const waiting = post(running.port, '/v1/token', { account: 'ask' })
    await until(() => running.asking.signals.length === 1, 'the question')
    const strangers = Array.from({ length: 400 }, () => new RawConnection(running.port))
    await until(() => strangers.filter(({ closed }) => closed).length >= 400 - 256, 'the cap to be enforced')
    running.asking.release()
    expect((await waiting).status).toBe(200)
  })
})

describe('H12: a paired client that asks without end', () => {
  it('H12: has a share of the calls under way; others are served, and so is it when its calls have ended', async () => {
    const running = await startStage()
    const { paths, asking, port } = running
    const waiting = Array.from({ length: 300 }, (_, n) =>
      post(n % 2 === 0 ? port : paths.socket, '/v1/token', { account: 'ask' }),
    )
    await until(() => asking.signals.length === callLimit, 'its share to wait')
    expect((await ask(port, '/v1/status', { credential: secondToken })).status).toBe(200)
    expect((await ask(paths.socket, '/v1/status', { credential: secondToken })).status).toBe(200)
    const refused = await post(port, '/v1/token', { account: 'ask' })
    expect(refused.status).toBe(429)
    expect(refused.json).toMatchObject({ error: 'slow_down', retry_after: 1 })
    expect(refused.headers['retry-after']).toBe('1')
    // A call that its caller gives up is over as well.
    asking.release()
    const statuses = (await Promise.all(waiting)).map(({ status }) => status)
    expect([200, 429].map((status) => statuses.filter((one) => one === status).length)).toEqual([
      callLimit,
      300 - callLimit,
    ])
    expect((await ask(port, '/v1/status')).status).toBe(200)
  })

  it('H12: a call that is given up, malformed or refused leaves its share', async () => {
    const { paths, asking } = await startStage()
    for (let round = 0; round < 3; round++) {
      const given = new AbortController()
      const calls = Array.from({ length: callLimit }, () =>
        post(paths.socket, '/v1/token', { account: 'ask' }, { signal: given.signal }).catch(() => undefined),
      )
      await until(() => asking.signals.length === (round + 1) * callLimit, 'its share to wait')
      given.abort()
      await Promise.all(calls)
      await until(() => asking.signals.every(({ aborted }) => aborted), 'the broker to be told')
    }
    for (let n = 0; n <= callLimit; n++) {
      expect((await post(paths.socket, '/v1/token', { account: 5 })).status).toBe(400)
      expect((await post(paths.socket, '/v1/token', { account: 'busy' })).status).toBe(503)
    }
    expect((await ask(paths.socket, '/v1/status')).status).toBe(200)
  })

  it('H12: so do all together who are not paired yet, and hello is answered all the same', async () => {
    const { paths, asking } = await startStage()
    const pairing = Array.from({ length: callLimit + 1 }, (_, n) =>
      post(paths.socket, '/v1/pair', { name: `n${String(n)}`, kind: 'script' }, { credential: null }),
    )
    await until(() => asking.signals.length === callLimit, 'their share to wait')
    expect((await Promise.race(pairing)).status).toBe(429)
    expect((await ask(paths.socket, `/v1/hello?nonce=${'a'.repeat(43)}`, { credential: null })).status).toBe(200)
    asking.release()
    await Promise.all(pairing)
  })

  it('H12: on one connection a few requests may wait, and the next is told so in its turn', async () => {
    const { paths, asking } = await startStage()
    const raw = new RawConnection(paths.socket)
    const { pipelined } = httpLimits
    raw.write(
      tokenRequest(1)
        .replace('"github"}', '"ask"   }')
        .repeat(pipelined + 2),
    )
    await until(() => asking.signals.length === pipelined, 'the questions')
    asking.release()
    expect(await raw.statuses(pipelined + 2)).toEqual([...Array<number>(pipelined).fill(200), 429, 429])
    raw.write(tokenRequest(1))
    expect((await raw.statuses(pipelined + 3)).at(-1)).toBe(200)
  })
})

describe('H12: a full house', () => {
  it('H12: no stranger takes the place of somebody recognised, and who begins a request has no place yet', async () => {
    const running = await startStage()
    const { port } = running
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    onTestFinished(() => {
      agent.destroy()
    })
    expect((await ask(port, '/v1/status', { agent })).status).toBe(200)
    const begun = tokenRequest(port).slice(0, -5)
    const strangers = Array.from({ length: 600 }, () => {
      const raw = new RawConnection(port)
      raw.write(begun)
      return raw
    })
    await until(() => strangers.filter(({ closed }) => closed).length >= 600 - 256, 'the cap to be enforced')
    const kept = Object.values(agent.freeSockets)[0]?.[0]
    expect(kept?.destroyed).toBe(false)
    expect((await ask(port, '/v1/status', { agent })).status).toBe(200)
    expect(Object.values(agent.freeSockets)[0]?.[0]).toBe(kept)
    // Those who had to go were told so, and did not meet a bare reset.
    const told = strangers.filter(({ received }) => answersIn(received)[0]?.status === 503)
    expect(told.length).toBeGreaterThan(300)
    expect(told[0]?.received).toMatch(/^Retry-After: 1\r$/mu)
  })

  it('H12: when everybody recognised is at work the next is told to come back', async () => {
    const { paths, asking } = await startStage()
    const many = Array.from({ length: 4 }, (_, n) => `vkc_${String(n).repeat(43)}`)
    for (const [n, token] of many.entries()) asking.clients.set(token, clientOf(`many-${String(n)}`))
    const waiting = many.flatMap((token) =>
      Array.from({ length: callLimit }, () =>
        post(paths.socket, '/v1/token', { account: 'ask' }, { credential: token }),
      ),
    )
    await until(() => asking.signals.length === many.length * callLimit, 'all to wait')
    const next = await ask(paths.socket, '/v1/status')
    expect(next.status).toBe(503)
    expect(next.json).toMatchObject({ error: 'temporarily_unavailable', retry_after: 1 })
    expect(next.headers['retry-after']).toBe('1')
    asking.release()
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(200)
    expect((await ask(paths.socket, '/v1/status')).status).toBe(200)
  })
})

describe('H16: other protocols', () => {
  it('H16: TLS, HTTP/2 and CONNECT are refused and crash nothing', async () => {
    const running = await startStage()
    const tls = connectTls({ port: running.port, host: '127.0.0.1', rejectUnauthorized: false })
    const tlsError = await new Promise<Error>((resolve) => tls.once('error', resolve))
    expect(tlsError.message).not.toBe('')
    const session = connectHttp2(`http://127.0.0.1:${String(running.port)}`)
    await new Promise((resolve) => session.once('error', resolve))
    session.destroy()
    const tunnel = await sendRaw(
      running.port,
      `CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n${credential}\r\n`,
    )
    expect(tunnel.status).toBe(400)
    expectHarmless(tunnel)
    for (const bytes of ['\x16\x03\x01\x02\0\x01\0', '\0\0\0\x05hello', 'SSH-2.0-x\r\n', '\r\n\r\n\r\n', '{"a":1}\n'])
      await sendRaw(running.port, bytes)
    expectUntouched(running)
    expect((await ask(running.port, '/v1/status')).status).toBe(200)
  })

  it('H16: a connection that is reset at any moment crashes nothing', async () => {
    const { port, asking } = await startStage()
    const request = tokenRequest(port)
    for (let cut = 0; cut <= request.length; cut += 11) {
      const raw = new RawConnection(port)
      await until(() => !raw.socket.connecting, 'the connection')
      raw.write(request.slice(0, cut))
      raw.socket.resetAndDestroy()
    }
    for (let i = 0; i < 50; i++) {
      const raw = new RawConnection(port)
      await until(() => !raw.socket.connecting, 'the connection')
      raw.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n')
      // A reset in the same breath reaches the server before it has answered.
      await new Promise((resolve) => raw.socket.write('x', resolve))
      raw.socket.resetAndDestroy()
    }
    expect((await ask(port, '/v1/status')).status).toBe(200)
    expect(asking.calls.filter((call) => call === 'status')).toHaveLength(1)
  })
})

describe('D2: where HTTP listens', () => {
  it('D2: only on 127.0.0.1, only when asked for', async () => {
    const off = setStage()
    const closed = await startEndpoint(off.options)
    try {
      expect(closed.http_url).toBeUndefined()
    } finally {
      await closed.close()
    }
    const { port, endpoint } = await startStage()
    expect(endpoint.http_url).toBe(`http://127.0.0.1:${String(port)}`)
    const local = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
    const others = ['127.0.0.2', '::1', ...local.map(({ address }) => address)].filter((one) => one !== '127.0.0.1')
    for (const host of others) {
      const socket = connect({ host, port })
      const outcome = await new Promise<string>((resolve) => {
        socket.once('connect', () => {
          resolve('connected')
        })
        socket.once('error', ({ message }) => {
          resolve(message)
        })
      })
      socket.destroy()
      expect(outcome, host).not.toBe('connected')
    }
  })

  it('D2: ports nobody should ask for are refused and leave nothing behind', async () => {
    for (const http of [-1, 80, 1023, 65_536, 1.5, Number.NaN]) {
      const { options } = setStage({ http, paths: freshHome() })
      await expect(startEndpoint(options)).rejects.toMatchObject({ code: 'invalid_request' })
    }
  })
})
