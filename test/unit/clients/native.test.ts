/** The C of clients/native as text: the rules of the house that a program can check, and the table it has a copy of. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorTable } from '../../../main/contract/errors.ts'

const folder = join(import.meta.dirname, '../../../clients/native')
const files = readdirSync(folder).map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8') }))
const all = files.map(({ text }) => text).join('')

/** What takes memory by a number that came from outside, or writes until something else says stop. */
const forbidden =
  /\b(?:malloc|calloc|realloc|alloca|strdup|strn?cpy|strn?cat|v?s?n?printf|gets|system|popen|getaddrinfo)\s*\(/u

describe('the fast path', () => {
  it('is C and nothing else, in files that open with their rule and can be read in one sitting', () => {
    expect(files.map(({ name }) => name)).toContain('valetkey-token.c')
    for (const { name, text } of files) {
      expect(name).toMatch(/^[a-z\d-]+\.[ch]$/u)
      expect(text, name).toMatch(/^\/\*\n \* [^]*?The rule[^]*?\*\//u)
      expect(text.split('\n').length, name).toBeLessThanOrEqual(400)
      expect(Math.max(...text.split('\n').map((line) => line.length)), name).toBeLessThanOrEqual(120)
    }
  })

  it('allocates nothing and copies nothing without a bound', () => {
    expect(forbidden.exec(all)?.[0]).toBeUndefined()
    expect(forbidden.test('p = malloc (n)')).toBe(true)
  })

  it('has the exit status of every error, as the contract has it', () => {
    const [, table = ''] = /\} exits\[\] = \{([^;]*)\};/u.exec(all) ?? []
    const copied = [...table.matchAll(/\{"(\w+)", (\d)\}/gu)].map(([, code, status]) => [code, Number(status)] as const)
    const own = Object.entries(errorTable).map(([code, { exit }]) => [code, exit] as const)
    expect(Object.fromEntries(copied)).toEqual(Object.fromEntries(own))
    expect(copied).toHaveLength(own.length)
  })
})
