/**
 * The transport for browser extensions that cannot use native messaging: HTTP to a broker started with `--http`. The rule
 * (S9): before each call whoever answers has to prove that it holds the broker's key and serves this address; without
 * the proof neither a token nor anything else is sent.
 *
 * A browser does not let a program see its connections, so unlike on Node the proof is of the moment before the call and
 * not of the connection it goes over.
 */
import type { Transport, WireRequest, WireResponse } from './client.ts'
import { failure, notHere } from './error.ts'
import { createChallenge } from './identity.ts'

export interface HttpOptions {
  /** `http://127.0.0.1:PORT`, as `valetkey status` shows it. */
  readonly url: string
  /** The broker's key (Ed25519, raw, base64url), as `valetkey status` shows it. */
  readonly publicKey: string
}

/** `linesType` of the contract: a browser shows no informational answers, so the question comes in a line of its own. */
const lines = 'application/x-ndjson'
/** Milliseconds for proving. */
const patience = 5_000

/** Throws `invalid_request` for an address that is none, or a key that is none. */
export function createHttpTransport({ url, publicKey }: HttpOptions): Transport {
  const address = /^http:\/\/(127\.0\.0\.1:\d{1,5})\/?$/u.exec(url)?.[1]
  if (address === undefined || publicKey.length !== 43)
    throw failure('invalid_request', 'Give http://127.0.0.1:PORT, and the broker’s key.', 'valetkey status')
  const ask = (path: string, init: RequestInit): Promise<Response> =>
    fetch(`http://${address}${path}`, { redirect: 'error', ...init })

  const demandProof = async (signal: AbortSignal | undefined): Promise<void> => {
    const challenge = createChallenge(address, publicKey)
    const late = AbortSignal.timeout(patience)
    const answer = await ask(challenge.target, { signal: AbortSignal.any(signal ? [late, signal] : [late]) })
    if (!(await challenge.isProof(await answer.text()))) throw new Error('no proof')
  }
  return {
    close: () => undefined,
    send: async ({ method, path, authorization, argument, signal, onPending }) => {
      if (globalThis.location?.protocol.startsWith('http')) throw notHere()
      try {
        await demandProof(signal)
        const headers = {
          ...{ accept: lines, 'content-type': 'application/json' },
          ...(authorization !== undefined && { authorization }),
        }
        const body = argument === undefined ? null : JSON.stringify(argument)
        return await read(await ask(path, { method, headers, body, signal: signal ?? null }), onPending)
      } catch (cause) {
        signal?.throwIfAborted()
        throw failure('not_running', `Nothing at ${address} proves to be your broker.`, 'valetkey daemon --http', cause)
      }
    },
  }
}

/** Throws when the broker ends before its answer does. */
async function read(response: Response, onPending: WireRequest['onPending']): Promise<WireResponse> {
  const { ok, headers, body } = response
  if (headers.get('content-type') !== lines || !body)
    return { ok, answer: await response.json(), retryAfter: headers.get('retry-after') }
  let text = ''
  let end = -1
  for await (const part of body.pipeThrough(new TextDecoderStream())) {
    text += part
    if (end < 0 && (end = text.indexOf('\n')) >= 0) {
      const { pending } = JSON.parse(text.slice(0, end)) as { readonly pending: Record<'request_id' | 'code', string> }
      onPending?.({ requestId: pending.request_id, code: pending.code })
    }
  }
  const { value, error } = JSON.parse(text.slice(end)) as { readonly value?: unknown; readonly error?: unknown }
  return { ok: !error, answer: error ?? value }
}
