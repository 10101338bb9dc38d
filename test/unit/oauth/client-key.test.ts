/** The person's client key: what is taken, what it signs with, and what is said of the rest. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createLocalJWKSet, jwtVerify, type JWK } from 'jose'
import * as oc from 'openid-client'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../../main/broker/secret.ts'
import { privateKeyJwt, readClientKey } from '../../../main/oauth/client-key.ts'
import { everythingVisible } from '../../fakes/real-servers.ts'

const rsa = (modulusLength: number): KeyObject => generateKeyPairSync('rsa', { modulusLength }).privateKey
const keys: Readonly<Record<string, KeyObject>> = {
  rsa: rsa(2048),
  p256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  p384: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  p521: generateKeyPairSync('ec', { namedCurve: 'P-521' }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
}
const keyOf = (name: string): KeyObject => {
  const key = keys[name]
  if (!key) throw new Error(name)
  return key
}
const jwkOf = (name: string, more: object = {}): string =>
  JSON.stringify({ ...keyOf(name).export({ format: 'jwk' }), ...more })
const pemOf = (name: string, type: 'pkcs8' | 'pkcs1' | 'sec1' = 'pkcs8'): string =>
  keyOf(name).export({ type, format: 'pem' }) as string
const read = (text: string, accepted?: readonly string[]): JWK =>
  JSON.parse(readClientKey(new Secret(text), accepted).reveal()) as JWK

describe('a client key', () => {
  it.each<readonly [string, string, readonly string[] | undefined, string]>([
    ['PKCS #8, RSA', pemOf('rsa'), undefined, 'RS256'],
    ['PKCS #1', pemOf('rsa', 'pkcs1'), ['ES256', 'PS256'], 'PS256'],
    ['SEC 1', pemOf('p256', 'sec1'), undefined, 'ES256'],
    ['PKCS #8, P-384', `\n${pemOf('p384')}\n`, ['RS256', 'ES384'], 'ES384'],
    ['P-521', jwkOf('p521'), undefined, 'ES512'],
    ['Ed25519', jwkOf('ed25519'), undefined, 'EdDSA'],
    ['Ed25519 under its own name', jwkOf('ed25519'), ['Ed25519'], 'Ed25519'],
    ['a JWK that says how it signs', jwkOf('rsa', { alg: 'PS384' }), undefined, 'PS384'],
  ])('%s signs assertions that verify', async (_, text, accepted, alg) => {
    const secret = readClientKey(new Secret(text), accepted)
    const key = JSON.parse(secret.reveal()) as JWK
    expect(key.alg).toBe(alg)
    const body = new URLSearchParams()
    // ClientAuth may answer with a promise; openid-client waits for it.
    const sign: (...of: Parameters<oc.ClientAuth>) => unknown = privateKeyJwt(oc, secret, undefined)
    await Promise.resolve(sign({ issuer: 'https://op.example' }, { client_id: 'me' }, body, new Headers()))
    const { d: _d, p, q, dp, dq, qi, ...half } = key
    expect([p, q, dp, dq, qi].every((part) => part === undefined || typeof part === 'string')).toBe(true)
    const { payload, protectedHeader } = await jwtVerify(
      body.get('client_assertion') ?? '',
      createLocalJWKSet({ keys: [half] }),
      { issuer: 'me', subject: 'me', audience: 'https://op.example' },
    )
    expect(protectedHeader).toEqual({ alg })
    expect(Number(payload.exp) - Number(payload.iat)).toBe(60)
    expect(Object.keys(payload).toSorted()).toEqual(['aud', 'exp', 'iat', 'iss', 'jti', 'sub'])
  })

  it('keeps its kid, and reads the same when it is read again', () => {
    const once = read(jwkOf('p256', { kid: 'k1', use: 'sig' }))
    expect(once).toMatchObject({ kid: 'k1', alg: 'ES256' })
    expect(read(JSON.stringify(once))).toEqual(once)
  })

  const encrypted = keyOf('p256').export({
    ...{ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  }) as string
  const publicPem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()
  it.each<readonly [string, string, readonly string[] | undefined, RegExp]>([
    ['words', 'hello', undefined, /neither PEM nor a JWK/u],
    ['a public key', publicPem, undefined, /not a private key/u],
    ['a public JWK', jwkOf('p256', { d: undefined }), undefined, /not a private JWK/u],
    ['an encrypted key', encrypted, undefined, /encrypted; give it without/u],
    ['half a PEM', pemOf('p256').slice(0, 80) + '\n-----END PRIVATE KEY-----', undefined, /cannot be read/u],
    ['half a JWK', jwkOf('p256').slice(0, 60), undefined, /not a private JWK/u],
    ['1024 bits', rsa(1024).export({ type: 'pkcs8', format: 'pem' }) as string, undefined, /2048 bits/u],
    [
      'X25519',
      JSON.stringify(generateKeyPairSync('x25519').privateKey.export({ format: 'jwk' })),
      undefined,
      /only RSA/u,
    ],
    [
      'secp256k1',
      generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey.export({
        type: 'pkcs8',
        format: 'pem',
      }) as string,
      undefined,
      /only RSA/u,
    ],
    ['another alg than its kind has', jwkOf('p256', { alg: 'RS256' }), undefined, /its alg/u],
    ['what the provider does not accept', jwkOf('p256'), ['RS256'], /accepts signatures by RS256 alone/u],
  ])('%s is refused in a sentence without it', (_, text, accepted, words) => {
    let thrown: unknown
    try {
      read(text, accepted)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toMatchObject({ code: 'invalid_request', message: expect.stringMatching(words) as string })
    const { d } = (text.startsWith('{') && text.endsWith('}') ? JSON.parse(text) : {}) as { d?: string }
    expect(everythingVisible(thrown)).not.toContain(d ?? text.slice(30, 70).padEnd(1, '\0'))
  })
})
