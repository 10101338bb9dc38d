/**
 * Who comes in to the console: what a thief of links or cookies may try, and what its pages let happen to them. The rule:
 * a link opens one browser, once; a cookie opens one console; a stranger sees the same thing everywhere.
 */
import { describe, expect, it } from 'vitest'
import { type Answer, ask, RawConnection, until } from '../unit/endpoint/wire.ts'
import { expectRefused, lockCall, pairOf, runConsole, statusOf } from './console-rig.ts'

describe('H9: the link and the session', () => {
  it('H9: a link opens once, whoever comes second', async () => {
    const running = await runConsole()
    const path = new URL(running.console.url).pathname
    const both = await Promise.all([1, 2].map(() => ask(running.port, path, { credential: null })))
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 403])
    const again = await ask(running.port, path, { credential: null })
    expect(again.status).toBe(403)
    expect(again.headers['set-cookie']).toBeUndefined()
    expect(again.text).toContain('<code>valetkey status --console</code>')
    expect(running.logged.join('\n')).not.toContain(path.slice(6))
  })

  it('H9: the key has 256 bits, and none that is nearly right is taken', async () => {
    const running = await runConsole()
    const key = new URL(running.console.url).pathname.slice('/open/'.length)
    expect(Buffer.from(key, 'base64url')).toHaveLength(32)
    for (const wrong of ['', key.slice(0, -1), `${key}x`, `${key}/`, `${key}?`, key.toUpperCase(), 'A'.repeat(43)])
      expect((await ask(running.port, `/open/${wrong}`, { credential: null })).status, wrong).toBe(403)
    expect((await ask(running.port, `/open/${key}`, { credential: null })).status).toBe(200)
  })

  it('H9: neither HEAD nor POST uses a link up', async () => {
    const running = await runConsole()
    const path = new URL(running.console.url).pathname
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE']) {
      const bytes = `${method} ${path} HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\n\r\n`
      expect(await statusOf(running.port, bytes), method).toBe(405)
    }
    expect((await ask(running.port, path, { credential: null })).status).toBe(200)
  })

  it('H9: a link lasts five minutes', async () => {
    let now = 0
    const running = await runConsole({ now: () => now })
    const [late, early] = [new URL(running.console.url).pathname, new URL(running.console.newUrl()).pathname]
    now = 299_999
    expect((await ask(running.port, early, { credential: null })).status).toBe(200)
    now = 300_000
    expect((await ask(running.port, late, { credential: null })).status).toBe(403)
  })

  it('H9: unused links do not pile up', async () => {
    const running = await runConsole()
    const first = new URL(running.console.url).pathname
    for (let n = 0; n < 100; n++) running.console.newUrl()
    expect((await ask(running.port, first, { credential: null })).status).toBe(403)
  })

  it('H9: the cookie is for this host, this site and no script, and goes with the browser', async () => {
    const running = await runConsole()
    const setCookie = await running.signIn()
    const [pair = '', ...attributes] = setCookie.split('; ')
    expect(attributes.toSorted()).toEqual(['HttpOnly', 'Path=/', 'SameSite=Strict'])
    const [name, secret = ''] = pair.split('=')
    expect(name).toBe(`__valetkey_console_${String(running.port)}`)
    expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
    expect(running.console.url).not.toContain(secret)
  })

  it('H9: a session ends after twelve hours without use, and lives while it is used', async () => {
    let now = 0
    const running = await runConsole({ now: () => now })
    const cookie = pairOf(await running.signIn())
    const visit = async (): Promise<number> =>
      (await ask(running.port, '/', { credential: null, headers: { cookie } })).status
    now += 12 * 3_600_000 - 1
    expect(await visit()).toBe(200)
    now += 12 * 3_600_000 - 1
    expect(await visit()).toBe(200)
    now += 12 * 3_600_000
    expect(await visit()).toBe(401)
    now = 0
    expect(await visit()).toBe(401)
  })

  it('H9: a stream that outlives its session is told nothing more', async () => {
    let now = 0
    const running = await runConsole({ now: () => now })
    const cookie = pairOf(await running.signIn())
    const stream = new RawConnection(running.port)
    stream.write(
      `GET /v1/window/events HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\nCookie: ${cookie}\r\n\r\n`,
    )
    await until(() => stream.received.includes('/nowhere/1'), 'the first snapshot')
    running.deciding.change()
    await until(() => stream.received.includes('/nowhere/2'), 'the second snapshot')
    now = 12 * 3_600_000
    running.deciding.change()
    // The answer is over: its last chunk.
    await until(() => stream.received.endsWith('0\r\n\r\n'), 'the end of the stream')
    expect(stream.received).not.toContain('/nowhere/3')
    expect(running.deciding.snapshots).toBe(2)
  })

  it('H9: no cookie, a wrong one, one of another console, and the same one twice are all strangers', async () => {
    const [running, other] = [await runConsole(), await runConsole()]
    const cookie = pairOf(await running.signIn())
    const theirs = pairOf(await other.signIn())
    const [name = '', secret = ''] = cookie.split('=')
    const strange = [
      '',
      name,
      `${name}=`,
      `${name}=${secret.slice(0, -1)}`,
      `${name}=${secret}x`,
      `${name}="${secret}"`,
      `x${name}=${secret}`,
      theirs,
      `${name}=${theirs.split('=')[1] ?? ''}`,
      `${cookie}; ${cookie}`,
      `${name}=planted; ${cookie}`,
      `${name}=${'A'.repeat(10_000)}`,
    ]
    for (const sent of strange) {
      const call = await expectRefused(running, lockCall(running.port, sent), 401, false)
      expect(call.body).toContain('"invalid_client"')
      await expectRefused(
        running,
        `GET / HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\nCookie: ${sent}\r\n\r\n`,
        401,
        false,
      )
    }
  })

  it('H9: without a session every path answers the same, whether there is something or not', async () => {
    const running = await runConsole()
    const get = (path: string): Promise<Answer> =>
      expectRefused(running, `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${String(running.port)}\r\n\r\n`, 401, false)
    const withoutDate = ({ all }: Answer): string => all.replace(/^date: .*\r\n/imu, '')
    const pages = await Promise.all(
      ['/', '/assets/index.js', '/assets/none.js', '/favicon.ico', '/index.html', '/open'].map(get),
    )
    expect(new Set(pages.map(withoutDate)).size).toBe(1)
    const calls = await Promise.all(
      ['/v1/window/snapshot', '/v1/window/events', '/v1/window/none', '/v1/window'].map(get),
    )
    expect(new Set(calls.map(withoutDate)).size).toBe(1)
  })
})

