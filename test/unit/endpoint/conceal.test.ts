/** The token does not pass, however it is cut; everything else does, as it was. */
import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concealing, quotesOf } from '../../../main/endpoint/conceal.ts'

const token = 'ya29.a0/AbCdEf+gh=='

async function through(chunks: readonly Buffer[], secret = token): Promise<Buffer> {
  const passed = (await Readable.from(chunks).pipe(concealing(secret)).toArray()) as Buffer[]
  return Buffer.concat(passed)
}

describe('a stream without the token', () => {
  it('has stars in its place, as many bytes as before, in each of its forms', async () => {
    for (const form of [token, token.replaceAll('/', String.raw`\/`), encodeURIComponent(token)]) {
      const passed = await through([Buffer.from(`{"a":"${form}","b":"${form}${form}"}`)])
      const stars = '*'.repeat(form.length)
      expect(passed.toString()).toBe(`{"a":"${stars}","b":"${stars}${stars}"}`)
    }
  })

  it('is the same wherever it is cut', async () => {
    const piece = fc.constantFrom(token, token.slice(0, 7), token.slice(3), 'y', 'ya29', 'x', encodeURIComponent(token))
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 }),
        async (pieces, cuts) => {
          const whole = Buffer.from(pieces.join(''))
          const chunks: Buffer[] = []
          for (let at = 0, index = 0; at < whole.length; index++) {
            const size = cuts[index % cuts.length] ?? 1
            chunks.push(whole.subarray(at, at + size))
            at += size
          }
          const passed = await through(chunks)
          expect(passed.equals(await through([whole]))).toBe(true)
          expect(passed.length).toBe(whole.length)
          expect(quotesOf(token)(passed.toString())).toBe(false)
        },
      ),
      { numRuns: 300 },
    )
  })

  it('lets everything else through, at once', async () => {
    const bytes = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 31) % 256))
    expect((await through([bytes])).equals(bytes)).toBe(true)
    const stream = concealing(token)
    stream.write('data: hello\n\n')
    expect(String(stream.read())).toBe('data: hello\n\n')
    stream.write('data: ya')
    expect(String(stream.read())).toBe('data: ')
    stream.write('wn\n\n')
    expect(String(stream.read())).toBe('yawn\n\n')
  })

  it('leaves what it was given alone', async () => {
    const given = Buffer.from(`x${token}x`)
    await through([given])
    expect(given.toString()).toBe(`x${token}x`)
  })

  it('takes a word for no token', async () => {
    expect((await through([Buffer.from('abcabc')], 'abc')).toString()).toBe('abcabc')
    expect(quotesOf('abc')('abc')).toBe(false)
  })
})
