/**
 * Storage for oidc-provider in plain maps, after its own example adapter (`example/my_adapter.js`). The rule: nothing is
 * evicted (the adapter it comes with keeps a thousand entries, too few for a test of many accounts) but what has expired.
 */
import type { Adapter, AdapterPayload } from 'oidc-provider'

const entries = new Map<string, { readonly payload: AdapterPayload; readonly expires: number }>()
const byUid = new Map<string, string>()
const byGrant = new Map<string, Set<string>>()

export class MapAdapter implements Adapter {
  readonly #name: string

  constructor(name: string) {
    this.#name = name
  }

  upsert(id: string, payload: AdapterPayload, expiresIn: number): Promise<void> {
    const key = this.#key(id)
    if (this.#name === 'Session' && payload.uid !== undefined) byUid.set(payload.uid, id)
    if (payload.grantId !== undefined)
      byGrant.set(payload.grantId, (byGrant.get(payload.grantId) ?? new Set()).add(key))
    entries.set(key, { payload, expires: expiresIn > 0 ? Date.now() + expiresIn * 1000 : Number.POSITIVE_INFINITY })
    return Promise.resolve()
  }

  find(id: string): Promise<AdapterPayload | undefined> {
    const entry = entries.get(this.#key(id))
    return Promise.resolve(entry && entry.expires > Date.now() ? entry.payload : undefined)
  }

  findByUid(uid: string): Promise<AdapterPayload | undefined> {
    return this.find(byUid.get(uid) ?? '')
  }

  findByUserCode(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  consume(id: string): Promise<void> {
    const entry = entries.get(this.#key(id))
    if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000)
    return Promise.resolve()
  }

  destroy(id: string): Promise<void> {
    entries.delete(this.#key(id))
    return Promise.resolve()
  }

  revokeByGrantId(grantId: string): Promise<void> {
    for (const key of byGrant.get(grantId) ?? []) entries.delete(key)
    byGrant.delete(grantId)
    return Promise.resolve()
  }

  #key(id: string): string {
    return `${this.#name}:${id}`
  }
}
