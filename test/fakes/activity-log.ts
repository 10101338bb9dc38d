/**
 * The record of what happened, in memory. The rule: rows are numbered and listed as the real one does
 * (main/vault/activity.ts); nothing is forgotten, and nobody can have changed anything.
 */
import type { ActivityLog } from '../../main/broker/ports.ts'
import type { ActivityEntry, ActivityVerdict } from '../../main/contract/model.ts'

export class MemoryActivity implements ActivityLog {
  readonly rows: Omit<ActivityEntry, 'id'>[] = []
  /** Days, as last told. */
  retained: number | undefined

  append(entry: Omit<ActivityEntry, 'id'>): void {
    this.rows.push(entry)
  }

  list({
    before = Number.MAX_SAFE_INTEGER,
    after = 0,
    limit,
  }: {
    before?: number
    after?: number
    limit: number
  }): Promise<readonly ActivityEntry[]> {
    const fitting = this.rows
      .map((row, index) => ({ ...row, id: index + 1 }))
      .filter(({ id }) => id < before && id > after)
    return Promise.resolve(fitting.toReversed().slice(0, limit))
  }

  retain(days: number): void {
    this.retained = days
  }

  verify(): Promise<ActivityVerdict> {
    return Promise.resolve({ intact: true, rows: this.rows.length, head: '' })
  }
}
