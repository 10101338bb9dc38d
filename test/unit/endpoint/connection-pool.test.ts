/** Who goes when there are too many, and who goes for being silent; over real sockets. */
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ConnectionPool, sweepLimits } from '../../../main/endpoint/connection-pool.ts'
import { until } from './wire.ts'

/** The server's ends of `count` connections, in the order they came. */
async function connections(count: number): Promise<Socket[]> {
  const folder = mkdtempSync(join(tmpdir(), 'vk-'))
  const accepted: Socket[] = []
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    accepted.push(socket)
  })
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve))
  const ends: Socket[] = []
  onTestFinished(() => {
    for (const socket of [...ends, ...accepted]) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true, force: true })
  })
  for (let i = 0; i < count; i++) {
    const socket = connect(join(folder, 's'))
    socket.on('error', () => undefined)
    ends.push(socket)
    await until(() => accepted.length === i + 1, 'the connection')
  }
  return accepted
}

describe('ConnectionPool', () => {
  it('makes room among strangers only: who asks nothing first, then who is not waiting for the person', async () => {
    const [a, b, c, d, e, f, g] = (await connections(7)) as [Socket, Socket, Socket, Socket, Socket, Socket, Socket]
    const pool = new ConnectionPool(3)
    const mark = (socket: Socket, change: { asked?: boolean; busy?: number; streaming?: boolean }): void => {
      Object.assign(pool.of(socket) ?? {}, change)
    }
    const member = (...sockets: readonly Socket[]): readonly boolean[] =>
      sockets.map((socket) => pool.of(socket) !== undefined)
    for (const socket of [a, b, c]) pool.add(socket)
    expect(pool.recognise(a)).toBe(true)
    mark(b, { busy: 1 })
    for (const socket of [d, e]) pool.add(socket)
    // The oldest stranger that asks nothing went; nobody recognised did, and nobody who is being answered.
    expect(member(a, b, c, d, e)).toEqual([true, true, false, true, true])
    await until(() => c.destroyed, 'it to be ended')
    mark(b, { asked: true })
    for (const socket of [d, e]) mark(socket, { busy: 1 })
    pool.add(f)
    expect(member(a, b, d, e, f)).toEqual([true, true, false, true, true])
    for (const socket of [e, f]) mark(socket, { busy: 1, asked: true })
    pool.add(g)
    expect(member(a, b, e, f, g)).toEqual([true, true, true, true, false])
    await until(() => g.destroyed, 'the newest to be turned away')
  })

  it('of those it has recognised ends the oldest idle one for another, and says so when all are at work', async () => {
    const [a, b, c, d] = (await connections(4)) as [Socket, Socket, Socket, Socket]
    const pool = new ConnectionPool(2)
    for (const socket of [a, b]) pool.add(socket)
    for (const socket of [a, b]) expect(pool.recognise(socket)).toBe(true)
    for (const socket of [c, d]) pool.add(socket)
    Object.assign(pool.of(a) ?? {}, { busy: 1 })
    expect(pool.recognise(c)).toBe(true)
    expect([a, b, c].map(({ destroyed }) => destroyed)).toEqual([false, true, false])
    Object.assign(pool.of(c) ?? {}, { streaming: true })
    expect(pool.recognise(d)).toBe(false)
    expect(pool.of(d)?.known).toBe(false)
    a.destroy()
    await until(() => pool.size === 2, 'the ended one to leave')
    expect(pool.recognise(d)).toBe(true)
  })

  it('ends what is idle for long, and spares what waits for us or streams', async () => {
    const [idle, waiting, streaming, asking] = (await connections(4)) as [Socket, Socket, Socket, Socket]
    const pool = new ConnectionPool(9)
    for (const socket of [idle, waiting, streaming, asking]) pool.add(socket)
    Object.assign(pool.of(waiting) ?? {}, { busy: 1 })
    Object.assign(pool.of(streaming) ?? {}, { streaming: true })
    for (let i = 0; i <= sweepLimits.idle; i++) {
      Object.assign(pool.of(asking) ?? {}, { idle: 0 })
      pool.sweep()
    }
    expect([idle, waiting, streaming, asking].map(({ destroyed }) => destroyed)).toEqual([true, false, false, false])
  })

  it('ends a reader that takes nothing, also while we work for it, and not one that is only slow', async () => {
    const [stuck, slow] = (await connections(2)) as [Socket, Socket]
    const pool = new ConnectionPool(9)
    for (const socket of [stuck, slow]) pool.add(socket)
    Object.assign(pool.of(stuck) ?? {}, { busy: 1 })
    stuck.write(Buffer.alloc(4_000_000))
    let left = 4_000_000
    Object.defineProperty(slow, 'writableLength', { get: () => (left -= 1) })
    for (let i = 0; i <= sweepLimits.stalled + 1; i++) pool.sweep()
    expect([stuck.destroyed, slow.destroyed]).toEqual([true, false])
  })
})
