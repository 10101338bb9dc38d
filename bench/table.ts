/**
 * The printed table. The rule: a figure never stands alone; on its line are its baseline, the ratio, the target and the
 * verdict.
 */
import type { Figure, Row, Target, Unit } from './harness.ts'

const columns = [66, 19, 50, 9, 10, 9] as const

/** The lines above the rows. */
export function heading(): string {
  const names = ['what', 'Valetkey (p95)', 'baseline (p95)', 'ratio', 'target', 'verdict']
  return `${line(names)}\n${'-'.repeat(columns.reduce((sum, width) => sum + width, 0) + columns.length - 1)}`
}

/** One row, with its note below it. */
export function format(row: Row): string {
  const { name, unit, ours, baseline, ratio, target, verdict, note } = row
  const cells = [
    name,
    value(ours, unit),
    `${value(baseline, unit)} ${baseline.name}`,
    `${digits(ratio)} x`,
    target === null ? '-' : promise(target, unit),
    verdict,
  ]
  return note === undefined ? line(cells) : `${line(cells)}\n    ${note}`
}

/** The last line: how many targets were met, and by name those that were not. */
export function summary(rows: readonly Row[]): string {
  const missed = rows.filter(({ verdict }) => verdict === 'missed')
  const count = (verdict: Row['verdict']): string => String(rows.filter((row) => row.verdict === verdict).length)
  const names = missed.map(({ group, name, unit, ratio, target }) => {
    return `  missed  ${group}: ${name} (${digits(ratio)} x, target ${target === null ? '' : promise(target, unit)})`
  })
  return [...names, `${count('met')} met, ${count('missed')} missed, ${count('no target')} without a target`].join('\n')
}

function line(cells: readonly string[]): string {
  return cells
    .map((cell, column) => cell.padEnd(columns[column] ?? 0))
    .join(' ')
    .trimEnd()
}

const signs = { 'at most': '<=', 'at least': '>=', exactly: '=' } as const
const promise = ({ of, bound, value: limit }: Target, unit: Unit): string =>
  `${signs[bound]} ${digits(limit)} ${of === 'ratio' ? 'x' : unit}`

function value({ median, p95 }: Figure, unit: Unit): string {
  switch (unit) {
    case 'ms':
      return `${time(median)} (${time(p95)})`
    case 'requests/s':
      return `${whole(median)}/s (${whole(p95)})`
    case 'MB':
      return `${digits(median)} MB`
    case 'requests':
      return whole(median)
  }
}

const time = (ms: number): string => (ms < 1 ? `${whole(ms * 1000)} us` : `${digits(ms)} ms`)

const whole = (number: number): string => Math.round(number).toLocaleString('en')

/** Three digits that count. */
function digits(number: number): string {
  const size = Math.abs(number)
  return number.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 4)
}