describe('H9: the headers of pages', () => {
  it('H9: every page forbids frames, foreign scripts and inline ones, caches and referrers', async () => {
    const running = await runConsole()
    const cookie = pairOf(await running.signIn())
    const used = await ask(running.port, '/open/x', { credential: null })
    const out = await ask(running.port, '/', { credential: null })
    const own = await ask(running.port, '/', { credential: null, headers: { cookie } })
    const script = await ask(running.port, '/assets/index.js', { credential: null, headers: { cookie } })
    const nothing = await ask(running.port, '/nothing', { credential: null, headers: { cookie } })
    expect([used, out, own, script, nothing].map(({ status }) => status)).toEqual([403, 401, 200, 200, 404])
    for (const { headers } of [used, out, own, script, nothing]) {
      const policy = String(headers['content-security-policy'])
      for (const rule of [
        "default-src 'none'",
        "script-src 'self'",
        "connect-src 'self'",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
      ])
        expect(policy.split('; ')).toContain(rule)
      expect(policy).not.toMatch(/unsafe|\*|https?:/u)
      expect(headers).toMatchObject({
        'cache-control': 'no-store',
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      })
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
    }
    expect(own.headers['content-security-policy']).toContain("style-src 'self';")
  })

  it('H9: it listens on the loopback address and nowhere else', async () => {
    const running = await runConsole()
    const { networkInterfaces } = await import('node:os')
    const outside = Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .filter(({ internal, family }) => !internal && family === 'IPv4')
    const { connect } = await import('node:net')
    const reaches = (host: string): Promise<boolean> =>
      new Promise((resolve) => {
        const socket = connect({ host, port: running.port })
        socket.once('connect', () => {
          socket.destroy()
          resolve(true)
        })
        socket.once('error', () => {
          resolve(false)
        })
      })
    expect(await reaches('127.0.0.1')).toBe(true)
    expect(await Promise.all(outside.map(({ address }) => reaches(address)))).toEqual(outside.map(() => false))
    expect(await reaches('127.0.0.2')).toBe(false)
  })
})
