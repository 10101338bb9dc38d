/**
 * Names for things: random ids, client tokens and their hashes, token ids. The rule: an id is never a secret, a secret is
 * never an id, and neither is ever derived from something a caller chose.
 */
import { hash } from 'node:crypto'
import { Secret } from './secret.ts'
import type { Randomness } from './ports.ts'

/** 96 random bits, base64url without `-` or `_` in front, so that it pastes as one shell word. */
export function randomId(randomness: Randomness): string {
  const id = Buffer.from(randomness.bytes(12)).toString('base64url')
  return /^[a-z0-9]/iu.test(id) ? id : `k${id.slice(1)}`
}

/** A client token: 256 random bits behind a prefix that secret scanners can know. */
export function newClientToken(randomness: Randomness): Secret {
  return new Secret(`vkc_${Buffer.from(randomness.bytes(32)).toString('base64url')}`)
}

/** SHA-256, base64url. The token has 256 bits of its own, so the hash needs neither salt nor stretching. */
export function hashToken(token: string): string {
  return hash('sha256', token, 'base64url')
}

/** What `invalidate` calls a token: 128 bits of a hash, which names it without being it. */
export function tokenId(token: Secret): string {
  return hash('sha256', `valetkey-token-id\0${token.reveal()}`, 'base64url').slice(0, 22)
}
