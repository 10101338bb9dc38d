/**
 * How the command line makes a broker prove itself where the place does not (loopback TCP, a pipe, somebody else's
 * folder). The rule: the nonce is new each time, the address signed is the one we dialled, and the key is the one the
 * broker left in our own folder, never the one the answer names. Loaded only when it is needed: `node:crypto` takes
 * longer to load than a token takes to fetch.
 */
import { createPublicKey, randomBytes, verify } from 'node:crypto'
import { clientRoutes, helloMessage } from '../contract/client-api.ts'

export interface Challenge {
  /** The request target to send. */
  readonly target: string
  /** Whether the body of the answer proves that the holder of the key serves this address. */
  isProof(body: unknown): boolean
}

/** A fresh challenge for whoever listens at `address`; `publicKey` is Ed25519, raw, base64url. */
export function challenge(address: string, publicKey: string): Challenge {
  const nonce = randomBytes(32).toString('base64url')
  return {
    target: `${clientRoutes.hello.path}?nonce=${nonce}`,
    isProof: (body) => {
      const { public_key, signature } = (body ?? {}) as Readonly<Record<string, unknown>>
      if (public_key !== publicKey || typeof signature !== 'string' || !/^[\w-]{86}$/u.test(signature)) return false
      try {
        const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
        return verify(null, Buffer.from(helloMessage(nonce, address)), key, Buffer.from(signature, 'base64url'))
      } catch {
        return false
      }
    },
  }
}
