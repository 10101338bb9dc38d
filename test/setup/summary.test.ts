/** The count at the end of a run: nothing that did not pass is left out of it. */
import { describe, expect, it } from 'vitest'
import { summarise, type Report } from './summary.ts'

/** A file under `/t` with tests of these outcomes; `status` is the file's own. */
function file(name: string, status: string, ...outcomes: readonly string[]): Report['testResults'][number] {
  const assertionResults = outcomes.map((outcome, index) => ({ status: outcome, fullName: `test ${String(index)}` }))
  return { name: `/t/${name}`, status, message: status === 'passed' ? '' : 'it broke', assertionResults }
}

const report = (...testResults: Report['testResults']): Report => ({ testResults })

describe('a run', () => {
  it('that passed', () => {
    const ran = report(file('unit/a.test.ts', 'passed', 'passed', 'passed'), file('a.test.ts', 'passed', 'passed'))
    expect(summarise(ran, 0, ['/t/unit'])).toEqual({ passed: 3, failed: 0, problems: [] })
  })

  it.each<[what: string, ran: Report | null, exitCode: number, failed: number, problems: readonly string[]]>([
    ['with a failing test', report(file('unit/a', 'failed', 'passed', 'failed')), 1, 1, []],
    [
      'with a test that was left out',
      report(file('unit/a', 'passed', 'passed', 'skipped')),
      0,
      1,
      ['not run (skipped): test 1'],
    ],
    [
      'with a file that does not load',
      report(file('unit/a', 'passed', 'passed'), file('unit/b', 'failed')),
      1,
      1,
      ['failed outside its tests: /t/unit/b it broke'],
    ],
    [
      'whose clean-up failed',
      report(file('unit/a', 'failed', 'passed')),
      1,
      1,
      ['failed outside its tests: /t/unit/a it broke'],
    ],
    [
      'with an error outside any file',
      report(file('unit/a', 'passed', 'passed')),
      1,
      1,
      ['vitest ended with 1; its output says why'],
    ],
    ['in which a suite was empty', report(file('other/a', 'passed', 'passed')), 0, 1, ['no test ran in /t/unit']],
    [
      'in which a suite only looks like another',
      report(file('unit2/a', 'passed', 'passed')),
      0,
      1,
      ['no test ran in /t/unit'],
    ],
    ['without a report', null, 0, 2, ['vitest wrote no report', 'no test ran in /t/unit']],
  ])('%s has failed', (_, ran, exitCode, failed, problems) => {
    const summary = summarise(ran, exitCode, ['/t/unit'])
    expect(summary.failed).toBe(failed)
    expect(summary.problems).toEqual(problems)
  })
})
