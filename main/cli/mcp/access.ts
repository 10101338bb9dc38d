/**
 * A wish for access, put to the person without waiting for them. The rule: it is answered at once, with the question that
 * now waits and what the person can do about it, or with the consent there is already.
 */
import type { RequestState, Right } from '../../contract/model.ts'
import type { Resolve } from '../../contract/errors.ts'
import { callBroker } from '../broker-call.ts'
import type { Environment } from '../place.ts'

export interface AccessWish {
  readonly account?: string
  readonly provider?: string
  /** Space separated. */
  readonly scope?: string
  readonly right: Right
  readonly reason?: string
}

/** What an agent is told. While it is pending there is a `request_id`, and a code the person compares. */
export interface AccessStanding {
  readonly state: RequestState
  readonly request_id?: string
  readonly code?: string
  /** Seconds since the epoch. */
  readonly expires_at?: number
  readonly resolve?: Resolve
}

/** Asks. Throws what the broker refuses with. */
export async function requestAccess(env: Environment, wish: AccessWish): Promise<AccessStanding> {
  const { id, ...rest } = await callBroker(env, 'requestAccess', wish)
  if (id === undefined) return rest
  const { code } = rest
  const resolve = { command: `valetkey approve ${id}`, ...(code !== undefined && { code }) }
  return { resolve, ...rest, request_id: id }
}
