/**
 * Who is connected to one listener. The rule: there are never more than `cap` connections, and when there are, the ones
 * that have proved nothing go first, oldest first, so that idle sockets opened by a stranger cannot keep a paired client
 * out; and a connection that neither asks nor reads is ended. One sweep does this for all, because Node's own
 * timers cost every single request.
 */
import type { Socket } from 'node:net'

export interface Connection {
  /** Requests that have not been answered yet. */
  busy: number
  /** A paired client was recognised on it, or the person is being asked on its behalf. */
  known: boolean
  /** Somebody sends on it bit by bit and may be silent for long. */
  streaming: boolean
  /** Sweeps since the last request. */
  idle: number
  /** Bytes its reader had not taken at the last sweep, and sweeps since it took any. */
  unread: number
  stalled: number
}

/** Milliseconds between sweeps, and after how many of them a connection is let go. */
export const sweepLimits = { every: 1_000, idle: 30, stalled: 5 } as const

export class ConnectionPool {
  readonly #cap: number
  readonly #all = new Map<Socket, Connection>()

  constructor(cap: number) {
    this.#cap = cap
  }

  get size(): number {
    return this.#all.size
  }

  get busy(): boolean {
    return [...this.#all.values()].some((connection) => connection.busy > 0)
  }

  /** Takes a new connection in, ending another when the pool is full, or the new one when every other is at work. */
  add(socket: Socket): void {
    if (this.#all.size >= this.#cap) {
      const victim = this.#victim()
      if (victim === undefined) {
        socket.destroy()
        return
      }
      this.#all.delete(victim)
      victim.destroy()
    }
    this.#all.set(socket, { busy: 0, known: false, streaming: false, idle: 0, unread: 0, stalled: 0 })
    // Every request that waits on this connection listens for its end, and a client may pipeline many.
    socket.setMaxListeners(0)
    socket.once('close', () => this.#all.delete(socket))
  }

  /** `undefined` for a connection that is being ended. */
  of(socket: Socket): Connection | undefined {
    return this.#all.get(socket)
  }

  /** To be called every `sweepLimits.every` milliseconds. */
  sweep(): void {
    for (const [socket, connection] of this.#all) {
      const unread = socket.writableLength
      connection.stalled = unread > 0 && unread >= connection.unread ? connection.stalled + 1 : 0
      connection.unread = unread
      connection.idle = connection.busy > 0 || connection.streaming ? 0 : connection.idle + 1
      if (connection.stalled > sweepLimits.stalled || connection.idle > sweepLimits.idle) socket.destroy()
    }
  }

  endAll(): void {
    for (const socket of this.#all.keys()) socket.destroy()
  }

  /** HTTP lets a server close an idle connection at any time (RFC 9112 section 9.5); only one at work is spared. */
  #victim(): Socket | undefined {
    let idle: Socket | undefined
    for (const [socket, connection] of this.#all) {
      if (!connection.known) return socket
      if (connection.busy === 0 && !connection.streaming) idle ??= socket
    }
    return idle
  }
}
