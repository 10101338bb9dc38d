/** The rolling set of backups, and when one is taken. */
import { statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkBackup, listBackups, superfluous } from '../../../main/vault/backups.ts'
import { ManualClock } from '../../fakes/broker-ports.ts'
import { account, material, offer } from './material.ts'
import { createHome, until } from './rig.ts'

const DAY = 86_400_000

describe('the rolling set', () => {
  it('keeps the newest of each day, for three days', () => {
    const at = (day: number, hour: number): { path: string; taken_at: number } => ({
      path: `${String(day)}/${String(hour)}`,
      taken_at: 20_000 * DAY + day * DAY + hour * 3_600_000,
    })
    const all = [at(9, 20), at(9, 8), at(7, 1), at(3, 23), at(3, 1), at(2, 5)]
    expect(superfluous(all).map(({ path }) => path)).toEqual(['9/8', '3/1', '2/5'])
    expect(superfluous([])).toEqual([])
  })
})

describe('a backup', () => {
  it('is taken once there is something to keep, is 0600, and opens as a vault of its own', async () => {
    const home = createHome()
    const vault = await home.open()
    await vault.tend()
    await vault.link(account('a'), material('rt-1'))
    await vault.tend()
    const [backup, ...others] = listBackups(home.paths.backups)
    if (!backup) throw new Error('no backup')
    expect(others).toEqual([])
    expect(statSync(backup.path).mode & 0o777).toBe(0o600)
    checkBackup(backup.path)
    await vault.tend()
    expect(listBackups(home.paths.backups)).toEqual([backup])
  })

  it('follows a link or unlink by half a minute, and the last one by a day', async () => {
    const clock = new ManualClock()
    const home = createHome()
    const vault = await home.open({ clock })
    const newest = (): number => listBackups(home.paths.backups)[0]?.taken_at ?? 0
    await vault.link(account('a'), material('rt-1'))
    await clock.pass(20_000)
    await vault.link(account('b'), material('rt-2'))
    await clock.pass(20_000)
    expect(newest()).toBe(0)
    await clock.pass(15_000)
    await until('a backup after the debounce', () => newest() > 0)
    const first = newest()
    await vault.tend()
    await clock.pass(DAY)
    await until('a backup after a day', () => newest() >= first + DAY)
  })

  it('is still due after a restart when the process ended before it', async () => {
    const home = createHome()
    const first = await home.open()
    await first.link(account('a'), material('rt-1'))
    await first.tend()
    await first.link(account('b'), material('rt-2'))
    first.close()
    const count = listBackups(home.paths.backups)[0]?.taken_at ?? 0
    const second = await home.open()
    await second.tend()
    expect(listBackups(home.paths.backups)[0]?.taken_at).toBeGreaterThan(count)
  })

  it('is not taken of a vault with a record that does not verify, and what is unfinished is swept', async () => {
    const home = createHome()
    const vault = await home.open()
    await vault.link(account('a'), material('rt-1'))
    writeFileSync(join(home.paths.backups, 'vault-2026-01-01T00-00-00-000Z.db.tmp'), 'half')
    await vault.tend()
    const [before] = listBackups(home.paths.backups)
    vault.close()
    const { DatabaseSync } = await import('node:sqlite')
    const db = new DatabaseSync(home.paths.vault)
    db.exec('UPDATE generations SET sealed = zeroblob(60); UPDATE vault SET backup_due = 1')
    db.close()
    const again = await home.open()
    await again.tend()
    expect(listBackups(home.paths.backups)).toEqual([before])
    expect(await offer(again, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
    expect(home.logged).toContain('vault.unreadable')
  })
})
