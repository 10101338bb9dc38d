/** Sealed records and the tally over them. */
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../main/broker/secret.ts'
import { systemRandomness } from '../../../main/daemon/clock.ts'
import { Damage } from '../../../main/vault/database.ts'
import { decodeMaterial, encodeMaterial } from '../../../main/vault/material.ts'
import { dataKey, KEY_BYTES, seal, unseal } from '../../../main/vault/seal.ts'
import { EMPTY_TALLY, sealTally, unsealTally, updateTally, type GenerationRow } from '../../../main/vault/tally.ts'
import { material } from './material.ts'

const key = dataKey(randomBytes(KEY_BYTES), systemRandomness)
const about = ['a', 'grant material', 1]

describe('a sealed record', () => {
  it('opens with the same key and about the same thing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.array(fc.oneof(fc.string(), fc.integer())), (plain, what) => {
        const sealed = seal(key.sealing, plain, what, randomBytes(12))
        expect(Uint8Array.from(unseal(key.sealing, sealed, what))).toEqual(plain)
      }),
    )
  })

  it('does not open about another account, field or generation, nor with another key', () => {
    const sealed = seal(key.sealing, Buffer.from('secret'), about, randomBytes(12))
    for (const other of [
      ['b', 'grant material', 1],
      ['a', 'other', 1],
      ['a', 'grant material', 2],
      ['a', 'grant material', '1'],
    ])
      expect(() => unseal(key.sealing, sealed, other)).toThrow(Damage)
    expect(() => unseal(dataKey(randomBytes(KEY_BYTES), systemRandomness).sealing, sealed, about)).toThrow(Damage)
  })

  it('does not open with any bit changed, or any byte missing', () => {
    const sealed = seal(key.sealing, Buffer.from('secret'), about, randomBytes(12))
    for (let bit = 0; bit < sealed.length * 8; bit++) {
      const changed = Buffer.from(sealed)
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(() => unseal(key.sealing, changed, about)).toThrow(Damage)
    }
    for (let length = 0; length < sealed.length; length++)
      expect(() => unseal(key.sealing, sealed.subarray(0, length), about)).toThrow(Damage)
  })
})

describe('a data key', () => {
  it('overwrites the bytes it was made of', () => {
    const raw = randomBytes(KEY_BYTES)
    dataKey(raw, systemRandomness)
    expect(raw.every((byte) => byte === 0)).toBe(true)
  })

  it('gives each nonce once', () => {
    const nonces = Array.from({ length: 1000 }, () => Buffer.from(key.nonce()).toString('hex'))
    expect(new Set(nonces).size).toBe(1000)
    expect(nonces.every((nonce) => nonce.length === 24)).toBe(true)
  })

  it('is refused in any other length', () => {
    expect(() => dataKey(randomBytes(16), systemRandomness)).toThrow(Damage)
  })
})

describe('grant material', () => {
  it('comes back whole, secrets included', () => {
    const back = decodeMaterial(encodeMaterial(material('rt-1')))
    expect(back).toEqual(material('rt-1'))
    expect(back.refresh_token?.reveal()).toBe('rt-1')
    expect(back.connection.client_secret?.reveal()).toBe('cs-of-the-client')
    const bare = { ...material('x'), refresh_token: null, access: null }
    expect(decodeMaterial(encodeMaterial(bare))).toEqual(bare)
  })

  it('keeps any token a provider may send', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (token) => {
        const back = decodeMaterial(encodeMaterial({ ...material('x'), refresh_token: new Secret(token) }))
        expect(back.refresh_token?.reveal()).toBe(token)
      }),
    )
  })

  it('is refused with a member too many, one too few, or of another type, without quoting it', () => {
    const whole = JSON.parse(encodeMaterial(material('rt-canary')).toString()) as Record<string, unknown>
    const { refresh_token: _without, ...less } = whole
    for (const bad of [{ ...whole, more: 1 }, less, { ...whole, refresh_token: 7 }, { ...whole, access: {} }, [], null])
      expect(() => decodeMaterial(Buffer.from(JSON.stringify(bad)))).toThrow(Damage)
    const broken = Buffer.from('{"refresh_token": rt-canary')
    expect(() => decodeMaterial(broken)).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('canary') as string }),
    )
  })

  it('is not sealed when it could not be read back', () => {
    const { access } = material('rt-1')
    const bad = {
      ...material('rt-1'),
      access: access && { ...access, expires_at: Number.NaN, obtained_at: Number.NaN },
    }
    expect(() => encodeMaterial(bad)).toThrow(Damage)
  })
})

describe('the tally', () => {
  const row = fc.record({
    account_id: fc.constantFrom('a', 'b'),
    generation: fc.integer({ min: 1, max: 5 }),
    quarantined: fc.boolean(),
    sealed: fc.uint8Array({ minLength: 29, maxLength: 40 }),
  })

  it('does not depend on the order of changes', () => {
    fc.assert(
      fc.property(fc.array(row), fc.array(row), (first, second) => {
        const both = updateTally(key, EMPTY_TALLY, [], [...first, ...second])
        expect(updateTally(key, updateTally(key, EMPTY_TALLY, [], second), [], first)).toBe(both)
        expect(updateTally(key, both, second, [])).toBe(updateTally(key, EMPTY_TALLY, [], first))
      }),
    )
  })

  it('differs when a row is missing, older, or no longer quarantined', () => {
    const at = (changes: Partial<GenerationRow>): bigint =>
      updateTally(
        key,
        EMPTY_TALLY,
        [],
        [{ account_id: 'a', generation: 2, quarantined: true, sealed: Buffer.alloc(40, 1), ...changes }],
      )
    const all = [
      at({}),
      at({ generation: 1 }),
      at({ quarantined: false }),
      at({ sealed: Buffer.alloc(40, 2) }),
      EMPTY_TALLY,
    ]
    expect(new Set(all).size).toBe(all.length)
  })

  it('is sealed', () => {
    const sealed = sealTally(key, 123n)
    expect(unsealTally(key, sealed)).toBe(123n)
    expect(() => unsealTally(dataKey(randomBytes(KEY_BYTES), systemRandomness), sealed)).toThrow(Damage)
  })
})
