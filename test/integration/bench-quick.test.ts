/**
 * That the benchmark measures: every row has figures on both sides and a verdict, the counted claims hold, and a verdict
 * can be "missed". The rule: nothing here depends on how long anything takes.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { spawn, type ChildProcess } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { atLeast, atMost, compare, exactly, figureAtMost, interleave, type Row } from '../../bench/harness.ts'
import { format, summary } from '../../bench/table.ts'
import { collect, type CommandResult } from '../setup/daemon.ts'

const folder = mkdtempSync(join(tmpdir(), 'vk-bench-test-'))

const started: ChildProcess[] = []

function bench(...args: readonly string[]): Promise<CommandResult> {
  const child = spawn(process.execPath, [join(import.meta.dirname, '../../bench/index.ts'), ...args])
  started.push(child)
  return collect(child)
}

afterAll(() => {
  // It ends what it started itself.
  for (const child of started) child.kill('SIGTERM')
  rmSync(folder, { recursive: true, force: true })
})

describe('a quick run', () => {
  const file = join(folder, 'rows.json')
  let result: CommandResult
  let rows: readonly Row[] = []

  beforeAll(async () => {
    const groups = ['cached', 'callers', 'refresh', 'vault'].flatMap((name) => ['--only', name])
    result = await bench('--quick', '--json', file, ...groups)
    rows = (JSON.parse(readFileSync(file, 'utf8')) as { readonly rows: readonly Row[] }).rows
  }, 300_000)

  it('says by its exit code whether a target was missed', () => {
    expect(result.stderr).toBe('')
    expect(result.code).toBe(rows.some(({ verdict }) => verdict === 'missed') ? 1 : 0)
  })

  it('measures the groups that were asked for and no other', () => {
    expect([...new Set(rows.map(({ group }) => group))]).toEqual(['cached', 'refresh', 'callers', 'vault'])
  })

  it('has figures on both sides and a verdict in every row, and prints it', () => {
    for (const { name, ours, baseline, ratio, target, verdict } of rows) {
      for (const number of [ours.median, ours.p95, baseline.median, baseline.p95, ratio])
        expect(number, name).toBeGreaterThan(0)
      expect(target === null ? ['no target'] : ['met', 'missed'], name).toContain(verdict)
      const line = result.stdout.split('\n').find((text) => text.startsWith(name) && text.includes(baseline.name))
      expect(line, name).toMatch(new RegExp(`${verdict}$`, 'u'))
    }
  })

  it('takes turns at least five times where the clock decides', () => {
    const timed = rows.filter(({ unit }) => unit === 'ms' || unit === 'requests/s')
    expect(timed.length).toBeGreaterThan(5)
    for (const { name, ours, baseline } of timed) {
      expect(ours.repetitions, name).toBeGreaterThanOrEqual(5)
      expect(baseline.repetitions, name).toBe(ours.repetitions)
    }
  })

  it('finds one request to the provider for fifty callers on one expired token', () => {
    const counted = rows.filter(({ unit }) => unit === 'requests')
    expect(counted).toHaveLength(1)
    for (const { ours, baseline, ratio, verdict } of counted) {
      expect(baseline.median).toBeGreaterThanOrEqual(5)
      expect(ours.median).toBe(baseline.median)
      expect([ratio, verdict]).toEqual([1, 'met'])
    }
  })
})

describe('the command', () => {
  it('refuses a group and an option it does not know, with the usage', async () => {
    for (const args of [['--only', 'everything'], ['--fast']]) {
      const { code, stdout, stderr } = await bench(...args)
      expect([code, stdout]).toEqual([2, ''])
      expect(stderr).toContain('npm run bench -- [--only NAME]...')
    }
  })
})

describe('a comparison', () => {
  const row = (ours: readonly number[], baseline: readonly number[], target: Row['target']): Row =>
    compare({ group: 'g', name: 'n', unit: 'ms', ours, baseline: { name: 'b', samples: baseline }, target })

  it('takes the ratio turn by turn, so that a slow moment falls on both sides', () => {
    expect(row([1, 1, 10], [2, 2, 20], atMost(0.5)).ratio).toBe(0.5)
    expect(row([1, 30, 3], [1, 10, 2], atMost(2))).toMatchObject({ ratio: 1.5, verdict: 'met' })
  })

  it('misses what it does not reach, in either direction, and what is not exact', () => {
    const verdict = (target: Row['target']): string => row([3], [2], target).verdict
    expect([atMost(1.5), atMost(1.4), atLeast(1.5), atLeast(1.6)].map(verdict)).toEqual([
      'met',
      'missed',
      'met',
      'missed',
    ])
    expect([exactly(1.5), exactly(1), figureAtMost(3), figureAtMost(2), null].map(verdict)).toEqual([
      'met',
      'missed',
      'met',
      'missed',
      'no target',
    ])
  })

  it('is no comparison without figures', () => {
    expect(() => row([], [1], atMost(1))).toThrow('nothing to compare')
    expect(() => row([1], [], atMost(1))).toThrow('nothing to compare')
    expect(() => row([1], [0], atMost(1))).toThrow('nothing to compare')
  })

  it('names in the last line what was missed', () => {
    const missed = row([3], [2], atMost(1))
    expect(format(missed)).toMatch(/missed$/u)
    expect(summary([missed, row([1], [2], atMost(1))])).toMatch(
      /^ {2}missed {2}g: n .*\n1 met, 1 missed, 0 without a target$/u,
    )
  })

  it('lets the sides take turns and forgets the warm-up', async () => {
    const order: string[] = []
    const take = (name: string) => (): number => order.push(name)
    const taken = await interleave(2, 1, { a: take('a'), b: take('b') })
    expect(order.join('')).toBe('ababab')
    expect(taken).toEqual({ a: [3, 5], b: [4, 6] })
  })
})
