/**
 * `fetch`: curl for an account. The rule: the broker puts the credential on and this program never sees it; bytes go
 * through as they come, in both directions; and any answer of the API is a success of this command, unless `--fail` says
 * otherwise, while a refusal of the broker's has the exit status of its code.
 */
import { createReadStream, createWriteStream, statSync } from 'node:fs'
import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { proxyHeaders, proxyPath, pendingHeaders } from '../../contract/client-api.ts'
import { BrokerError } from '../../contract/errors.ts'
import { openDoor, proofFor } from '../broker-call.ts'
import { nameOf, notRunning } from '../connection.ts'
import { neutralise, print, printBytes } from '../output.ts'
import { askingAddress, clientToken } from '../place.ts'
import { readAnswer } from '../reply.ts'
import { announce } from '../token.ts'
import type { Session } from './session.ts'

export interface FetchOptions {
  readonly request?: string
  readonly header?: readonly string[]
  readonly data?: readonly string[]
  readonly dataBinary?: string
  readonly jsonBody?: string
  readonly output?: string
  readonly include?: boolean
  readonly head?: boolean
  readonly fail?: boolean
  readonly retryUnsafe?: boolean
  readonly scope?: string
  readonly interaction?: string
  readonly timeout?: string
  readonly reason?: string
}

interface Body {
  readonly content: Buffer | Readable
  readonly type: string
  /** Bytes, where that is known before. */
  readonly length?: number
}

/** Bytes of a refusal that are read. */
const refusalLimit = 65_536

/** Makes the call and prints its answer; gives the exit status. Throws what the broker refuses with. */
export async function fetchThrough(
  session: Session,
  account: string,
  place: string,
  options: FetchOptions,
): Promise<number> {
  const body = bodyOf(options)
  const method = options.request ?? (options.head ? 'HEAD' : body ? 'POST' : 'GET')
  if (!/^[\w!#$%&'*+.^`|~-]{1,32}$/u.test(method)) throw usage(`${JSON.stringify(method)} is not a method.`)
  const headers = [...headersOf(options, body), ...wishesOf(options)]
  const path = `${proxyPath(account)}${restOf(place)}`
  const address = askingAddress(session.env)
  const connection = await openDoor(address, session.env)
  const host = address.kind === 'tcp' ? address.name : 'localhost'
  const token = clientToken(session.env)
  const proof = await proofFor(session.env, { method, target: path, address: nameOf(address) }, token)
  const bearer = ['Authorization', `Bearer ${token}`, ...(proof === undefined ? [] : ['Valetkey-Proof', proof])]
  const request = httpRequest({
    createConnection: () => connection.socket,
    ...{ method, path, headers: ['Host', host, ...bearer, ...headers] },
  })
  request.on('information', ({ headers: told }) => {
    const request_id = told[pendingHeaders.request]
    const code = told[pendingHeaders.code]
    if (typeof request_id === 'string' && typeof code === 'string') announce({ request_id, code }, session.json)
  })
  const answer = await send(request, body, () => notRunning(nameOf(address)))
  try {
    await take(answer, options)
  } finally {
    connection.socket.destroy()
  }
  return 0
}

/** The head of the answer. `lost` makes the error for a connection that ends before it. */
function send(request: ClientRequest, body: Body | undefined, lost: () => BrokerError): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve)
    // After the answer's head this is too late to matter: a sender that is refused early may still be sending.
    request.on('error', (thrown) => {
      reject(thrown instanceof BrokerError ? thrown : lost())
    })
    const content = body?.content
    if (content === undefined || Buffer.isBuffer(content)) request.end(content)
    else {
      content.once('error', reject)
      pipeline(content, request).catch(() => undefined)
    }
  })
}

async function take(answer: IncomingMessage, { fail, include, head, output }: FetchOptions): Promise<void> {
  const status = answer.statusCode ?? 0
  if (answer.headers[proxyHeaders.error] !== undefined) throw await refusalIn(answer)
  if (fail && status >= 400)
    throw new BrokerError('provider_error', `The API answered ${String(status)}.`, {
      resolve: { command: 'valetkey activity' },
    })
  if (include || head) {
    print(`HTTP/1.1 ${String(status)} ${neutralise(answer.statusMessage ?? '')}`.trimEnd())
    for (const [at, name] of answer.rawHeaders.entries())
      if (at % 2 === 0) print(neutralise(`${name}: ${answer.rawHeaders[at + 1] ?? ''}`))
    print('')
  }
  try {
    if (output !== undefined && output !== '-') await pipeline(answer, createWriteStream(output))
    else for await (const bytes of answer) printBytes(bytes as Buffer)
  } catch (cause) {
    const { path, code = 'unknown' } = cause as NodeJS.ErrnoException
    if (path !== undefined) throw new BrokerError('invalid_request', `Cannot write ${path} (${code}).`, { cause })
    throw new BrokerError('provider_error', 'The answer broke off before its end.', { cause })
  }
}

