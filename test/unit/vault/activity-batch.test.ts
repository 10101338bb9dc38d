/** Rows that wait. */
import { describe, expect, it } from 'vitest'
import { Batch, type Unnumbered, UNTIMED } from '../../../main/vault/activity-batch.ts'

const row = (at: number, detail: string): Unnumbered => ({ at, action: 'token', outcome: 'ok', detail })

/** The rows as they were pushed. */
function rowsOf({ numbers, said }: Batch): readonly Unnumbered[] {
  return Array.from({ length: numbers.length / 3 }, (_, n) => {
    const [at = 0, place = 0, took = UNTIMED] = numbers.slice(n * 3, n * 3 + 3)
    return { ...said[place], at, took_ms: took === UNTIMED ? undefined : took } as Unnumbered
  })
}

describe('a batch', () => {
  it('gives back what was pushed, in its order, and says the same only once', () => {
    const batch = new Batch()
    const rows = [row(1, 'a'), row(2, 'b'), { ...row(3, 'a'), took_ms: 7 }, row(4, 'b')]
    for (const entry of rows) batch.push(entry)
    expect(rowsOf(batch).map(({ at, detail, took_ms }) => [at, detail, took_ms])).toEqual([
      [1, 'a', undefined],
      [2, 'b', undefined],
      [3, 'a', 7],
      [4, 'b', undefined],
    ])
    expect(batch.said).toHaveLength(2)
  })

  it('keeps no text of rows that were dropped, however long the disk takes none', () => {
    const batch = new Batch()
    for (let n = 0; n < 50_000; n++) {
      batch.push(row(n, `text ${String(n)}`))
      if (batch.size > 100) batch.drop()
    }
    expect(batch.size).toBe(100)
    expect(rowsOf(batch).map(({ at, detail }) => [at, detail])).toEqual(
      Array.from({ length: 100 }, (_, n) => [49_900 + n, `text ${String(49_900 + n)}`]),
    )
    expect(batch.said.length).toBeLessThan(1200)
  })
})
