/**
 * The transport for browser extensions that cannot use native messaging: HTTP to a broker started with `--http`. The rule
 * (S9): before each call whoever answers has to prove that it holds the broker's key and serves this address; without
 * the proof neither a token nor anything else is sent.
 *
 * A browser does not let a program see its connections, so unlike on Node the proof is of the moment before the call and
 * not of the connection it goes over.
 */
import type { Transport, WireRequest, WireResponse } from './client.ts'
import { ValetkeyError } from './error.ts'
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
/** Nothing of the browser's own goes along, and no answer leads elsewhere. */
const bare = { cache: 'no-store', credentials: 'omit', redirect: 'error', referrerPolicy: 'no-referrer' } as const

/** Throws `invalid_request` for an address that is none, or a key that is none. */
export function createHttpTransport({ url, publicKey }: HttpOptions): Transport {
  const address = /^http:\/\/(127\.0\.0\.1:\d{1,5})\/?$/u.exec(url)?.[1]
  if (address === undefined || !/^[\w-]{43}$/u.test(publicKey))
    throw new ValetkeyError('invalid_request', 'The URL must be http://127.0.0.1:PORT, and the key the broker’s.', {
      resolve: { command: 'valetkey status' },
    })
  return { send: (request) => send(address, publicKey, request), close: () => undefined }
}

async function send(address: string, publicKey: string, wire: WireRequest): Promise<WireResponse> {
  const { method, path, authorization, body, signal } = wire
  if (/^https?:/u.test((globalThis as { readonly location?: Location }).location?.protocol ?? ''))
    throw new ValetkeyError(
      'access_denied',
      'What a content script or a web page sends is not taken; ask the extension’s service worker with a message.',
    )
  await demandProof(address, publicKey, signal)
  try {
    const response = await fetch(`http://${address}${path}`, {
      ...bare,
      method,
      headers: {
        accept: lines,
        ...(authorization !== undefined && { authorization }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body }),
      ...(signal && { signal }),
    })
    if (response.headers.get('content-type') === lines && response.body) return await readLines(response.body, wire)
    return { status: response.status, body: await response.text(), retryAfter: response.headers.get('retry-after') }
  } catch (cause) {
    signal?.throwIfAborted()
    throw stranger(address, cause)
  }
}

/** Throws `not_running` unless whoever answers holds the key and serves this address. */
async function demandProof(address: string, publicKey: string, signal: AbortSignal | undefined): Promise<void> {
  const challenge = createChallenge(address, publicKey)
  const late = AbortSignal.timeout(patience)
  try {
    const response = await fetch(`http://${address}${challenge.target}`, {
      ...bare,
      signal: signal ? AbortSignal.any([late, signal]) : late,
    })
    if (response.ok && (await challenge.isProof(await response.text()))) return
  } catch (cause) {
    signal?.throwIfAborted()
    throw stranger(address, cause)
  }
  throw stranger(address)
}

function stranger(address: string, cause?: unknown): ValetkeyError {
  return new ValetkeyError(
    'not_running',
    `Nothing at ${address} proves to be your broker, so no token was sent; it listens there when it is started with --http, and this extension needs the host permission http://127.0.0.1/*.`,
    { cause, resolve: { command: 'valetkey daemon --http' } },
  )
}

/** First the question, then, when it is answered, what the call comes to. Throws when the broker ends before. */
async function readLines(stream: ReadableStream<Uint8Array<ArrayBuffer>>, wire: WireRequest): Promise<WireResponse> {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader()
  let held = ''
  for (;;) {
    const { done, value = '' } = await reader.read()
    if (done) throw new Error('the broker ended before it answered')
    held += value
    for (let end = held.indexOf('\n'); end !== -1; end = held.indexOf('\n')) {
      const line = JSON.parse(held.slice(0, end)) as Readonly<
        Record<string, Readonly<Record<string, string>> | undefined>
      >
      held = held.slice(end + 1)
      const { pending, value: answer, error } = line
      if (pending) wire.onPending?.({ requestId: pending['request_id'] ?? '', code: pending['code'] ?? '' })
      else return { status: error ? 400 : 200, body: JSON.stringify(error ?? answer), retryAfter: null }
    }
  }
}
