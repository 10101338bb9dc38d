/** An API that says what it was sent, the credential included, as debugging endpoints of real ones do; and answers of every kind. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface EchoApi {
  readonly url: string
  /** The `Authorization` of every request. */
  readonly credentials: readonly (string | undefined)[]
  stop(): Promise<void>
}

/** A whole PNG of one pixel (W3C PNG specification, third edition, section 5). */
export const onePixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=='

/**
 * `/echo`: the request as JSON; `/big`: 200 000 bytes of two-byte characters behind one of one; `/bytes`: no text;
 * `/picture`: a PNG; else 404 with a JSON error.
 */
export async function startEchoApi(): Promise<EchoApi> {
  const credentials: (string | undefined)[] = []
  const server = createServer((request, response) => {
    const { method, url = '', headers } = request
    credentials.push(headers.authorization)
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.once('end', () => {
      const answer = (status: number, type: string, body: string | Buffer): void => {
        response.writeHead(status, { 'Content-Type': type, 'Set-Cookie': 'session=1' })
        response.end(body)
      }
      const [path] = url.split('?', 1)
      if (path === '/echo')
        answer(200, 'application/json', JSON.stringify({ method, url, headers, body: Buffer.concat(parts).toString() }))
      else if (path === '/big') answer(200, 'text/plain; charset=utf-8', `x${'é'.repeat(100_000)}`)
      else if (path === '/bytes') answer(200, 'application/octet-stream', Buffer.from([0, 1, 2, 255]))
      else if (path === '/picture') answer(200, 'image/png', Buffer.from(onePixel, 'base64'))
      else answer(404, 'application/json', JSON.stringify({ error: 'no_such_thing' }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    credentials,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
