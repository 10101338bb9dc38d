/**
 * Files and folders that only the person may read. The rule: nothing is created, read or replaced through a link, in a
 * folder of somebody else, or with a mode that lets another user in; what is in the way is named and left alone.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { BrokerError } from '../contract/errors.ts'

/** Windows has neither owners nor modes that Node could show; there the data folder's inherited ACL does this work. */
const posix = process.platform !== 'win32'
const noFollow = posix ? constants.O_NOFOLLOW : 0

/** The folder, made with mode 0700 when it is not there. Throws `invalid_request` when it is a link, another user's, or open to others. */
export function ensurePrivateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new BrokerError('invalid_request', `Cannot make the folder ${path}; move aside what is in its place.`, {
      cause,
    })
  }
  const stats = lstatSync(path)
  if (!stats.isDirectory()) throw inTheWay(path, 'is not a folder')
  if (!isOurs(stats)) throw inTheWay(path, 'belongs to another user')
  if (posix && (stats.mode & 0o077) !== 0)
    throw new BrokerError('invalid_request', `${path} is open to other users. Run: chmod 700 ${path}`)
}

/** Whole or not at all: a new file beside it, mode 0600, synchronised, then renamed over `path`. */
export function writePrivateFile(path: string, text: string): void {
  const fresh = join(dirname(path), `.${randomBytes(6).toString('hex')}.tmp`)
  const descriptor = openSync(fresh, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | noFollow, 0o600)
  try {
    try {
      writeFileSync(descriptor, text)
      fsyncSync(descriptor)
    } finally {
      closeSync(descriptor)
    }
    renameSync(fresh, path)
  } catch (cause) {
    rmSync(fresh, { force: true })
    throw new BrokerError('invalid_request', `Cannot write ${path}; move aside what is in its place.`, { cause })
  }
}

/** The text of a file of ours, `null` when there is none. Throws `invalid_request` for a link, another user's file or an open mode. */
export function readPrivateFile(path: string): string | null {
  let descriptor: number
  try {
    // A FIFO would hold an ordinary open up until somebody writes to it.
    descriptor = openSync(path, constants.O_RDONLY | noFollow | (posix ? constants.O_NONBLOCK : 0))
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT') return null
    throw new BrokerError('invalid_request', `Cannot read ${path}: it is a link or not ours (${code ?? 'unknown'}).`, {
      cause,
    })
  }
  try {
    const stats = fstatSync(descriptor)
    if (!stats.isFile()) throw inTheWay(path, 'is not a file')
    if (!isOurs(stats)) throw inTheWay(path, 'belongs to another user')
    if (posix && (stats.mode & 0o077) !== 0)
      throw new BrokerError('invalid_request', `${path} is open to other users. Run: chmod 600 ${path}`)
    return readFileSync(descriptor, 'utf8')
  } finally {
    closeSync(descriptor)
  }
}

export function isOurs(stats: Stats): boolean {
  return !posix || stats.uid === process.getuid?.()
}

/** Something is where we want to be. It may be an attack or an accident; only the person can tell, so it stays. */
export function inTheWay(path: string, what: string): BrokerError {
  return new BrokerError('invalid_request', `${path} ${what}. Nothing was changed; move it aside and start again.`)
}
