/**
 * Client tokens for a client's own subprocesses. The rule: a session is its client with less (never more) to do: it asks
 * by the client's consents and under the client's name, lives in memory alone, and ends with its time, its client, a lock
 * or the broker, whatever comes first.
 */
import type { SessionRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { ClientSession } from '../contract/model.ts'
import { hashToken, newClientToken, randomId } from './ids.ts'
import type { Cancel, ClientRecord, Clock, Randomness } from './ports.ts'
import type { Secret } from './secret.ts'

/** Seconds a session lasts when nothing is said; also the most it may. */
const LIFETIME = 28_800
const PER_CLIENT = 32

interface Running {
  readonly record: ClientRecord
  readonly session: ClientSession
  readonly stopTimer: Cancel
}

export class Sessions {
  readonly #clock: Clock
  readonly #randomness: Randomness
  readonly #changed: () => void
  /** By the hash of their token. */
  readonly #running = new Map<string, Running>()

  constructor(clock: Clock, randomness: Randomness, changed: () => void) {
    this.#clock = clock
    this.#randomness = randomness
    this.#changed = changed
  }

  /** Throws `access_denied` to a session, which cannot start another, and `slow_down` when a client has too many. */
  start(client: ClientRecord, request: SessionRequest): { readonly session: ClientSession; readonly token: Secret } {
    if (client.session) throw new BrokerError('access_denied', 'A session cannot start another; its client can.')
    if (this.of(client.id).length >= PER_CLIENT)
      throw new BrokerError('slow_down', `${String(PER_CLIENT)} sessions of this program are running; end one.`, {
        retry_after: 60,
      })
    const token = newClientToken(this.#randomness)
    const lifetime = Math.min(request.lifetime ?? LIFETIME, LIFETIME)
    const session: ClientSession = {
      id: randomId(this.#randomness),
      name: request.name,
      right: request.right ?? 'use',
      expires_at: Math.floor(this.#clock.now() / 1000) + lifetime,
    }
    // Its holder is a subprocess that has not got the client's key; its own short life stands in for that proof.
    const { public_key: _key, ...unkeyed } = client
    const token_hash = hashToken(token.reveal())
    this.#running.set(token_hash, {
      record: { ...unkeyed, token_hash, session },
      session,
      stopTimer: this.#clock.after(lifetime * 1000, () => this.end(session.id)),
    })
    this.#changed()
    return { session, token }
  }

  /** The client behind a session's token; `null` when it is over. The wall clock counts too: timers sleep with a machine. */
  find(tokenHash: string): ClientRecord | null {
    const running = this.#running.get(tokenHash)
    return running && running.session.expires_at * 1000 > this.#clock.now() ? running.record : null
  }

  of(clientId: string): readonly ClientSession[] {
    return [...this.#running.values()].filter(({ record }) => record.id === clientId).map(({ session }) => session)
  }

  /** Answers whose it was; `undefined` when there was none. `clientId`: only if it is this client's. */
  end(id: string, clientId?: string): string | undefined {
    for (const [hash, { record, session, stopTimer }] of this.#running) {
      if (session.id !== id || (clientId !== undefined && record.id !== clientId)) continue
      stopTimer()
      this.#running.delete(hash)
      this.#changed()
      return record.id
    }
    return undefined
  }

  /** All of them, or those of one client. */
  endAll(clientId?: string): void {
    for (const { record, session } of [...this.#running.values()])
      if (clientId === undefined || record.id === clientId) this.end(session.id)
  }
}
