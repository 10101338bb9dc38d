/** The chain through the record of what happened: whoever changes the file shows. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { ActivityVerdict } from '../../../main/contract/model.ts'
import { openActivity, type SqliteActivity } from '../../../main/vault/activity.ts'
import { ManualClock } from '../../fakes/broker-ports.ts'
import { temporaryFolder } from './rig.ts'

const DAY = 86_400
const clock = new ManualClock()
const now = Math.floor(clock.now() / 1000)

function open(path: string): SqliteActivity {
  const activity = openActivity({ path, clock, log: () => undefined })
  onTestFinished(() => {
    activity.close()
  })
  return activity
}

/** A record of `count` rows, written in groups of 100 that say different things. */
async function written(count: number, at = now - DAY): Promise<string> {
  const path = join(temporaryFolder(), 'activity.db')
  const activity = open(path)
  for (let n = 1; n <= count; n++) {
    activity.append({ at: at + n, action: 'token', outcome: 'ok', client_id: `c${String(n % 3)}`, took_ms: n })
    if (n % 100 === 0) await activity.list({ limit: 1 })
  }
  activity.close()
  return path
}

/** What it says of itself; `verify` gives others their turn, which is the clock's to give here. */
async function verdictOf(path: string, expected?: string): Promise<ActivityVerdict> {
  const activity = open(path)
  const verdicts: ActivityVerdict[] = []
  const done = activity.verify(expected).then((value) => verdicts.push(value))
  for (let turn = 0; turn < 100 && verdicts.length === 0; turn++) await clock.pass(0)
  await done
  activity.close()
  const [verdict] = verdicts
  if (!verdict) throw new Error('no verdict')
  return verdict
}

function tamper(path: string, sql: string): void {
  const db = new DatabaseSync(path)
  db.exec(sql)
  db.close()
}

