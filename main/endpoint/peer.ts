/**
 * Which process is at the other end of a connection. The rule: what the operating system says is `verified`, and it is
 * said only when it held from before we looked until after; everything else is an honest "not verified". It is looked up
 * when the person is asked and at no other time, a few at once, and never longer than a moment.
 *
 * Node has no SO_PEERCRED, and /proc/net/unix does not say which two sockets belong together; `ss` (iproute2, there on
 * every usual Linux) asks the kernel for both through sock_diag(7), and works for loopback TCP as well.
 */
import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { readlink, stat } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { promisify } from 'node:util'
import type { Peer } from '../contract/model.ts'

const unknown: Peer = { verified: false }
/** By full path: whoever sets our PATH must not choose what we believe. */
const places = ['/usr/bin/ss', '/bin/ss', '/usr/sbin/ss', '/sbin/ss']
/** Milliseconds; a question is on the screen meanwhile. */
const PATIENCE = 1_500
const OUTPUT = 8_388_608
const AT_ONCE = 4
const run = promisify(execFile)
let underWay = 0

/** The process that holds the other end of `socket`. Never rejects. */
export async function lookUpPeer(socket: Socket): Promise<Peer> {
  if (process.platform !== 'linux' || socket.destroyed || underWay >= AT_ONCE) return unknown
  underWay++
  try {
    return await lookUp(socket)
  } catch {
    // A process that has ended, a /proc we may not read, a tool that is not there: then nobody says who it was.
    return unknown
  } finally {
    underWay--
  }
}

async function lookUp(socket: Socket): Promise<Peer> {
  const { remotePort, localPort } = socket
  const holders =
    remotePort === undefined
      ? holdersOf(await list('-xpnH'), await inodeOf(socket))
      : holdersOnPorts(await list('-tepnH'), remotePort, localPort ?? 0)
  const found = await Promise.all(holders.map(examine))
  const [first] = found
  // Several processes with one socket are one program only if they run the same file as the same user.
  const same = found.every((one) => one.executable === first?.executable && one.uid === first?.uid)
  if (!first || !same || socket.destroyed) return unknown
  return { pid: first.pid, executable: first.executable, uid: first.uid, verified: true }
}

/** The inode of our own end, from its file descriptor. */
async function inodeOf(socket: Socket): Promise<string> {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null }
  const link = await readlink(`/proc/self/fd/${String(handle?.fd ?? -1)}`)
  return /^socket:\[(\d+)\]$/u.exec(link)?.[1] ?? ''
}

async function list(form: string): Promise<string> {
  const tool = places.find(isThere)
  if (tool === undefined) throw new Error('no ss')
  // No environment of ours: it needs none.
  const { stdout } = await run(tool, [form], { env: {}, timeout: PATIENCE, maxBuffer: OUTPUT })
  return stdout
}

function isThere(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

interface Holder {
  readonly pid: number
  readonly fd: number
  /** Of the socket it is said to hold. */
  readonly inode: string
}

/** Who holds the Unix socket connected to ours; `output` of `ss -xpnH`: ... LOCAL INODE PEER INODE users:((...)). */
export function holdersOf(output: string, ours: string): readonly Holder[] {
  if (ours === '') return []
  return output.split('\n').flatMap((line) => {
    // There may be thousands, and one of them is meant.
    if (!line.includes(` ${ours} `)) return []
    const row = /^u_\S+\s+ESTAB\s+\d+\s+\d+\s+\S.*?\s(\d+)\s+\S+\s+(\d+)\s+users:\((.*)\)\s*$/u.exec(line)
    return row?.[2] === ours ? usersIn(row[3] ?? '', row[1] ?? '') : []
  })
}

/** Who holds the client's end of a loopback connection; `output` of `ss -tepnH`: ... LOCAL PEER users:((...)) ... ino:INODE. */
export function holdersOnPorts(output: string, client: number, server: number): readonly Holder[] {
  const ends = `127\\.0\\.0\\.1:${String(client)}\\s+127\\.0\\.0\\.1:${String(server)}`
  const row = new RegExp(`^ESTAB\\s+\\d+\\s+\\d+\\s+${ends}\\s+users:\\((.*)\\)\\s.*\\bino:(\\d+)\\s`, 'u')
  return output.split('\n').flatMap((line) => {
    const found = row.exec(`${line} `)
    return usersIn(found?.[1] ?? '', found?.[2] ?? '')
  })
}

/** `("name",pid=1,fd=2),...`. The name is the process's own to choose, so what is read here is only where to look. */
function usersIn(text: string, inode: string): readonly Holder[] {
  const users = [...text.matchAll(/\("[^"]*",pid=(\d+),fd=(\d+)\)/gu)]
  return users.map(([, pid, fd]) => ({ pid: Number(pid), fd: Number(fd), inode }))
}

interface Examined {
  readonly pid: number
  readonly executable: string
  readonly uid: number
}

/** What a process runs and as whom. Throws unless it held the very socket before and after, so that no other is described. */
async function examine({ pid, fd, inode }: Holder): Promise<Examined> {
  const folder = `/proc/${String(pid)}`
  const look = async (): Promise<string> =>
    `${await readlink(`${folder}/fd/${String(fd)}`)} ${await readlink(`${folder}/exe`)}`
  const before = await look()
  const executable = await readlink(`${folder}/exe`)
  const { uid } = await stat(folder)
  if (before !== `socket:[${inode}] ${executable}` || (await look()) !== before) throw new Error('it is another')
  return { pid, executable, uid }
}
