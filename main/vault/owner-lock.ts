/**
 * Who owns the vault. The rule (R2): one process, decided by a lock of the operating system that ends with its holder, so
 * there is no such thing as a stale lock. The lock is SQLite's own, taken on a file without content: the same locking
 * code on every platform, and released by the system when the process dies, whatever killed it. No other code may open
 * that file: closing any descriptor of it would release a POSIX lock (fcntl(2)).
 */
import { DatabaseSync } from 'node:sqlite'
import { BrokerError } from '../contract/errors.ts'
import { errorNumber, SQLITE } from './database.ts'
import { checkPrivateFile, createPrivateFile, inspect } from './home.ts'

export interface Ownership {
  release(): void
}

/** What is locked is held here too: a connection that is collected would be closed, and its lock with it. */
const held = new Set<DatabaseSync>()

/**
 * Takes the lock at `path` if nobody has it; `null` when another process (or this one) does. Never waits. Throws
 * `invalid_request` when the path cannot hold a lock.
 */
export function takeOwnership(path: string): Ownership | null {
  try {
    if (!inspect(path)) createPrivateFile(path)
  } catch (thrown) {
    // Somebody else made it this very moment: fine.
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST')
      throw new BrokerError('invalid_request', `The lock ${path} cannot be made.`, { cause: thrown })
  }
  checkPrivateFile(path)
  const before = inspect(path)?.ino
  const connection = new DatabaseSync(path, { timeout: 0 })
  try {
    connection.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (thrown) {
    connection.close()
    if (errorNumber(thrown) === SQLITE.BUSY) return null
    throw new BrokerError('invalid_request', `The lock ${path} cannot be taken; move that file away.`, {
      cause: thrown,
    })
  }
  if (inspect(path)?.ino !== before) {
    // It was replaced between looking and locking: this lock is on a file nobody else will look at.
    connection.close()
    return null
  }
  held.add(connection)
  return {
    release: () => {
      if (held.delete(connection)) connection.close()
    },
  }
}