/** What the broker says itself, as the error it describes. */
async function refusalIn(answer: IncomingMessage): Promise<unknown> {
  const parts: Buffer[] = []
  for await (const part of answer) {
    parts.push(part as Buffer)
    if (parts.reduce((size, { length }) => size + length, 0) > refusalLimit) break
  }
  const headers = new Map(Object.entries(answer.headers).map(([name, value]) => [name, String(value)]))
  try {
    readAnswer({
      status: answer.statusCode === 200 ? 500 : (answer.statusCode ?? 0),
      headers,
      body: Buffer.concat(parts),
    })
  } catch (thrown) {
    return thrown
  }
  return undefined
}

/** What stands behind `proxy/`: an address as it is, a path without the slash in front. Throws `invalid_request`. */
function restOf(place: string): string {
  const [sent = ''] = place.split('#', 1)
  if (!/^[\x21-\x7e]*$/u.test(sent)) throw usage('The path must be percent-encoded: no spaces, and nothing but ASCII.')
  return sent.replace(/^\//u, '')
}

function headersOf({ header = [] }: FetchOptions, body: Body | undefined): readonly string[] {
  const given = header.flatMap((line) => {
    const match = /^([!#$%&'*+.^`|~\w-]+):[\t ]*([\t\x20-\x7e]*)$/u.exec(line)
    if (!match) throw usage(`${JSON.stringify(line)} is not a header line (“Name: value”).`)
    const [, name = '', value = ''] = match
    if (/^(?:authorization|cookie|host|content-length|transfer-encoding|connection|expect)$/iu.test(name))
      throw usage(`Leave ${name} out: the broker puts it on, or it does not pass.`)
    return [name, value.trim()]
  })
  const has = (name: string): boolean => given.some((word, at) => at % 2 === 0 && word.toLowerCase() === name)
  return [
    ...given,
    ...(has('user-agent') ? [] : ['User-Agent', 'valetkey-fetch']),
    ...(has('accept') ? [] : ['Accept', body?.type === json ? json : '*/*']),
    ...(!body || has('content-type') ? [] : ['Content-Type', body.type]),
    ...framingOf(body),
  ]
}

function framingOf(body: Body | undefined): readonly string[] {
  if (!body) return []
  return body.length === undefined ? ['Transfer-Encoding', 'chunked'] : ['Content-Length', String(body.length)]
}

function wishesOf({ scope, interaction, timeout, reason, retryUnsafe }: FetchOptions): readonly string[] {
  const wishes = { scope, interaction, timeout, reason, ...(retryUnsafe && { retry: 'allow' }) }
  return Object.entries(wishes).flatMap(([name, value]) => {
    if (value === undefined) return []
    if (/[\r\n\0]/u.test(value)) throw usage(`--${name} must be one line.`)
    // Bytes of UTF-8, as the broker reads them.
    return [proxyHeaders[name as keyof typeof proxyHeaders], Buffer.from(value).toString('latin1')]
  })
}

const form = 'application/x-www-form-urlencoded'
const json = 'application/json'

function bodyOf({ data, dataBinary, jsonBody }: FetchOptions): Body | undefined {
  const given = [data, dataBinary, jsonBody].filter((one) => one !== undefined)
  if (given.length > 1) throw usage('Choose one of --data, --data-binary and --json-body.')
  if (data) {
    if (data.some(isSource)) return { content: Readable.from(joined(data)), type: form }
    return { ...whole(Buffer.from(data.join('&'))), type: form }
  }
  const source = dataBinary ?? jsonBody
  if (source === undefined) return undefined
  const type = jsonBody === undefined ? form : json
  if (!isSource(source)) return { ...whole(Buffer.from(source)), type }
  const size = source === '@-' ? undefined : statSync(source.slice(1), { throwIfNoEntry: false })
  return { content: Readable.from(chunksOf(source)), type, ...(size?.isFile() && { length: size.size }) }
}

const whole = (content: Buffer): Omit<Body, 'type'> => ({ content, length: content.length })
const isSource = (word: string): boolean => word.startsWith('@')

/** As curl does it: parts joined by `&`, and what comes from a file without its line ends and NULs. */
async function* joined(parts: readonly string[]): AsyncGenerator<Buffer> {
  for (const [index, part] of parts.entries()) {
    if (index > 0) yield Buffer.from('&')
    if (!isSource(part)) yield Buffer.from(part)
    else
      for await (const chunk of chunksOf(part))
        yield chunk.filter((byte) => byte !== 10 && byte !== 13 && byte !== 0) as Buffer
  }
}

/** The bytes of `@FILE` or `@-`. Throws `invalid_request` for a file that cannot be read. */
async function* chunksOf(source: string): AsyncGenerator<Buffer> {
  const file = source.slice(1)
  try {
    for await (const chunk of file === '-' ? process.stdin : createReadStream(file)) yield chunk as Buffer
  } catch (cause) {
    throw usage(`Cannot read ${file} (${(cause as NodeJS.ErrnoException).code ?? 'unknown'}).`)
  }
}

function usage(sentence: string): BrokerError {
  return new BrokerError('invalid_request', sentence, { resolve: { command: 'valetkey fetch --help' } })
}
