/** Proofs of possession, against the examples of RFC 9449 and a verifier that is not ours (jose). */
import { calculateJwkThumbprint, EmbeddedJWK, jwtVerify, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../main/broker/secret.ts'
import type { AccessToken } from '../../../main/broker/ports.ts'
import { dpopHeaders, dpopNonce, newDpopKey } from '../../../main/oauth/dpop.ts'

const access = (token: string): AccessToken => ({
  ...{ value: new Secret(token), token_type: 'DPoP', scope: '', obtained_at: 0, expires_at: null },
})

/** The token of RFC 9449 section 7.1, figure 12, and the proof that goes with it there. */
const TOKEN = 'Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU'
const FIGURE_12 = [
  'eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik',
  'VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR',
  'nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE',
  'QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiJlMWozVl9iS2ljOC1MQUVCIiwiaHRtIj',
  'oiR0VUIiwiaHR1IjoiaHR0cHM6Ly9yZXNvdXJjZS5leGFtcGxlLm9yZy9wcm90ZWN0Z',
  'WRyZXNvdXJjZSIsImlhdCI6MTU2MjI2MjYxOCwiYXRoIjoiZlVIeU8ycjJaM0RaNTNF',
  'c05yV0JiMHhXWG9hTnk1OUlpS0NBcWtzbVFFbyJ9.2oW9RP35yRqzhrtNP86L-Ey71E',
  'OptxRimPPToA1plemAgR6pxHF8y6-yqyVnmcw6Fy1dqd-jfxSYoMxhAJpLjA',
].join('')

/** What a resource server reads of a proof; throws when it does not verify. */
async function verified(proof: string): Promise<{ header: { jwk?: JWK }; claims: Readonly<Record<string, unknown>> }> {
  const { protectedHeader, payload } = await jwtVerify(proof, EmbeddedJWK, { typ: 'dpop+jwt', algorithms: ['ES256'] })
  return { header: protectedHeader, claims: payload }
}

describe('the proof of a request', () => {
  it('says what the example of RFC 9449 section 7.1 says of the same request', async () => {
    const example = await verified(FIGURE_12)
    const key = newDpopKey()
    const request = { url: 'https://resource.example.org/protectedresource', method: 'GET' }
    const fields = await dpopHeaders({ dpop_key: key }, access(TOKEN), request)
    expect(fields['authorization']).toBe(`DPoP ${TOKEN}`)
    const ours = await verified(fields['dpop'] ?? '')
    for (const name of ['htm', 'htu', 'ath']) expect(ours.claims[name], name).toBe(example.claims[name])
    expect(Object.keys(ours.claims).toSorted()).toEqual(Object.keys(example.claims).toSorted())
    expect(Object.keys(ours.header).toSorted()).toEqual(Object.keys(example.header).toSorted())
    expect(Object.keys(ours.header.jwk ?? {}).toSorted()).toEqual(Object.keys(example.header.jwk ?? {}).toSorted())
    expect(Math.abs(Number(ours.claims['iat']) - Date.now() / 1000)).toBeLessThan(5)
    const { d: _, ...half } = JSON.parse(key.reveal()) as JWK
    expect(await calculateJwkThumbprint(ours.header.jwk ?? {})).toBe(await calculateJwkThumbprint(half))
  })

  it('hashes the token as the example does', async () => {
    expect((await verified(FIGURE_12)).claims['ath']).toBe('fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo')
  })

  it.each([
    ['https://api.example/a/b?c=d&e#f', 'https://api.example/a/b'],
    ['https://API.example:443', 'https://api.example/'],
    ['https://api.example:8443/x?', 'https://api.example:8443/x'],
    ['http://127.0.0.1:9/a%20b;c', 'http://127.0.0.1:9/a%20b;c'],
  ])('names %s as %s', async (url, htu) => {
    const fields = await dpopHeaders({ dpop_key: newDpopKey() }, access('t'), { url, method: 'post', nonce: 'n-1' })
    expect((await verified(fields['dpop'] ?? '')).claims).toMatchObject({ htu, htm: 'POST', nonce: 'n-1' })
  })

  it('is never made twice, and holds nothing of the private key', async () => {
    const key = newDpopKey()
    const { d } = JSON.parse(key.reveal()) as { d: string }
    const request = { url: 'https://api.example/', method: 'GET' }
    const proofs = await Promise.all(
      [1, 2].map(async () => (await dpopHeaders({ dpop_key: key }, access('t'), request))['dpop'] ?? ''),
    )
    const ids = await Promise.all(proofs.map(async (proof) => (await verified(proof)).claims['jti']))
    expect(new Set(ids).size).toBe(2)
    for (const proof of proofs)
      for (const part of proof.split('.')) expect(Buffer.from(part, 'base64url').toString()).not.toContain(d)
  })

  it('is not made for an account without a key', async () => {
    const asked = dpopHeaders({}, access('t'), { url: 'https://api.example/', method: 'GET' })
    await expect(asked).rejects.toMatchObject({ code: 'server_error' })
  })
})

describe('the nonce of an answer', () => {
  it.each<readonly [Readonly<Record<string, string | readonly string[] | undefined>>, string | undefined]>([
    [{ 'dpop-nonce': 'eyJ7S_zG.eyJH0-Z.HX4w-7v' }, 'eyJ7S_zG.eyJH0-Z.HX4w-7v'],
    [{ 'DPoP-Nonce': 'a' }, 'a'],
    [{}, undefined],
    [{ 'dpop-nonce': '' }, undefined],
    [{ 'dpop-nonce': 'two, fields' }, undefined],
    [{ 'dpop-nonce': ['a', 'b'] }, undefined],
    [{ 'dpop-nonce': 'quo"te' }, undefined],
    [{ 'dpop-nonce': 'x'.repeat(1025) }, undefined],
  ])('%j: %j', (headers, nonce) => {
    expect(dpopNonce(headers)).toBe(nonce)
  })
})
