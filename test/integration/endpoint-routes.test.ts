/** The endpoint as a well-behaved client meets it: every call over both transports, and the control socket. */
import { Agent, get, type IncomingMessage } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { pendingHeaders } from '../../main/contract/client-api.ts'
import { answersIn, ask, post, RawConnection, startStage, until } from '../unit/endpoint/wire.ts'
import { accessToken, clientToken, faultSecret } from '../unit/endpoint/stand-in-doors.ts'

describe('client-api', () => {
  it('answers every call, the same on the socket and on loopback', async () => {
    const { paths, port, asking } = await startStage()
    for (const where of [paths.socket, port]) {
      const token = await post(where, '/v1/token', { account: 'github', min_valid_period: 60 })
      expect(token.status).toBe(200)
      expect(token.json).toMatchObject({ access_token: accessToken, authorization: `Bearer ${accessToken}` })
      expect(token.headers).toMatchObject({
        'cache-control': 'no-store',
        'content-type': 'application/json',
        'x-content-type-options': 'nosniff',
        'cross-origin-resource-policy': 'same-origin',
        'content-length': String(Buffer.byteLength(token.text)),
      })
      expect((await post(where, '/v1/invalidate', { account: 'a1', token_id: 't1' })).status).toBe(200)
      expect((await ask(where, '/v1/accounts')).json).toMatchObject({ accounts: [{ id: 'a1' }] })
      expect((await ask(where, '/v1/requests/q-1')).json).toMatchObject({ id: 'q-1', state: 'pending' })
      expect((await ask(where, '/v1/status')).json).toMatchObject({ counts: { accounts: 1 } })
    }
    const once = ['token', 'invalidate', 'accounts', 'request q-1', 'status']
    expect(asking.calls).toEqual([...once, ...once])
  })

  it('tells which question waits and which code to compare before it answers, for pair and for token', async () => {
    const { paths, port, asking } = await startStage()
    for (const where of [paths.socket, port]) {
      for (const [path, body, request_id, code] of [
        ['/v1/pair', { name: 'tool', kind: 'script' }, 'q-pair', 'WXYZ-2345'],
        ['/v1/token', { account: 'ask' }, 'q-1', 'ABCD-1234'],
      ] as const) {
        let told = false
        const answered = post(where, path, body, {
          credential: path === '/v1/pair' ? null : clientToken,
          onHint: () => {
            told = true
            asking.release()
          },
        })
        const { status, hints } = await answered
        expect([told, status]).toEqual([true, 200])
        expect(hints).toEqual([{ [pendingHeaders.request]: request_id, [pendingHeaders.code]: code }])
      }
    }
  })

  it('keeps connections alive, after refusals too', async () => {
    const { paths, port, asking } = await startStage()
    for (const where of [paths.socket, port]) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 })
      onTestFinished(() => {
        agent.destroy()
      })
      const raw = new RawConnection(where)
      const host = typeof where === 'number' ? `127.0.0.1:${String(where)}` : 'x'
      for (const [account, status] of [
        ['github', 200],
        ['busy', 503],
        ['github', 200],
      ] as const) {
        expect((await post(where, '/v1/token', { account }, { agent })).status).toBe(status)
        raw.write(`GET /v1/${account} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      }
      expect(await raw.statuses(3)).toEqual([404, 404, 404])
      expect(Object.values(agent.freeSockets).flat()).toHaveLength(1)
    }
    expect(asking.calls).toHaveLength(6)
  })

  it('says when to ask again, and what the challenge is', async () => {
    const { port } = await startStage()
    const busy = await post(port, '/v1/token', { account: 'busy' })
    expect([busy.status, busy.headers['retry-after'], busy.json]).toMatchObject([
      503,
      '7',
      { error: 'temporarily_unavailable' },
    ])
    const stranger = await ask(port, '/v1/status', { credential: null })
    expect([stranger.status, stranger.headers['www-authenticate']]).toEqual([401, 'Bearer'])
    expect(stranger.json).toMatchObject({ error: 'invalid_client', resolve: { command: expect.any(String) as string } })
  })

  it('answers a fault of ours without its message, and logs where it happened without it', async () => {
    const { port, logged } = await startStage()
    const fault = await post(port, '/v1/token', { account: 'fault' })
    expect([fault.status, fault.json]).toMatchObject([500, { error: 'server_error' }])
    const lines = logged.filter((line) => line.includes('endpoint.fault'))
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('stand-in-doors.ts')
    for (const text of [fault.text, ...logged]) expect(text).not.toContain(faultSecret)
  })

  it('waits for a body announced with 100-continue, and refuses it unread when it would be refused anyway', async () => {
    const { paths, asking } = await startStage()
    const start = (credential: string, length: number): string =>
      `POST /v1/token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${credential}\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${String(length)}\r\n\r\n`
    const good = new RawConnection(paths.socket)
    good.write(start(clientToken, 20))
    await until(() => good.received.startsWith('HTTP/1.1 100 '), 'the invitation')
    good.write('{"account":"github"}')
    expect(await good.statuses(1)).toEqual([200])
    for (const [bytes, status] of [
      [start('wrong', 20), 401],
      [start(clientToken, 70_000), 413],
      [start(clientToken, 20).replace('100-continue', 'more'), 417],
    ] as const) {
      const raw = new RawConnection(paths.socket)
      raw.write(bytes)
      await raw.statuses(1)
      expect(raw.received).not.toContain('HTTP/1.1 100')
      expect(answersIn(raw.received)[0]?.status).toBe(status)
    }
    expect(asking.calls).toEqual(['token'])
  })

  it('serialises a frozen answer once and an ordinary one each time', async () => {
    const { port, asking } = await startStage()
    let made = 0
    const make = (frozen: boolean) => (): ReturnType<typeof asking.status> => {
      const answer = {
        toJSON: () => ({ version: String(++made), locked: false, counts: { accounts: 0, requests: 0 } }),
      } as unknown as Awaited<ReturnType<typeof asking.status>>
      return Promise.resolve(frozen ? Object.freeze(answer) : answer)
    }
    asking.status = make(false)
    expect((await ask(port, '/v1/status')).json).toMatchObject({ version: '1' })
    const one = await make(true)()
    asking.status = () => Promise.resolve(one)
    for (let i = 0; i < 3; i++) expect((await ask(port, '/v1/status')).json).toMatchObject({ version: '2' })
  })
})

describe('the control socket', () => {
  it('serves the window API to a terminal, in an envelope, and nothing of client-api but hello', async () => {
    const { paths, asking, deciding } = await startStage()
    const call = (path: string, body: unknown): ReturnType<typeof post> =>
      post(paths.control, path, body, { credential: null })
    const lock = await call('/v1/window/lock', {})
    expect([lock.status, lock.json]).toEqual([200, { ok: true, value: { name: 'lock', argument: null } }])
    const denied = await call('/v1/window/deny', { id: 'q' })
    expect([denied.status, denied.json]).toMatchObject([200, { ok: false, error: { error: 'not_found' } }])
    const wrong = await call('/v1/window/approve', { id: 'q', codes: 1 })
    expect(wrong.json).toMatchObject({ ok: false, error: { error: 'invalid_request' } })
    expect(deciding.surfaces.every((surface) => surface === 'terminal')).toBe(true)
    for (const path of [
      '/v1/token',
      '/v1/pair',
      '/v1/window',
      '/v1/window/',
      '/v1/window/constructor',
      '/v1/window/lock/',
    ])
      expect((await call(path, {})).status, path).toBe(404)
    expect((await ask(paths.control, '/v1/window/lock')).status).toBe(405)
    expect((await call('/v1/window/events', {})).status).toBe(405)
    expect(deciding.calls).toEqual(['lock', 'deny'])
    expect(asking.calls).toEqual([])
    expect((await post(paths.socket, '/v1/window/lock', {})).status).toBe(404)
  })

  it('streams snapshots until the reader leaves or the endpoint closes', async () => {
    const { paths, deciding, endpoint } = await startStage()
    const open = (): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        get({ socketPath: paths.control, path: '/v1/window/events', agent: false }, resolve).on('error', reject)
      })
    const first = await open()
    let text = ''
    first.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    await until(() => text.includes('data: '), 'a snapshot')
    first.destroy()
    await until(() => deciding.listeners === 0, 'the first to be let go')
    const second = await open()
    second.resume().on('error', () => undefined)
    await until(() => deciding.listeners === 1, 'the second')
    await endpoint.close()
    await until(() => second.destroyed && deciding.listeners === 0, 'the second to end')
    expect(deciding.snapshots).toBe(2)
  })
})
