/** The record of what happened. */
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import { join } from 'node:path'
import type { Clock } from '../../../main/broker/ports.ts'
import type { ActivityEntry } from '../../../main/contract/model.ts'
import { systemClock } from '../../../main/daemon/clock.ts'
import { openActivity, type SqliteActivity } from '../../../main/vault/activity.ts'
import { ManualClock } from '../../fakes/broker-ports.ts'
import { temporaryFolder } from './rig.ts'

const row = (n: number, changes: Partial<ActivityEntry> = {}): Omit<ActivityEntry, 'id'> => ({
  at: n,
  action: 'token',
  outcome: 'ok',
  client_id: 'c',
  account_id: 'a',
  scope: 's',
  took_ms: 1,
  ...changes,
})

function open(path: string, clock: Clock = systemClock, logged: string[] = []): SqliteActivity {
  const activity = openActivity({ path, clock, log: (_level, event) => void logged.push(event) })
  onTestFinished(() => {
    activity.close()
  })
  return activity
}

const times = (entries: readonly ActivityEntry[]): readonly number[] => entries.map(({ at }) => at)

describe('the activity', () => {
  it('is listed newest first, at once, and is there after a restart', async () => {
    const path = join(temporaryFolder(), 'activity.db')
    const first = open(path)
    first.append(row(1))
    first.append({ at: 2, action: 'lock', outcome: 'ok' })
    const listed = await first.list({ limit: 10 })
    expect(listed).toEqual([
      { id: 2, at: 2, action: 'lock', outcome: 'ok' },
      { id: 1, ...row(1) },
    ])
    first.append(row(3))
    first.close()
    expect(times(await open(path).list({ limit: 10 }))).toEqual([3, 2, 1])
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('pages back with `before`, and forward with `after` without skipping any', async () => {
    const activity = open(join(temporaryFolder(), 'activity.db'))
    for (let n = 1; n <= 10; n++) activity.append(row(n))
    expect(times(await activity.list({ limit: 3 }))).toEqual([10, 9, 8])
    expect(times(await activity.list({ before: 8, limit: 3 }))).toEqual([7, 6, 5])
    expect(times(await activity.list({ after: 4, limit: 3 }))).toEqual([7, 6, 5])
    expect(times(await activity.list({ after: 10, limit: 3 }))).toEqual([])
  })

  it('is written in groups: after a tenth of a second, or sooner when many wait', async () => {
    const path = join(temporaryFolder(), 'activity.db')
    const clock = new ManualClock()
    const activity = open(path, clock)
    const other = new DatabaseSync(path, { readOnly: true })
    const written = (): unknown => other.prepare('SELECT count(*) AS n FROM activity').get()?.['n']
    activity.append(row(1))
    expect(written()).toBe(0)
    await clock.pass(100)
    expect(written()).toBe(1)
    for (let n = 0; n < 1100; n++) activity.append(row(n))
    await clock.pass(0)
    expect(written()).toBe(1101)
    other.close()
  })

  it('forgets what is older than its retention, in batches', async () => {
    const path = join(temporaryFolder(), 'activity.db')
    const now = Math.floor(new ManualClock().now() / 1000)
    const first = open(path)
    // Rows are forgotten a link of the chain at a time; these fill theirs.
    for (let n = 0; n < 20 * 256; n++) first.append(row(now - 31 * 86_400))
    first.append(row(now - 29 * 86_400))
    first.close()
    const clock = new ManualClock()
    const second = open(path, clock)
    await clock.pass(1000)
    expect(await second.list({ limit: 10_000 })).toHaveLength(20 * 256 + 1)
    second.retain(30)
    await clock.pass(1000)
    expect(times(await second.list({ limit: 10 }))).toEqual([now - 29 * 86_400])
  })

  it('forgets what is behind rows of a clock that was once ahead', async () => {
    const path = join(temporaryFolder(), 'activity.db')
    const now = Math.floor(new ManualClock().now() / 1000)
    const first = open(path)
    for (let n = 0; n < 10 * 256; n++) first.append(row(now + 86_400))
    for (let n = 0; n < 10 * 256; n++) first.append(row(now - 31 * 86_400))
    first.append(row(now - 86_400))
    first.close()
    const clock = new ManualClock()
    const second = open(path, clock)
    second.retain(30)
    for (let n = 0; n < 6; n++) await clock.pass(100)
    expect(times(await second.list({ limit: 1 }))).toEqual([now - 86_400])
    expect(await second.list({ limit: 10_000 })).toHaveLength(10 * 256 + 1)
  })

  it('says of a row what was said of it, also when it could not be written at first', async () => {
    const path = join(temporaryFolder(), 'activity.db')
    const clock = new ManualClock()
    const activity = open(path, clock)
    for (let n = 0; n < 4096; n++) activity.append(row(n, { detail: `text ${String(n)}` }))
    await activity.list({ limit: 1 })
    const other = new DatabaseSync(path)
    other.exec("CREATE TRIGGER full BEFORE INSERT ON activity BEGIN SELECT RAISE(ABORT, 'full'); END")
    activity.append(row(5000, { client_id: 'alice' }))
    await clock.pass(100)
    other.exec('DROP TRIGGER full')
    other.close()
    await clock.pass(5000)
    activity.append(row(5001, { client_id: 'bob', outcome: 'access_denied' }))
    expect((await activity.list({ limit: 2 })).map(({ client_id, outcome }) => [client_id, outcome])).toEqual([
      ['bob', 'access_denied'],
      ['alice', 'ok'],
    ])
  })

  it('begins anew, keeping the old file, when it is damaged; and says so', async () => {
    const folder = temporaryFolder()
    const path = join(folder, 'activity.db')
    writeFileSync(path, 'this is no database, and it is long enough to look like one to somebody in a hurry'.repeat(20))
    const logged: string[] = []
    const activity = open(path, systemClock, logged)
    activity.append(row(1))
    expect(times(await activity.list({ limit: 10 }))).toEqual([1])
    expect(logged).toContain('activity.damaged')
    expect(readdirSync(folder).filter((name) => name.startsWith('activity.db.damaged-'))).toHaveLength(1)
  })

  it('keeps rows in memory while the disk takes none, the newest ten thousand, and writes them when it does', async () => {
    const path = join(temporaryFolder(), 'activity.db')
    const clock = new ManualClock()
    const logged: string[] = []
    const activity = open(path, clock, logged)
    // The first look for old rows is over.
    await clock.pass(100)
    const other = new DatabaseSync(path)
    other.exec('BEGIN IMMEDIATE')
    activity.append(row(0))
    await clock.pass(100)
    expect(logged).toEqual(['activity.unsaved'])
    for (let n = 1; n <= 12_000; n++) activity.append(row(n))
    other.exec('ROLLBACK')
    other.close()
    await clock.pass(5000)
    const [newest] = await activity.list({ limit: 1 })
    expect(newest).toMatchObject({ id: 10_000, at: 12_000 })
    expect(logged).toEqual(['activity.unsaved', 'activity.dropped'])
  })

  it('never throws, not even where there can be no file', async () => {
    const activity = open(join(temporaryFolder(), 'missing', 'activity.db'))
    activity.append(row(1))
    expect(await activity.list({ limit: 1 })).toEqual([])
    activity.close()
    expect(() => {
      activity.append(row(2))
    }).not.toThrow()
  })
})
