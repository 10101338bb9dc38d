/** What the command line shows: neutral text, aligned tables, errors with what to do, and one exit status per code. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { describe as describeError, mayColour, neutralise } from '../../../main/cli/output.ts'
import { formatTable, formatTime, widthOf } from '../../../main/cli/table.ts'
import { BrokerError, errorTable } from '../../../main/contract/errors.ts'

describe('neutralise', () => {
  it.each([
    ['plain, äöü 漢字', 'plain, äöü 漢字'],
    ['\u001b[31mred\u001b[0m', '\\u{1b}[31mred\\u{1b}[0m'],
    ['\u009b2J', '\\u{9b}2J'],
    ['\u001b]0;title\u0007', '\\u{1b}]0;title\\u{7}'],
    ['two\r\nlines\ttab', 'two\\u{d}\\u{a}lines\\u{9}tab'],
    ['a\u202egpj.exe', 'a\\u{202e}gpj.exe'],
    ['\u2066x\u2069', '\\u{2066}x\\u{2069}'],
    ['zero\u200bwidth\ufeff', 'zero\\u{200b}width\\u{feff}'],
    ['tag\u{e0041}', 'tag\\u{e0041}'],
    ['half \ud800 pair', 'half \\u{d800} pair'],
    ['line\u2028separator', 'line\\u{2028}separator'],
    ['', ''],
  ])('%j', (text, shown) => {
    expect(neutralise(text)).toBe(shown)
  })

  it('leaves nothing that could act on a terminal, and is stable', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const shown = neutralise(text)
        expect(shown).not.toMatch(/[\p{Cc}\p{Cf}\u2028\u2029]/u)
        expect(shown.isWellFormed()).toBe(true)
        expect(neutralise(shown)).toBe(shown)
      }),
    )
  })
})

describe('a table', () => {
  it('is aligned by what a terminal shows', () => {
    const lines = formatTable(
      ['name', 'id'],
      [
        ['ada', '1'],
        ['漢字', '2'],
        ['e\u0301', '3'],
        ['', ''],
      ],
    )
    expect(lines).toEqual(['NAME  ID', 'ada   1', '漢字  2', 'e\u0301     3', '-     -'])
    expect(lines.slice(1, 4).map((line) => widthOf(line.slice(0, -1)))).toEqual([6, 6, 6])
  })

  it('keeps a row on its line whatever is in it', () => {
    const lines = formatTable(['name', 'id'], [['evil\r\nADMIN  1', 'x\u001b[2K']])
    expect(lines).toHaveLength(2)
    expect(lines.join('')).not.toMatch(/\p{Cc}/u)
  })
})

describe('a time', () => {
  it('is local and sortable; none is a dash', () => {
    expect(formatTime(1_700_000_000)).toMatch(/^2023-11-1[45] \d\d:\d\d:20$/u)
    expect(formatTime(null)).toBe('-')
    expect(formatTime(undefined)).toBe('-')
  })
})

describe('colour', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('terminal %j with %j: %j', (isTerminal, env, expected) => {
    expect(mayColour(isTerminal, env)).toBe(expected)
  })
})

describe('an error', () => {
  it('is a sentence, and each thing to do on a line of its own', () => {
    const error = new BrokerError('consent_required', 'Ask again.', {
      resolve: { command: 'valetkey approve r1', code: '123-456', url: 'https://example.com/' },
      retry_after: 7,
    })
    expect(describeError(error)).toEqual([
      'valetkey: Ask again.',
      'code: 123-456',
      'open: https://example.com/',
      'run: valetkey approve r1',
      'wait: 7 s',
    ])
  })

  it('lists the accounts there are to choose from', () => {
    const error = new BrokerError('account_selection_required', 'Which?', {
      candidates: [{ id: 'a1', label: 'ada\u001b[2J', provider: 'example' }],
    })
    expect(describeError(error)).toEqual(['valetkey: Which?', '  a1  ada\\u{1b}[2J  (example)'])
  })

  it('shows nothing of its cause', () => {
    const error = new BrokerError('server_error', 'Sorry.', { cause: new Error('at-secret') })
    expect(describeError(error).join('\n')).not.toContain('at-secret')
  })
})

describe('exit statuses', () => {
  it('are those that scripts rely on', () => {
    expect(Object.fromEntries(Object.entries(errorTable).map(([code, { exit }]) => [code, exit]))).toEqual({
      invalid_request: 2,
      account_selection_required: 2,
      not_running: 3,
      locked: 4,
      pairing_required: 5,
      consent_required: 5,
      login_required: 5,
      timeout: 5,
      access_denied: 6,
      invalid_scope: 6,
      provider_error: 7,
      temporarily_unavailable: 7,
      not_found: 8,
      invalid_client: 1,
      slow_down: 1,
      server_error: 1,
    })
  })
})
