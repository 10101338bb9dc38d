/**
 * A request and its answer in the hands of somebody who carries bytes both ways. The rule: both may be of any size and take
 * their time; they count as one of their client's calls until the answer has ended, however it ends; and what cannot be
 * brought to its end is visibly broken off.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { BrokerError } from '../contract/errors.ts'
import type { Calls } from './calls-under-way.ts'
import type { Connection } from './connection-pool.ts'

export interface Carriage {
  /** The request's header fields as they came. */
  readonly fields: readonly string[]
  /** The body, to be read as it comes. */
  body(): IncomingMessage
  /** A body of `length` bytes, whole, within `patience` milliseconds. Throws `timeout`. */
  wholeBody(length: number, patience: number): Promise<Buffer>
  /** Whether the whole body has arrived. */
  complete(): boolean
  /** From here on the answer is written bit by bit, and cannot become a refusal any more. Throws `timeout`: nobody waits. */
  open(): ServerResponse
}

export interface CarriageParts {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly connection: Connection
  /** The caller holds its body back until we say 100 (RFC 9110 section 10.1.1). */
  readonly waits: boolean
  /** Called when the answer is opened. `false`: there has been one. */
  readonly opening: () => boolean
  readonly fail: (thrown: unknown) => void
}

/** Runs `work`. What it throws is the answer, or, once that is open, its breaking off. */
export function carryOut(parts: CarriageParts, calls: Calls, work: (carriage: Carriage) => Promise<void>): void {
  const { request, response, connection } = parts
  const { socket } = request
  let opened = false
  let over = false
  const end = (): void => {
    if (over) return
    over = true
    calls.count--
    connection.carrying--
    if (opened) connection.busy--
    socket.off('close', end)
    arrive()
  }
  let arrived = request.complete
  const arrive = (): void => {
    if (!arrived) connection.uploading--
    arrived = true
  }
  calls.count++
  connection.carrying++
  if (!arrived) connection.uploading++
  response.once('close', end)
  // An answer that was never given its connection is not told that the connection has closed.
  socket.once('close', end)
  request.once('end', arrive)
  const invited = (): IncomingMessage => {
    if (parts.waits) response.writeContinue()
    return request
  }
  const carriage: Carriage = {
    fields: request.rawHeaders,
    body: invited,
    wholeBody: (length, patience) => (length === 0 ? Promise.resolve(Buffer.alloc(0)) : whole(invited(), patience)),
    complete: () => request.complete,
    open: () => {
      if (socket.destroyed || !parts.opening()) throw new BrokerError('timeout', 'The caller has gone.')
      opened = true
      return response
    },
  }
  work(carriage).catch((thrown: unknown) => {
    if (opened) response.destroy()
    else parts.fail(thrown)
  })
}

async function whole(request: IncomingMessage, patience: number): Promise<Buffer> {
  const late = setTimeout(() => {
    request.destroy()
  }, patience)
  try {
    return Buffer.concat((await request.toArray()) as Buffer[])
  } catch (cause) {
    throw new BrokerError('timeout', 'The body has not arrived.', { cause })
  } finally {
    clearTimeout(late)
  }
}
