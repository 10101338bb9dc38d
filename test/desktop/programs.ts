/** Programs that ask, as far as a spec needs them: bare requests on the asking socket. */
import { request } from 'node:http'
import type { HomePaths } from '../../main/contract/home.ts'

/** The answer, or the refusal, to one request for a token. */
export function fetchToken(paths: HomePaths, clientToken: string, body: object): Promise<unknown> {
  return post(paths, '/v1/token', body, { authorization: `Bearer ${clientToken}` })
}

/** The answer to one request to be paired; the person is asked. */
export function pair(paths: HomePaths, name: string): Promise<unknown> {
  return post(paths, '/v1/pair', { name, kind: 'script' }, {})
}

function post(paths: HomePaths, path: string, body: object, headers: Record<string, string>): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const asking = request(
      {
        socketPath: paths.socket,
        method: 'POST',
        path,
        headers: { ...headers, 'content-type': 'application/json' },
      },
      (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => {
          resolve(JSON.parse(Buffer.concat(chunks).toString()))
        })
      },
    )
    asking.on('error', reject)
    asking.end(JSON.stringify(body))
  })
}
