/**
 * Connections rather than requests: slow ones, idle ones, too many, other protocols, and where we listen at all. The
 * rule: whatever a stranger holds open or tears down, a paired client is served.
 */
import { connect as connectHttp2 } from 'node:http2'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { connect as connectTls } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { httpLimits } from '../../main/endpoint/http-service.ts'
import { startEndpoint } from '../../main/endpoint/server.ts'
import { credential, expectHarmless, expectUntouched, tokenRequest } from '../unit/endpoint/refusal.ts'
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
