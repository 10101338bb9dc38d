/**
 * A listener's place in the file system. The rule: a socket appears under its name only when it is ready, private and
 * nobody else's name; what is unlinked is a socket of ours on which nobody answers, and nothing else. On Windows the
 * place is a named pipe, which the system itself gives to the first who asks.
 */
import { chmodSync, lstatSync, renameSync, rmSync } from 'node:fs'
import { connect, type Server } from 'node:net'
import { basename, dirname, join } from 'node:path'
import { BrokerError } from '../contract/errors.ts'
import { ensurePrivateFolder, inTheWay, isOurs } from './private-file.ts'

/** Where a socket is and by which file it is known to be the one we bound. */
export interface SocketPlace {
  /** Whether the file there is still ours. `gone`: nothing is there. `taken`: something else is. */
  look(): 'ours' | 'gone' | 'taken'
  /** Removes the file if it is still ours. */
  leave(): void
}

const isPipe = (path: string): boolean => path.startsWith('\\\\')

/** Bytes of a path the system can bind: the size of `sun_path` without its NUL. */
const pathLimit = process.platform === 'darwin' ? 103 : 107

/**
 * Makes `server` listen at `path`, mode 0600, in a folder of ours with mode 0700 (made if need be).
 *
 * Throws `temporarily_unavailable` when somebody answers there, `invalid_request` when the path is too long or something
 * is in the way that is not a dead socket of ours; then nothing has been changed.
 */
export async function listenAt(server: Server, path: string): Promise<SocketPlace> {
  if (isPipe(path)) {
    await listen(server, path)
    return { look: () => 'ours', leave: () => undefined }
  }
  if (Buffer.byteLength(path) > pathLimit)
    throw new BrokerError(
      'invalid_request',
      `${path} is too long for a socket (at most ${String(pathLimit)} bytes). Set VALETKEY_HOME to a shorter folder.`,
    )
  ensurePrivateFolder(dirname(path))
  await clear(path)
  // Bound under another name and renamed: no moment without the right mode, and the unlink that libuv does when the
  // server closes finds nothing, where under the real name it could hit a successor's socket.
  const birth = join(dirname(path), `.${basename(path).replace(/\.[^.]*$/u, '')}`)
  await clear(birth)
  const umask = process.umask(0o077)
  let listening: Promise<void>
  try {
    listening = listen(server, birth)
  } finally {
    process.umask(umask)
  }
  await listening
  chmodSync(birth, 0o600)
  const { dev, ino } = lstatSync(birth)
  renameSync(birth, path)
  // The number of a bound socket's file is not given to another file as long as the socket lives.
  const look = (): 'ours' | 'gone' | 'taken' => {
    const stats = lstatSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return 'gone'
    return stats.dev === dev && stats.ino === ino ? 'ours' : 'taken'
  }
  const leave = (): void => {
    if (look() === 'ours') rmSync(path, { force: true })
  }
  return { look, leave }
}

/** Listens on a literal loopback address; `0` lets the system choose the port, which is the result. */
export async function listenOnLoopback(server: Server, port: number): Promise<number> {
  if (!Number.isInteger(port) || (port !== 0 && port < 1024) || port > 65_535)
    throw new BrokerError('invalid_request', 'The HTTP port must be 0 (any) or a number from 1024 to 65535.')
  await listen(server, { host: '127.0.0.1', port, exclusive: true })
  const address = server.address()
  if (address === null || typeof address === 'string')
    throw new BrokerError('server_error', 'The listener has no port.')
  return address.port
}

function listen(server: Server, where: string | { host: string; port: number; exclusive: boolean }): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: NodeJS.ErrnoException): void => {
      const place = typeof where === 'string' ? where : `${where.host}:${String(where.port)}`
      reject(
        cause.code === 'EADDRINUSE'
          ? new BrokerError('temporarily_unavailable', `${place} is already in use.`, { cause })
          : new BrokerError('invalid_request', `Cannot listen at ${place} (${cause.code ?? 'unknown'}).`, { cause }),
      )
    }
    server.once('error', fail)
    server.once('listening', () => {
      server.off('error', fail)
      resolve()
    })
    server.listen(where)
  })
}

/** Makes room at `path` if what is there is a socket of ours on which nobody answers. */
async function clear(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false })
  if (stats === undefined) return
  if (stats.isSymbolicLink()) throw inTheWay(path, 'is a symbolic link')
  if (!stats.isSocket()) throw inTheWay(path, 'is not a socket')
  if (!isOurs(stats)) throw inTheWay(path, 'belongs to another user')
  const outcome = await probe(path)
  if (outcome === 'ENOENT') return
  if (outcome === 'answered')
    throw new BrokerError('temporarily_unavailable', `Another Valetkey answers at ${path}. Use it, or stop it first.`)
  if (outcome !== 'ECONNREFUSED') throw inTheWay(path, `cannot be examined (${outcome})`)
  // Forced, because the one that was about to end may have unlinked it meanwhile.
  rmSync(path, { force: true })
}

/** Somebody is, or was a moment ago, listening: a full backlog, or a listener that is just closing. */
const listenerErrors: readonly (string | undefined)[] = ['EAGAIN', 'ECONNRESET', 'EPIPE']

/** `answered`, or the error code of the attempt. */
function probe(path: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const end = (outcome: string): void => {
      socket.destroy()
      resolve(outcome)
    }
    socket.once('connect', () => {
      end('answered')
    })
    socket.once('error', ({ code }: NodeJS.ErrnoException) => {
      end(listenerErrors.includes(code) ? 'answered' : (code ?? 'unknown'))
    })
  })
}
