/**
 * `app.requestSingleInstanceLock` (Electron's page "app"): of all processes with one data folder the first holds the lock;
 * each later one hands its command line, working folder and data over and is told no. The rule: the hand-over is written
 * in full before the second process hears its answer, so that a link is not lost when it then ends.
 *
 * Modelled with a lock file that holds a process id and a folder of messages. Not modelled: other users, other machines on
 * the same file system.
 */
import { type FSWatcher, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** What a second process brings. */
export interface SecondInstance {
  readonly argv: string[]
  readonly workingDirectory: string
  readonly additionalData: unknown
}

interface Lock {
  readonly file: string
  readonly watcher: FSWatcher
}

let held: Lock | undefined

export function isHeld(): boolean {
  return held !== undefined
}

export function release(): void {
  held?.watcher.close()
  if (held) rmSync(held.file, { force: true })
  held = undefined
}

/** Takes the lock in `folder`, or hands `message` to who holds it. `onSecond` is told of every later process. */
export function request(folder: string, message: SecondInstance, onSecond: (second: SecondInstance) => void): boolean {
  if (held) return true
  const file = join(folder, 'SingletonLock.stand-in')
  const spool = join(folder, 'SingletonMessages.stand-in')
  mkdirSync(spool, { recursive: true, mode: 0o700 })
  for (;;) {
    if (take(file)) {
      held = { file, watcher: receive(spool, onSecond) }
      return true
    }
    if (isRunning(file)) {
      const name = join(spool, `${String(Date.now())}-${String(process.pid)}`)
      writeFileSync(`${name}.part`, JSON.stringify(message), { mode: 0o600 })
      renameSync(`${name}.part`, `${name}.json`)
      return false
    }
    rmSync(file, { force: true })
  }
}

function take(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx', mode: 0o600 })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    return false
  }
}

function isRunning(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    // An empty file is being written by its owner.
    if (pid !== 0) process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

function receive(spool: string, onSecond: (second: SecondInstance) => void): FSWatcher {
  for (const name of readdirSync(spool)) rmSync(join(spool, name))
  const read = (): void => {
    for (const name of readdirSync(spool)
      .filter((entry) => entry.endsWith('.json'))
      .toSorted()) {
      const path = join(spool, name)
      const message = JSON.parse(readFileSync(path, 'utf8')) as SecondInstance
      rmSync(path)
      onSecond(message)
    }
  }
  const watcher = watch(spool, read)
  watcher.unref()
  return watcher
}
