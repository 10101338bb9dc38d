/**
 * Rows of activity that wait to be written. The rule: a row in here is three numbers and no object of its own, so that
 * gathering thousands of them leaves the garbage collector nothing to carry along.
 */
import type { ActivityEntry } from '../contract/model.ts'

export type Unnumbered = Omit<ActivityEntry, 'id'>
/** What a row says, without when and how long. */
export type Said = Omit<Unnumbered, 'at' | 'took_ms'>

/** In the place of `took_ms` where there is none. */
export const UNTIMED = -1
/** Texts looked through for the one a row says; more of them are simply kept twice. */
const LOOKED_AT = 8
/** Dropped rows after which their room is given back, and that of what only they said. */
const MANY = 1000

export class Batch {
  #said: Said[] = []
  #numbers: number[] = []
  #dropped = 0

  get size(): number {
    return this.#numbers.length / 3 - this.#dropped
  }

  /** What the rows say; some of it may be said by dropped ones only. */
  get said(): readonly Said[] {
    return this.#said
  }

  /** For each row the second, the place of its text in `said`, and its milliseconds or `UNTIMED`. */
  get numbers(): readonly number[] {
    return this.#dropped === 0 ? this.#numbers : this.#numbers.slice(this.#dropped * 3)
  }

  push(entry: Unnumbered): void {
    const { at, took_ms } = entry
    this.#numbers.push(Math.floor(at), this.#placeOf(entry), took_ms === undefined ? UNTIMED : Math.round(took_ms))
  }

  /** Lets go of the oldest row. */
  drop(): void {
    if (++this.#dropped < MANY) return
    const kept = this.#numbers.slice(this.#dropped * 3)
    const said = this.#said
    this.#numbers = []
    this.#said = []
    this.#dropped = 0
    const places = new Map<number, number>()
    for (let i = 0; i < kept.length; i += 3) {
      const [at = 0, old = 0, took = UNTIMED] = kept.slice(i, i + 3)
      const place = places.get(old) ?? this.#said.push(said[old] as Said) - 1
      places.set(old, place)
      this.#numbers.push(at, place, took)
    }
  }

  #placeOf(entry: Unnumbered): number {
    const said = this.#said
    for (let i = said.length - 1; i >= 0 && i >= said.length - LOOKED_AT; i--)
      if (saysTheSame(said[i] as Said, entry)) return i
    return said.push(entry) - 1
  }
}

function saysTheSame(one: Said, other: Said): boolean {
  return (
    one.client_id === other.client_id &&
    one.account_id === other.account_id &&
    one.action === other.action &&
    one.outcome === other.outcome &&
    one.scope === other.scope &&
    one.detail === other.detail
  )
}
