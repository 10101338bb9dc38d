/** What a self-examination says of each thing that can be wrong. */
import { describe, expect, it } from 'vitest'
import { findings, type Examined } from '../../../main/vault/findings.ts'

const fine: Examined = {
  notices: [],
  locked: false,
  protection: 'os-keyring',
  keyring: true,
  found: { accounts: 3, fallen_back: [], unreadable: [], tally: 'matches' },
  newest_backup: Date.UTC(2026, 10, 20, 8, 30),
  backups: 2,
  backup_failure: undefined,
  free: 1e9,
  aside: [],
}

const whole = fine.found
const levels = (changes: Partial<Examined>): readonly string[] =>
  findings({ ...fine, ...changes }).map(({ level, subject }) => `${level} ${subject}`)

describe('an examination', () => {
  it('that finds nothing says so of everything it looked at', () => {
    expect(findings(fine)).toEqual([
      { level: 'ok', subject: 'protection', message: 'The key of the vault is kept by: os-keyring.' },
      { level: 'ok', subject: 'records', message: '3 sign-ins, all of them verify.' },
      { level: 'ok', subject: 'backups', message: '2 kept, the newest of 2026-11-20 08:30 UTC.' },
    ])
  })

  it('says the worst first', () => {
    const changes = { protection: 'key-file', found: whole && { ...whole, unreadable: ['a'] }, free: 4096 } as const
    expect(levels(changes)).toEqual(['error records', 'warning protection', 'warning disk', 'ok backups'])
  })

  it('says what to do about each', () => {
    for (const changes of [
      { protection: 'key-file' },
      { protection: 'key-file', keyring: false },
      { locked: true },
      { found: whole && { ...whole, structure: 'row 1 missing from index' } },
      { found: whole && { ...whole, unreadable: ['a'] } },
      { backup_failure: 'ENOSPC' },
      { free: 1000 },
      { aside: ['vault.db.damaged-2026-11-20T08-30-00-000Z'] },
    ] satisfies readonly Partial<Examined>[])
      expect(findings({ ...fine, ...changes })[0]?.mend, JSON.stringify(changes)).toMatch(/\w/u)
  })

  it('names an account that fell back, a tally that differs, a vault that could not be read, and every notice', () => {
    expect(levels({ found: whole && { ...whole, fallen_back: ['a', 'b'] } }).slice(0, 2)).toEqual([
      'warning records',
      'warning records',
    ])
    expect(levels({ found: whole && { ...whole, tally: 'differs' } })[0]).toBe('error records')
    expect(levels({ found: undefined })[0]).toBe('error records')
    expect(findings({ ...fine, notices: ['Restored.'] })[0]).toMatchObject({ level: 'warning', message: 'Restored.' })
    expect(levels({ newest_backup: undefined, backups: 0 })).toContain('ok backups')
  })
})
