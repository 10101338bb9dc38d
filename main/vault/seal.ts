/**
 * Sealing: AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce per record. The rule: what a sealed record is about
 * (account, field, generation) is authenticated with it, so a record in another record's place does not open.
 * Layout: one format byte, nonce (12), ciphertext, tag (16).
 */
import { createCipheriv, createDecipheriv, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto'
import type { Randomness } from '../broker/ports.ts'
import { Damage } from './database.ts'

const FORMAT = 1
const NONCE = 12
const TAG = 16
const OVERHEAD = 1 + NONCE + TAG
export const KEY_BYTES = 32

/** What a sealed record is about; every part counts. */
export type About = readonly (string | number)[]

/** The vault's data key and what is derived from it. */
export interface DataKey {
  /** Names the key without being it. */
  readonly id: Uint8Array
  readonly sealing: KeyObject
  readonly authentication: KeyObject
  /** Twelve random bytes, never the same twice. */
  nonce(): Uint8Array
}

/** A data key from its 32 bytes, which are overwritten. Derivation: HKDF-SHA-256 (RFC 5869), one label per use. */
export function dataKey(raw: Uint8Array, randomness: Randomness): DataKey {
  if (raw.length !== KEY_BYTES) throw new Damage('a data key has 32 bytes')
  const derive = (label: string, length: number): Buffer =>
    Buffer.from(hkdfSync('sha256', raw, new Uint8Array(), `valetkey ${label}`, length))
  const key: DataKey = {
    id: derive('key id', 16),
    sealing: secretKey(derive('sealing', KEY_BYTES)),
    authentication: secretKey(derive('authentication', KEY_BYTES)),
    nonce: nonces(randomness),
  }
  raw.fill(0)
  return key
}

/** Nonces from a store of randomness, because asking for twelve bytes costs as much as asking for thousands. */
function nonces(randomness: Randomness): () => Uint8Array {
  let pool: Uint8Array = new Uint8Array()
  let used = 0
  return () => {
    if (used + NONCE > pool.length) {
      pool = randomness.bytes(NONCE * 128)
      used = 0
    }
    used += NONCE
    return pool.subarray(used - NONCE, used)
  }
}

/** Takes the bytes into a KeyObject and overwrites them. */
export function secretKey(raw: Uint8Array): KeyObject {
  const key = createSecretKey(raw)
  raw.fill(0)
  return key
}

/** `nonce`: 12 bytes never used with this key before. */
export function seal(key: KeyObject, plain: Uint8Array, about: About, nonce: Uint8Array): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG })
  cipher.setAAD(associated(about))
  const parts = [Uint8Array.of(FORMAT), nonce, cipher.update(plain), cipher.final()]
  return Buffer.concat([...parts, cipher.getAuthTag()])
}

/** The plain bytes. Throws `Damage` when the record was altered, is about something else, or has another key. */
export function unseal(key: KeyObject, sealed: Uint8Array, about: About): Buffer {
  if (sealed.length < OVERHEAD || sealed[0] !== FORMAT) throw new Damage('not a sealed record')
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + NONCE), { authTagLength: TAG })
  decipher.setAAD(associated(about))
  decipher.setAuthTag(sealed.subarray(-TAG))
  const plain = decipher.update(sealed.subarray(1 + NONCE, -TAG))
  try {
    return Buffer.concat([plain, decipher.final()])
  } catch (cause) {
    throw new Damage('a sealed record does not verify', cause)
  }
}

/** The authentication tag: differs whenever anything about the record differs. */
export function tagOf(sealed: Uint8Array): Uint8Array {
  return sealed.subarray(-TAG)
}

/** HMAC-SHA-256 over `about`, for what is authenticated and not secret. */
export function authenticate(key: KeyObject, about: About): Buffer {
  return createHmac('sha256', key).update(associated(about)).digest()
}

/** JSON, because no two different lists have the same JSON. */
function associated(about: About): Buffer {
  return Buffer.from(JSON.stringify([FORMAT, ...about]))
}
