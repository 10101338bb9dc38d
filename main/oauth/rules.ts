/**
 * How one provider's exchanges differ from the standard: the part of its definition that a connection freezes, filled in.
 * The rule: a connection carries its rules with it, sealed, so an edited, removed or forged definition changes nothing for
 * an account that is linked (R1); and a provider that follows the standard has none.
 */
import type { Connection } from '../broker/ports.ts'
import { Secret } from '../broker/secret.ts'
import type {
  Operation,
  Predicate,
  ProviderDefinition,
  Revocation,
  TokenError,
  TokenResponse,
} from '../providers/provider.ts'
import { fill, type Values } from '../providers/template.ts'

export type GrantType = keyof NonNullable<ProviderDefinition['grants']>
export type BaseUrlFrom = NonNullable<ProviderDefinition['resource']['base_url_from']>

export interface ExchangeRules {
  readonly grants?: Readonly<Partial<Record<GrantType, Operation>>>
  readonly response?: TokenResponse
  readonly error?: TokenError
  readonly scope?: { readonly delimiter?: string; readonly param?: string; readonly on_refresh?: string }
  readonly basic?: 'raw'
  /** Whom assertions of `private_key_jwt` name, where that is not the issuer. */
  readonly assertion_audience?: 'token_endpoint'
  readonly api?: {
    readonly headers?: Readonly<Record<string, string>>
    readonly expired_when?: readonly Predicate[]
    readonly forbidden_when?: readonly Predicate[]
  }
  readonly revocation?: Revocation
  /** Where the sign-in finds the API's host; a renewal never moves it. */
  readonly base_url_from?: BaseUrlFrom
  /** Names of the parameters that are secrets, so that they can be struck from what a provider says. */
  readonly secrets?: readonly string[]
}

/** Filled in when a request is made, from the connection. */
const LATER: Values = { client_id: '${client_id}', client_secret: '${client_secret}' }
const TOKEN_LATER: Values = { token: '${token}', token_type_hint: '${token_type_hint}' }

/**
 * The rules as they are sealed, JSON; `undefined` when the provider needs none. `scope` as it will be asked for; `place`
 * fills in a URL.
 */
export function freezeRules(
  definition: ProviderDefinition,
  values: Values,
  scope: string,
  place: typeof fill,
): string | undefined {
  const known = { ...values, ...LATER }
  const { delimiter, param, send_on_refresh } = definition.scope ?? {}
  const { headers, expired_when, forbidden_when, base_url_from } = definition.resource
  const secrets = Object.entries(definition.variables ?? {}).flatMap(([name, { secret }]) => (secret ? [name] : []))
  const rules = {
    grants: present(
      Object.fromEntries(
        Object.entries(definition.grants ?? {}).flatMap(([grant, operation]) =>
          operation === undefined || Object.keys(operation).length === 0
            ? []
            : [[grant, filled(operation, known, place)]],
        ),
      ),
    ),
    response: definition.token_response,
    error: definition.token_error,
    scope: present({
      ...(delimiter !== undefined && delimiter !== ' ' && { delimiter }),
      ...(param !== undefined && param !== 'scope' && { param }),
      ...(send_on_refresh === true && scope !== '' && { on_refresh: scope }),
    }),
    basic: definition.client.client_secret_basic_encoding === 'raw' ? 'raw' : undefined,
    assertion_audience: definition.client.client_assertion_audience === 'token_endpoint' ? 'token_endpoint' : undefined,
    api: present({
      ...(headers !== undefined && { headers: filledMap(headers, known) }),
      ...(expired_when !== undefined && { expired_when }),
      ...(forbidden_when !== undefined && { forbidden_when }),
    }),
    revocation: definition.revocation && filledRevocation(definition.revocation, { ...known, ...TOKEN_LATER }, place),
    base_url_from,
    secrets: secrets.length > 0 ? secrets : undefined,
  }
  const text = JSON.stringify(rules)
  return text === '{}' ? undefined : text
}

function filled(operation: Operation, values: Values, place: typeof fill): Operation {
  const { endpoint: template, ...rest } = operation
  const endpoint = template === undefined ? undefined : place(template, values)
  return {
    ...rest,
    ...(endpoint !== undefined && { endpoint }),
    ...(operation.params && { params: filledMap(operation.params, values) }),
    ...(operation.headers && { headers: filledMap(operation.headers, values) }),
  }
}

/** Without an optional host of the person's there is no such request. */
function filledRevocation(revocation: Revocation, values: Values, place: typeof fill): Revocation | undefined {
  const url = place(revocation.url, values)
  return url === undefined
    ? undefined
    : {
        ...revocation,
        url,
        ...(revocation.params && { params: filledMap(revocation.params, values) }),
        ...(revocation.headers && { headers: filledMap(revocation.headers, values) }),
      }
}

/** An entry whose optional variable was not given is left out. */
export function filledMap(map: Readonly<Record<string, string>>, values: Values): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(map).flatMap(([name, template]) => {
      const value = fill(template, values)
      return value === undefined ? [] : [[name, value]]
    }),
  )
}

const present = <T extends object>(value: T): T | undefined => (Object.keys(value).length === 0 ? undefined : value)

const read = new Map<string, ExchangeRules>()
/** Texts kept read; a person has some tens of providers at most. */
const KEPT = 256

/** The rules of a connection. What was sealed was ours, so it is not checked again. */
export function rulesOf(connection: { readonly rules?: string }): ExchangeRules {
  const { rules: text } = connection
  if (text === undefined) return NONE
  const known = read.get(text)
  if (known) return known
  const rules = JSON.parse(text) as ExchangeRules
  if (read.size >= KEPT) read.clear()
  read.set(text, rules)
  return rules
}

const NONE: ExchangeRules = {}

/** What of a connection is secret by itself: a provider that quotes it back is not quoted on. */
export function secretsOf(connection: Pick<Connection, 'client_secret' | 'params' | 'rules'>): readonly Secret[] {
  const values = (rulesOf(connection).secrets ?? []).map((name) => connection.params[name])
  return [
    ...(connection.client_secret ? [connection.client_secret] : []),
    ...values.flatMap((value) => (value === undefined ? [] : [new Secret(value)])),
  ]
}
