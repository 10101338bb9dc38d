/** Who is at the other end: read from what the system says, for real connections, and never from what a process says of itself. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { realpathSync } from 'node:fs'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { holdersOf, holdersOnPorts, lookUpPeer } from '../../../main/endpoint/peer.ts'
import { freshHome } from './wire.ts'

const unix = [
  'u_str ESTAB 0      0                   * 71 * 70 users:(("curl",pid=12,fd=5))                ',
  'u_str ESTAB 0      0      /run/a b.sock 70 * 71 users:(("node",pid=9,fd=20))',
  'u_str ESTAB 0      0                   * 81 * 80 users:(("sh",pid=13,fd=3),("git",pid=14,fd=3))',
  'u_str ESTAB 0      0                   * 91 * 90',
].join('\n')
const tcp = [
  'ESTAB 0      0      127.0.0.1:5000 127.0.0.1:6000 users:(("curl",pid=12,fd=5)) ino:4711 sk:1 cgroup:/ <->',
  'ESTAB 0      0      127.0.0.1:6000 127.0.0.1:5000 users:(("node",pid=9,fd=21)) uid:1000 ino:4712 sk:2 <->',
].join('\n')

describe('what ss says', () => {
  it('is read by the inode of our own end', () => {
    expect(holdersOf(unix, '70')).toEqual([{ pid: 12, fd: 5, inode: '71' }])
    expect(holdersOf(unix, '71')).toEqual([{ pid: 9, fd: 20, inode: '70' }])
    expect(holdersOf(unix, '80').map(({ pid }) => pid)).toEqual([13, 14])
    expect(holdersOf(unix, '90')).toEqual([])
    expect(holdersOf(unix, '7')).toEqual([])
    expect(holdersOf(unix, '')).toEqual([])
  })

  it('is read by both ports of a loopback connection', () => {
    expect(holdersOnPorts(tcp, 5000, 6000)).toEqual([{ pid: 12, fd: 5, inode: '4711' }])
    expect(holdersOnPorts(tcp, 6000, 5000)).toEqual([{ pid: 9, fd: 21, inode: '4712' }])
    expect(holdersOnPorts(tcp, 500, 6000)).toEqual([])
  })

  it('has no other inode for a process that calls itself something clever', () => {
    const clever = 'u_str ESTAB 0 0 * 71 * 70 users:(("a",pid=1,fd=3),",pid=12,fd=5))'
    expect(holdersOf(clever, '70').map(({ inode }) => inode)).toEqual(['71'])
    expect(holdersOf('u_str ESTAB 0 0 * 71 * 70 users:(("a\n",pid=12,fd=5))', '70')).toEqual([])
  })
})

/** A listener, a connection of another process to it, and our end of that. */
async function connection(where: string | number, program: string): Promise<{ socket: Socket; pid: number }> {
  const server = createServer()
  server.listen(typeof where === 'number' ? { port: where, host: '127.0.0.1' } : { path: where })
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const address = server.address()
  const target = typeof address === 'string' ? address : String((address as AddressInfo).port)
  const accepted = once(server, 'connection') as Promise<[Socket]>
  const child = spawn(process.execPath, ['-e', program, target], { stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [socket] = await accepted
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => undefined)
  return { socket, pid: child.pid ?? 0 }
}

const connect =
  "require('node:net').connect(...(isNaN(process.argv[1]) ? [process.argv[1]] : [Number(process.argv[1]), '127.0.0.1']))"

describe('a real connection', () => {
  it.each<readonly [string, () => string | number]>([
    ['a Unix socket', () => join(freshHome().home, 'with a space.sock')],
    ['loopback TCP', () => 0],
  ])('over %s is its process', async (_name, where) => {
    const { socket, pid } = await connection(where(), connect)
    expect(await lookUpPeer(socket)).toEqual({
      pid,
      executable: realpathSync(process.execPath),
      uid: process.getuid?.(),
      verified: true,
    })
  })

  it('that several programs hold is nobody’s for certain', async () => {
    const shared = `const socket = ${connect}
      socket.on('connect', () => require('node:child_process').spawn('cat', [], { stdio: [socket, 'ignore', 'ignore'] }))`
    const { socket } = await connection(join(freshHome().home, 's.sock'), shared)
    const deadline = performance.now() + 10_000
    let peer = await lookUpPeer(socket)
    while (peer.verified && performance.now() < deadline) peer = await lookUpPeer(socket)
    expect(peer).toEqual({ verified: false })
  })

  it('that is over is nobody’s', async () => {
    const { socket } = await connection(join(freshHome().home, 's.sock'), connect)
    socket.destroy()
    expect(await lookUpPeer(socket)).toEqual({ verified: false })
  })

  it('is looked up a few at a time', async () => {
    const { socket } = await connection(join(freshHome().home, 's.sock'), connect)
    const peers = await Promise.all(Array.from({ length: 40 }, () => lookUpPeer(socket)))
    expect(peers.filter(({ verified }) => verified)).toHaveLength(4)
  })
})
