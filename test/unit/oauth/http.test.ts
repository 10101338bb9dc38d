/** One exchange on real sockets: whole or not at all, and honest about whether anything was sent. */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { afterEach, describe, expect, it } from 'vitest'
import { createHttp, type HttpRequest } from '../../../main/oauth/http.ts'
import { selfSignedCertificate } from '../../fakes/certificate.ts'

const open: (Server | TcpServer)[] = []
afterEach(() => {
  for (const server of open.splice(0)) {
    if ('closeAllConnections' in server) server.closeAllConnections()
    server.close()
  }
})

async function listen(server: Server | TcpServer): Promise<number> {
  open.push(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

const serve = async (listener: RequestListener): Promise<string> =>
  `http://127.0.0.1:${String(await listen(createServer(listener)))}/`
const post = (url: string, more: Partial<HttpRequest> = {}): HttpRequest => ({
  url,
  method: 'POST',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: 'a=b',
  max_bytes: 1000,
  timeout: 10_000,
  ...more,
})

describe('an answer', () => {
  it('comes with status, headers by lower-case name and text', async () => {
    const url = await serve((_, response) => {
      response.writeHead(201, { 'Retry-After': '5', 'WWW-Authenticate': ['Basic', 'Bearer'] }).end('\uFEFFé')
    })
    const answer = await createHttp()(post(url))
    expect(answer).toMatchObject({
      status: 201,
      body: 'é',
      headers: { 'retry-after': '5', 'www-authenticate': 'Basic, Bearer' },
    })
  })

  it('sends the body once, with its length', async () => {
    const seen: (readonly [string | undefined, string])[] = []
    const url = await serve((request, response) => {
      void request.toArray().then((chunks) => {
        seen.push([request.headers['content-length'], chunks.join('')])
        response.end('ok')
      })
    })
    await createHttp()(post(url, { body: 'é' }))
    expect(seen).toEqual([['2', 'é']])
  })

  it('reuses its connection', async () => {
    const sockets = new Set<unknown>()
    const url = await serve((request, response) => {
      sockets.add(request.socket)
      response.end('ok')
    })
    const http = createHttp()
    for (let i = 0; i < 3; i++) await http(post(url))
    expect(sockets.size).toBe(1)
  })

  it('that redirects is an answer, and is not followed', async () => {
    const paths: string[] = []
    const url = await serve((request, response) => {
      paths.push(request.url ?? '')
      response.writeHead(307, { location: '/elsewhere' }).end()
    })
    expect((await createHttp()(post(url))).status).toBe(307)
    expect(paths).toEqual(['/'])
  })

  it.each([
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
  ] as const)('in %s is decoded within the limit', async (encoding, compress) => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(compress(Buffer.from('x'.repeat(999))))
    })
    expect((await createHttp()(post(url))).body).toBe('x'.repeat(999))
  })

  it.each([
    ['is larger than the limit', {}, Buffer.alloc(1001, 0x78)],
    ['unpacks to more than the limit', { 'content-encoding': 'gzip' }, gzipSync(Buffer.alloc(100_000_000))],
    ['is in an unknown encoding', { 'content-encoding': 'constructor' }, Buffer.from('x')],
    ['does not decode', { 'content-encoding': 'gzip' }, Buffer.from('not gzip')],
  ] as const)('that %s has no body', async (_, headers, body) => {
    const url = await serve((_request, response) => {
      response.writeHead(200, headers).end(body)
    })
    expect(await createHttp()(post(url, { max_bytes: body.length > 1001 ? 1_000_000 : 1000 }))).toMatchObject({
      status: 200,
      body: null,
    })
  })

  it('without an end is left at the limit', async () => {
    const ended = Promise.withResolvers<undefined>()
    const url = await serve((_, response) => {
      const more = (): void => {
        while (response.write('x'.repeat(65_536))) continue
      }
      response.on('drain', more).on('close', () => {
        ended.resolve(undefined)
      })
      more()
    })
    expect((await createHttp()(post(url))).body).toBeNull()
    await ended.promise
  })
})

describe('a fault before anything was sent', () => {
  const expectFault = (http: Promise<unknown>): Promise<void> =>
    expect(http).rejects.toMatchObject({ name: 'HttpFault', sent: false })

  it('connection refused', async () => {
    const server = createServer()
    const port = await listen(server)
    server.close()
    await once(server, 'close')
    await expectFault(createHttp()(post(`http://127.0.0.1:${String(port)}/`)))
  })

  it('a name that does not resolve', async () => {
    await expectFault(createHttp()(post('http://does-not-exist.invalid/')))
  })

  it('TLS that is none', async () => {
    const seen: string[] = []
    const url = await serve((request, response) => {
      seen.push(request.url ?? '')
      response.end()
    })
    await expectFault(createHttp()(post(url.replace('http:', 'https:'))))
    expect(seen).toEqual([])
  })

  it('a TLS handshake that is reset', async () => {
    const port = await listen(
      createTcpServer((socket) => {
        socket.once('data', () => socket.resetAndDestroy())
      }),
    )
    await expectFault(createHttp()(post(`https://127.0.0.1:${String(port)}/`)))
  })

  it('a TLS handshake that never ends', async () => {
    const port = await listen(createTcpServer(() => undefined))
    await expectFault(createHttp({ connect: 50 })(post(`https://127.0.0.1:${String(port)}/`)))
  })

  it('a certificate nobody vouches for', async () => {
    const seen: string[] = []
    const port = await listen(
      createTlsServer(selfSignedCertificate(), (request, response) => {
        seen.push(request.url ?? '')
        response.end()
      }),
    )
    await expectFault(createHttp()(post(`https://127.0.0.1:${String(port)}/`)))
    expect(seen).toEqual([])
  })
})

describe('a fault after the request can have arrived', () => {
  const expectFault = (http: Promise<unknown>): Promise<void> =>
    expect(http).rejects.toMatchObject({ name: 'HttpFault', sent: true })

  it('no answer in time', async () => {
    await expectFault(createHttp()(post(await serve(() => undefined), { timeout: 50 })))
  })

  it('an answer that stops half way', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': '10' }).write('12345')
    })
    await expectFault(createHttp()(post(url, { timeout: 50 })))
  })

  it('a reset', async () => {
    const url = await serve((request) => {
      request.resume().on('end', () => request.socket.resetAndDestroy())
    })
    await expectFault(createHttp()(post(url)))
  })

  it('a reset in the middle of the answer', async () => {
    const url = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '10' })
      response.write('12345', () => request.socket.resetAndDestroy())
    })
    await expectFault(createHttp()(post(url)))
  })

  it('a reset of a connection that had served before', async () => {
    let served = 0
    const url = await serve((request, response) => {
      if (served++ === 0) response.end('ok')
      else request.socket.resetAndDestroy()
    })
    const http = createHttp()
    await http(post(url))
    await expectFault(http(post(url)))
    expect(served).toBe(2)
  })

  it('over TLS', async () => {
    const certificate = selfSignedCertificate()
    let served = 0
    const port = await listen(
      createTlsServer(certificate, (request, response) => {
        if (served++ === 0) response.end('ok')
        else request.socket.destroy()
      }),
    )
    const http = createHttp({ ca: certificate.cert })
    expect((await http(post(`https://127.0.0.1:${String(port)}/`))).body).toBe('ok')
    await expectFault(http(post(`https://127.0.0.1:${String(port)}/`)))
    await expectFault(createHttp({ ca: certificate.cert })(post(`https://127.0.0.1:${String(port)}/`)))
  })
})
