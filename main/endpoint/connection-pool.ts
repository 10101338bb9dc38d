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
  /** Proxied calls it carries, whose reader may pause, and those whose body is still coming, which may take its time. */
  carrying: number
  uploading: number
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

/** Milliseconds between sweeps, and after how many of them a connection is let go; `paused`: one that carries a call. */
export const sweepLimits = { every: 1_000, idle: 30, stalled: 5, paused: 60 } as const

export const tableFull = new BrokerError('temporarily_unavailable', 'Too many programs are connected at once.', {
  retry_after: 1,
})
const farewell = rawRefusal(tableFull)

/** A connection in its place. What is known of a socket hangs on the socket, so that looking it up costs nothing. */
interface Held extends Connection {
  readonly socket: Socket
  table: Table | undefined
  place: number
  /** Counts up: who has the smaller number came into its table earlier. */
  since: number
}

const HELD = Symbol('connection')
type Holding = Socket & { [HELD]?: Held }

/**
 * So many places, filled and emptied one by one. No Map: one that sockets come into and go out of is rebuilt every few
 * hundred of them, and what it leaves behind keeps dead sockets alive until the next full collection.
 */
class Table {
  readonly #places: (Held | undefined)[]
  readonly #free: number[]
  #arrivals = 0

  constructor(size: number) {
    this.#places = Array.from({ length: size }, () => undefined)
    this.#free = this.#places.map((_, place) => place)
  }

  get full(): boolean {
    return this.#free.length === 0
  }

  get size(): number {
    return this.#places.length - this.#free.length
  }

  /** There has to be a place. */
  put(held: Held): void {
    const place = this.#free.pop()
    if (place === undefined) throw new Error('the table is full')
    this.#places[place] = held
    held.table = this
    held.place = place
    held.since = this.#arrivals++
  }

  remove(held: Held): void {
    this.#places[held.place] = undefined
    this.#free.push(held.place)
    held.table = undefined
  }

  all(): readonly Held[] {
    return this.#places.filter((held) => held !== undefined)
  }

  /** Of those that fit, the one that has been here longest. */
  oldest(fits: (held: Held) => boolean): Held | undefined {
    return this.all()
      .filter(fits)
      .reduce<Held | undefined>((first, held) => (first && first.since < held.since ? first : held), undefined)
  }
}

export class ConnectionPool {
  readonly #strangers: Table
  readonly #known: Table

  /** `cap`: the most connections in each of the two tables. */
  constructor(cap: number) {
    this.#strangers = new Table(cap)
    this.#known = new Table(cap)
  }

  get size(): number {
    return this.#strangers.size + this.#known.size
  }

  get busy(): boolean {
    return this.#all().some(({ busy }) => busy > 0)
  }

  /** Takes a new connection in, a stranger's; when their table is full another goes, or the new one if all are needed. */
  add(socket: Holding): void {
    if (this.#strangers.full) {
      const victim = this.#leastStranger()
      if (victim) this.#letGo(victim)
      turnAway(victim?.socket ?? socket)
      if (!victim) return
    }
    const held: Held = {
      ...{
        busy: 0,
        known: false,
        asked: false,
        streaming: false,
        carrying: 0,
        uploading: 0,
        idle: 0,
        unread: 0,
        stalled: 0,
      },
      ...{ credential: undefined, body: undefined, socket, table: undefined, place: 0, since: 0 },
    }
    socket[HELD] = held
    this.#strangers.put(held)
    // Every request that waits on this connection listens for its end, and a client may pipeline some.
    socket.setMaxListeners(0)
    socket.once('close', () => {
      this.#letGo(held)
    })
  }

  /** `undefined` for a connection that is being ended. */
  of(socket: Holding): Connection | undefined {
    const held = socket[HELD]
    return held?.table && held
  }

  /** Somebody has shown on it who they are. `false`: everybody recognised is at work, and there is no place. */
  recognise(socket: Holding): boolean {
    const held = socket[HELD]
    if (held?.table !== this.#strangers) return held?.table === this.#known
    if (this.#known.full) {
      // HTTP lets a server close an idle connection at any time (RFC 9112 section 9.5).
      const victim = this.#known.oldest(({ busy, streaming, carrying }) => busy === 0 && !streaming && carrying === 0)
      if (victim === undefined) return false
      this.#letGo(victim)
      victim.socket.destroy()
    }
    held.known = true
    this.#strangers.remove(held)
    this.#known.put(held)
    return true
  }

  /** To be called every `sweepLimits.every` milliseconds. */
  sweep(): void {
    for (const held of this.#all()) {
      const unread = held.socket.writableLength
      held.stalled = unread > 0 && unread >= held.unread ? held.stalled + 1 : 0
      held.unread = unread
      held.idle = held.busy > 0 || held.streaming || held.carrying > 0 ? 0 : held.idle + 1
      const patience = held.carrying > 0 ? sweepLimits.paused : sweepLimits.stalled
      if (held.stalled > patience || held.idle > sweepLimits.idle) held.socket.destroy()
    }
  }

  endAll(): void {
    for (const { socket } of this.#all()) socket.destroy()
  }

  #all(): readonly Held[] {
    return [...this.#strangers.all(), ...this.#known.all()]
  }

  #letGo(held: Held): void {
    held.table?.remove(held)
  }

  /** The oldest that has asked nothing, else the oldest for whom the person is not being asked. */
  #leastStranger(): Held | undefined {
    return this.#strangers.oldest(({ busy }) => busy === 0) ?? this.#strangers.oldest(({ asked }) => !asked)
  }
}

/** Says why before it ends the connection, to whoever reads: a bare reset looks as if nobody were there. */
function turnAway(socket: Socket): void {
  const read = socket.writableLength === 0
  if (read) socket.end(farewell, () => socket.destroy())
  if (!read || socket.writableLength > 0) socket.destroy()
}
