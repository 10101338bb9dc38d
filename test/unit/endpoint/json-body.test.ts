/** The JSON reader against JSON.parse itself: equal wherever there is one reading, a refusal wherever there are two. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJson } from '../../../main/endpoint/json-body.ts'

const read = (text: string): unknown => parseJson(Buffer.from(text))

describe('parseJson', () => {
  it('reads what JSON.parse reads, whatever is in strings and keys', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent)
        expect(read(text)).toEqual(JSON.parse(text))
      }),
    )
    expect(read('{"a:b\\"{[":"\\\\","c":"}]:\\\\\\""}')).toEqual({ 'a:b"{[': '\\', c: '}]:\\"' })
    expect(read('')).toBeUndefined()
  })

  it('refuses a member given twice, at any depth and in any spelling', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.jsonValue({ maxDepth: 2 }),
        fc.jsonValue({ maxDepth: 2 }),
        fc.nat(3),
        (key, a, b, depth) => {
          const name = JSON.stringify(key)
          const twice = `{${name}:${JSON.stringify(a)},${name}:${JSON.stringify(b)}}`
          expect(() => read(`${'[{"x":'.repeat(depth)}${twice}${'}]'.repeat(depth)}`)).toThrow(/same member twice/u)
        },
      ),
    )
    for (const text of ['{"a":1,"\\u0061":2}', '{"__proto__":1,"__proto__":2}', '{"a":{"b":1},"a":{"b":2}}'])
      expect(() => read(text), text).toThrow(/same member twice/u)
  })

  it('keeps __proto__ as a member of its own', () => {
    const value = read('{"__proto__":{"polluted":true},"constructor":1}') as Record<string, unknown>
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  it('refuses depth before it costs a stack, and bytes that are no UTF-8', () => {
    expect(read('['.repeat(16) + ']'.repeat(16))).toHaveLength(1)
    for (const text of ['['.repeat(17) + ']'.repeat(17), '['.repeat(65_536), '{"a":'.repeat(13_000)])
      expect(() => read(text)).toThrow(/nest deeper/u)
    expect(() => parseJson(Buffer.of(0x22, 0xff, 0x22))).toThrow(/UTF-8/u)
  })

  it('never quotes the body in an error', () => {
    for (const text of ['{"access_token":secret}', 'secret', '{"a":"secret', '{"secret":1,"secret":1}']) {
      const thrown = (() => {
        try {
          return read(text)
        } catch (error) {
          return error as Error
        }
      })() as Error
      expect(thrown).toMatchObject({ name: 'BrokerError', code: 'invalid_request' })
      expect(`${thrown.message}${String(thrown.cause)}`).not.toContain('secret')
    }
  })
})
