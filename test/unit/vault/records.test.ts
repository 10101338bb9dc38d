/** What is kept in the clear, as text and back. */
import { describe, expect, it } from 'vitest'
import { clientCodec } from '../../../main/vault/records.ts'

describe('a client', () => {
  const client = { id: 'c', name: 'n', kind: 'extension', paired_at: 1, token_hash: 'h' } as const

  it('keeps the origin it was paired from, and has none when it had none', () => {
    const paired = { ...client, origin: 'chrome-extension://abcdefghijklmnopabcdefghijklmnop' }
    expect(clientCodec.decode(clientCodec.encode(paired))).toEqual(paired)
    expect(clientCodec.decode(clientCodec.encode(client))).toEqual(client)
    expect(() => clientCodec.decode(JSON.stringify({ ...client, origin: 1 }))).toThrow('origin')
  })
})
