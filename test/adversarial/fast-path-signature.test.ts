/** S8 and S9: the fast path believes a broker's proof exactly when OpenSSL would (Ed25519, RFC 8032). */
import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeHarness, type Case, type Harness } from './fast-path-rig.ts'

let harness: Harness
beforeAll(() => {
  harness = makeHarness()
})
afterAll(() => {
  harness.remove()
})

/** The other byte order. */
const littleEndian = (bytes: Buffer): Buffer => Buffer.from(Array.from(bytes).toReversed())

describe('a signature', () => {
  it('is good exactly when OpenSSL says so', () => {
    const order = (1n << 252n) + 27_742_317_777_372_353_535_851_937_790_883_648_493n
    const cases: Case[] = []
    const expected: boolean[] = []
    const add = (key: Buffer, signature: Buffer, message: Buffer): void => {
      let good = false
      try {
        const jwk = { kty: 'OKP', crv: 'Ed25519', x: key.toString('base64url') }
        good = verify(null, message, createPublicKey({ key: jwk, format: 'jwk' }), signature)
      } catch {
        // No key at all.
      }
      cases.push({ kind: 'signature', bytes: Buffer.concat([key, signature, message]) })
      expected.push(good)
    }
    const flip = (bytes: Buffer, bit: number): Buffer => {
      const changed = Buffer.from(bytes)
      const at = Math.floor(bit / 8) % bytes.length
      changed[at] = (bytes[at] ?? 0) ^ (1 << (bit % 8))
      return changed
    }
    for (let size = 0; size < 300; size += 3) {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519')
      const key = Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
      const message = Buffer.alloc(size, size)
      const signature = sign(null, message, privateKey)
      add(key, signature, message)
      add(key, flip(signature, size * 7), message)
      add(flip(key, size * 5), signature, message)
      add(key, signature, Buffer.concat([message, Buffer.alloc(1)]))
      // The same scalar, one group order higher (RFC 8032 section 5.1.7 wants it refused).
      const scalar = BigInt(`0x${littleEndian(signature.subarray(32)).toString('hex')}`) + order
      const higher = littleEndian(Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex'))
      add(key, Buffer.concat([signature.subarray(0, 32), higher]), message)
    }
    const zero = Buffer.alloc(32)
    for (const point of [
      '01',
      '00',
      'ec'.padEnd(62, 'f').concat('7f'),
      'ed'.padEnd(62, 'f').concat('7f'),
      '01'.padEnd(62, '0').concat('80'),
    ]) {
      const key = Buffer.from(point.padEnd(64, '0'), 'hex')
      add(key, Buffer.concat([key, zero]), Buffer.from('x'))
    }
    expect(harness.run(cases).map(({ status }) => status === 1)).toEqual(expected)
    expect(expected.filter(Boolean)).toHaveLength(100)
  })

  it('of RFC 8032 section 7.1 is good', () => {
    const vectors = [
      [
        'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
        'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
        '',
      ],
      [
        '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
        '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
        '72',
      ],
    ]
    const told = harness.run(vectors.map((parts) => ({ kind: 'signature', bytes: Buffer.from(parts.join(''), 'hex') })))
    expect(told.map(({ status }) => status)).toEqual([1, 1])
  })
})
