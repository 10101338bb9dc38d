/**
 * The person's own key for `private_key_jwt` (RFC 7523, OpenID Connect Core section 9). The rules: what was given as PEM or
 * JWK is judged once, kept as a JWK with the algorithm it signs with, and never sent anywhere; what is sent is an assertion
 * that names its audience and lives for a minute.
 */
import { createPrivateKey, type JsonWebKey, type KeyObject } from 'node:crypto'
import type { ClientAuth, PrivateKey } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import { Secret } from '../broker/secret.ts'
import type { OpenidClient } from './configuration.ts'

/** A private JWK with what was decided about it. */
type ClientJwk = JsonWebKey & { readonly alg: string; readonly kid?: string }

/** Bits; openid-client signs with no shorter one. */
const SHORTEST_RSA = 2048

const curves: Readonly<Record<string, string>> = { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512' }
/** The order in which an algorithm is chosen where neither the key nor the provider says one. */
const rsa = ['RS256', 'PS256', 'RS384', 'PS384', 'RS512', 'PS512']

/**
 * PEM (PKCS #8, PKCS #1, SEC 1) or JWK as the JWK to keep. `accepted`: what the provider says it accepts
 * (`token_endpoint_auth_signing_alg_values_supported`, RFC 8414), if it says. Throws `invalid_request` with a sentence
 * that holds nothing of the key.
 */
export function readClientKey(given: Secret, accepted: readonly string[] | undefined): Secret {
  const text = given.reveal().trim()
  const { key, alg, kid } = text.startsWith('{')
    ? fromJwk(text)
    : { key: fromPem(text), alg: undefined, kid: undefined }
  const jwk = key.export({ format: 'jwk' })
  const possible = algorithmsOf(key, jwk).filter((one) => alg === undefined || alg === one)
  if (possible.length === 0) throw unusable('its alg is not one for a key of this kind')
  const chosen = possible.find((one) => accepted?.includes(one) ?? true)
  if (chosen === undefined)
    throw unusable(`the provider accepts signatures by ${(accepted ?? []).slice(0, 8).join(', ')} alone`)
  return new Secret(JSON.stringify({ ...jwk, alg: chosen, ...(kid !== undefined && { kid }) }))
}

function fromPem(text: string): KeyObject {
  if (!text.startsWith('-----BEGIN ')) throw unusable('it is neither PEM nor a JWK')
  if (text.includes('ENCRYPTED')) throw unusable('it is encrypted; give it without a passphrase')
  if (!text.includes('PRIVATE KEY-----')) throw unusable('it is not a private key')
  try {
    return createPrivateKey(text)
  } catch {
    throw unusable('it cannot be read')
  }
}

function fromJwk(text: string): { readonly key: KeyObject; readonly alg?: string; readonly kid?: string } {
  try {
    const jwk = JSON.parse(text) as Readonly<Record<string, unknown>>
    const { alg, kid } = jwk
    return {
      key: createPrivateKey({ key: jwk, format: 'jwk' }),
      ...(typeof alg === 'string' && { alg }),
      ...(typeof kid === 'string' && kid.length <= 256 && { kid }),
    }
  } catch {
    // The parser's own words would quote the key.
    throw unusable('it is not a private JWK')
  }
}

function algorithmsOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject, { crv }: JsonWebKey): readonly string[] {
  if (asymmetricKeyType === 'rsa') {
    if ((asymmetricKeyDetails?.modulusLength ?? 0) < SHORTEST_RSA)
      throw unusable(`an RSA key needs ${String(SHORTEST_RSA)} bits`)
    return rsa
  }
  // RFC 8037 has EdDSA for it, RFC 9864 its own name.
  if (asymmetricKeyType === 'ed25519') return ['EdDSA', 'Ed25519']
  const alg = curves[crv ?? '']
  if (alg === undefined) throw unusable('only RSA, P-256, P-384, P-521 and Ed25519 keys sign for a client')
  return [alg]
}

const unusable = (why: string): BrokerError =>
  new BrokerError('invalid_request', `The client key cannot be used: ${why}.`)

/**
 * Assertions for token, pushed authorization, device authorization and revocation requests. `audience`: `undefined` for
 * the issuer, which is what keeps one server's assertion from being worth anything at another (RFC 7523bis); else as it is.
 */
export function privateKeyJwt(oc: OpenidClient, key: Secret, audience: string | undefined): ClientAuth {
  const { jwk, imported } = importKey(key)
  return oc.PrivateKeyJwt(imported, {
    [oc.modifyAssertion]: (header, payload) => {
      header['alg'] = jwk.alg
      // A clock that is ahead makes an assertion of the future, and `exp` says enough.
      delete payload['nbf']
      if (audience !== undefined) payload['aud'] = audience
    },
  })
}

interface Imported {
  readonly jwk: ClientJwk
  readonly imported: PrivateKey
}

const known = new WeakMap<Secret, Imported>()

function importKey(secret: Secret): Imported {
  const before = known.get(secret)
  if (before) return before
  const jwk = JSON.parse(secret.reveal()) as ClientJwk
  const key = createPrivateKey({ key: jwk, format: 'jwk' }).toCryptoKey(parametersOf(jwk), false, ['sign'])
  const read = { jwk, imported: { key, ...(jwk.kid !== undefined && { kid: jwk.kid }) } }
  known.set(secret, read)
  return read
}

/** As WebCrypto wants to hear it. */
function parametersOf({ alg, crv }: ClientJwk): { name: string; hash?: string; namedCurve?: string } {
  if (alg.startsWith('ES')) return { name: 'ECDSA', namedCurve: crv ?? '' }
  if (alg.startsWith('Ed')) return { name: 'Ed25519' }
  return { name: alg.startsWith('PS') ? 'RSA-PSS' : 'RSASSA-PKCS1-v1_5', hash: `SHA-${alg.slice(2)}` }
}
