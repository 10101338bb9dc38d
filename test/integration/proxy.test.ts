/**
 * The proxy as a tool meets it: the real daemon, a real identity provider whose tokens a real API asks back about, over
 * loopback HTTP and over the socket, with Node's own client and curl.
 */
import { randomBytes } from 'node:crypto'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { get, request as httpRequest, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { proxyPath } from '../../main/contract/client-api.ts'
import { startApi, type ApiServer } from '../fakes/api-server.ts'
import { selfSignedCertificate } from '../fakes/certificate.ts'
import { issuedTokens, startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { collect, startCli, startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'
import { approve, linkAccount, pairProgram } from '../setup/link.ts'

let provider: IdentityProvider
let api: ApiServer
let daemon: RunningDaemon
let script: string
/** Tokens the API does not take any more although they have not ended. */
const refused = new Set<string>()
const tokenOf = (authorization: string | undefined): string => (authorization ?? '').replace(/^Bearer /u, '')

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  api = await startApi(async (authorization) => {
    const token = tokenOf(authorization)
    return !refused.has(token) && (await provider.isActive(token))
  })
  daemon = await startDaemon({ args: ['--insecure-key-file', '--http'] })
  await linkAccount(daemon, provider, {
    login: 'ada',
    label: 'work mail',
    args: ['--param', `api_base=${api.origin}/v1/`],
  })
  script = await pairProgram(daemon, 'report')
})

afterAll(async () => {
  await daemon.stop()
  await api.stop()
  await provider.stop()
})

const last = (): ApiServer['requests'][number] => {
  const seen = api.requests.at(-1)
  if (!seen) throw new Error('the API was not asked')
  return seen
}
const base = (account = 'work mail'): string => `${daemon.endpoint.url ?? ''}${proxyPath(account)}`
const bearer = (token = script): Record<string, string> => ({ authorization: `Bearer ${token}` })
const errorOf = async (answer: Response): Promise<unknown> => ((await answer.json()) as { error: unknown }).error
/** The token the daemon holds, which the API then refuses. */
function refuse(): void {
  refused.add(tokenOf(last().headers.authorization))
}

interface Row {
  readonly action: string
  readonly outcome: string
  readonly detail?: string
}
async function rows(): Promise<readonly Row[]> {
  const { stdout } = await daemon.cli(['activity', '--json', '--limit', '1000'])
  return (JSON.parse(stdout) as { entries: Row[] }).entries.filter(({ action }) => action === 'proxy')
}

describe('consent to use', () => {
  it('is what a call asks for; it is approved on a terminal, gives the call and never the token', async () => {
    const told: string[] = []
    const call = httpRequest(`${base()}me`, { headers: bearer() })
    call.on('information', ({ headers }) =>
      told.push(String(headers['valetkey-code']), String(headers['valetkey-request'])),
    )
    const answered = new Promise<IncomingMessage>((resolve) => call.once('response', resolve))
    call.end()
    const [code, id] = await until(() => (told.length === 2 ? told : undefined))
    const { requests } = JSON.parse((await daemon.cli(['requests', '--json'])).stdout) as {
      requests: { right: string; client: { name: string } }[]
    }
    expect(requests).toMatchObject([{ right: 'use', client: { name: 'report' } }])
    expect(api.requests).toHaveLength(0)
    await approve(daemon, id ?? '', code ?? '', ['--for', 'always', '--right', 'use'])
    const answer = await answered
    expect(answer.statusCode).toBe(200)
    answer.resume()
    expect(last()).toMatchObject({ method: 'GET', url: '/v1/me' })
    expect(await provider.isActive(tokenOf(last().headers.authorization))).toBe(true)
    const asked = await fetch(`${daemon.endpoint.url ?? ''}/v1/token`, {
      method: 'POST',
      headers: { ...bearer(), 'content-type': 'application/json' },
      body: '{"account":"work mail","interaction":"never"}',
    })
    expect([asked.status, await errorOf(asked)]).toEqual([403, 'consent_required'])
    expect((await daemon.cli(['consents'])).stdout).toMatch(/report +work mail +use/u)
  })

  it('is what a question for a token can be narrowed to on a terminal', async () => {
    const agent = await pairProgram(daemon, 'helper', 'agent')
    const env = { VALETKEY_CLIENT_TOKEN: agent }
    const asking = startCli(daemon.paths.home, ['token', 'work mail', '--json'], env)
    const result = collect(asking)
    const { id, code } = await until(async () => {
      const { stdout } = await daemon.cli(['requests', '--json'])
      const [question] = (JSON.parse(stdout) as { requests: { id: string; right: string }[] }).requests
      if (question?.right !== 'read') return undefined
      const own = await fetch(`${daemon.endpoint.url ?? ''}/v1/requests/${question.id}`, { headers: bearer(agent) })
      return { id: question.id, code: ((await own.json()) as { code: string }).code }
    })
    await approve(daemon, id, code, ['--for', '1h', '--right', 'use'])
    const { code: exit, stdout, stderr } = await result
    expect([exit, stdout]).toEqual([6, ''])
    expect(JSON.parse(stderr.trim().split('\n').at(-1) ?? '')).toMatchObject({
      error: 'access_denied',
      error_description: expect.stringContaining('proxy') as string,
    })
    const through = await daemon.cli(['fetch', 'work mail', 'me'], { env })
    expect(through.code).toBe(0)
  })

  it('is not there for a stranger, and asking without disturbing says so', async () => {
    const stranger = await pairProgram(daemon, 'stranger')
    const before = api.requests.length
    const quiet = await fetch(`${base()}me`, { headers: { ...bearer(stranger), 'valetkey-interaction': 'never' } })
    expect([quiet.status, quiet.headers.get('valetkey-error'), await errorOf(quiet)]).toEqual([
      ...[403, 'consent_required', 'consent_required'],
    ])
    const notify = await fetch(`${base()}me`, { headers: { ...bearer(stranger), 'valetkey-interaction': 'notify' } })
    const { request_id } = (await notify.json()) as { request_id: string }
    expect((await daemon.cli(['deny', request_id])).code).toBe(0)
    for (const headers of [{}, bearer('vkc_nobody')]) expect((await fetch(`${base()}me`, { headers })).status).toBe(401)
    expect(api.requests).toHaveLength(before)
  })
})

describe('a base URL for any tool', () => {
  it('is the account’s label, id or provider, over loopback', async () => {
    const { accounts } = JSON.parse((await daemon.cli(['accounts', '--json'])).stdout) as { accounts: { id: string }[] }
    for (const account of ['work mail', accounts[0]?.id ?? '', 'generic-oidc']) {
      const answer = await fetch(`${base(account)}users?q=a%20b`, { headers: bearer() })
      expect([answer.status, answer.headers.get('x-api'), answer.headers.get('valetkey-error')]).toEqual([
        200,
        'yes',
        null,
      ])
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(last().url).toBe('/v1/users?q=a%20b')
    }
    const nobody = await fetch(`${base('nobody')}x`, { headers: bearer() })
    expect([nobody.status, nobody.headers.get('valetkey-error')]).toEqual([404, 'not_found'])
  })

  it('works with curl on the socket, with a body that curl announces first', async () => {
    const file = join(daemon.paths.home, 'upload')
    const bytes = randomBytes(3_000_000)
    writeFileSync(file, bytes)
    const curl = spawn('curl', [
      ...[
        '--silent',
        '--show-error',
        '--unix-socket',
        daemon.paths.socket,
        '--header',
        '@-',
        '--data-binary',
        `@${file}`,
      ],
      `http://localhost${proxyPath('work mail')}upload`,
    ])
    curl.stdin.end(`Authorization: Bearer ${script}\nExpect: 100-continue\n`)
    const { code, stdout, stderr } = await collect(curl)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(last().body.equals(bytes)).toBe(true)
    expect(last().headers['content-length']).toBe(String(bytes.length))
    expect(stdout).not.toContain(script)
  })

  it('puts the account’s credential on, and nothing of the caller’s', async () => {
    const headers = {
      ...{ ...bearer(), cookie: 'a=b', 'x-forwarded-for': '1.2.3.4', referer: 'http://x/', dpop: 'x' },
      ...{ accept: 'text/plain', 'x-own': 'stays', connection: 'keep-alive, x-hop', 'x-hop': 'goes' },
    }
    const call = httpRequest(`${base()}headers`, { headers })
    const answer = await new Promise<IncomingMessage>((resolve) => call.once('response', resolve).end())
    answer.resume()
    expect(last().headers).toMatchObject({
      host: `127.0.0.1:${String(api.port)}`,
      accept: 'text/plain',
      'x-own': 'stays',
    })
    for (const name of ['cookie', 'x-forwarded-for', 'referer', 'dpop', 'x-hop'])
      expect(last().headers).not.toHaveProperty(name)
    expect(last().raw.filter((name) => name.toLowerCase() === 'authorization')).toHaveLength(1)
    expect(JSON.stringify(last().raw)).not.toContain(script)
  })
})

describe('an API over https', () => {
  it('is called when it proves to be the host that is meant, and not otherwise', async () => {
    const [known, unknown] = [selfSignedCertificate(), selfSignedCertificate()]
    const folder = mkdtempSync(join(tmpdir(), 'vk-ca-'))
    const bundle = join(folder, 'ca.pem')
    writeFileSync(bundle, known.cert)
    const [honest, other] = await Promise.all([startApi(() => true, known), startApi(() => true, unknown)])
    const secure = await startDaemon({ env: { NODE_EXTRA_CA_CERTS: bundle } })
    try {
      for (const { origin } of [honest, other])
        await linkAccount(secure, provider, {
          login: origin.replaceAll(/\W/gu, ''),
          label: origin,
          args: ['--param', `api_base=${origin}/`],
        })
      expect(await secure.cli(['fetch', honest.origin, 'x'])).toMatchObject({ code: 0, stderr: '' })
      const refusal = await secure.cli(['fetch', other.origin, 'x'])
      expect([refusal.code, other.requests]).toEqual([7, []])
      expect(refusal.stderr).toContain('has not proved')
      const plain = await secure.cli(['fetch', honest.origin, honest.origin.replace('https', 'http')])
      expect(plain.code).toBe(6)
    } finally {
      await secure.stop()
      await Promise.all([honest.stop(), other.stop()])
      rmSync(folder, { recursive: true })
    }
  })
})

describe('bytes in both directions', () => {
  it('arrive as they were sent, of a length that is known or not', async () => {
    for (const [size, chunked] of [
      [0, false],
      [1, false],
      [70_000, false],
      [200_000, true],
    ] as const) {
      const sent = randomBytes(size)
      const answer = await fetch(`${base()}echo`, {
        method: 'PUT',
        headers: bearer(),
        ...(chunked
          ? { body: new Blob([new Uint8Array(sent)]).stream(), duplex: 'half' }
          : { body: new Uint8Array(sent) }),
      })
      expect(Buffer.from(((await answer.json()) as { body: string }).body, 'base64').equals(sent)).toBe(true)
      expect(last().headers['transfer-encoding']).toBe(chunked ? 'chunked' : undefined)
    }
  })

  it('come when they come: an event is there before the next one is sent', async () => {
    let send: (event: string) => void = () => undefined
    api.serve('/v1/events', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.flushHeaders()
      send = (event) => (event === '' ? response.end() : response.write(`data: ${event}\n\n`))
    })
    const answer = await new Promise<IncomingMessage>((resolve) =>
      get(`${base()}events`, { headers: bearer() }, resolve),
    )
    let received = ''
    answer.setEncoding('utf8').on('data', (text: string) => (received += text))
    const ended = new Promise((resolve) => answer.once('end', resolve))
    for (const event of ['one', 'two', 'three']) {
      send(event)
      await until(() => (received.includes(event) ? true : undefined))
    }
    expect(received).toBe('data: one\n\ndata: two\n\ndata: three\n\n')
    send('')
    await ended
  })

  it('both at once: the answer begins while the request goes on', async () => {
    api.serve('/v1/duplex', (request, response) => {
      response.writeHead(200)
      request.pipe(response)
    })
    const call = httpRequest(`${base()}duplex`, { method: 'POST', headers: bearer() })
    call.write('first ')
    const answer = await new Promise<IncomingMessage>((resolve) => call.once('response', resolve))
    let received = ''
    answer.setEncoding('utf8').on('data', (text: string) => (received += text))
    await until(() => (received === 'first ' ? true : undefined))
    call.end('second')
    await new Promise((resolve) => answer.once('end', resolve))
    expect(received).toBe('first second')
  })

  it('take their time: an upload may last longer than a call may take to arrive', async () => {
    const call = httpRequest(`${base()}echo`, { method: 'POST', headers: bearer() })
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      call.once('response', resolve).once('error', reject)
    })
    const sent = ['a', 'b', 'c', 'd', 'e', 'f']
    for (const piece of sent) {
      call.write(piece)
      // What is shown is that time passes.
      await new Promise((resolve) => setTimeout(resolve, 1000))
    }
    call.end()
    const answer = await answered
    const { body } = JSON.parse(Buffer.concat((await answer.toArray()) as Buffer[]).toString()) as { body: string }
    expect(Buffer.from(body, 'base64').toString()).toBe(sent.join(''))
  })

  it('stop when either side goes', async () => {
    api.serve('/v1/slow', (_request, response) => {
      response.writeHead(200)
      response.write('begun')
    })
    const call = get(`${base()}slow`, { headers: bearer() })
    const answer = await new Promise<IncomingMessage>((resolve) => call.once('response', resolve))
    answer.on('error', () => undefined)
    await new Promise((resolve) => answer.once('data', resolve))
    const seen = last()
    call.destroy()
    await until(() => (seen.aborted ? true : undefined))
    api.serve('/v1/broken', (_request, response) => {
      response.writeHead(200, { 'content-length': '100' })
      response.write('begun', () => response.destroy())
    })
    const broken = await fetch(`${base()}broken`, { headers: bearer() })
    await expect(broken.text()).rejects.toThrow('terminated')
  })

  it('are no redirect that is followed', async () => {
    api.serve('/v1/moved', (_request, response) => response.writeHead(302, { location: '/v1/me?x' }).end())
    const before = api.requests.length
    const moved = await fetch(`${base()}moved`, { headers: bearer(), redirect: 'manual' })
    expect([moved.status, moved.headers.get('location')]).toEqual([302, `${api.origin}/v1/me?x`])
    expect(api.requests).toHaveLength(before + 1)
  })
})

