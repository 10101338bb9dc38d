/**
 * The loopback listener of a sign-in (row C9): who may talk to it, how long, and what it says. The server counts what
 * reaches its token endpoint.
 */
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { RunningSignIn, SignInPlan } from '../../main/broker/ports.ts'
import { answerOf, hit, redirectUri } from '../fakes/redirects.ts'
import { realServers, signedIn } from '../fakes/real-servers.ts'
import { startTokenServer, type TokenServer } from '../fakes/token-server.ts'

let server: TokenServer
const servers = realServers()
const running: RunningSignIn[] = []

beforeAll(async () => {
  server = await startTokenServer()
})
afterEach(() => {
  for (const one of running.splice(0)) one.cancel()
})
afterAll(async () => {
  await server.stop()
})

async function begin(plan: Partial<SignInPlan> = {}): Promise<RunningSignIn> {
  const one = await servers.begin(server.issuer, { scope: 'api', ...plan })
  running.push(one)
  return one
}

/** The sign-in still waits, nothing has been sent, and the true answer still works. */
async function expectUnimpressed(one: RunningSignIn, before: number): Promise<void> {
  expect(server.requests.length).toBe(before)
  expect(await hit(await answerOf(one))).toBe(200)
  expect((await one.done).kind).toBe('signed-in')
}

describe('C9: the loopback listener', () => {
  it.each<readonly [string, number, (url: URL) => readonly [URL, { method?: string; host?: string }]]>([
    ['a favicon', 404, (url) => [new URL('/favicon.ico', url), {}]],
    ['the root', 404, (url) => [new URL('/', url), {}]],
    ['another path below', 404, (url) => [new URL(`${url.pathname}/x${url.search}`, url), {}]],
    ['HEAD', 405, (url) => [url, { method: 'HEAD' }]],
    ['POST', 405, (url) => [url, { method: 'POST' }]],
    ['OPTIONS', 405, (url) => [url, { method: 'OPTIONS' }]],
    ['another Host', 403, (url) => [url, { host: 'evil.example' }]],
    ['localhost as Host', 403, (url) => [url, { host: `localhost:${url.port}` }]],
    ['a Host without port', 403, (url) => [url, { host: '127.0.0.1' }]],
  ])('C9: %s: %i, and the sign-in goes on', async (_, status, change) => {
    const one = await begin()
    const before = server.requests.length
    const [url, options] = change(await answerOf(one))
    expect(await hit(url, options)).toBe(status)
    await expectUnimpressed(one, before)
  })

  it.each([
    [
      'two Hosts',
      (path: string, host: string) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\nHost: ${host}\r\n\r\n`,
      /^HTTP\/1\.1 403 /u,
    ],
    ['no Host', (path: string) => `GET ${path} HTTP/1.1\r\n\r\n`, /^HTTP\/1\.1 400 /u],
    ['HTTP/1.0 without Host', (path: string) => `GET ${path} HTTP/1.0\r\n\r\n`, /^HTTP\/1\.1 403 /u],
    [
      'an absolute target',
      (path: string, host: string) => `GET http://${host}${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      /^HTTP\/1\.1 404 /u,
    ],
    [
      'a target with two slashes',
      (path: string, host: string) => `GET /${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`,
      /^HTTP\/1\.1 404 /u,
    ],
    ['no HTTP', () => 'hello\r\n\r\n', /^HTTP\/1\.1 400 /u],
  ])('C9: %s: refused, and the sign-in goes on', async (_, raw, expected) => {
    const one = await begin()
    const before = server.requests.length
    const { pathname, search, port, hostname } = await answerOf(one)
    const text = await new Promise<string>((resolve, reject) => {
      let received = ''
      const socket = connect(Number(port), hostname, () =>
        socket.write(raw(`${pathname}${search}`, `${hostname}:${port}`)),
      )
      socket.on('data', (chunk) => (received += String(chunk))).on('error', reject)
      socket.on('close', () => {
        resolve(received)
      })
    })
    expect(text).toMatch(expected)
    await expectUnimpressed(one, before)
  })

  it('C9: of two valid hits at once only one counts', async () => {
    const one = await begin()
    const before = server.requests.length
    const answer = await answerOf(one)
    const statuses = await Promise.all([hit(answer), hit(answer), hit(answer)])
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect((await one.done).kind).toBe('signed-in')
    expect(server.requests.length).toBe(before + 1)
  })

  it('C9: it listens on 127.0.0.1 and no other address of this machine', async () => {
    const one = await begin()
    const port = Number(redirectUri(one).port)
    const others = [
      ...Object.values(networkInterfaces()).flatMap((list) => list ?? []),
      { address: '127.0.0.2', family: 'IPv4', scopeid: 0 },
    ]
      .filter(({ address, scopeid }) => address !== '127.0.0.1' && !scopeid)
      .map(({ address }) => address)
    expect(others).toContain('127.0.0.2')
    for (const address of others)
      expect([
        address,
        await hit(`http://${address.includes(':') ? `[${address}]` : address}:${String(port)}/`),
      ]).toEqual([address, 'ECONNREFUSED'])
    expect(await hit(`http://127.0.0.1:${String(port)}/`)).toBe(404)
  })

  it('C9: it closes when the sign-in is cancelled', async () => {
    const one = await begin()
    const url = redirectUri(one)
    one.cancel()
    expect((await one.done).kind).toBe('cancelled')
    expect(await hit(url)).toBe('ECONNREFUSED')
  })

  it('C9: the page says what happened, holds no secret, and lets nothing in', async () => {
    const one = await begin()
    const answer = await answerOf(one)
    const response = await fetch(answer)
    const page = await response.text()
    const { material } = signedIn(await one.done)
    expect(page).toContain('OpenID Connect has signed you in')
    for (const name of ['code', 'state']) expect(page).not.toContain(answer.searchParams.get(name))
    expect(page).not.toContain(material.access?.value.reveal())
    expect(response.headers.get('cache-control')).toBe('no-store')
    expect(response.headers.get('referrer-policy')).toBe('no-referrer')
    expect(response.headers.get('content-security-policy')).toMatch(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-[^']+'; /u,
    )
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
  })

  it('C9: a cancel while the code is being exchanged takes the tokens back', async () => {
    const reached = Promise.withResolvers<() => void>()
    server.reply(({ act, response }) => {
      reached.resolve(() => {
        const { body } = act()
        response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body))
        issued = String(body['refresh_token'])
      })
    })
    let issued = ''
    const one = await begin()
    const page = hit(await answerOf(one))
    const goOn = await reached.promise
    one.cancel()
    expect((await one.done).kind).toBe('cancelled')
    goOn()
    expect(await page).toBe(200)
    await expect.poll(() => server.isActive(issued), { timeout: 5000 }).toBe(false)
  })
})
