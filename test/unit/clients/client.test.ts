/** The JavaScript client against an honest stand-in: what it sends, what it makes of answers, and its `fetch`. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Client, connect, createClient, ValetkeyError } from '../../../clients/js/index.ts'
import { clientRoutes } from '../../../main/contract/client-api.ts'
import { cliToken, type StandIn, startSquatter, startStandIn, tokenAnswer } from '../cli/stand-in-broker.ts'

let broker: StandIn
let client: Client
const clients: Client[] = []
const open = (options: Parameters<typeof connect>[0]): Client => {
  const opened = connect(options)
  clients.push(opened)
  return opened
}

beforeEach(async () => {
  broker = await startStandIn()
  client = open({ home: broker.home, clientToken: cliToken })
})
afterEach(async () => {
  for (const opened of clients.splice(0)) opened.close()
  await broker.close()
})

async function refusal(work: Promise<unknown>): Promise<ValetkeyError> {
  return work.then(
    () => {
      throw new Error('was not refused')
    },
    (thrown: unknown) => {
      if (thrown instanceof ValetkeyError) return thrown
      throw thrown
    },
  )
}

describe('a client', () => {
  it('asks each call where the contract has it', async () => {
    const request = { id: 'r/1', kind: 'access', state: 'pending', code: '1', expires_at: 1 }
    broker.routes.set('token', () => ({ value: tokenAnswer() }))
    broker.routes.set('invalidate', () => ({ value: tokenAnswer('newer') }))
    broker.routes.set('accounts', () => ({ value: { accounts: [] } }))
    broker.routes.set('status', () => ({
      value: { version: '1', locked: false, counts: { accounts: 0, requests: 0 } },
    }))
    broker.routes.set('requests/r%2F1', () => ({ value: request }))
    broker.routes.set('pair', () => ({ value: { client_id: 'c', client_token: 't' } }))
    expect(await client.getToken({ account: 'ada', scope: 's' })).toEqual(tokenAnswer())
    expect((await client.invalidate({ account: 'ada', token_id: 'tid1' })).access_token).toBe('newer')
    expect(await client.accounts()).toEqual({ accounts: [] })
    expect((await client.status()).locked).toBe(false)
    expect(await client.request('r/1')).toEqual(request)
    expect(await open({ home: broker.home }).pair({ name: 'x', kind: 'script' })).toEqual({
      client_id: 'c',
      client_token: 't',
    })
    const asked = broker.received.map(({ method, target }) => `${method} ${target.replace('r%2F1', '{id}')}`)
    const routes = [
      clientRoutes.token,
      clientRoutes.invalidate,
      clientRoutes.accounts,
      clientRoutes.status,
      clientRoutes.request,
      clientRoutes.pair,
    ]
    expect(asked).toEqual(routes.map(({ method, path }) => `${method} ${path}`))
    expect(broker.received.map(({ authorization }) => authorization)).toEqual([
      ...Array<string>(5).fill(`Bearer ${cliToken}`),
      undefined,
    ])
    expect(broker.received[0]?.body).toEqual({ account: 'ada', scope: 's' })
  })

  it('keeps one connection for calls in a row', async () => {
    broker.routes.set('token', () => ({ value: tokenAnswer() }))
    for (let i = 0; i < 5; i++) await client.getToken({ account: 'ada' })
    expect(broker.connections()).toBe(1)
  })

  it('serves many callers at once', async () => {
    broker.routes.set('token', ({ body }) => ({ value: tokenAnswer((body as { account: string }).account) }))
    const names = Array.from({ length: 100 }, (_none, index) => `account-${String(index)}`)
    const answers = await Promise.all(names.map((account) => client.getToken({ account })))
    expect(answers.map(({ access_token }) => access_token)).toEqual(names)
  })

  it('tells which question waits for the person', async () => {
    broker.routes.set('token', (_received, pending) => {
      pending('r1', '123-456')
      return { value: tokenAnswer() }
    })
    const told: unknown[] = []
    await client.getToken({ account: 'ada' }, { onPending: (pending) => told.push(pending) })
    expect(told).toEqual([{ requestId: 'r1', code: '123-456' }])
  })

  it('throws what it is refused with, typed', async () => {
    broker.routes.set('token', () => ({
      refusal: {
        error: 'account_selection_required',
        error_description: 'Several accounts fit.',
        request_id: 'r1',
        resolve: { command: 'valetkey accounts' },
        candidates: [{ id: 'a', label: 'ada', provider: 'p' }],
      },
      retryAfter: 4,
    }))
    expect(await refusal(client.getToken({ provider: 'p' }))).toMatchObject({
      name: 'ValetkeyError',
      code: 'account_selection_required',
      message: 'Several accounts fit.',
      requestId: 'r1',
      resolve: { command: 'valetkey accounts' },
      candidates: [{ id: 'a', label: 'ada', provider: 'p' }],
      retryAfter: 4,
    })
  })

  it('without a token says how to get one, and asks nobody', async () => {
    const error = await refusal(open({ home: broker.home, clientToken: '' }).getToken({ account: 'ada' }))
    expect(error).toMatchObject({ code: 'pairing_required', resolve: { command: 'valetkey pair NAME' } })
    expect(broker.connections()).toBe(0)
  })

  it('says that nothing runs', async () => {
    expect(await refusal(open({ home: '/nonexistent', clientToken: cliToken }).status())).toMatchObject({
      code: 'not_running',
      resolve: { command: 'valetkey daemon' },
    })
  })

  it('gives up when told to', async () => {
    broker.routes.set('token', (_received, pending) => {
      pending('r1', '1')
      return new Promise(() => undefined)
    })
    const abort = new AbortController()
    const asked = client.getToken(
      { account: 'ada' },
      {
        signal: abort.signal,
        onPending: () => {
          abort.abort()
        },
      },
    )
    await expect(asked).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }))
  })

  it('asks again over a new connection after the broker was restarted', async () => {
    broker.routes.set('status', () => ({
      value: { version: '1', locked: false, counts: { accounts: 0, requests: 0 } },
    }))
    await client.status()
    await broker.close()
    expect((await refusal(client.status())).code).toBe('not_running')
  })

  it.each([
    ['garbage', 'SSH-2.0-OpenSSH_9\r\n\r\n'],
    ['an answer that is not JSON', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno'],
    ['an answer that is too long', `HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n${'x'.repeat(2_000_000)}`],
  ])('survives %s', async (_name, bytes) => {
    const folder = broker.paths.run
    const odd = await startSquatter(`${folder}/odd.sock`, bytes)
    const error = await refusal(open({ socket: `${folder}/odd.sock`, clientToken: cliToken }).status())
    expect(['server_error', 'not_running']).toContain(error.code)
    expect(odd.connections()).toBe(1)
    await odd.close()
  })
})

describe('over loopback TCP', () => {
  it('asks after the broker has proved itself, once per connection', async () => {
    broker.routes.set('token', () => ({ value: tokenAnswer() }))
    const tcp = open({ url: broker.url, home: broker.home, clientToken: cliToken })
    expect((await tcp.getToken({ account: 'ada' })).access_token).toBe(tokenAnswer()['access_token'])
    await tcp.getToken({ account: 'ada' })
    expect(broker.received).toHaveLength(2)
  })

  it('takes a key that is known better', async () => {
    broker.routes.set('status', () => ({
      value: { version: '1', locked: false, counts: { accounts: 0, requests: 0 } },
    }))
    const right = open({ url: broker.url, home: '/nonexistent', publicKey: broker.publicKey, clientToken: cliToken })
    expect((await right.status()).version).toBe('1')
    const wrong = open({ url: broker.url, home: broker.home, publicKey: 'A'.repeat(43), clientToken: cliToken })
    expect((await refusal(wrong.status())).code).toBe('not_running')
    expect(broker.received).toHaveLength(1)
  })

  it.each(['http://example.com:80', 'http://127.0.0.1', 'https://127.0.0.1:1', 'http://localhost:1'])(
    'goes nowhere but to this machine: not to %s',
    (url) => {
      expect(() => connect({ url, clientToken: cliToken })).toThrow('127.0.0.1:PORT')
    },
  )
})

describe('fetch', () => {
  let api: Server
  let url: string
  let seen: Record<'authorization' | 'body' | 'method' | 'own', string | string[] | undefined>[]
  /** The one token the API takes. */
  let good: string

  beforeEach(async () => {
    seen = []
    good = 'fresh'
    api = createServer((request, response) => {
      const parts: Buffer[] = []
      request.on('data', (part: Buffer) => parts.push(part))
      request.on('end', () => {
        const { authorization } = request.headers
        const own = request.headers['x-own']
        seen.push({ authorization, body: Buffer.concat(parts).toString(), method: request.method, own })
        response
          .writeHead(authorization === `Bearer ${good}` ? 200 : 401, { 'Content-Type': 'text/plain' })
          .end('answer')
      })
    })
    await new Promise<void>((resolve) => {
      api.listen(0, '127.0.0.1', resolve)
    })
    url = `http://127.0.0.1:${String((api.address() as AddressInfo).port)}/`
    broker.routes.set('token', () => ({ value: tokenAnswer('stale') }))
    broker.routes.set('invalidate', () => ({ value: tokenAnswer('fresh') }))
  })
  afterEach(async () => {
    api.closeAllConnections()
    await new Promise((resolve) => api.close(resolve))
  })

  it('sends the account’s token', async () => {
    good = 'stale'
    const response = await client.fetch('ada', url, { headers: { 'X-Own': '1', authorization: 'Basic x' } })
    expect(response.status).toBe(200)
    expect(seen).toEqual([{ authorization: 'Bearer stale', body: '', method: 'GET', own: '1' }])
    expect(broker.received.map(({ target }) => target)).toEqual(['/v1/token'])
  })

  it.each<[string, BodyInit]>([
    ['text', 'body'],
    ['bytes', new TextEncoder().encode('body')],
    ['a form', new URLSearchParams({ body: '' })],
    ['a blob', new Blob(['body'])],
  ])('reports a 401 and sends %s once more', async (_name, body) => {
    const response = await client.fetch('ada', url, { method: 'POST', body })
    expect(await response.text()).toBe('answer')
    expect(response.status).toBe(200)
    expect(seen.map(({ authorization }) => authorization)).toEqual(['Bearer stale', 'Bearer fresh'])
    expect(seen.map((one) => String(one.body).startsWith('body'))).toEqual([true, true])
    expect(broker.received.at(-1)?.body).toEqual({ account: 'acc1', token_id: 'tid1' })
  })

  it('does not send a stream twice, but reports the 401', async () => {
    const body = new ReadableStream({
      start: (controller) => {
        controller.enqueue(new TextEncoder().encode('body'))
        controller.close()
      },
    })
    const init = { method: 'POST', body, duplex: 'half' } as RequestInit
    expect((await client.fetch('ada', url, init)).status).toBe(401)
    expect(seen).toHaveLength(1)
    expect(broker.received.at(-1)?.target).toBe('/v1/invalidate')
  })

  it('does not send a Request’s body twice, and keeps its headers', async () => {
    const request = new Request(url, { method: 'PUT', body: 'body', headers: { 'X-Own': '1' } })
    expect((await client.fetch('ada', request)).status).toBe(401)
    expect(seen).toEqual([{ authorization: 'Bearer stale', body: 'body', method: 'PUT', own: '1' }])
    good = 'fresh'
    expect((await client.fetch('ada', new Request(url))).status).toBe(200)
  })

  it('tries once more and no more', async () => {
    good = 'none of them'
    expect((await client.fetch('ada', url)).status).toBe(401)
    expect(seen).toHaveLength(2)
  })

  it('gives the API’s answer when the broker has no better token', async () => {
    broker.routes.set('invalidate', () => ({
      refusal: { error: 'login_required', error_description: 'Sign in again.' },
    }))
    const response = await client.fetch('ada', url)
    expect([response.status, await response.text()]).toEqual([401, 'answer'])
  })

  it.each(['http://api.example/', 'ftp://127.0.0.1/', 'http://127.0.0.1.example.com/'])(
    'sends no token to %s',
    async (address) => {
      expect((await refusal(client.fetch('ada', address))).code).toBe('invalid_request')
      expect(broker.received).toEqual([])
    },
  )

  it('goes through the fetch it is given', async () => {
    const asked: string[] = []
    const own = createClient({
      clientToken: cliToken,
      transport: {
        send: () => Promise.resolve({ ok: true, answer: tokenAnswer() }),
        close: () => undefined,
      },
      fetch: (input, init) => {
        asked.push(`${new Request(input).url} ${new Headers(init?.headers).get('authorization') ?? ''}`)
        return Promise.resolve(new Response('ok'))
      },
    })
    await own.fetch('ada', 'https://api.example/x')
    expect(asked).toEqual(['https://api.example/x Bearer at-0123456789'])
  })
})