describe('a token the API refuses', () => {
  const refreshes = async (): Promise<number> => (await provider.events()).token_requests
  beforeEach(async () => {
    await fetch(`${base()}me`, { headers: bearer() })
    refuse()
  })

  it('is refreshed once for a GET, which is sent again', async () => {
    const [before, calls] = [await refreshes(), api.requests.length]
    const answers = await Promise.all(Array.from({ length: 5 }, () => fetch(`${base()}me`, { headers: bearer() })))
    expect(answers.map(({ status }) => status)).toEqual(Array<number>(5).fill(200))
    expect(await refreshes()).toBe(before + 1)
    expect(api.requests.length - calls).toBeLessThanOrEqual(10)
  })

  it('is refreshed for a POST, which is not sent again unless its sender says so', async () => {
    const before = await refreshes()
    const post = (more: Record<string, string> = {}): Promise<Response> =>
      fetch(`${base()}pay`, { method: 'POST', headers: { ...bearer(), ...more }, body: 'amount=1' })
    const calls = api.requests.length
    const first = await post()
    expect([first.status, first.headers.get('valetkey-error')]).toEqual([401, null])
    expect(first.headers.get('www-authenticate')).toContain('invalid_token')
    expect(api.requests).toHaveLength(calls + 1)
    expect(await refreshes()).toBe(before + 1)
    expect((await post()).status).toBe(200)
    refuse()
    expect((await post({ 'valetkey-retry': 'allow' })).status).toBe(200)
    expect(last().headers).not.toHaveProperty('valetkey-retry')
    expect(await refreshes()).toBe(before + 2)
  })
})

describe('what is left of it', () => {
  it('is one row for each call, with host and status and without the rest of the address', async () => {
    const before = (await rows()).length
    await fetch(`${base()}secret-path?token=secret-query`, { headers: bearer() })
    await fetch(`${base()}https://evil.example/`, { headers: bearer() })
    const all = await rows()
    expect(all.slice(0, all.length - before)).toMatchObject([
      { outcome: 'access_denied' },
      { outcome: 'ok', detail: `GET 127.0.0.1:${String(api.port)} 200` },
    ])
    expect(JSON.stringify(all)).not.toMatch(/secret-path|secret-query/u)
    expect((await daemon.cli(['activity'])).stdout).toMatch(/report +work mail +proxy +ok/u)
  })

  it('is no token, nowhere', async () => {
    const tokens = [...(await issuedTokens()), script]
    expect(tokens.length).toBeGreaterThan(3)
    const said = `${daemon.output()}${JSON.stringify(await rows())}`
    for (const token of tokens) expect(said).not.toContain(token)
  })
})
