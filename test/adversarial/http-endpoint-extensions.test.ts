/**
 * Origins of browser extensions at the HTTP endpoint, byte by byte (H7, threat 3). The rule: an extension's Origin is worth
 * something with the token of the client that was paired from it, and for asking to be paired; else it is any page's.
 */
import { describe, expect, it } from 'vitest'
import type { ClientRecord } from '../../main/broker/ports.ts'
import { expectHarmless, expectRefused, expectUntouched, type Running } from '../unit/endpoint/refusal.ts'
import { clientOf, secondToken } from '../unit/endpoint/stand-in-doors.ts'
import { ask, RawConnection, sendRaw, startStage, until } from '../unit/endpoint/wire.ts'

const own = 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'
const other = 'chrome-extension://ponmlkjihgfedcbaponmlkjihgfedcba'
const paired = `vkc_${'e'.repeat(43)}`
/** Paired as an extension, but not over HTTP: no origin is known. */
const unknown = `vkc_${'f'.repeat(43)}`

/** The stage with clients of the kind extension beside the usual ones. */
async function stage(): Promise<Running> {
  const running = await startStage()
  const client: ClientRecord = { ...clientOf('extension'), kind: 'extension' }
  running.asking.clients.set(paired, { ...client, origin: own })
  running.asking.clients.set(unknown, { ...client, id: 'native' })
  return running
}

interface Bytes {
  readonly origin?: string | readonly string[]
  readonly token?: string
  readonly target?: string
  readonly method?: 'GET' | 'POST'
  readonly body?: string
  readonly type?: string
}

function request(
  port: number,
  {
    origin = [],
    token,
    target = '/v1/token',
    method = 'POST',
    body = '{"account":"github"}',
    type = 'application/json',
  }: Bytes,
): string {
  const content = method === 'GET' ? '' : `Content-Type: ${type}\r\nContent-Length: ${String(body.length)}\r\n`
  const origins = [origin].flat().map((one) => `Origin: ${one}\r\n`)
  return [
    `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1:${String(port)}\r\n`,
    ...origins,
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}\r\n`]),
    `${content}\r\n${method === 'GET' ? '' : body}`,
  ].join('')
}

describe('H7: an extension’s Origin', () => {
  it('H7: is taken with the token of the client that was paired from it, on every call, and gets no CORS', async () => {
    const running = await stage()
    for (const [method, target] of [
      ['POST', '/v1/token'],
      ['GET', '/v1/accounts'],
      ['GET', '/v1/status'],
    ] as const) {
      const answer = await sendRaw(
        running.port,
        request(running.port, { origin: own, token: paired, method, target }),
        false,
      )
      expect(answer.status).toBe(200)
      expect(answer.all).not.toMatch(/access-control-/iu)
    }
    // What an extension with host permission sends on a GET.
    expect((await ask(running.port, '/v1/accounts', { credential: paired })).status).toBe(200)
    expect(running.asking.calls).toEqual(['token', 'accounts', 'status', 'accounts'])
  })

  it.each<readonly [string, Bytes]>([
    ['no token', { origin: own }],
    ['a wrong token', { origin: own, token: 'wrong' }],
    ['hello, which is open', { origin: own, method: 'GET', target: `/v1/hello?nonce=${'n'.repeat(43)}` }],
    ['a path there is not', { origin: own, target: '/v1/nothing' }],
    ['nearly the path of pairing', { origin: own, target: '/v1/pair?', body: '{"name":"x","kind":"extension"}' }],
  ])('H9: is refused with %s, like anybody’s', async (_what, bytes) => {
    const running = await stage()
    const answer = await expectRefused(running, request(running.port, bytes), 401)
    const nobody = await expectRefused(running, request(running.port, {}), 401, false)
    expect(answer.body).toBe(nobody.body)
  })

  it.each<readonly [string, Bytes]>([
    ['the token of a script', { origin: own, token: secondToken }],
    ['the token of an extension that was paired elsewhere', { origin: own, token: unknown }],
    ['another extension’s Origin', { origin: other, token: paired }],
    ['two Origins, the right one first', { origin: [own, other], token: paired }],
    ['the right Origin twice', { origin: [own, own], token: paired }],
    [
      'the Origin of a Firefox extension',
      { origin: 'moz-extension://8d4f9b1c-3a52-4a2f-9f0e-1f2f6f0a7c11', token: paired },
    ],
    ['an Origin with a path', { origin: `${own}/`, token: paired }],
    ['an Origin with a port', { origin: `${own}:80`, token: paired }],
    ['an Origin in capitals', { origin: own.toUpperCase(), token: paired }],
    ['an id that is none', { origin: 'chrome-extension://abcdefghijklmnopabcdefghijklmnoz', token: paired }],
    [
      'hello with another’s token',
      { origin: other, token: paired, method: 'GET', target: `/v1/hello?nonce=${'n'.repeat(43)}` },
    ],
    [
      'pairing as a page',
      { origin: 'https://evil.example', target: '/v1/pair', body: '{"name":"x","kind":"extension"}' },
    ],
    ['pairing as two', { origin: [own, other], target: '/v1/pair', body: '{"name":"x","kind":"extension"}' }],
  ])('H7: is refused with %s', async (_what, bytes) => {
    const running = await stage()
    await expectRefused(running, request(running.port, bytes), 403)
  })

  it('H7: is refused on the sockets, where no browser comes from', async () => {
    const running = await stage()
    for (const socket of [running.paths.socket, running.paths.control]) {
      const answer = await sendRaw(socket, request(0, { origin: own, token: paired }))
      expect(answer.status).toBe(403)
      expectHarmless(answer)
    }
    expectUntouched(running)
  })

  it('H7: is lost with the pairing, on a connection that is kept too', async () => {
    const running = await stage()
    const raw = new RawConnection(running.port)
    for (const expected of [1, 2]) {
      raw.write(request(running.port, { origin: own, token: paired }))
      expect(await raw.statuses(expected)).toEqual(Array<number>(expected).fill(200))
    }
    running.asking.clients.delete(paired)
    raw.write(request(running.port, { origin: own, token: paired }))
    expect(await raw.statuses(3)).toEqual([200, 200, 401])
    await raw.end()
  })

  it('H8: brings no preflight through', async () => {
    const running = await stage()
    const asks = 'Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n'
    const bytes = `OPTIONS /v1/token HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\nOrigin: ${own}\r\n${asks}\r\n`
    await expectRefused(running, bytes, 405)
  })

  it('H10: may ask to be paired, in JSON and in nothing that a page could send', async () => {
    const running = await stage()
    const pair = { origin: own, target: '/v1/pair', body: '{"name":"x","kind":"extension"}' }
    for (const type of ['text/plain', 'application/x-www-form-urlencoded'])
      await expectRefused(running, request(running.port, { ...pair, type }), 415, false)
    const raw = new RawConnection(running.port)
    raw.write(request(running.port, pair))
    await until(() => running.asking.calls.includes('pair'), 'the question')
    running.asking.release()
    expect(await raw.statuses(1)).toEqual([200])
  })
})
