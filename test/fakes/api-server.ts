/**
 * An API that wants an access token (RFC 6750). The rule: whether a token is good is asked of the provider that gave it;
 * this only says 200 or 401 and keeps what was sent.
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface ApiServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  /** The Authorization fields that came, in order. */
  readonly seen: readonly string[]
  stop(): Promise<void>
}

export async function startApiServer(isActive: (token: string) => Promise<boolean>): Promise<ApiServer> {
  const seen: string[] = []
  const server = createServer((request, response) => {
    void (async () => {
      const { authorization = '' } = request.headers
      seen.push(authorization)
      const [, token] = /^Bearer (\S+)$/u.exec(authorization) ?? []
      const isGood = token !== undefined && (await isActive(token))
      response.writeHead(isGood ? 200 : 401, { 'content-type': 'application/json' })
      response.end(JSON.stringify(isGood ? { hello: 'world' } : { error: 'invalid_token' }))
    })()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    seen,
    stop: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
