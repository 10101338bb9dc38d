/** The log: every field that anything in main/ logs is one it may write, and nothing else is written. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createLog, FIELDS } from '../../../main/daemon/log.ts'
import { describeFault } from '../../../main/endpoint/fault.ts'
import { tokens, type Token } from '../../setup/source.ts'

const main = join(import.meta.dirname, '../../../main')

interface Call {
  readonly line: number
  /** The names of the third argument's members, where it is written out in the call. */
  readonly names: readonly string[]
}

/** Every call of something named `log`, `#log`, `this.#log` or `x.log` whose arguments begin with a level. */
function logCalls(source: string): readonly Call[] {
  const all = tokens(source)
  return all.flatMap((token, index) => {
    if (token.kind !== 'word' || !/^#?log$/u.test(token.text) || all[index + 1]?.text !== '(') return []
    const inside = argumentsFrom(all, index + 2)
    const [level = []] = inside
    if (!level.some(({ kind, text }) => kind === 'string' && /^(?:debug|info|warn|error)$/u.test(text))) return []
    return [{ line: token.line, names: memberNames(inside[2] ?? []) }]
  })
}

/** The arguments of a call, each as its tokens. */
function argumentsFrom(all: readonly Token[], start: number): readonly (readonly Token[])[] {
  const found: Token[][] = [[]]
  let depth = 0
  for (const token of all.slice(start)) {
    const { kind, text } = token
    if (kind === 'mark' && /^[)\]}]$/u.test(text) && depth-- === 0) break
    if (kind === 'mark' && /^[([{]$/u.test(text)) depth++
    if (kind === 'mark' && text === ',' && depth === 0) found.push([])
    else found.at(-1)?.push(token)
  }
  return found
}

/** The names in an object literal: `{ a, b: x, ...rest }` has a and b. */
function memberNames(literal: readonly Token[]): readonly string[] {
  if (literal[0]?.text !== '{') return []
  return argumentsFrom(literal, 1).flatMap(([first]) => (first && /^[\w$]/u.test(first.text) ? [first.text] : []))
}

describe('what is logged', () => {
  const calls = readdirSync(main, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => logCalls(readFileSync(join(main, name), 'utf8')).map((call) => ({ name, ...call })))

  it('is on the list, wherever it is logged', () => {
    expect(calls.length).toBeGreaterThan(40)
    expect(calls.flatMap(({ names }) => names).length).toBeGreaterThan(20)
    const unlisted = calls.flatMap(({ name, line, names }) =>
      names.filter((field) => !FIELDS.has(field)).map((field) => `${name}:${String(line)} ${field}`),
    )
    expect(unlisted).toEqual([])
    for (const field of Object.keys(describeFault(new Error('x')))) expect(FIELDS).toContain(field)
  })

  it('is found by this test where it is written in another way', () => {
    const source = `
      this.#file.options.log('warn', 'a', { one, two: f(x, { no: 1 }), ...rest })
      ports.log(good ? 'info' : 'warn', 'b', { three: \`\${no}\` })
      log('info', 'c')
      Math.log(2, { no: 1 }) // log('info', 'd', { no })
    `
    expect(logCalls(source).map(({ names }) => names)).toEqual([['one', 'two'], ['three'], []])
  })
})

describe('createLog', () => {
  it('writes one line of JSON with what is on the list, and of the rest the names', () => {
    const lines: string[] = []
    const log = createLog('info', (line) => lines.push(line))
    log('debug', 'quiet', {})
    log('error', 'endpoint.fault', {
      name: 'TypeError',
      at: 'a.ts:1',
      http: true,
      body: 'canary',
      account: 'x'.repeat(500),
    })
    expect(lines).toHaveLength(1)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'error',
      event: 'endpoint.fault',
      name: 'TypeError',
      at: 'a.ts:1',
      http: true,
      account: 'x'.repeat(200),
      dropped: ['body'],
    })
    expect(lines[0]).not.toContain('canary')
    expect(lines[0]?.endsWith('\n')).toBe(true)
  })
})
