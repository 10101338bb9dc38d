/** Files that others read while they are written. The rule: what is read is the old one or the new one, whole. */
import { chmodSync, renameSync, writeFileSync } from 'node:fs'

/** Puts `text` at `path` with exactly this mode, in place of what is there. Throws what the file system says. */
export function writeWhole(path: string, text: string, mode: number): void {
  const unfinished = `${path}.${String(process.pid)}.new`
  writeFileSync(unfinished, text, { mode, flag: 'wx' })
  chmodSync(unfinished, mode)
  renameSync(unfinished, path)
}
