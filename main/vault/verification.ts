/**
 * Reading the whole vault and saying what is wrong with it. The rule: it changes nothing, it reads one consistent state
 * (its own connection, one transaction), and it steps aside for requests between two pages of accounts.
 */
import { openForReading } from './database.ts'
import { openGeneration, readTally } from './generations.ts'
import type { DataKey } from './seal.ts'
import { Store } from './store.ts'
import { EMPTY_TALLY, updateTally, type GenerationRow } from './tally.ts'

/** Accounts between two pauses. */
const PAGE = 100

export interface Verification {
  /** What SQLite finds wrong with the file. */
  readonly structure?: string
  readonly accounts: number
  /** Accounts whose newest generation does not verify but the one before does. */
  readonly fallen_back: readonly string[]
  /** Accounts with no generation that verifies. */
  readonly unreadable: readonly string[]
  /** Whether the records are those that were written, all of them and the latest. */
  readonly tally: 'matches' | 'differs' | 'missing'
}

/**
 * `key` `null`: the vault is locked, and only the file's structure is looked at. `still`: nobody writes it. `pause` is
 * awaited between two pages. Throws what SQLite throws.
 */
export async function verify(
  path: string,
  key: DataKey | null,
  still: boolean,
  pause: () => Promise<void>,
): Promise<Verification> {
  const db = openForReading(path, still)
  try {
    const store = new Store(db)
    db.exec('BEGIN')
    const structure = store.structuralProblem()
    if (structure !== undefined || !key)
      return {
        ...(structure !== undefined && { structure }),
        accounts: 0,
        fallen_back: [],
        unreadable: [],
        tally: 'matches',
      }
    const fallen_back: string[] = []
    const unreadable: string[] = []
    let sum = EMPTY_TALLY
    let accounts = 0
    for (let after = ''; ;) {
      const rows = store.generationsAfter(after, PAGE)
      sum = updateTally(key, sum, [], rows)
      for (const [id, generations] of byAccount(rows)) {
        after = id
        accounts++
        const first = generations.findIndex((row) => openGeneration(key, row) !== null)
        if (first < 0) unreadable.push(id)
        else if (first > 0) fallen_back.push(id)
      }
      if (rows.length === 0) break
      await pause()
    }
    const recorded = readTally(store, key)
    const tally = recorded === undefined ? 'missing' : recorded === sum ? 'matches' : 'differs'
    return { accounts, fallen_back, unreadable, tally }
  } finally {
    db.close()
  }
}

/** The tally over all there is now; inside the caller's transaction. */
export function computeTally(store: Store, key: DataKey): bigint {
  let sum = EMPTY_TALLY
  for (let after = ''; ;) {
    const rows = store.generationsAfter(after, PAGE)
    const last = rows.at(-1)
    if (!last) return sum
    sum = updateTally(key, sum, [], rows)
    after = last.account_id
  }
}

function byAccount(rows: readonly GenerationRow[]): ReadonlyMap<string, readonly GenerationRow[]> {
  return Map.groupBy(rows, (row) => row.account_id)
}
