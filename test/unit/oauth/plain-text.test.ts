/** Words of strangers: one short line, without tricks and without credentials. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { plainText } from '../../../main/oauth/plain-text.ts'
import { Secret } from '../../../main/broker/secret.ts'

describe('plainText', () => {
  it.each<readonly [string, unknown, string]>([
    ['plain words stay', 'The refresh token has expired.', 'The refresh token has expired.'],
    ['lines become one', 'a\r\nb\tc', 'a b c'],
    ['escape sequences lose their escape', '\u001b[31mred\u001b[0m', '[31mred [0m'],
    ['nothing reorders the line', 'abc\u202Efed\u2066x\u200B', 'abc fed x'],
    ['markup is text like any other', '<script>alert(1)</script>', '<script>alert(1)</script>'],
    [
      'a UUID stays, for support requests',
      'Trace 123e4567-e89b-12d3-a456-426614174000',
      'Trace 123e4567-e89b-12d3-a456-426614174000',
    ],
    ['what looks like a token does not', `token eyJ${'a'.repeat(60)} is bad`, 'token [secret] is bad'],
    ['numbers are no text', 42, ''],
    ['objects are no text', { toString: () => 'x' }, ''],
  ])('%s', (_, value, shown) => {
    expect(plainText(value)).toBe(shown)
  })

  it('strikes out the secrets of the request, however short', () => {
    expect(plainText('bad code abc123!', 200, [new Secret('abc123')])).toBe('bad code [secret]!')
  })

  it('strikes them out as they were written into the request, too', () => {
    const secret = new Secret('a "key" +/=&')
    const written = [
      'a "key" +/=&',
      encodeURIComponent('a "key" +/=&'),
      new URLSearchParams({ s: 'a "key" +/=&' }).toString().slice(2),
      JSON.stringify('a "key" +/=&').slice(1, -1),
    ]
    for (const form of written) expect(plainText(`got ${form}.`, 200, [secret])).toBe('got [secret].')
    // Half a surrogate pair cannot be written into an address.
    expect(plainText('got ab\ud800c.', 200, [new Secret('ab\ud800c')])).toBe('got [secret].')
  })

  it('is one line of at most the limit, whatever arrives', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), fc.integer({ min: 1, max: 300 }), (value, limit) => {
        const text = plainText(value, limit)
        expect(Array.from(text).length).toBeLessThanOrEqual(limit)
        expect(text).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u)
      }),
    )
  })
})
