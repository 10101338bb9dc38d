/**
 * Tokens that are bound to a key of ours (RFC 9449): pure decisions. The rule: such a token is worth nothing without the
 * key, and the key stays in the vault, so it is used here and never handed out, whatever right a consent has given.
 */
import { BrokerError } from '../contract/errors.ts'
import type { AccountRecord, Connection } from './ports.ts'

/** Whether every token of this connection is bound. The sealed material decides; `use_only` of a record only says so early. */
export const isBound = ({ dpop_key }: Pick<Connection, 'dpop_key'>): boolean => dpop_key !== undefined

/** What a program is told that asks for the token itself. */
export function boundRefusal({ id, label }: AccountRecord): BrokerError {
  return new BrokerError(
    'access_denied',
    `The tokens of ${label} are bound to a key that stays in the vault (DPoP), so none is handed out: have the call made with “valetkey fetch”.`,
    { resolve: { command: `valetkey fetch ${id} URL` } },
  )
}

/** Before the person is asked for what could not be given. Throws `access_denied`. */
export function refuseBound(choices: readonly AccountRecord[]): void {
  const [record] = choices
  if (record?.use_only && choices.length === 1) throw boundRefusal(record)
}
