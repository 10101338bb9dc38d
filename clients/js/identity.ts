/**
 * How a client finds out that a broker is the right one before it sends its token. The rule: the nonce is new each time,
 * the address signed is the one that was dialled, and the key is one known beforehand, never the one the answer names.
 */

export interface Challenge {
  /** The path and query to GET, without any credential. */
  readonly target: string
  /** Whether this answer's body proves that the holder of the key serves this address. */
  isProof(body: string): Promise<boolean>
}

/** A fresh challenge for whoever answers at `address` (socket path or `127.0.0.1:port`); `publicKey`: Ed25519, raw, base64url. */
export function createChallenge(address: string, publicKey: string): Challenge {
  // Two of them: 244 random bits, in characters that are base64url's.
  const nonce = crypto.randomUUID() + crypto.randomUUID()
  return {
    target: `/v1/hello?nonce=${nonce}`,
    isProof: async (body) => {
      try {
        const { signature } = JSON.parse(body) as { readonly signature: string }
        const jwk = { kty: 'OKP', crv: 'Ed25519', x: publicKey }
        const key = await crypto.subtle.importKey('jwk', jwk, 'Ed25519', false, ['verify'])
        const message = new TextEncoder().encode(`valetkey-hello-v1\n${nonce}\n${address}`)
        return await crypto.subtle.verify('Ed25519', key, fromBase64url(signature), message)
      } catch {
        return false
      }
    },
  }
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
}
