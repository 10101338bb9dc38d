/**
 * What is kept in the clear (accounts, clients, consents) as text, and back. The rule: the same strict parser on the way
 * in and on the way out, so a record that was written can be read.
 */
import type { AccountRecord, ClientRecord } from '../broker/ports.ts'
import type { Grant } from '../contract/model.ts'
import { boolean, list, object, oneOf, optional, type Parser } from '../contract/parse.ts'
import { Damage } from './database.ts'

/** Any text, control characters included: what is stored was judged where it came in. */
export const string: Parser<string> = (value, path) => {
  if (typeof value !== 'string') throw new Damage(`${path} must be a text`)
  return value
}

/** Any finite number. */
export const number: Parser<number> = (value, path) => {
  if (typeof value !== 'number' || !Number.isFinite(value)) throw new Damage(`${path} must be a number`)
  return value
}

const account: Parser<AccountRecord> = object({
  id: string,
  provider: string,
  provider_name: string,
  label: string,
  issuer: optional(string),
  subject: optional(string),
  problem: optional(string),
  scope: string,
  renewable: boolean,
  use_only: optional(boolean),
  linked_at: number,
  last_used_at: optional(number),
  profile: optional(string),
  ends_at: optional(number),
  standing: oneOf('connected', 'needs-sign-in', 'misconfigured'),
})

const client: Parser<ClientRecord> = object({
  id: string,
  name: string,
  kind: oneOf('cli', 'script', 'extension', 'agent'),
  origin: optional(string),
  paired_at: number,
  last_used_at: optional(number),
  token_hash: string,
  public_key: optional(string),
  choices: optional(
    list(
      object({
        id: string,
        account: optional(string),
        provider: optional(string),
        issuer: optional(string),
        account_id: string,
        chosen_at: number,
      }),
      64,
    ),
  ),
})

const grant: Parser<Grant> = object({
  id: string,
  client_id: string,
  account_id: string,
  scope: string,
  right: oneOf('use', 'read'),
  granted_at: number,
  until: (value, path) => (value === null ? null : number(value, path)),
  once: optional(boolean),
})

export interface Codec<T> {
  /** Throws when the record holds what could not be read back. */
  encode(record: T): string
  /** Throws when the text is not such a record. */
  decode(text: string): T
}

const codec = <T>(parser: Parser<T>): Codec<T> => ({
  encode: (record) => JSON.stringify(parser(record, '')),
  decode: (text) => parser(JSON.parse(text), ''),
})

export const accountCodec = codec(account)
export const clientCodec = codec(client)
export const grantCodec = codec(grant)
