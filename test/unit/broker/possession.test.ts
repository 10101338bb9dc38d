/** Proof of possession: what is signed counts once, here and now, and everything else is refused with its reason. */
import { generateKeyPairSync, sign } from 'node:crypto'
import { beforeEach, describe, expect, it } from 'vitest'
import { Possession, type ProvenRequest } from '../../../main/broker/possession.ts'
import { type ProofClaims, proofMessage } from '../../../main/contract/client-api.ts'
import type { BrokerError } from '../../../main/contract/errors.ts'
import { ManualClock } from '../../fakes/broker-ports.ts'

interface Key {
  readonly publicKey: string
  sign(claims: ProofClaims): string
}

function newKey(): Key {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return {
    publicKey: publicKey.export({ format: 'jwk' }).x ?? '',
    sign: (claims) => sign(null, Buffer.from(proofMessage(claims)), privateKey).toString('base64url'),
  }
}

const request: ProvenRequest = {
  method: 'POST',
  target: '/v1/token',
  address: '/run/broker.sock',
  token_hash: 'h'.repeat(43),
}
const key = newKey()
let clock: ManualClock
let possession: Possession
let counter = 0

beforeEach(() => {
  clock = new ManualClock()
  possession = new Possession(clock)
})

/** A proof as an honest client makes it, with whatever is changed about what it signs. */
function proof(change: Partial<ProofClaims> = {}, by: Key = key): string {
  counter++
  const claims = { ...request, issued_at: clock.now(), nonce: `nonce-${String(counter).padStart(16, '0')}`, ...change }
  return `${String(claims.issued_at)}.${claims.nonce}.${by.sign(claims)}`
}

function outcome(header: string | undefined, of: Partial<ProvenRequest> = {}): string {
  try {
    possession.demand(key.publicKey, { ...request, ...of }, header)
    return 'taken'
  } catch (thrown) {
    const { code, message } = thrown as BrokerError
    return `${code}: ${message.split(': ').at(-1) ?? ''}`
  }
}

describe('a proof', () => {
  it('is taken once', () => {
    const header = proof()
    expect(outcome(header)).toBe('taken')
    expect(outcome(header)).toBe('invalid_client: this signature was used before.')
    expect(outcome(proof())).toBe('taken')
  })

  it.each<readonly [string, Partial<ProvenRequest>]>([
    ['method', { method: 'GET' }],
    ['target', { target: '/v1/token?x=1' }],
    ['address', { address: '127.0.0.1:4711' }],
    ['token', { token_hash: 'i'.repeat(43) }],
  ])('S8: is for its own %s', (_name, other) => {
    expect(outcome(proof(), other)).toContain('is not for this request, address, token and key')
  })

  it('S8: is by its own key', () => {
    expect(outcome(proof({}, newKey()))).toContain('is not for this request, address, token and key')
  })

  it.each([
    ['none', undefined, 'this one is not signed'],
    ['something else', 'Bearer abc', 'this is not a signature'],
    ['two', `${'1'.repeat(13)}.${'n'.repeat(22)}.${'s'.repeat(86)}, x`, 'this is not a signature, or more than one'],
  ])('is refused when there is %s', (_name, header, why) => {
    expect(outcome(header)).toContain(why)
  })

  it('S8: is refused when it is late, early, or its signature is another’s', () => {
    expect(outcome(proof({ issued_at: clock.now() - 60_001 }))).toContain('not from just now')
    expect(outcome(proof({ issued_at: clock.now() + 5_001 }))).toContain('not from just now')
    const [time, nonce] = proof().split('.')
    const [, , signature] = proof().split('.')
    expect(outcome(`${time ?? ''}.${nonce ?? ''}.${signature ?? ''}`)).toContain('is not for this')
    expect(outcome(proof({ issued_at: clock.now() + 4_000 }))).toBe('taken')
  })

  it('a refused one spends nothing: the nonce is still good for its own', () => {
    const header = proof()
    expect(outcome(header, { target: '/v1/status' })).toContain('is not for this')
    expect(outcome(header)).toBe('taken')
  })

  it('S8: from before this broker began is refused, because another may have taken it', () => {
    const header = proof({ issued_at: clock.now() - 1 })
    expect(outcome(header)).toContain('from before this broker’s memory')
  })

  it('S8: that is forgotten is not taken again when the clock is put back', async () => {
    await clock.pass(10_000)
    const header = proof()
    expect(outcome(header)).toBe('taken')
    await clock.pass(61_000)
    expect(outcome(proof())).toBe('taken')
    clock.jump(-61_000)
    expect(outcome(header)).toContain('from before this broker’s memory')
  })

  it('is not remembered without end', async () => {
    for (let i = 0; i < 50; i++) expect(outcome(proof())).toBe('taken')
    await clock.pass(61_000)
    for (let i = 0; i < 50; i++) expect(outcome(proof())).toBe('taken')
  })

  it('with a public key that is none is refused', () => {
    expect(() => {
      possession.demand('A'.repeat(10), request, proof())
    }).toThrow(/not for this request/u)
  })
})
