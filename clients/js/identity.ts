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
  const nonce = toBase64url(crypto.getRandomValues(new Uint8Array(32)))
  return {
    target: `/v1/hello?nonce=${nonce}`,
    isProof: async (body) => {
      try {
        const { public_key, signature } = JSON.parse(body) as Readonly<Record<string, unknown>>
        if (public_key !== publicKey || typeof signature !== 'string' || !/^[\w-]{86}$/u.test(signature)) return false
        const key = await crypto.subtle.importKey('raw', fromBase64url(publicKey), { name: 'Ed25519' }, false, [
          'verify',
        ])
        const message = new TextEncoder().encode(`valetkey-hello-v1\n${nonce}\n${address}`)
        return await crypto.subtle.verify('Ed25519', key, fromBase64url(signature), message)
      } catch {
        return false
      }
    },
  }
}

function toBase64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

function fromBase64url(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (character) => character.charCodeAt(0))
}
