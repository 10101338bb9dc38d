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
  it('ends strangers first, oldest first, then idle clients, and turns the newest away when all are at work', async () => {
    const [a, b, c, d, e, f, g] = (await connections(7)) as [Socket, Socket, Socket, Socket, Socket, Socket, Socket]
    const pool = new ConnectionPool(3)
    const mark = (socket: Socket, change: { known?: boolean; busy?: number; streaming?: boolean }): void => {
      Object.assign(pool.of(socket) ?? {}, change)
    }
    for (const socket of [a, b, c]) pool.add(socket)
    mark(a, { known: true })
    pool.add(d)
    expect([a, b, c].map(({ destroyed }) => destroyed)).toEqual([false, true, false])
    mark(c, { known: true, busy: 1 })
    mark(d, { known: true, streaming: true })
    pool.add(e)
    expect([a, c, d, e].map(({ destroyed }) => destroyed)).toEqual([true, false, false, false])
    mark(e, { known: true, busy: 1 })
    pool.add(f)
    expect([c, d, e, f].map(({ destroyed }) => destroyed)).toEqual([false, false, false, true])
    c.destroy()
    await until(() => pool.size === 2, 'the ended one to leave')
    pool.add(g)
    expect(g.destroyed).toBe(false)
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