describe('the chain', () => {
  it('holds over rows as they were written, across restarts, and says since when', async () => {
    const path = await written(1234)
    const first = await verdictOf(path)
    expect(first).toEqual({
      intact: true,
      rows: 1234,
      since: now - DAY + 1,
      head: expect.stringMatching(/^[\da-f]{64}$/u) as string,
    })
    const again = open(path)
    again.append({ at: now, action: 'lock', outcome: 'ok' })
    again.close()
    const second = await verdictOf(path, first.head)
    expect(second).toMatchObject({ intact: true, rows: 1235, passes_expected: true })
    expect(second.head).not.toBe(first.head)
  })

  it('holds over more links than are read at once, and over one row at a time', async () => {
    expect(await verdictOf(await written(256 * 40))).toMatchObject({ intact: true, rows: 256 * 40 })
    const path = join(temporaryFolder(), 'activity.db')
    const activity = open(path)
    for (let n = 0; n < 600; n++) {
      activity.append({ at: now, action: 'token', outcome: 'ok' })
      await activity.list({ limit: 1 })
    }
    activity.close()
    expect(await verdictOf(path)).toMatchObject({ intact: true, rows: 600 })
  })

  const changes: readonly (readonly [what: string, sql: string])[] = [
    ['a row’s time', 'UPDATE activity SET at = at - 60 WHERE id = 700'],
    ['how long it took', 'UPDATE activity SET took_ms = 1 WHERE id = 700'],
    ['whose row it is', 'UPDATE activity SET matter = (SELECT matter FROM activity WHERE id = 701) WHERE id = 700'],
    ['what it says, beside its text', "UPDATE matter SET client_id = 'somebody'"],
    [
      'its text too',
      `UPDATE matter SET client_id = 'x', said = json_array('token', 'ok', 'x', NULL, NULL, NULL) WHERE client_id = 'c1'`,
    ],
    ['a row taken out', 'DELETE FROM activity WHERE id = 700'],
    [
      'a link taken out with its rows',
      'DELETE FROM activity WHERE id BETWEEN 201 AND 400; DELETE FROM link WHERE first = 201',
    ],
    ['the newest rows taken out', 'DELETE FROM activity WHERE id > 600; DELETE FROM link WHERE last > 600'],
    ['the last row taken out', 'DELETE FROM activity WHERE id = 1000'],
    ['a row added', 'INSERT INTO activity (at, matter) SELECT at, matter FROM activity WHERE id = 1'],
    ['a row put before all', 'INSERT INTO activity (id, at, matter) SELECT -5, at, matter FROM activity WHERE id = 1'],
    [
      'two rows exchanged',
      'UPDATE activity SET at = CASE id WHEN 10 THEN (SELECT at FROM activity WHERE id = 11) ELSE (SELECT at FROM activity WHERE id = 10) END WHERE id IN (10, 11)',
    ],
    [
      'a link said to be old, its rows gone',
      'DELETE FROM activity WHERE id BETWEEN 201 AND 400; UPDATE link SET newest = 5 WHERE first = 201',
    ],
  ]
  it.each(changes)('shows %s', async (_what, sql) => {
    const path = await written(1000)
    tamper(path, sql)
    const verdict = await verdictOf(path)
    expect(verdict.intact).toBe(false)
    expect(verdict.problem?.what).toMatch(/\w/u)
  })

  it('made anew whole, it no longer passes through a head that was noted', async () => {
    const path = await written(1000)
    const { head } = await verdictOf(path)
    const other = await written(1000, now - 2 * DAY)
    writeFileSync(path, readFileSync(other))
    expect(await verdictOf(path, head)).toMatchObject({ intact: true, passes_expected: false })
    expect(await verdictOf(path, 'ab'.repeat(32))).toMatchObject({ passes_expected: false })
  })

  it('lets what is too old go, and nothing else', async () => {
    const path = await written(2000, now - 40 * DAY)
    const activity = open(path)
    activity.append({ at: now, action: 'lock', outcome: 'ok' })
    activity.close()
    const second = open(path)
    second.retain(30)
    for (let turn = 0; turn < 5; turn++) await clock.pass(100)
    expect((await second.list({ limit: 1000 })).at(-1)?.id).toBeGreaterThan(1700)
    second.append({ at: now, action: 'unlock', outcome: 'ok' })
    second.close()
    expect(await verdictOf(path)).toMatchObject({ intact: true })
  })

  it('is no worse for keeping rows longer than before', async () => {
    const path = await written(600, now - 40 * DAY)
    const activity = open(path)
    activity.retain(30)
    for (let turn = 0; turn < 5; turn++) await clock.pass(100)
    activity.retain(365)
    const verdicts: ActivityVerdict[] = []
    const done = activity.verify().then((value) => verdicts.push(value))
    for (let turn = 0; turn < 10 && verdicts.length === 0; turn++) await clock.pass(0)
    await done
    expect(verdicts).toMatchObject([{ intact: true, rows: 0 }])
  })

  it('is given to a record of which nothing is left', async () => {
    const path = await written(100)
    tamper(path, 'DROP TABLE link; DELETE FROM activity; PRAGMA user_version = 2')
    expect(await verdictOf(path)).toMatchObject({ intact: true, rows: 0 })
    const activity = open(path)
    activity.append({ at: now, action: 'lock', outcome: 'ok' })
    activity.close()
    expect(await verdictOf(path)).toMatchObject({ intact: true, rows: 1 })
  })

  it('begins anew behind rows that are all forgotten', async () => {
    const path = await written(200, now - 40 * DAY)
    const activity = open(path)
    activity.retain(30)
    await clock.pass(100)
    expect(await activity.list({ limit: 10 })).toEqual([])
    activity.append({ at: now, action: 'lock', outcome: 'ok' })
    activity.close()
    expect(await verdictOf(path)).toMatchObject({ intact: true, rows: 1, since: now })
    const again = open(path)
    again.append({ at: now + 1, action: 'unlock', outcome: 'ok' })
    again.close()
    expect(await verdictOf(path)).toMatchObject({ intact: true, rows: 2 })
  })

  it('is given to a record that was kept without one, and what fails to be written leaves no trace', async () => {
    const path = await written(1000)
    tamper(path, 'DROP TABLE link; DELETE FROM activity WHERE id BETWEEN 300 AND 310; PRAGMA user_version = 2')
    expect(await verdictOf(path)).toMatchObject({ intact: true, rows: 989 })
    const activity = open(path)
    tamper(path, "CREATE TRIGGER full BEFORE INSERT ON activity BEGIN SELECT RAISE(ABORT, 'full'); END")
    activity.append({ at: now, action: 'lock', outcome: 'ok' })
    await clock.pass(100)
    tamper(path, 'DROP TRIGGER full')
    await clock.pass(5000)
    activity.close()
    expect(await verdictOf(path)).toMatchObject({ intact: true, rows: 990 })
  })
})
