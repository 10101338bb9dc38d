/**
 * Who may come in: one-time keys that open a browser session, and the sessions. The rule: both are 256 random bits that
 * exist here only as hashes, a key opens once and not for long, and a session ends with the process or with disuse.
 */
import { createHash, randomBytes } from 'node:crypto'

/** Milliseconds. */
const keyLifetime = 300_000
const idleLifetime = 12 * 3_600_000
/** More than anybody has use for; the oldest goes first. */
const KEYS = 8
const SESSIONS = 32

/** Milliseconds since some fixed moment; never goes back. */
type Now = () => number

export interface Sessions {
  /** A new one-time key. */
  newKey(): string
  /** The secret of a new session, or `null` when the key is unknown, was used or is too old. */
  exchange(key: string): string | null
  /** Whether this secret is of a session that is alive; it then lives on. `id` names it without being it. */
  touch(secret: string): { readonly id: string } | null
  isAlive(id: string): boolean
}

export function createSessions(now: Now): Sessions {
  const keys = new Map<string, number>()
  const sessions = new Map<string, number>()
  const isAlive = (id: string): boolean => {
    const used = sessions.get(id)
    if (used === undefined) return false
    if (now() - used < idleLifetime) return true
    sessions.delete(id)
    return false
  }
  return {
    isAlive,
    newKey() {
      const key = randomSecret()
      put(keys, hash(key), now(), KEYS)
      return key
    },
    exchange(key) {
      const id = hash(key)
      const made = keys.get(id)
      keys.delete(id)
      if (made === undefined || now() - made >= keyLifetime) return null
      const secret = randomSecret()
      put(sessions, hash(secret), now(), SESSIONS)
      return secret
    },
    touch(secret) {
      const id = hash(secret)
      if (!isAlive(id)) return null
      // Deleted first, so that the map's order is the order of use.
      sessions.delete(id)
      sessions.set(id, now())
      return { id }
    },
  }
}

/** The oldest entry makes room. */
function put(map: Map<string, number>, id: string, at: number, most: number): void {
  const [oldest] = map.keys()
  if (map.size >= most && oldest !== undefined) map.delete(oldest)
  map.set(id, at)
}

const randomSecret = (): string => randomBytes(32).toString('base64url')

/** The secrets have 256 bits of their own: no salt, no stretching, and finding one by its hash leaks nothing of use. */
const hash = (secret: string): string => createHash('sha256').update(secret).digest('base64url')
