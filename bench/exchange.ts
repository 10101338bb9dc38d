/**
 * A token request as bytes, and one whole exchange of them. The rule: what is sent and what came back is known to the byte,
 * so that two servers can be shown to have said equally much.
 */
import { connect } from 'node:net'
import type { Broker } from './stage.ts'

export interface TokenCall {
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A `POST /v1/token` as a program sends it. */
export function tokenRequest(
  { client_token }: Pick<Broker, 'client_token'>,
  body: Readonly<Record<string, unknown>>,
): TokenCall {
  return {
    path: '/v1/token',
    headers: { authorization: `Bearer ${client_token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ interaction: 'never', ...body }),
  }
}

/** The same as bytes for the wire. */
export function asText({ path, headers, body }: TokenCall): string {
  const lines = [
    `POST ${path} HTTP/1.1`,
    'host: localhost',
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
    `content-length: ${String(Buffer.byteLength(body))}`,
  ]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

export interface Answer {
  /** Name, value, name, value. */
  readonly headers: readonly string[]
  readonly body: string
  /** Bytes on the wire. */
  readonly size: number
}

/** Asks once on a connection of its own. Throws when the answer is not 200. */
export function ask(socketPath: string, call: TokenCall): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath)
    let text = ''
    socket.on('error', reject)
    socket.on('end', () => {
      reject(new Error('the server hung up'))
    })
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      const answer = parse(text)
      if (answer === undefined) return
      socket.destroy()
      if (text.startsWith('HTTP/1.1 200 ')) resolve(answer)
      else reject(new Error(`${call.path} answered ${text}`))
    })
    socket.write(asText(call))
  })
}

/** `undefined` until the answer is complete. */
function parse(text: string): Answer | undefined {
  const end = text.indexOf('\r\n\r\n')
  if (end < 0) return undefined
  const [, ...lines] = text.slice(0, end).split('\r\n')
  const headers = lines.flatMap((line) => line.split(/: (.*)/u, 2))
  const length = Number(headers[headers.indexOf('Content-Length') + 1])
  const body = text.slice(end + 4)
  return body.length < length ? undefined : { headers, body, size: text.length }
}
