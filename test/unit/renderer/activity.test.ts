/** Rows of the activity: how they are counted, narrowed and written to a file. */
import { describe, expect, it } from 'vitest'
import type { ActivityAction, ActivityEntry } from '../../../main/contract/model.ts'
import { choicesOf, everything, fits, toJson, who } from '../../../renderer/activity-filter.ts'
import { busiest, countByHour, total } from '../../../renderer/hours.ts'
import { actionWords, outcomeWords } from '../../../renderer/activity-terms.ts'

const row = (more: Partial<ActivityEntry> = {}): ActivityEntry => ({
  id: 1,
  at: 1_800_000_000,
  action: 'token',
  outcome: 'ok',
  client_id: 'c',
  ...more,
})
const people = {
  clients: [{ id: 'c', name: 'deploy-cli', kind: 'cli' as const, paired_at: 0 }],
  accounts: [],
  version: '0.1.0',
}

describe('countByHour', () => {
  const now = 1_800_000_000
  const start = Math.floor(new Date(now * 1000).setMinutes(0, 0, 0) / 1000)

  it('has 24 hours, of which the last is the one that runs', () => {
    const hours = countByHour([], now)
    expect(hours).toHaveLength(24)
    expect(hours.at(-1)?.start).toBe(start)
    expect(hours[0]?.start).toBe(start - 23 * 3600)
    expect(busiest(hours)).toBeUndefined()
  })

  it('counts what apps asked for, at the edges too, and nothing else', () => {
    const hours = countByHour(
      [
        row({ at: start }),
        row({ at: start - 1, outcome: 'access_denied' }),
        row({ at: start - 23 * 3600, action: 'invalidate' }),
        row({ at: start - 23 * 3600 - 1 }),
        row({ at: start + 3600 }),
        row({ at: now, action: 'approve', outcome: 'once' }),
        { id: 9, at: now, action: 'refresh', outcome: 'refreshed' },
      ],
      now,
    )
    expect(hours.at(-1)).toEqual({ start, allowed: 1, refused: 0 })
    expect(hours.at(-2)).toEqual({ start: start - 3600, allowed: 0, refused: 1 })
    expect(hours[0]).toMatchObject({ allowed: 1, refused: 0 })
    expect(hours.reduce((sum, hour) => sum + total(hour), 0)).toBe(3)
  })
})

describe('who', () => {
  it('tells apps, the person and the broker apart', () => {
    expect(who(row())).toBe('c')
    const { client_id: _, ...own } = row({ action: 'lock' })
    expect(who(own)).toBe('you')
    expect(who({ ...own, action: 'refresh' })).toBe('valetkey')
  })
})

describe('fits', () => {
  it('lets through what has everything that was chosen', () => {
    const entry = row({ account_id: 'a', outcome: 'login_required' })
    expect(fits(entry, everything)).toBe(true)
    expect(fits(entry, { app: 'c', account: 'a', result: 'Needs sign-in' })).toBe(true)
    for (const other of [{ app: 'you' }, { account: 'b' }, { result: 'Allowed' }])
      expect(fits(entry, { ...everything, ...other }), JSON.stringify(other)).toBe(false)
  })
})

describe('choicesOf', () => {
  it('offers what there is once, by name, and keeps what was chosen', () => {
    const { client_id: _, ...own } = row({ action: 'lock', outcome: 'paused' })
    const choices = choicesOf([row(), row(), own], people, { ...everything, account: 'gone' })
    expect(choices.apps).toEqual([
      { value: 'c', label: 'deploy-cli' },
      { value: 'you', label: 'You' },
    ])
    expect(choices.accounts).toEqual([{ value: 'gone', label: 'removed account' }])
    expect(choices.results.map(({ label }) => label)).toEqual(['Allowed', 'Paused'])
  })

  it('shortens and shows what strangers wrote', () => {
    const [choice] = choicesOf([row({ outcome: `\u202E${'x'.repeat(10_000)}` })], people, everything).results
    expect(choice?.label.startsWith('\uFFFDx')).toBe(true)
    expect(choice?.label.length).toBeLessThan(300)
  })
})

describe('toJson', () => {
  it('has the rows with the names that are known', () => {
    const file = JSON.parse(toJson([row({ account_id: 'a', scope: 'mail', took_ms: 3 })], people, 0)) as unknown
    expect(file).toEqual({
      exported_at: '1970-01-01T00:00:00.000Z',
      valetkey: '0.1.0',
      rows: [
        {
          time: '2027-01-15T08:00:00.000Z',
          client_id: 'c',
          client: 'deploy-cli',
          account_id: 'a',
          account: 'removed account',
          id: 1,
          action: 'token',
          outcome: 'ok',
          scope: 'mail',
          took_ms: 3,
        },
      ],
    })
  })
})

describe('words of a row', () => {
  /** As main/broker writes them (its `note` calls, the kinds of RefreshOutcome and of UnlinkReport). */
  const written: readonly (readonly [ActivityAction, readonly string[]])[] = [
    ['token', ['ok', 'consent_required', 'access_denied', 'login_required', 'timeout', 'temporarily_unavailable']],
    ['invalidate', ['ok', 'slow_down']],
    ['proxy', ['ok', 'gone', 'consent_required', 'access_denied', 'provider_error', 'timeout']],
    [
      'refresh',
      [
        ...['refreshed', 'unsaved', 'offline', 'ambiguous', 'transient', 'throttled', 'final', 'client-configuration'],
        ...['request-refused', 'interaction-needed'],
      ],
    ],
    ['link', ['linked', 'renewed']],
    ['unlink', ['revoked', 'kept', 'unsupported', 'failed']],
    ['approve', ['once', '1h', '8h', 'until-locked', 'always', 'denied']],
    ['revoke', ['client', 'consent', 'choice', 'session']],
    ['pair', ['approved', 'denied', 'expired', 'session']],
    ['lock', ['ok', 'paused']],
    ['unlock', ['ok', 'refused', 'resumed']],
  ]
  it('has words for every outcome the broker writes', () => {
    for (const [action, outcomes] of written)
      for (const outcome of outcomes) {
        const { words } = outcomeWords({ action, outcome })
        expect(words, `${action} ${outcome}`).not.toBe(outcome)
        expect(words).toMatch(/^[A-Z]/u)
        expect(actionWords({ action, outcome })).toMatch(/^[A-Z]/u)
      }
  })

  it('does not call pausing locking', () => {
    expect(actionWords({ action: 'lock', outcome: 'paused' })).toBe(
      actionWords({ action: 'unlock', outcome: 'resumed' }),
    )
    expect(actionWords({ action: 'lock', outcome: 'paused' })).not.toBe(actionWords({ action: 'lock', outcome: 'ok' }))
  })
})
