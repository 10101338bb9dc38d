/**
 * The load generator: the same prepared bytes on every connection, one request at a time on each, no pipelining. The rule:
 * it knows nothing of who answers, costs as little as Node lets it, and takes an answer for one only when it is complete
 * and well.
 */
import { connect, type Socket } from 'node:net'
import { serveParent } from './child.ts'

export interface LoadOrder {
  /** The Unix socket. */
  readonly path: string
  /** The whole request. */
  readonly request: string
  /** `http`: complete by its Content-Length, well with status 200. `json`: complete with the closing brace of its object. */
  readonly protocol: 'http' | 'json'
  readonly connections: number
  /** Milliseconds to go on asking, or once on every connection at the same moment. */
  readonly run: { readonly kind: 'for'; readonly ms: number } | { readonly kind: 'once' }
  /** A new connection for every request instead of a lasting one. */
  readonly fresh: boolean
}

export interface LoadResult {
  readonly requests: number
  /** Milliseconds from the first request to the last answer. */
  readonly took: number
  /** Milliseconds per request, connecting included where it is new. */
  readonly p50: number
  readonly worst: number
  /** Connection attempts that the server's full queue turned away and that were made again. */
  readonly turned_away: number
}

/** Milliseconds after which an answer is given up. */
const patience = 60_000
const headEnd = Buffer.from('\r\n\r\n')
const lengthName = Buffer.from('\r\nContent-Length: ')
const samples = new Float64Array(4_000_000)
/** Lasting connections, kept between turns by what they ask: a client that stays connected does not connect again. */
const kept = new Map<string, readonly Caller[]>()

class Caller {
  readonly #order: LoadOrder
  readonly #request: Buffer
  #socket: Socket | undefined
  #parts: Buffer | undefined
  #expected = 0
  #received = 0
  #done: (problem?: Error) => void = () => undefined
  turnedAway = 0

  constructor(order: LoadOrder) {
    this.#order = order
    this.#request = Buffer.from(order.request)
  }

  /** Asks once and calls `done` when the answer is complete. Sends on a lasting connection, or makes one. */
  ask(done: (problem?: Error) => void): void {
    this.#done = done
    this.#parts = undefined
    this.#expected = 0
    this.#received = 0
    if (this.#socket) this.#socket.write(this.#request)
    else this.#connect()
  }

  close(): void {
    this.#socket?.removeAllListeners()
    this.#socket?.destroy()
    this.#socket = undefined
  }

  #connect(): void {
    const socket = connect(this.#order.path)
    this.#socket = socket
    socket.once('connect', () => socket.write(this.#request))
    socket.on('data', (chunk: Buffer) => {
      if (this.#order.protocol === 'http') this.#takeHttp(chunk)
      else this.#takeJson(chunk)
    })
    socket.on('error', (cause: NodeJS.ErrnoException) => {
      this.close()
      // A full accept queue: a blocking connect would wait, so this one is made again at once.
      if (cause.code === 'EAGAIN') {
        this.turnedAway++
        setImmediate(() => {
          this.#connect()
        })
      } else this.#finish(cause)
    })
    socket.on('end', () => {
      this.close()
      this.#finish(new Error('the server hung up'))
    })
  }

  #takeHttp(chunk: Buffer): void {
    if (this.#expected > 0) this.#received += chunk.length
    else {
      const head = this.#parts === undefined ? chunk : Buffer.concat([this.#parts, chunk])
      const end = head.indexOf(headEnd)
      if (end < 0) {
        this.#parts = head
        return
      }
      const at = head.indexOf(lengthName) + lengthName.length
      this.#expected = end + 4 + Number.parseInt(head.toString('latin1', at, at + 10), 10)
      this.#received = head.length
      if (head.toString('latin1', 9, 12) !== '200') {
        this.#finish(new Error(`answered ${head.toString('latin1', 0, 2_000)}`))
        return
      }
    }
    if (this.#received >= this.#expected) this.#finish()
  }

  #takeJson(chunk: Buffer): void {
    const text = `${this.#parts?.toString() ?? ''}${chunk.toString()}`
    this.#parts = Buffer.from(text)
    if (!text.trimEnd().endsWith('}')) return
    const { status } = JSON.parse(text) as { readonly status?: string }
    this.#finish(status === 'success' ? undefined : new Error(`answered ${text}`))
  }

  #finish(problem?: Error): void {
    if (this.#order.fresh) this.close()
    this.#done(problem)
  }
}

async function load(order: LoadOrder): Promise<LoadResult> {
  const callers = callersFor(order)
  const before = callers.reduce((sum, { turnedAway }) => sum + turnedAway, 0)
  const started = performance.now()
  const end = order.run.kind === 'for' ? started + order.run.ms : started
  let count = 0
  let last = started
  const late = new Promise<never>((_resolve, reject) => {
    setTimeout(reject, patience, new Error('no answer')).unref()
  })
  const one = (caller: Caller): Promise<void> =>
    new Promise((resolve, reject) => {
      let asked = 0
      const next = (): void => {
        asked = performance.now()
        caller.ask(answered)
      }
      const answered = (problem?: Error): void => {
        if (problem) {
          reject(problem)
          return
        }
        last = performance.now()
        if (count < samples.length) samples[count++] = last - asked
        if (last < end) next()
        else resolve()
      }
      next()
    })
  await Promise.race([Promise.all(callers.map(one)), late])
  const taken = samples.subarray(0, count).toSorted()
  return {
    requests: count,
    took: last - started,
    p50: taken[Math.floor((count - 1) / 2)] ?? Number.NaN,
    worst: taken[count - 1] ?? Number.NaN,
    turned_away: callers.reduce((sum, { turnedAway }) => sum + turnedAway, 0) - before,
  }
}

/** The connections that asked this before; when another number of them is wanted, the others of this path are closed. */
function callersFor(order: LoadOrder): readonly Caller[] {
  const make = (): readonly Caller[] => Array.from({ length: order.connections }, () => new Caller(order))
  if (order.fresh) return make()
  const key = JSON.stringify([order.path, order.request])
  const known = kept.get(key)
  if (known?.length === order.connections) return known
  for (const caller of known ?? []) caller.close()
  const callers = make()
  kept.set(key, callers)
  return callers
}

serveParent(load)
