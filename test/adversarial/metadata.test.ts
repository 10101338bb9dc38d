/**
 * Who else could ask a metadata server on loopback: web pages, in a real Chromium; names that lead here; programs that were
 * tricked into fetching; other users. The rule: beside the refusal, the broker's own record shows that no token was asked for.
 */
import { spawn } from 'node:child_process'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { launchBrowser } from '../e2e/browser.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, startDaemon, type RunningDaemon } from '../setup/daemon.ts'
import { linkAccount } from '../setup/link.ts'
import { startMetadata, type MetadataServer } from '../setup/metadata.ts'
import { sendRaw } from '../unit/endpoint/wire.ts'

const googlePath = '/computeMetadata/v1/instance/service-accounts/default/token'
const instancePath = '/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://vault.azure.net'
const appServicePath = '/msi/token?api-version=2019-08-01&resource=https://vault.azure.net'

let daemon: RunningDaemon
let provider: IdentityProvider
let google: MetadataServer
let azure: MetadataServer
beforeAll(async () => {
  ;[daemon, provider] = await Promise.all([startDaemon(), startIdentityProvider()])
  await linkAccount(daemon, provider, {
    login: 'ada',
    args: ['--scope', 'openid offline_access https://vault.azure.net/user_impersonation'],
  })
  ;[google, azure] = await Promise.all([
    startMetadata(daemon.paths.home, 'google', ['--account', 'ada']),
    startMetadata(daemon.paths.home, 'azure', ['--account', 'ada']),
  ])
})
afterAll(async () => {
  await Promise.all([google.stop(), azure.stop()])
  await Promise.all([daemon.stop(), provider.stop()])
})

/** How many tokens the broker has been asked for so far. */
async function asked(): Promise<number> {
  const { stdout } = await daemon.cli(['activity', '--limit', '1000', '--json'])
  const { entries } = JSON.parse(stdout) as { entries: { action: string }[] }
  return entries.filter(({ action }) => action === 'token').length
}

interface Request {
  readonly server: MetadataServer
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
}

/** The three requests that bring a token, which every row changes. */
const good = (): readonly Request[] => [
  { server: google, path: googlePath, headers: { 'Metadata-Flavor': 'Google' } },
  { server: azure, path: instancePath, headers: { Metadata: 'true' } },
  { server: azure, path: appServicePath, headers: { 'X-IDENTITY-HEADER': azure.variables['IDENTITY_HEADER'] ?? '' } },
]

const raw = ({ server, path, headers }: Request, more: readonly string[] = [], line = `GET ${path} HTTP/1.1`): string =>
  [
    line,
    `Host: ${server.host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    ...more,
    'Connection: close',
    '',
    '',
  ].join('\r\n')

const send = (request: Request, text: string): ReturnType<typeof sendRaw> =>
  sendRaw(Number(request.server.host.split(':')[1]), text)

/** Connects, sends its input, and prints what comes back. */
const program = `
const net = require('node:net')
let input = ''
process.stdin.setEncoding('latin1').on('data', (part) => (input += part)).on('end', () => {
  const socket = net.connect(Number(process.argv[1]), '127.0.0.1')
  socket.on('connect', () => socket.write(Buffer.from(input, 'latin1')))
  socket.on('data', (part) => process.stdout.write(part))
  socket.on('error', () => {})
  socket.on('close', () => process.stdout.write('closed'))
})`

describe('what is asked', () => {
  it('Threat 1: the request every row changes brings a token', async () => {
    const before = await asked()
    for (const request of good()) {
      const answer = await send(request, raw(request))
      expect(answer.status).toBe(200)
      expect(answer.body).toContain('access_token')
      expect(answer.all).not.toMatch(/access-control-/iu)
    }
    expect(await asked()).toBe(before + 3)
  })

  it('Threat 1: without the header of the protocol, or with another value', async () => {
    const before = await asked()
    for (const request of good()) {
      for (const value of ['', 'google', 'TRUE', 'true, true', 'x'])
        expect(
          (
            await request.server.get(
              request.path,
              Object.fromEntries(Object.keys(request.headers).map((n) => [n, value])),
            )
          ).status,
        ).toBeGreaterThanOrEqual(400)
      expect((await request.server.get(request.path)).status).toBeGreaterThanOrEqual(400)
      const [name = ''] = Object.keys(request.headers)
      const twice = await send(request, raw(request, [`${name}: x`]))
      expect(twice.status).toBeGreaterThanOrEqual(400)
    }
    expect(await asked()).toBe(before)
  })

  it('Threat 1: forwarded for somebody else, by a page, by another method', async () => {
    const before = await asked()
    for (const request of good()) {
      for (const more of [
        'Origin: https://evil.example',
        'Origin: null',
        'Sec-Fetch-Site: cross-site',
        'Sec-Fetch-Site: same-site',
      ])
        expect((await send(request, raw(request, [more]))).status, more).toBe(403)
      expect((await send(request, raw(request, ['X-Forwarded-For: 203.0.113.7']))).status).toBeGreaterThanOrEqual(400)
      for (const method of ['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])
        expect((await send(request, raw(request, [], `${method} ${request.path} HTTP/1.1`))).status).toBe(405)
    }
    expect(await asked()).toBe(before)
  })

  it('Threat 2: another Host, two, none, another version, another form of target', async () => {
    const before = await asked()
    for (const request of good()) {
      const { host } = request.server
      const port = host.split(':')[1] ?? ''
      const text = raw(request)
      const names = [
        'evil.example',
        `evil.example:${port}`,
        `localhost:${port}`,
        '127.0.0.1',
        `127.0.0.1.evil.example:${port}`,
        `[::1]:${port}`,
        `0.0.0.0:${port}`,
      ]
      for (const name of names)
        expect((await send(request, text.replace(`Host: ${host}`, `Host: ${name}`))).status, name).toBe(403)
      expect((await send(request, text.replace(`Host: ${host}`, `Host: ${host}\r\nHost: evil.example`))).status).toBe(
        400,
      )
      expect((await send(request, text.replace(`Host: ${host}\r\n`, ''))).status).toBe(400)
      expect((await send(request, text.replace('HTTP/1.1', 'HTTP/1.0'))).status).toBe(400)
      for (const target of [`http://${host}${request.path}`, `//evil.example${request.path}`])
        expect((await send(request, raw(request, [], `GET ${target} HTTP/1.1`))).status).toBe(400)
    }
    expect(await asked()).toBe(before)
  })

  it('Threat 4: only on loopback, and, where it can be tried, by no other user of the machine', async () => {
    const before = await asked()
    for (const [turn, request] of good().entries()) {
      const { host } = request.server
      expect(host).toMatch(/^127\.0\.0\.1:\d+$/u)
      const connectAs = async (identity: { readonly uid?: number; readonly gid?: number }): Promise<string> => {
        const child = spawn(process.execPath, ['-e', program, host.split(':')[1] ?? ''], {
          ...identity,
          cwd: '/',
          env: {},
        })
        child.stdin.end(raw(request))
        return (await collect(child)).stdout
      }
      // Only root can become somebody else; anybody else's tests find out no more than that they themselves get in.
      const canTry = process.getuid?.() === 0 && process.platform === 'linux'
      const strangers = canTry ? [{ uid: 65_534, gid: 65_534 }] : []
      for (const stranger of strangers) expect(await connectAs(stranger)).toBe('closed')
      expect(await asked()).toBe(before + turn)
      expect(await connectAs({})).toContain('access_token')
    }
  })
})

