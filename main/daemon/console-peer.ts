/**
 * Which user is at the other end of a loopback connection, where the system tells. The rule: a connection that some
 * other user of this machine opened is ended before anything on it is read. It is a second line behind the session:
 * cookies know hosts but not ports, so a browser also sends ours to whatever else listens on 127.0.0.1, and another
 * user's server there must not be able to come back with it.
 */
import { readFileSync } from 'node:fs'
import type { Server, Socket } from 'node:net'

/** One IPv4 socket as Linux lists it. */
interface Row {
  /** `ADDRESS:PORT` in the kernel's hexadecimal. */
  readonly local: string
  readonly remote: string
  readonly state: string
  readonly uid: number
}

const ESTABLISHED = '01'
const LISTEN = '0A'

/** The rows of `/proc/net/tcp` (proc(5)); lines that are no rows are left out. */
export function parseSockets(table: string): readonly Row[] {
  return table.split('\n').flatMap((line) => {
    const [, local, remote, state, , , , uid] = line.trim().split(/\s+/u)
    return local?.includes(':') && remote !== undefined && state !== undefined && uid !== undefined
      ? [{ local, remote, state, uid: Number(uid) }]
      : []
  })
}

/** 127.0.0.1 and a port as in the table, whose addresses are in the machine's own byte order. */
const hex = (port: number, address: string): string => `${address}:${port.toString(16).toUpperCase().padStart(4, '0')}`

/**
 * Whether the user `uid`, or root, holds the client's end of a connection from `clientPort` to `serverPort`. An end
 * that is closed already has no owner any more and counts as a stranger's: who sends and runs cannot be asked.
 */
export function isOwnedBy(rows: readonly Row[], uid: number, clientPort: number, serverPort: number): boolean {
  const loopbacks = ['0100007F', '7F000001']
  return rows.some(
    (row) =>
      row.state === ESTABLISHED &&
      (row.uid === uid || row.uid === 0) &&
      loopbacks.some((address) => row.local === hex(clientPort, address) && row.remote === hex(serverPort, address)),
  )
}

function readTable(): readonly Row[] {
  try {
    return parseSockets(readFileSync('/proc/net/tcp', 'latin1'))
  } catch {
    return []
  }
}

/** Ends strangers' connections to a server that listens. Does nothing where the table does not show that server itself. */
export function refuseStrangers(server: Server, serverPort: number): void {
  const uid = process.getuid?.()
  if (uid === undefined) return
  const suffix = hex(serverPort, '')
  if (!readTable().some((row) => row.state === LISTEN && row.uid === uid && row.local.endsWith(suffix))) return
  server.prependListener('connection', (socket: Socket) => {
    const { remotePort } = socket
    if (remotePort === undefined || !isOwnedBy(readTable(), uid, remotePort, serverPort)) socket.destroy()
  })
}
