/**
 * Demonstrating possession of an account's key (RFC 9449). The rules: every account has a key of its own, made when it is
 * signed in to; the key is sealed with the account's tokens and leaves this process as signatures alone; a proof is good
 * for one method, one address and one token, and no two are alike.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  randomUUID,
  sign,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto'
import type { Configuration, DPoPHandle } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { AccessToken, Connection } from '../broker/ports.ts'
import { Secret } from '../broker/secret.ts'
import type { OpenidClient } from './configuration.ts'

/** The one algorithm of ours: RFC 9449 leaves the choice to metadata, and every provider seen has this one. */
export const DPOP_ALG = 'ES256'
const CURVE = 'P-256'

/** A request to an API, as its proof has to name it. */
export interface ProvenRequest {
  readonly url: string
  readonly method: string
  /** What this server said last in `DPoP-Nonce` (RFC 9449 section 9). */
  readonly nonce?: string | undefined
}

/** A key for a new account, as a private JWK. */
export function newDpopKey(): Secret {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: CURVE })
  return new Secret(JSON.stringify(privateKey.export({ format: 'jwk' })))
}

/**
 * The fields of an API request with a bound token (RFC 9449 section 7.1): the token under its own scheme, and the proof
 * for exactly this request. `url` as it is sent. Throws `server_error` for an account whose tokens are not bound.
 */
export function dpopHeaders(
  connection: Pick<Connection, 'dpop_key'>,
  access: AccessToken,
  request: ProvenRequest,
): Promise<Readonly<Record<string, string>>> {
  const { dpop_key: key } = connection
  if (!key) return Promise.reject(new BrokerError('server_error', 'The tokens of this account are not bound to a key.'))
  const token = access.value.reveal()
  return Promise.resolve({ authorization: `DPoP ${token}`, dpop: proof(key, token, request) })
}

/** The nonce of an answer (RFC 9449 section 8.1, `1*NQCHAR`), for the next request to the same server. */
export function dpopNonce(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
): string | undefined {
  const [, value] = Object.entries(headers).find(([name]) => name.toLowerCase() === 'dpop-nonce') ?? []
  return typeof value === 'string' && /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/u.test(value) ? value : undefined
}

/** openid-client's part: proofs for the authorization server, with the nonces it has named. One per key. */
export function dpopHandle(oc: OpenidClient, config: Configuration, key: Secret): DPoPHandle {
  const known = handles.get(key)
  if (known) return known
  const { privateKey, publicKey } = pairOf(key)
  const algorithm = { name: 'ECDSA', namedCurve: CURVE }
  const handle = oc.getDPoPHandle(config, {
    privateKey: privateKey.toCryptoKey(algorithm, false, ['sign']),
    publicKey: publicKey.toCryptoKey(algorithm, true, ['verify']),
  })
  handles.set(key, handle)
  return handle
}

/** As long as the account's material is held, so that a nonce is not asked for anew with every refresh. */
const handles = new WeakMap<Secret, DPoPHandle>()

interface Pair {
  readonly privateKey: KeyObject
  readonly publicKey: KeyObject
  readonly jwk: JsonWebKey
}

const pairs = new WeakMap<Secret, Pair>()

/** `jwk`: the public half, nothing but its required members (RFC 7638 section 3.2). */
function pairOf(key: Secret): Pair {
  const known = pairs.get(key)
  if (known) return known
  const privateKey = createPrivateKey({ key: JSON.parse(key.reveal()) as JsonWebKey, format: 'jwk' })
  const publicKey = createPublicKey(privateKey)
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' })
  const pair = { privateKey, publicKey, jwk: { kty, crv, x, y } as JsonWebKey }
  pairs.set(key, pair)
  return pair
}

/** RFC 9449 section 4.2. `htu` is the address without query and fragment, `ath` the hash of the token. */
function proof(key: Secret, token: string, { url, method, nonce }: ProvenRequest): string {
  const { privateKey, jwk } = pairOf(key)
  const { origin, pathname } = new URL(url)
  const claims = {
    jti: randomUUID(),
    htm: method.toUpperCase(),
    htu: `${origin}${pathname}`,
    iat: Math.floor(Date.now() / 1000),
    ath: createHash('sha256').update(token).digest('base64url'),
    ...(nonce !== undefined && { nonce }),
  }
  const input = `${encode({ typ: 'dpop+jwt', alg: DPOP_ALG, jwk })}.${encode(claims)}`
  const signature = sign('sha256', Buffer.from(input), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${input}.${signature.toString('base64url')}`
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
