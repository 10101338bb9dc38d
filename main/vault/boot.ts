/**
 * Whether the system has gone down since something was written. The rule: what cannot be told counts as having gone down.
 */
import { readFileSync } from 'node:fs'

/** https://docs.kernel.org/admin-guide/sysctl/kernel.html#random: made anew each time the system starts. */
const LINUX_BOOT_ID = '/proc/sys/kernel/random/boot_id'

/**
 * Names this run of the operating system; `undefined` where it has no such name. A commit that was not synchronised is
 * whole as long as the name is the same, because the system has what the program wrote (https://sqlite.org/wal.html).
 */
export function bootName(platform: NodeJS.Platform): string | undefined {
  if (platform !== 'linux') return undefined
  try {
    const name = readFileSync(LINUX_BOOT_ID, 'utf8').trim()
    return name === '' ? undefined : name
  } catch {
    return undefined
  }
}
