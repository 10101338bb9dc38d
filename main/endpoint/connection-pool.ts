/**
 * Who is connected to one listener. The rule: strangers and those who have shown who they are have a table each, so that
 * no stranger, however many connections it opens, pushes out somebody recognised; in either the one that matters least
 * goes first, and when nobody can go the newest is told to come back; and a connection that neither asks nor reads is
 * ended. One sweep does this for all, because Node's own timers cost every single request.
 */
import type { Socket } from 'node:net'
import type { ClientRecord } from '../broker/ports.ts'
import { BrokerError } from '../contract/errors.ts'
import { rawRefusal } from './http-answer.ts'

export interface Connection {
  /** Requests that have not been answered yet. */
  busy: number
  /** A paired client was recognised on it. */
  known: boolean
  /** The person is being asked on behalf of a stranger. */
  asked: boolean
  /** Somebody sends on it bit by bit and may be silent for long. */
  streaming: boolean
  /** Whom its last good `Authorization` value named: the same bytes on the same connection name the same client. */
  credential: { readonly value: string; readonly client: ClientRecord } | undefined
  /** The last small body, and its value: a program that asks again mostly sends the same bytes. */
  body: { readonly bytes: Buffer; readonly value: unknown } | undefined
  /** Sweeps since the last request. */
  idle: number
  /** Bytes its reader had not taken at the last sweep, and sweeps since it took any. */
  unread: number
  stalled: number
}

/** Milliseconds between sweeps, and after how many of them a connection is let go. */
export const sweepLimits = { every: 1_000, idle: 30, stalled: 5 } as const

export const tableFull = new BrokerError('temporarily_unavailable', 'Too many programs are connected at once.', {
  retry_after: 1,
})
const farewell = rawRefusal(tableFull)

export class ConnectionPool {
  readonly #cap: number
  readonly #strangers = new Map<Socket, Connection>()
  readonly #known = new Map<Socket, Connection>()

  /** `cap`: the most connections in each of the two tables. */
  constructor(cap: number) {
    this.#cap = cap
  }

  get size(): number {
    return this.#strangers.size + this.#known.size
  }

  get busy(): boolean {
    return this.#all().some(([, connection]) => connection.busy > 0)
  }

  /** Takes a new connection in, a stranger's; when their table is full another goes, or the new one if all are needed. */
  add(socket: Socket): void {
    if (this.#strangers.size >= this.#cap) {
      const victim = this.#leastStranger() ?? socket
      this.#strangers.delete(victim)
      turnAway(victim)
      if (victim === socket) return
    }
    this.#strangers.set(socket, {
      busy: 0,
      known: false,
      asked: false,
      streaming: false,
      credential: undefined,
      body: undefined,
      idle: 0,
      unread: 0,
      stalled: 0,
    })
    // Every request that waits on this connection listens for its end, and a client may pipeline some.
    socket.setMaxListeners(0)
    socket.once('close', () => {
      this.#strangers.delete(socket)
      this.#known.delete(socket)
    })
  }

  /** `undefined` for a connection that is being ended. */
  of(socket: Socket): Connection | undefined {
    return this.#known.get(socket) ?? this.#strangers.get(socket)
  }

  /** Somebody has shown on it who they are. `false`: everybody recognised is at work, and there is no place. */
  recognise(socket: Socket): boolean {
    const connection = this.#strangers.get(socket)
    if (connection === undefined) return this.#known.has(socket)
    if (this.#known.size >= this.#cap) {
      const victim = this.#idleKnown()
      if (victim === undefined) return false
      this.#known.delete(victim)
      victim.destroy()
    }
    connection.known = true
    this.#strangers.delete(socket)
    this.#known.set(socket, connection)
    return true
  }

  /** To be called every `sweepLimits.every` milliseconds. */
  sweep(): void {
    for (const [socket, connection] of this.#all()) {
      const unread = socket.writableLength
      connection.stalled = unread > 0 && unread >= connection.unread ? connection.stalled + 1 : 0
      connection.unread = unread
      connection.idle = connection.busy > 0 || connection.streaming ? 0 : connection.idle + 1
      if (connection.stalled > sweepLimits.stalled || connection.idle > sweepLimits.idle) socket.destroy()
    }
  }

  endAll(): void {
    for (const [socket] of this.#all()) socket.destroy()
  }

  #all(): readonly (readonly [Socket, Connection])[] {
    return [...this.#strangers, ...this.#known]
  }

  /** The oldest that has asked nothing, else the oldest for whom the person is not being asked. */
  #leastStranger(): Socket | undefined {
    let asking: Socket | undefined
    for (const [socket, connection] of this.#strangers) {
      if (connection.busy === 0) return socket
      if (!connection.asked) asking ??= socket
    }
    return asking
  }

  /** HTTP lets a server close an idle connection at any time (RFC 9112 section 9.5). */
  #idleKnown(): Socket | undefined {
    for (const [socket, connection] of this.#known) if (connection.busy === 0 && !connection.streaming) return socket
    return undefined
  }
}

/** Says why before it ends the connection, to whoever reads: a bare reset looks as if nobody were there. */
function turnAway(socket: Socket): void {
  const read = socket.writableLength === 0
  if (read) socket.end(farewell, () => socket.destroy())
  if (!read || socket.writableLength > 0) socket.destroy()
}
