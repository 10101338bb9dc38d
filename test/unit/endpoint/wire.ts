/**
 * The two ends of the wire for tests of the endpoint: a real endpoint in a home of its own, a raw connection that sends
 * exactly the bytes it is given, and a well-behaved HTTP client. The rule: nothing waits for a fixed time; what is
 * waited for is a condition with a deadline.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { type ClientRequestArgs, type IncomingHttpHeaders, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import type { Log } from '../../../main/broker/ports.ts'
import { homePaths, type HomePaths } from '../../../main/contract/home.ts'
import { type BrokerIdentity, loadIdentity } from '../../../main/endpoint/identity.ts'
import { type EndpointOptions, type RunningEndpoint, startEndpoint } from '../../../main/endpoint/server.ts'
import { clientToken, StandInAsking, StandInDeciding } from './stand-in-doors.ts'

/** A socket path, or a port on 127.0.0.1. */
export type Where = string | number

export interface Stage {
  readonly paths: HomePaths
  readonly asking: StandInAsking
  readonly deciding: StandInDeciding
  readonly identity: BrokerIdentity
  /** Everything logged so far. */
  readonly logged: string[]
  readonly options: EndpointOptions
}

/** A fresh home and doors, without an endpoint yet. */
export function setStage(options: Partial<EndpointOptions> = {}): Stage {
  const paths = freshHome()
  const asking = new StandInAsking()
  const deciding = new StandInDeciding()
  const identity = loadIdentity(paths.identity)
  const logged: string[] = []
  const log: Log = (level, event, fields) => {
    logged.push(`${level} ${event} ${JSON.stringify(fields ?? {})}`)
  }
  return {
    paths,
    asking,
    deciding,
    identity,
    logged,
    options: { paths, asking, deciding, identity, log, host: 'daemon', version: '0.0.0', ...options },
  }
}

export function freshHome(): HomePaths {
  const home = mkdtempSync(join(tmpdir(), 'vk-'))
  onTestFinished(() => {
    rmSync(home, { recursive: true, force: true })
  })
  return homePaths({ VALETKEY_HOME: home }, process.platform)
}

/** Starts and, when the test ends, stops. */
export async function start(options: EndpointOptions): Promise<RunningEndpoint> {
  const endpoint = await startEndpoint(options)
  onTestFinished(() => endpoint.close())
  return endpoint
}

/** A running endpoint with loopback HTTP on. */
export async function startStage(): Promise<Stage & { readonly endpoint: RunningEndpoint; readonly port: number }> {
  const stage = setStage({ http: 0 })
  const endpoint = await start(stage.options)
  return { ...stage, endpoint, port: Number(new URL(endpoint.http_url ?? '').port) }
}

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: unknown
  /** Informational answers that came before. */
  readonly hints: readonly IncomingHttpHeaders[]
}

export interface Ask extends Pick<ClientRequestArgs, 'agent' | 'headers'> {
  readonly method?: string
  readonly body?: string
  readonly signal?: AbortSignal
  /** `null` sends none. */
  readonly credential?: string | null
  readonly onHint?: (headers: IncomingHttpHeaders) => void
}

/** One request as a good client sends it. */
export function ask(where: Where, path: string, options: Ask = {}): Promise<Reply> {
  const { method = 'GET', body, credential = clientToken, agent = false, signal, onHint } = options
  return new Promise((resolve, reject) => {
    const hints: IncomingHttpHeaders[] = []
    const sent = request(
      {
        ...(typeof where === 'string' ? { socketPath: where } : { host: '127.0.0.1', port: where }),
        path,
        method,
        agent,
        ...(signal && { signal }),
        headers: {
          ...(credential !== null && { authorization: `Bearer ${credential}` }),
          ...(body !== undefined && {
            'content-type': 'application/json',
            'content-length': String(Buffer.byteLength(body)),
          }),
          ...(options.headers as Record<string, string> | undefined),
        },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          text += chunk
        })
        response.on('error', reject)
        response.on('end', () => {
          const { statusCode: status = 0, headers } = response
          const json: unknown = headers['content-type'] === 'application/json' ? JSON.parse(text) : undefined
          resolve({ status, headers, text, json, hints })
        })
      },
    )
    sent.on('information', ({ headers }) => {
      hints.push(headers)
      onHint?.(headers)
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

/** `POST` of a JSON value. */
export function post(where: Where, path: string, value: unknown, options: Ask = {}): Promise<Reply> {
  return ask(where, path, { method: 'POST', body: JSON.stringify(value), ...options })
}

/** A connection that sends exactly what it is told. */
export class RawConnection {
  readonly socket: Socket
  received = ''
  closed = false

  constructor(where: Where) {
    this.socket = typeof where === 'string' ? connect(where) : connect(where, '127.0.0.1')
    this.socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1')
    })
    this.socket.on('close', () => {
      this.closed = true
    })
    // A refused connection may be reset while we are still sending.
    this.socket.on('error', () => undefined)
    onTestFinished(() => {
      this.socket.destroy()
    })
  }

  write(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** Waits until `count` whole answers with a length of their own have come, and returns their statuses. */
  async statuses(count: number): Promise<number[]> {
    const found = (): number[] => answersIn(this.received).map(({ status }) => status)
    await until(() => found().length >= count, `${String(count)} answers, got ${JSON.stringify(this.received)}`)
    return found()
  }

  async end(): Promise<void> {
    await until(() => this.closed, 'the connection to close')
  }
}

/** Sends bytes on a connection of their own and returns the first answer; fails when the connection then stays open and `ends`. */
export async function sendRaw(where: Where, bytes: string | Buffer, ends = true): Promise<Answer> {
  const raw = new RawConnection(where)
  raw.write(bytes)
  if (ends) await raw.end()
  else await raw.statuses(1)
  raw.socket.destroy()
  const [answer] = answersIn(raw.received)
  return answer ?? { status: 0, head: '', body: '', all: raw.received }
}

export interface Answer {
  /** `0` when the connection ended without one. */
  readonly status: number
  readonly head: string
  readonly body: string
  readonly all: string
}

/** The whole answers in what was received; informational ones are left out. */
export function answersIn(received: string): Answer[] {
  const answers: Answer[] = []
  let rest = received
  for (;;) {
    const end = rest.indexOf('\r\n\r\n')
    if (end === -1) return answers
    const head = rest.slice(0, end)
    const status = Number(/^HTTP\/1\.1 (\d{3}) /u.exec(head)?.[1])
    const length = status < 200 ? 0 : Number(/^content-length: (\d+)$/imu.exec(head)?.[1])
    if (Number.isNaN(status) || Number.isNaN(length)) throw new Error(`not an answer: ${JSON.stringify(head)}`)
    const body = rest.slice(end + 4, end + 4 + length)
    if (body.length < length) return answers
    if (status >= 200) answers.push({ status, head, body, all: received })
    rest = rest.slice(end + 4 + length)
  }
}

/** Polls until `condition` holds; fails with what was waited for after `deadline` milliseconds. */
export async function until(condition: () => boolean, what: string, deadline = 10_000): Promise<void> {
  const end = performance.now() + deadline
  while (!condition()) {
    if (performance.now() > end) throw new Error(`waited in vain for ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
