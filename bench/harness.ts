/**
 * How figures are taken and compared. The rule: two things are compared only when they took turns in this run, on this
 * machine, after a warm-up; a ratio is the median of the ratios within each turn, so that what the machine does meanwhile
 * falls on both; and no figure is ever compared with a number somebody wrote down elsewhere.
 */

/** What is promised: of the ratio to the baseline, or, where size and not time is promised, of our own figure. */
export interface Target {
  readonly of: 'ratio' | 'figure'
  readonly bound: 'at most' | 'at least' | 'exactly'
  readonly value: number
}

/** One side of a comparison: what it is, and one value per repetition. */
export interface Side {
  readonly name: string
  readonly samples: readonly number[]
}

export type Unit = 'ms' | 'requests/s' | 'MB' | 'requests'

export interface Figure {
  readonly name: string
  readonly median: number
  readonly p95: number
  readonly repetitions: number
}

export type Verdict = 'met' | 'missed' | 'no target'

export interface Row {
  /** What `--only` calls the group this row belongs to. */
  readonly group: string
  readonly name: string
  readonly unit: Unit
  readonly ours: Figure
  readonly baseline: Figure
  readonly ratio: number
  readonly target: Target | null
  readonly verdict: Verdict
  /** What the reader has to know to take the row for what it is. */
  readonly note?: string
}

/** What a group answers that has nothing to measure on this machine. */
export interface NotMeasured {
  readonly because: string
}

export const atMost = (value: number): Target => ({ of: 'ratio', bound: 'at most', value })
export const atLeast = (value: number): Target => ({ of: 'ratio', bound: 'at least', value })
export const exactly = (value: number): Target => ({ of: 'ratio', bound: 'exactly', value })
export const figureAtMost = (value: number): Target => ({ of: 'figure', bound: 'at most', value })

/** The value below which the `share` (0 to 1) of the samples lies, between neighbours by proportion. `NaN` of none. */
function quantile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const position = (sorted.length - 1) * share
  const low = sorted[Math.floor(position)] ?? Number.NaN
  const high = sorted[Math.ceil(position)] ?? Number.NaN
  return low + (high - low) * (position - Math.floor(position))
}

export const median = (samples: readonly number[]): number => quantile(samples, 0.5)

const figure = ({ name, samples }: Side): Figure => ({
  name,
  median: median(samples),
  p95: quantile(samples, 0.95),
  repetitions: samples.length,
})

/** Ours against the baseline, turn by turn where both took as many turns, else median against median. */
function ratioOf(ours: readonly number[], baseline: readonly number[]): number {
  if (ours.length !== baseline.length) return median(ours) / median(baseline)
  return median(ours.map((value, turn) => value / (baseline[turn] ?? Number.NaN)))
}

export interface Comparison {
  readonly group: string
  readonly name: string
  readonly unit: Unit
  readonly ours: readonly number[]
  readonly baseline: Side
  readonly target: Target | null
  readonly note?: string
}

/** A row with its verdict. Throws when a side has no figures, because an empty comparison must not pass for a met one. */
export function compare({ group, name, unit, ours, baseline, target, note }: Comparison): Row {
  const ratio = ratioOf(ours, baseline.samples)
  if (!Number.isFinite(ratio)) throw new Error(`${group}: ${name} has nothing to compare`)
  const measured = figure({ name: 'Valetkey', samples: ours })
  return {
    group,
    name,
    unit,
    ours: measured,
    baseline: figure(baseline),
    ratio,
    target,
    verdict: target === null ? 'no target' : verdictOf(target.of === 'ratio' ? ratio : measured.median, target),
    ...(note !== undefined && { note }),
  }
}

function verdictOf(measured: number, { bound, value }: Target): Verdict {
  const met = {
    'at most': measured <= value,
    'at least': measured >= value,
    exactly: measured === value,
  }[bound]
  return met ? 'met' : 'missed'
}

/** Lets the sides take turns, A B A B, `rounds` times after `warmUp` unmeasured ones; one value per side and round. */
export async function interleave<Name extends string, T>(
  rounds: number,
  warmUp: number,
  sides: Readonly<Record<Name, () => Promise<T> | T>>,
): Promise<Readonly<Record<Name, readonly T[]>>> {
  const names = Object.keys(sides) as Name[]
  const taken = Object.fromEntries(names.map((name) => [name, [] as T[]])) as Record<Name, T[]>
  for (let round = -warmUp; round < rounds; round++)
    for (const name of names) {
      const value = await sides[name]()
      if (round >= 0) taken[name].push(value)
    }
  return taken
}
