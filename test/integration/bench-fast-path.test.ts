/**
 * That the claims of the fast path and of many clients are measured: every row has figures and a verdict, and what is
 * counted holds. The rule: nothing here depends on how long anything takes.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { compare, figureAtMost, type Row } from '../../bench/harness.ts'
import { format } from '../../bench/table.ts'
import { collect, type CommandResult } from '../setup/daemon.ts'

const folder = mkdtempSync(join(tmpdir(), 'vk-bench-test-'))
const groups = ['fast-path', 'validity', 'hanging', 'stalled', 'crowded']
let result: CommandResult
let rows: readonly Row[] = []

beforeAll(async () => {
  const file = join(folder, 'rows.json')
  const words = ['--quick', '--json', file, ...groups.flatMap((name) => ['--only', name])]
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bench/index.ts'), ...words])
  result = await collect(child)
  rows = (JSON.parse(readFileSync(file, 'utf8')) as { readonly rows: readonly Row[] }).rows
}, 300_000)
afterAll(() => {
  rmSync(folder, { recursive: true, force: true })
})

const of = (group: string): readonly Row[] => rows.filter((row) => row.group === group)

describe('a quick run', () => {
  it('measures all of it', () => {
    expect(result.stderr).toBe('')
    // The fast path has nothing to stand beside where oidc-agent is not installed, and says so.
    const measured = groups.filter((name) => name !== 'fast-path' || !result.stdout.includes('not compared'))
    expect([...new Set(rows.map(({ group }) => group))]).toEqual(measured)
    for (const { name, ours, baseline } of rows) {
      expect(baseline.median, name).toBeGreaterThan(0)
      expect(ours.median, name).toBeGreaterThanOrEqual(0)
    }
  })

  it.each([
    ['validity', 7],
    ['crowded', 50],
  ])('asks the provider once for every token that has to be new: %s', (group, tokens) => {
    const [counted] = of(group).filter(({ unit }) => unit === 'requests')
    expect(counted).toMatchObject({ ratio: 1, verdict: 'met' })
    expect(counted?.ours.median).toBe(tokens)
    expect(counted?.baseline.median).toBe(tokens)
  })
})

describe('a bound in milliseconds', () => {
  it('is printed and judged as one', () => {
    const row = (ours: number): Row =>
      compare({
        ...{ group: 'g', name: 'n', unit: 'ms', ours: [ours] },
        ...{ baseline: { name: 'b', samples: [1] }, target: figureAtMost(25) },
      })
    expect(format(row(24))).toMatch(/<= 25\.0 ms\s+met$/u)
    expect(format(row(26))).toMatch(/<= 25\.0 ms\s+missed$/u)
  })
})
