/**
 * How one provider's exchanges differ from the standard: the part of its definition that a connection freezes, filled in.
 * The rule: a connection carries its rules with it, sealed, so an edited, removed or forged definition changes nothing for
 * an account that is linked (R1); and a provider that follows the standard has none.
 */
import type { Operation, Predicate, ProviderDefinition, TokenError, TokenResponse } from '../providers/provider.ts'
import { fill, type Values } from '../providers/template.ts'

export type GrantType = keyof NonNullable<ProviderDefinition['grants']>

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
}

/** Filled in when a request is made, from the connection. */
const LATER: Values = { client_id: '${client_id}', client_secret: '${client_secret}' }

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
  const { headers, expired_when, forbidden_when } = definition.resource
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
