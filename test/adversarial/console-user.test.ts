/** The console and the machine's other users: with the right cookie in hand, they still do not get in. */
import { spawn } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { isOwnedBy, parseSockets } from '../../main/daemon/console-peer.ts'
import { collect } from '../setup/daemon.ts'
import { expectUntouched, lockCall, pairOf, runConsole } from './console-rig.ts'

/** `/proc/net/tcp` with a listener, its client of user 1000, a client that is gone, and one on another address. */
const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0 100 0 0 10 0
   1: 0100007F:C000 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 2 1 0 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:C000 01 00000000:00000000 00:00000000 00000000  1000        0 3 1 0 20 4 30 10 -1
   3: 0100007F:C001 0100007F:1F90 05 00000000:00000000 00:00000000 00000000     0        0 0 1 0 20 4 30 10 -1
   4: 0200007F:C002 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1000        0 4 1 0 20 4 30 10 -1
   5: 0100007F:C003 0100007F:1F90 01 00000000:00000000 00:00000000 00000000     0        0 5 1 0 20 4 30 10 -1
`

/** Connects as \`nobody\`, sends all it was given, and prints what comes back. */
const connectAs = `
const net = require('node:net')
let input = ''
process.stdin.setEncoding('latin1').on('data', (part) => (input += part)).on('end', () => {
  const socket = net.connect(Number(process.argv[1]), '127.0.0.1')
  socket.on('connect', () => socket.write(Buffer.from(input, 'latin1')))
  socket.on('data', (part) => { process.stdout.write(part); socket.end() })
  socket.on('error', () => {})
  socket.on('close', () => process.stdout.write('closed'))
})`

describe('S5: other users of this machine', () => {
  it('S5: an owner is told by both ends, and a closed end has none', () => {
    const rows = parseSockets(table)
    expect(rows).toHaveLength(6)
    expect(isOwnedBy(rows, 1000, 0xc000, 8080)).toBe(true)
    expect(isOwnedBy(rows, 1001, 0xc000, 8080)).toBe(false)
    expect(isOwnedBy(rows, 1000, 0xc001, 8080)).toBe(false)
    expect(isOwnedBy(rows, 1000, 0xc002, 8080)).toBe(false)
    expect(isOwnedBy(rows, 1001, 0xc003, 8080)).toBe(true)
    expect(isOwnedBy(rows, 1000, 0xc004, 8080)).toBe(false)
  })

  it('S5: this user gets in, and where it can be tried, another one does not', async () => {
    const running = await runConsole()
    const cookie = pairOf(await running.signIn())
    const send = async (identity: { readonly uid?: number; readonly gid?: number }): Promise<string> => {
      const child = spawn(process.execPath, ['-e', connectAs, String(running.port)], { ...identity, cwd: '/', env: {} })
      child.stdin.end(lockCall(running.port, cookie))
      return (await collect(child)).stdout
    }
    // Only root can become somebody else; anybody else's tests find out no more than that they themselves get in.
    const canTry = process.getuid?.() === 0 && process.platform === 'linux'
    const strangers = canTry ? [{ uid: 65_534, gid: 65_534 }] : []
    for (const stranger of strangers) expect(await send(stranger)).toBe('closed')
    expectUntouched(running)
    expect(await send({})).toContain('"ok":true')
    expect(running.deciding.calls).toEqual(['lock'])
  })
})
