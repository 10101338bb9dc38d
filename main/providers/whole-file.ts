/** A small file of our own, written. The rule: all of it is on the disk, for the person alone, or nothing has changed. */
import {
  chmodSync,
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { BrokerError } from '../contract/errors.ts'

/** All of it, on the disk, or nothing. Throws `temporarily_unavailable` when the disk does not take it. */
export function writeWhole(folder: string, path: string, text: string): void {
  const unfinished = `${path}.new`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    if (!lstatSync(folder).isDirectory()) throw new Error('not a folder')
    chmodSync(folder, 0o700)
    // What a crash left; made anew, so that no link of that name is followed.
    rmSync(unfinished, { force: true })
    writeFileSync(unfinished, text, { mode: 0o600, flag: 'wx', flush: true })
    renameSync(unfinished, path)
    if (process.platform === 'win32') return
    const opened = openSync(folder, 'r')
    try {
      fsyncSync(opened)
    } finally {
      closeSync(opened)
    }
  } catch (cause) {
    removeUnfinished(unfinished)
    throw new BrokerError('temporarily_unavailable', 'The definition cannot be written (disk full?).', {
      cause,
      resolve: { command: 'valetkey doctor' },
    })
  }
}

/** A folder that cannot be looked into holds nothing of ours. */
function removeUnfinished(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {
    // The fault that brought us here is the one to tell.
  }
}
