/**
 * A program with a key of its own, written from the README alone: it shares no code with the broker, so that what both
 * sign is what the page says. The rule: every part of a request can be changed on its way, for tests of what is refused.
 */
import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { request as httpRequest } from 'node:http'

/** What one request is made of; each may be replaced. */
export interface Parts {
  readonly method: string
  readonly target: string
  /** What the proof says it is for. */
  readonly signed: { readonly method: string; readonly target: string; readonly address: string }
  readonly token: string
  readonly issued_at: number
  readonly nonce: string
  readonly key: KeyObject
  /** The header itself; `null`: none. */
  readonly proof: string | null
}

export interface SignedReply {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
  /** The proof that was sent. */
  readonly proof: string | null
  /** The question and its code, where one was put. */
  readonly pending: { readonly id: string; readonly code: string } | undefined
}

/** A socket path, or a port on 127.0.0.1. */
export type Where = string | number

export const addressOf = (where: Where): string => (typeof where === 'number' ? `127.0.0.1:${String(where)}` : where)

export class SigningClient {
  readonly key: KeyObject
  readonly public_key: string
  token = ''

  constructor() {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    this.key = privateKey
    this.public_key = publicKey.export({ format: 'jwk' }).x ?? ''
  }

  /** One call; `change` replaces parts of it. `onPending` is told which question waits. */
  async call(
    where: Where,
    path: string,
    body: unknown,
    change: Partial<Parts> = {},
    onPending?: (pending: { readonly id: string; readonly code: string }) => void,
  ): Promise<SignedReply> {
    const method = change.method ?? (body === undefined ? 'GET' : 'POST')
    const target = change.target ?? path
    const token = change.token ?? this.token
    const signed = change.signed ?? { method, target, address: addressOf(where) }
    const issued = String(change.issued_at ?? Date.now())
    const nonce = change.nonce ?? randomBytes(16).toString('base64url')
    const hash = token === '' ? '' : createHash('sha256').update(token).digest('base64url')
    const lines = ['valetkey-proof-v1', signed.method, signed.target, signed.address, hash, issued, nonce]
    const signature = sign(null, Buffer.from(lines.join('\n')), change.key ?? this.key).toString('base64url')
    const proof = change.proof === undefined ? `${issued}.${nonce}.${signature}` : change.proof
    return send(where, { method, target, token, proof, body }, onPending)
  }
}

function send(
  where: Where,
  call: {
    readonly method: string
    readonly target: string
    readonly token: string
    readonly proof: string | null
    readonly body: unknown
  },
  onPending: ((pending: { readonly id: string; readonly code: string }) => void) | undefined,
): Promise<SignedReply> {
  const { method, target, token, proof, body } = call
  return new Promise((resolve, reject) => {
    let pending: SignedReply['pending']
    const sent = httpRequest(
      {
        ...(typeof where === 'number' ? { host: '127.0.0.1', port: where } : { socketPath: where }),
        path: target,
        method,
        agent: false,
        headers: {
          ...(token !== '' && { authorization: `Bearer ${token}` }),
          ...(proof !== null && { 'valetkey-proof': proof }),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
      },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('error', reject)
        response.on('end', () => {
          const status = response.statusCode ?? 0
          resolve({ status, body: JSON.parse(text) as Readonly<Record<string, unknown>>, proof, pending })
        })
      },
    )
    sent.on('information', ({ headers }) => {
      const { 'valetkey-request': id, 'valetkey-code': code } = headers
      if (typeof id !== 'string' || typeof code !== 'string') return
      pending = { id, code }
      onPending?.(pending)
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}
