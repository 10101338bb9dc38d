/**
 * What a self-examination says. The rule: a sentence a person can act on for everything that is not as it should be, and
 * one that says it is for everything that was looked at.
 */
import type { Finding, KeySlotKind } from '../contract/window-api.ts'
import type { Verification } from './verification.ts'

export interface Examined {
  readonly notices: readonly string[]
  readonly locked: boolean
  readonly protection: KeySlotKind | null
  /** Whether a keyring could keep the key of a new vault here. */
  readonly keyring: boolean
  /** `undefined`: the vault could not be read, and the notices say why. */
  readonly found: Verification | undefined
  /** Milliseconds since the epoch; `undefined` when there is none. */
  readonly newest_backup: number | undefined
  readonly backups: number
  readonly backup_failure: string | undefined
  /** Bytes free on the vault's disk. */
  readonly free: number
  /** Damaged files that were moved aside. */
  readonly aside: readonly string[]
}

const LEAST_FREE = 32 * 1024 * 1024

/** Worst first. */
export function findings(examined: Examined): readonly Finding[] {
  const order = ['error', 'warning', 'ok']
  return [
    ...examined.notices.map((message): Finding => ({ level: 'warning', subject: 'vault', message })),
    ...protection(examined),
    ...records(examined),
    ...backups(examined),
    ...disk(examined),
    ...examined.aside.map((name): Finding => ({
      level: 'warning',
      subject: 'vault',
      message: `A damaged vault is kept as ${name}.`,
      mend: 'Delete it once every account works again.',
    })),
  ].toSorted((a, b) => order.indexOf(a.level) - order.indexOf(b.level))
}

function protection({ protection: kind, locked, keyring }: Examined): readonly Finding[] {
  if (kind === 'key-file')
    return [
      {
        level: 'warning',
        subject: 'protection',
        message: 'The key of the vault lies in a file beside it: whoever reads this disk reads the vault.',
        mend: keyring
          ? 'A new vault can use the keyring, which answers here.'
          : 'A new vault can use a passphrase: valetkey daemon --passphrase.',
      },
    ]
  if (locked)
    return [{ level: 'warning', subject: 'protection', message: 'The vault is locked.', mend: 'valetkey unlock' }]
  return [{ level: 'ok', subject: 'protection', message: `The key of the vault is kept by: ${kind ?? 'nothing'}.` }]
}

function records({ found, locked }: Examined): readonly Finding[] {
  const subject = 'records'
  if (!found) return [{ level: 'error', subject, message: 'The vault could not be read through.' }]
  if (found.structure !== undefined)
    return [{ level: 'error', subject, message: 'The vault file is damaged.', mend: 'Restart Valetkey to restore it.' }]
  if (locked)
    return [{ level: 'ok', subject, message: 'The file is whole; its records are checked when it is unlocked.' }]
  const answer: Finding[] = []
  for (const id of found.unreadable)
    answer.push({
      level: 'error',
      subject,
      message: `The sign-in of account ${id} cannot be read.`,
      mend: `Sign it in again: valetkey link PROVIDER --account ${id}`,
    })
  for (const id of found.fallen_back)
    answer.push({
      level: 'warning',
      subject,
      message: `The newest sign-in of account ${id} cannot be read; the one before it is used.`,
    })
  if (found.tally !== 'matches')
    answer.push({ level: 'error', subject, message: 'A record was removed or replaced by an older one.' })
  if (answer.length === 0)
    answer.push({ level: 'ok', subject, message: `${String(found.accounts)} sign-ins, all of them verify.` })
  return answer
}

function backups({ backups: count, newest_backup, backup_failure }: Examined): readonly Finding[] {
  const subject = 'backups'
  if (backup_failure !== undefined)
    return [
      { level: 'warning', subject, message: 'The last backup could not be taken.', mend: 'Make room on the disk.' },
    ]
  if (newest_backup === undefined)
    return [{ level: 'ok', subject, message: 'No backup yet; the first is taken shortly after the first sign-in.' }]
  const date = new Date(newest_backup).toISOString().slice(0, 16).replace('T', ' ')
  return [{ level: 'ok', subject, message: `${String(count)} kept, the newest of ${date} UTC.` }]
}

function disk({ free }: Examined): readonly Finding[] {
  if (free >= LEAST_FREE) return []
  const message = `The disk of the vault has ${String(Math.floor(free / 1024))} KiB left.`
  return [{ level: 'warning', subject: 'disk', message, mend: 'Make room.' }]
}
