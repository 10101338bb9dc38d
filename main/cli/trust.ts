/**
 * Whether what listens at a place can only be ours. The rule (S9): nothing secret is written to a socket until either the
 * file system proves that no other user could have put it there, or the broker has proved its identity on our nonce. A
 * socket in a folder that is ours alone needs no second proof: who can write there can also write the key we would check.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { dirname } from 'node:path'
import { BrokerError } from '../contract/errors.ts'

/** `ours`: safe by place. `absent`: nothing is there. `doubtful`: somebody else could have put it there. */
export type Verdict =
  | { readonly kind: 'ours' }
  | { readonly kind: 'absent' }
  | { readonly kind: 'doubtful'; readonly why: string; readonly mend?: string }

type Seen = Pick<Stats, 'isDirectory' | 'isSocket' | 'uid' | 'mode'>

/** Judges a socket file by what `lstat` says of it and of its folder, for the user `uid`. Links are never followed. */
export function judgeSocket(path: string, folder: Seen | null, socket: Seen | null, uid: number): Verdict {
  if (folder === null || socket === null) return { kind: 'absent' }
  const where = dirname(path)
  if (!folder.isDirectory()) return { kind: 'doubtful', why: `${where} is not a folder` }
  if (folder.uid !== uid) return { kind: 'doubtful', why: `${where} belongs to another user` }
  if ((folder.mode & 0o077) !== 0)
    return { kind: 'doubtful', why: `${where} is open to other users`, mend: `chmod 700 ${where}` }
  if (!socket.isSocket()) return { kind: 'doubtful', why: `${path} is not a socket` }
  if (socket.uid !== uid) return { kind: 'doubtful', why: `${path} belongs to another user` }
  return { kind: 'ours' }
}

/** Looks at a socket path. On Windows a pipe's name proves nothing, so every pipe is doubtful. */
export function inspectSocket(path: string): Verdict {
  const uid = process.geteuid?.()
  if (uid === undefined) return { kind: 'doubtful', why: `${path} is a pipe that any program could have made` }
  return judgeSocket(path, look(dirname(path)), look(path), uid)
}

/** What `lstat` says, `null` when there is nothing. Links are not followed. */
export function look(path: string): Stats | null {
  return lstatSync(path, { throwIfNoEntry: false }) ?? null
}

/**
 * The text of a file that is ours alone, `null` when there is none. Throws `invalid_request` when it is a link, not a
 * plain file, another user's, or open to other users.
 */
export function readPrivateFile(path: string): string | null {
  const uid = process.geteuid?.()
  let descriptor: number
  try {
    // Without O_NONBLOCK a FIFO in its place would hold us up until somebody writes to it.
    descriptor = openSync(
      path,
      uid === undefined ? 'r' : constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
    )
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new BrokerError('invalid_request', `Cannot read ${path} (${code ?? 'unknown'}).`, { cause })
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw new BrokerError('invalid_request', `${path} is not a file.`)
    if (uid !== undefined && stats.uid !== uid)
      throw new BrokerError('invalid_request', `${path} belongs to another user.`)
    if (uid !== undefined && (stats.mode & 0o077) !== 0)
      throw new BrokerError('invalid_request', `${path} is open to other users.`, {
        resolve: { command: `chmod 600 ${path}` },
      })
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}
