/**
 * Many clients at once, each on a connection of its own that lasts from turn to turn, each asking one thing after another.
 * The rule: all of them begin together, an answer counts when it is whole and well, and the times are those of single
 * requests.
 */
import { connect, type Socket } from 'node:net'
import { serveParent } from './child.ts'

export interface ManyOrder {
  readonly path: string
  /** Of every client, whole requests in the order it asks them. */
  readonly requests: readonly (readonly string[])[]
}

export interface ManyResult {
  readonly requests: number
  /** Milliseconds from the first request to the last answer. */
  readonly took: number
  /** Milliseconds of a request. */
  readonly p50: number
  readonly p99: number
}

const sockets: Socket[] = []

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path, () => {
      socket.off('error', reject)
      resolve(socket)
    })
    socket.once('error', reject)
  })
}

/** Asks once; gives the milliseconds until the whole answer was there. Throws when it is not 200. */
function ask(socket: Socket, request: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const started = performance.now()
    let text = ''
    const end = (problem?: Error): void => {
      socket.off('data', onData).off('close', onClose)
      if (problem) reject(problem)
      else resolve(performance.now() - started)
    }
    const onClose = (): void => {
      end(new Error('the server hung up'))
    }
    const onData = (chunk: Buffer): void => {
      text += chunk.toString('latin1')
      const [head = '', length] = /^[^]*?\r\nContent-Length: (\d+)[^]*?\r\n\r\n/u.exec(text) ?? []
      if (length === undefined || text.length < head.length + Number(length)) return
      end(text.startsWith('HTTP/1.1 200 ') ? undefined : new Error(`answered ${text.slice(0, 1_000)}`))
    }
    socket.on('data', onData).once('close', onClose)
    socket.write(request, 'latin1')
  })
}

serveParent(async ({ path, requests }: ManyOrder): Promise<ManyResult> => {
  while (sockets.length < requests.length) sockets.push(await open(path))
  const started = performance.now()
  const times = await Promise.all(
    requests.map(async (own, index) => {
      const taken: number[] = []
      const socket = sockets[index]
      if (socket) for (const request of own) taken.push(await ask(socket, request))
      return taken
    }),
  )
  const took = performance.now() - started
  const sorted = Float64Array.from(times.flat()).toSorted()
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN
  return { requests: sorted.length, took, p50: at(0.5), p99: at(0.99) }
})
