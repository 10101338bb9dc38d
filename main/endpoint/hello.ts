/**
 * How a caller finds out whom it is talking to, before it sends anything worth stealing. The rule: the answer proves
 * that the holder of the identity key serves this very address, on a nonce the caller chose just now; nothing else is
 * revealed, and no part of the request but the nonce gets into what is signed.
 */
import { createPublicKey, verify } from 'node:crypto'
import { clientRoutes, type HelloAnswer, helloMessage } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { BrokerIdentity } from './identity.ts'

/** 16 to 64 bytes in base64url without padding: 22 to 86 characters. */
const nonceForm = /^[\w-]{22,86}$/u

/** Whether a request target is `hello`, with whatever query. */
export function isHello(target: string): boolean {
  const { path } = clientRoutes.hello
  return target === path || target.startsWith(`${path}?`)
}

/** The nonce of a `hello` target. Throws `invalid_request` unless the query is one nonce and nothing else. */
export function helloNonce(target: string): string {
  const nonce = /^\?nonce=([\w-]{1,128})$/u.exec(target.slice(clientRoutes.hello.path.length))?.[1]
  if (nonce === undefined) throw new BrokerError('invalid_request', 'Ask with ?nonce= and nothing else.')
  return nonce
}

/** Signs the caller's nonce for `address`: the listener's own socket path or `127.0.0.1:port`, never what the caller says. */
export function answerHello(identity: BrokerIdentity, nonce: string, address: string): HelloAnswer {
  if (!nonceForm.test(nonce))
    throw new BrokerError('invalid_request', 'nonce must be 16 to 64 random bytes in base64url.')
  return { public_key: identity.public_key, signature: identity.sign(helloMessage(nonce, address)) }
}

/** What a caller knows before it asks: the nonce it has just made, the address it dialled, the key it expects there. */
export interface HelloExpectation {
  readonly nonce: string
  readonly address: string
  /** From `run/endpoint.json`, or remembered from pairing. */
  readonly public_key: string
}

/**
 * Whether `answer` comes from the broker that is expected. A signature for another nonce, another address or by another
 * key is none; what the answer says its key is counts only if it is the one expected.
 */
export function verifyHello(answer: HelloAnswer, expected: HelloExpectation): boolean {
  if (answer.public_key !== expected.public_key || !/^[\w-]{43}$/u.test(expected.public_key)) return false
  if (!/^[\w-]{86}$/u.test(answer.signature)) return false
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: expected.public_key }, format: 'jwk' })
  const message = Buffer.from(helloMessage(expected.nonce, expected.address))
  return verify(null, message, key, Buffer.from(answer.signature, 'base64url'))
}