describe('a hostile page', () => {
  let browser: Browser
  let pages: Server
  beforeAll(async () => {
    browser = await launchBrowser(
      '--host-resolver-rules=MAP rebound.example 127.0.0.1',
      // Chromium's own protection is not what is tested: older browsers have none.
      '--disable-features=LocalNetworkAccessChecks,BlockInsecurePrivateNetworkRequests',
    )
    pages = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end('<!doctype html><title>evil</title>')
    })
    await new Promise<void>((listening) => pages.listen(0, '127.0.0.1', listening))
  })
  afterAll(async () => {
    await browser.close()
    pages.closeAllConnections()
    await new Promise((closed) => pages.close(closed))
  })

  /** Everything a script can send to `url`, with and without the header; what it could read of the answers. */
  const attack = (page: Page, url: string, headers: Readonly<Record<string, string>>): Promise<readonly string[]> =>
    page.evaluate(
      async ([target, wanted]) => {
        const tries: readonly RequestInit[] = [
          { headers: wanted },
          { headers: wanted, mode: 'no-cors' },
          { headers: wanted, mode: 'same-origin' },
          { mode: 'no-cors' },
          {},
          { method: 'POST', mode: 'no-cors', body: 'x' },
        ]
        const read = tries.map(async (init) => {
          try {
            const answer = await fetch(target, init)
            return answer.type === 'opaque' ? 'nothing' : `${String(answer.status)} ${await answer.text()}`
          } catch {
            return 'nothing'
          }
        })
        const frame = document.createElement('iframe')
        const loaded = new Promise((done) => {
          frame.addEventListener('load', done)
        })
        frame.src = target
        document.body.append(frame)
        const image = new Image()
        image.src = target
        await loaded
        return Promise.all([...read, Promise.resolve(frame.contentDocument?.body.textContent ?? 'nothing')])
      },
      [url, headers] as const,
    )

  it('Threat 1: on another port of this machine', async () => {
    const before = await asked()
    for (const { server, path, headers } of good()) {
      const page = await browser.newPage()
      await page.goto(`http://127.0.0.1:${String((pages.address() as AddressInfo).port)}/`)
      const read = await attack(page, `http://${server.host}${path}`, headers)
      expect(read).toEqual(Array.from(read, () => 'nothing'))
      await page.close()
    }
    expect(await asked()).toBe(before)
  })

  it('Threat 2: on a name that leads here by now, with every header it likes', async () => {
    const before = await asked()
    for (const { server, path, headers } of good()) {
      const origin = `http://rebound.example:${server.host.split(':')[1] ?? ''}`
      const page = await browser.newPage()
      // What the attacker's server answered at this name and port before the name led here.
      await page.route(`${origin}/page`, (route) =>
        route.fulfill({ contentType: 'text/html', body: '<!doctype html><title>evil</title>' }),
      )
      await page.goto(`${origin}/page`)
      const read = await attack(page, `${origin}${path}`, headers)
      expect(read[0]).toBe('403 This Host is not served here.')
      expect(read.join('\n')).not.toContain('access_token')
      await page.close()
    }
    expect(await asked()).toBe(before)
  })
})
