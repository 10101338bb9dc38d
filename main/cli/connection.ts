/**
 * One connection to a broker, one request at a time. The rule: every wait has an end, every failure is a `BrokerError`
 * that says what to do, and a connection that answered anything unexpected is not used again.
 */
import { connect, type Socket } from 'node:net'
import { BrokerError } from '../contract/errors.ts'
import type { Address } from './place.ts'
import { ResponseReader, type Headers, type ResponseEvent } from './response-reader.ts'

export interface Question {
  readonly method: 'GET' | 'POST'
  readonly target: string
  readonly bearer?: string
  /** That the caller holds its client's key; see `proofHeader`. */
  readonly proof?: string
  /** For whom we ask, where we only carry; see `callerHeader`. */
  readonly caller?: string
  /** Sent as JSON. */
  readonly body?: unknown
  /** Milliseconds until we stop waiting for the end of the answer. */
  readonly patience: number
  /** Bytes the answer may have; one mebibyte unless told. */
  readonly limit?: number
  /** Informational answers (RFC 9110 section 15.2) as they come. */
  readonly onInformation?: (headers: Headers) => void
  /** The body as it comes, of an answer with status 200; it is not kept then. */
  readonly onBody?: (bytes: Buffer) => void
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: Buffer
}

export interface Connection {
  /** Throws `timeout`, `server_error` for an answer that is none, `not_running` when the broker has gone. */
  ask(question: Question): Promise<Reply>
  /** For who speaks more on it than questions with whole answers. */
  readonly socket: Socket
  close(): void
}

/** A full accept queue is a moment's matter: milliseconds until the next try. */
const pause = 10

/** Connects within `patience` milliseconds. Throws `not_running`; `access_denied` for another user's socket. */
export async function dial(address: Address, patience: number): Promise<Connection> {
  const giveUp = Date.now() + patience
  for (;;) {
    try {
      const socket = await connectOnce(address, Math.max(1, giveUp - Date.now()))
      return {
        ask: (question) => exchange(socket, address, question),
        socket,
        // Not at once: the process usually ends before, and then the operating system does it for less.
        close: () => setImmediate(() => socket.destroy()),
      }
    } catch (thrown) {
      const { code } = thrown as NodeJS.ErrnoException
      if (code !== 'EAGAIN' || Date.now() + pause >= giveUp) throw unreachable(address, code, thrown)
      await new Promise((resolve) => {
        setTimeout(resolve, pause)
      })
    }
  }
}

function connectOnce(address: Address, patience: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = address.kind === 'tcp' ? connect(address.port, address.host) : connect(address.path)
    const late = setTimeout(() => {
      socket.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' }))
    }, patience)
    socket.once('error', (cause) => {
      clearTimeout(late)
      reject(cause)
    })
    socket.once('connect', () => {
      clearTimeout(late)
      socket.removeAllListeners('error')
      // Between requests nobody else listens, and an unheard error would end the process.
      socket.on('error', () => undefined)
      resolve(socket)
    })
  })
}

/** Where `address` is, as a person or `hello` names it. */
export function nameOf(address: Address): string {
  return address.kind === 'tcp' ? address.name : address.path
}

function unreachable(address: Address, code: string | undefined, cause: unknown): BrokerError {
  const where = nameOf(address)
  if (code === 'EACCES' || code === 'EPERM')
    return new BrokerError('access_denied', `${where} belongs to another user.`, {
      cause,
      resolve: { command: 'valetkey doctor' },
    })
  if (code === 'ENAMETOOLONG' || code === 'EINVAL')
    return new BrokerError(
      'invalid_request',
      `${where} is too long a path for a socket; set VALETKEY_HOME to a shorter one.`,
      { cause },
    )
  return notRunning(where, cause)
}

/** No broker at `where`. */
export function notRunning(where: string, cause?: unknown): BrokerError {
  return new BrokerError('not_running', `Valetkey is not running (nothing answers at ${where}).`, {
    cause,
    resolve: { command: 'valetkey daemon' },
  })
}

function requestText(address: Address, question: Question): string {
  const { method, target, bearer, proof, caller, body } = question
  const json = body === undefined ? '' : JSON.stringify(body)
  const lines = [`${method} ${target} HTTP/1.1`, `Host: ${address.kind === 'tcp' ? address.name : 'localhost'}`]
  if (bearer !== undefined) lines.push(`Authorization: Bearer ${bearer}`)
  if (proof !== undefined) lines.push(`Valetkey-Proof: ${proof}`)
  if (caller !== undefined) lines.push(`Valetkey-Caller: ${caller}`)
  if (body !== undefined)
    lines.push('Content-Type: application/json', `Content-Length: ${String(Buffer.byteLength(json))}`)
  return `${lines.join('\r\n')}\r\n\r\n${json}`
}

function exchange(socket: Socket, address: Address, question: Question): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const reader = new ResponseReader(question.limit ?? 1_048_576)
    const parts: Buffer[] = []
    let head: Extract<ResponseEvent, { kind: 'head' }> | undefined

    const late = setTimeout(
      () => {
        end(new BrokerError('timeout', `No answer within ${String(Math.round(question.patience / 1000))} seconds.`))
      },
      Math.min(question.patience, 2_147_483_647),
    )
    const end = (error?: unknown): void => {
      clearTimeout(late)
      socket.off('data', onData).off('end', onEnd).off('close', onClose)
      if (error === undefined && head)
        resolve({ status: head.status, headers: head.headers, body: Buffer.concat(parts) })
      else {
        socket.destroy()
        reject(error instanceof Error ? error : notRunning(nameOf(address)))
      }
    }
    const take = (event: ResponseEvent): void => {
      if (event.kind === 'information') question.onInformation?.(event.headers)
      else if (event.kind === 'head') head = event
      else if (event.kind === 'body')
        if (question.onBody && head?.status === 200) question.onBody(event.bytes)
        else parts.push(event.bytes)
    }
    const attempt = (events: () => readonly ResponseEvent[]): void => {
      try {
        for (const event of events()) take(event)
        if (reader.ended) end()
      } catch (thrown) {
        end(thrown)
      }
    }
    const onData = (chunk: Buffer): void => {
      attempt(() => reader.feed(chunk))
    }
    const onEnd = (): void => {
      attempt(() => reader.finish())
    }
    const onClose = (): void => {
      end(
        head
          ? new BrokerError('not_running', 'The broker ended in the middle of its answer.')
          : notRunning(nameOf(address)),
      )
    }
    socket.on('data', onData).once('end', onEnd).once('close', onClose)
    socket.write(requestText(address, question))
  })
}
