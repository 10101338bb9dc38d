/**
 * Whether a caller holds the key its program paired with. The rule: a proof counts for one request, at one address, with
 * one token, once; one that is late, early, replayed, made for anything else or by another key is none, and neither is one
 * from before this broker began, because who knows what was accepted then.
 */
import { createPublicKey, verify, type KeyObject } from 'node:crypto'
import { type ProofClaims, proofHeader, proofMessage } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { Clock } from './ports.ts'

/** Milliseconds a proof is good for, and that the caller's clock may be ahead. */
const GOOD_FOR = 60_000
const AHEAD = 5_000
/** Proofs of one key remembered at a time: a thousand a second for its whole life. */
const REMEMBERED = 60_000

interface Seen {
  /** Nonces by when their proof was issued, in the order they came. */
  readonly nonces: Map<string, number>
  /** Milliseconds since the epoch: nothing issued earlier is taken, because its nonce may be forgotten by now. */
  floor: number
}

export type ProvenRequest = Omit<ProofClaims, 'issued_at' | 'nonce'>

const refused = (why: string): BrokerError =>
  new BrokerError('invalid_client', `This program signs its requests (${proofHeader}): ${why}.`, {
    // What the command line signs with; any other program knows where its own key is.
    resolve: { command: 'export VALETKEY_CLIENT_KEY=FILE' },
  })

export class Possession {
  readonly #clock: Clock
  readonly #since: number
  readonly #seen = new Map<string, Seen>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.now()
  }

  /**
   * Takes the proof in `header` (`issued_at.nonce.signature`) for `request`, made with `publicKey` (Ed25519, raw,
   * base64url). Throws `invalid_client` that says what is wrong with it, `slow_down` for more than can be remembered.
   */
  demand(publicKey: string, request: ProvenRequest, header: string | undefined): void {
    if (header === undefined) throw refused('this one is not signed')
    const parts = /^(\d{13})\.([\w-]{22,43})\.([\w-]{86})$/u.exec(header)
    if (!parts) throw refused('this is not a signature, or more than one')
    const [, time = '', nonce = '', signature = ''] = parts
    const issued_at = Number(time)
    const now = this.#clock.now()
    const seen = this.#of(request.token_hash)
    if (issued_at > now + AHEAD || issued_at < now - GOOD_FOR) throw refused('the signature is not from just now')
    if (issued_at < seen.floor)
      throw refused('the signature is from before this broker’s memory; if the clock was put back, restart the broker')
    if (seen.nonces.has(nonce)) throw refused('this signature was used before')
    const key = keyOf(publicKey)
    const message = Buffer.from(proofMessage({ ...request, issued_at, nonce }))
    if (!key || !verify(null, message, key, Buffer.from(signature, 'base64url')))
      throw refused('the signature is not for this request, address, token and key')
    forget(seen, now - GOOD_FOR)
    if (seen.nonces.size >= REMEMBERED)
      throw new BrokerError('slow_down', 'Too many signed requests within a minute.', { retry_after: 10 })
    seen.nonces.set(nonce, issued_at)
  }

  /** Whoever wants to be paired has no token; they share one memory, so that none of them makes it grow. */
  #of(tokenHash: string): Seen {
    const known = this.#seen.get(tokenHash)
    if (known) return known
    const seen: Seen = { nonces: new Map(), floor: this.#since }
    this.#seen.set(tokenHash, seen)
    return seen
  }
}

/** Lets go of what is too old to be taken; the floor sees to it that it stays so when the wall clock is put back. */
function forget(seen: Seen, before: number): void {
  for (const [nonce, issued_at] of seen.nonces) {
    if (issued_at >= before) return
    seen.nonces.delete(nonce)
    seen.floor = Math.max(seen.floor, issued_at + 1)
  }
}

function keyOf(publicKey: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' })
  } catch {
    return undefined
  }
}
