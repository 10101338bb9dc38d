/** Each parser alone: what it takes, what it refuses, and that the refusal names the place and what belongs there. */
import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  anyText,
  boolean,
  integer,
  list,
  nothing,
  object,
  oneOf,
  optional,
  record,
  text,
  type Parser,
} from '../../../main/contract/parse.ts'
import { refusal } from './refusal.ts'

/** A parser, values it takes as they are, values it refuses, and the words of the refusal. */
interface Row {
  readonly name: string
  readonly parser: Parser<unknown>
  readonly takes: readonly unknown[]
  readonly refuses: readonly unknown[]
  readonly wants: string
}

const rows: readonly Row[] = [
  {
    name: 'text(4, 2)',
    parser: text(4, 2),
    takes: ['ab', 'abcd', 'ä€', '😀', 'a b', '  '],
    refuses: ['', 'a', 'abcde', '😀😀a', 1, null, undefined, ['ab'], { length: 2 }, new String('ab')],
    wants: 'a text of 2 to 4 characters',
  },
  {
    name: 'text()',
    parser: text(),
    takes: ['x'.repeat(1024)],
    refuses: ['', 'x'.repeat(1025)],
    wants: 'a text of 1 to 1024 characters',
  },
  {
    name: 'text() against control characters',
    parser: text(),
    takes: ['a~b', 'a\u00a0b'],
    refuses: ['a\0b', 'a\nb', 'a\r\nb', 'a\tb', '\u001b[31m', 'a\u007fb'],
    wants: 'a text without control characters',
  },
  {
    name: 'anyText(4)',
    parser: anyText(4),
    takes: ['', 'a\nb', '\u001b[3m', 'abcd'],
    refuses: ['abcde', 'a\0', 4, null, undefined, []],
    wants: 'a text of at most 4 characters',
  },
  {
    name: 'boolean',
    parser: boolean,
    takes: [true, false],
    refuses: ['true', 0, 1, null, undefined, {}],
    wants: 'true or false',
  },
  {
    name: 'integer(0, 600)',
    parser: integer(0, 600),
    takes: [0, 1, 600],
    refuses: [-1, 601, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '60', 60n, null, undefined, [60]],
    wants: 'a whole number from 0 to 600',
  },
  {
    name: "oneOf('use', 'read')",
    parser: oneOf('use', 'read'),
    takes: ['use', 'read'],
    refuses: ['', 'USE', 'use ', 'toString', 0, null, undefined, ['use']],
    wants: 'one of use, read',
  },
  {
    name: 'list(boolean, 2)',
    parser: list(boolean, 2),
    takes: [[], [true], [true, false]],
    refuses: [[true, true, true], 'ab', { length: 0 }, null, undefined],
    wants: 'a list of at most 2',
  },
  {
    name: 'nothing',
    parser: nothing,
    takes: [undefined],
    refuses: [{ a: 1 }, [], [1], '', 0, false],
    wants: 'empty',
  },
]

describe.each(rows)('$name', ({ parser, takes, refuses, wants }) => {
  it.each(takes.map((value) => [inspect(value), value]))('takes %s', (_, value) => {
    expect(parser(value, 'a.b')).toEqual(value)
  })

  it.each(refuses.map((value) => [inspect(value), value]))('refuses %s', (_, value) => {
    expect(refusal(() => parser(value, 'a.b'))).toBe(`a.b must be ${wants}.`)
  })
})

describe('nothing', () => {
  const parser: Parser<unknown> = nothing

  it.each([[null], [{}], [Object.create(null)]])('takes %j for no argument at all', (value) => {
    expect(parser(value, '')).toBeUndefined()
  })

  it('is called the request when it stands for the whole of it', () => {
    expect(refusal(() => parser([], ''))).toBe('The request must be empty.')
  })
})

describe('list', () => {
  it('names the entry that is wrong', () => {
    expect(refusal(() => list(boolean, 9)([true, 'x'], 'flags'))).toBe('flags[1] must be true or false.')
  })
})

describe('record', () => {
  const params = record(text(8), 2)

  it('answers a map without a prototype, so that no key is special', () => {
    const answer = params(JSON.parse('{"__proto__":"a","constructor":"b"}'), 'params')
    expect(Object.getPrototypeOf(answer)).toBeNull()
    expect(Object.entries(answer)).toEqual([
      ['__proto__', 'a'],
      ['constructor', 'b'],
    ])
  })

  it.each([
    [{ a: 'x', b: 'y', c: 'z' }, 'params must be an object of at most 2 members.'],
    [{ a: 1 }, 'params.a must be a text of 1 to 8 characters.'],
    [['a'], 'params must be an object.'],
    ['a', 'params must be an object.'],
    [null, 'params must be an object.'],
    [undefined, 'params must be an object.'],
  ])('refuses %j', (value, sentence) => {
    expect(refusal(() => params(value, 'params'))).toBe(sentence)
  })
})

describe('object', () => {
  const person = object({ name: text(8), age: optional(integer(0, 150)), home: optional(object({ city: text(8) })) })

  it.each([[{ name: 'Ada' }], [{ name: 'Ada', age: 36 }], [{ name: 'Ada', home: { city: 'London' } }]])(
    'takes %j',
    (value) => {
      expect(person(value, '')).toStrictEqual(value)
    },
  )

  it('takes undefined for absence, and leaves the member out', () => {
    expect(person({ name: 'Ada', age: undefined }, '')).toStrictEqual({ name: 'Ada' })
  })

  it.each<[unknown, string]>([
    [{}, 'name is missing.'],
    [{ name: undefined }, 'name is missing.'],
    [{ name: 'Ada', agee: 1 }, 'agee is not a known member.'],
    [{ name: 'Ada', age: null }, 'age must be a whole number from 0 to 150.'],
    [{ name: 'Ada', home: {} }, 'home.city is missing.'],
    [{ name: 'Ada', home: { city: 'London', zip: 1 } }, 'home.zip is not a known member.'],
    [{ name: 'Ada', home: { city: 1 } }, 'home.city must be a text of 1 to 8 characters.'],
    [{ name: 'Ada', toString: 1 }, 'toString is not a known member.'],
    [JSON.parse('{"name":"Ada","__proto__":{"age":1}}'), '__proto__ is not a known member.'],
    [JSON.parse('{"name":"Ada","constructor":{}}'), 'constructor is not a known member.'],
    [[], 'The request must be an object.'],
    ['{}', 'The request must be an object.'],
    [null, 'The request must be an object.'],
    [undefined, 'The request must be an object.'],
  ])('refuses %j', (value, sentence) => {
    expect(refusal(() => person(value, ''))).toBe(sentence)
  })

  it('does not read members through the prototype', () => {
    expect(refusal(() => person(Object.create({ name: 'Ada' }), ''))).toBe('name is missing.')
  })

  it('quotes a hostile key shortened and escaped', () => {
    expect(refusal(() => person({ 'a\n\u001b[31m': 1 }, ''))).toBe(String.raw`a\n\u001b[31m is not a known member.`)
    expect(refusal(() => person({ ['k'.repeat(65)]: 1 }, ''))).toBe(`${'k'.repeat(64)}… is not a known member.`)
  })

  it('answers a fresh object that shares nothing with what was given', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 8, unit: 'grapheme-ascii' }), (name) => {
        const given = { name, home: { city: 'London' } }
        const answer = person(given, '')
        expect(answer).toStrictEqual(given)
        expect(answer).not.toBe(given)
        expect(answer.home).not.toBe(given.home)
      }),
    )
  })
})
