/**
 * The folders and files that are ours alone. The rule: nothing is read from or written to a place that another user could
 * have prepared, so every folder is checked with lstat (never through a link) to be ours and closed to everybody else,
 * and every file is made with O_EXCL and O_NOFOLLOW, mode 0600.
 */
import { chmodSync, closeSync, constants, fsyncSync, lstatSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
import { BrokerError } from '../contract/errors.ts'
import type { HomePaths } from '../contract/home.ts'

const posix = process.platform !== 'win32'

/**
 * Makes the home, `run` and `backups` folders where they are missing and checks them. Throws `invalid_request` with what
 * to do when one of them is a link, is not a folder, belongs to another user, or is open to others and not empty.
 */
export function prepareHome(paths: Pick<HomePaths, 'home' | 'run' | 'backups'>): void {
  mkdirSync(dirname(paths.home), { recursive: true })
  for (const folder of [paths.home, paths.run, paths.backups]) prepareFolder(folder)
}

function prepareFolder(path: string): void {
  let found = inspect(path)
  if (!found) {
    try {
      mkdirSync(path, { mode: 0o700 })
    } catch (cause) {
      throw new BrokerError('invalid_request', `The folder ${path} cannot be made.`, { cause })
    }
    found = inspect(path)
  }
  if (!found?.isDirectory())
    throw new BrokerError(
      'invalid_request',
      `${path} is a ${found?.isSymbolicLink() ? 'link' : 'file'}, not a folder of its own; move it away or set VALETKEY_HOME.`,
    )
  refuseForeign(path, found)
  if (!posix || (found.mode & 0o077) === 0) return
  // What is in a folder that others can enter may have been put there by them; an empty one can simply be closed.
  if (readdirSync(path).length > 0)
    throw new BrokerError('invalid_request', `Other users can enter ${path}; look at what is in it, then close it.`, {
      resolve: { command: `chmod 700 '${path}'` },
    })
  chmodSync(path, 0o700)
}

/** What is at `path` itself, links not followed; `undefined` when there is nothing. */
export function inspect(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

/**
 * Checks a file of ours that exists: regular, no link, ours; closes it to others (0600). Throws `invalid_request` with
 * what to do.
 */
export function checkPrivateFile(path: string): void {
  const found = inspect(path)
  if (!found?.isFile())
    throw new BrokerError('invalid_request', `${path} is not a regular file; move it away and start again.`)
  refuseForeign(path, found)
  if (posix && (found.mode & 0o077) !== 0) chmodSync(path, 0o600)
}

/** Makes an empty file 0600 that was not there before. Throws the system's error, `EEXIST` among them. */
export function createPrivateFile(path: string): void {
  closeSync(openPrivateFile(path))
}

/** Like `createPrivateFile`, left open for writing. */
export function openPrivateFile(path: string): number {
  const noFollow = posix ? constants.O_NOFOLLOW : 0
  return openSync(path, constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | noFollow, 0o600)
}

/** Makes names in a folder (new, renamed, removed files) durable. Windows has no such call and does not need it. */
export function syncFolder(path: string): void {
  if (!posix) return
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}

function refuseForeign(path: string, found: Stats): void {
  if (process.getuid && found.uid !== process.getuid())
    throw new BrokerError('invalid_request', `${path} belongs to another user; set VALETKEY_HOME to a folder of yours.`)
}
