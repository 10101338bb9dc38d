/**
 * What a new connection is tied to beyond its endpoints: the account's own key (RFC 9449), the person's client key (RFC
 * 7523), and the resource its tokens are for (RFC 8707). The rule: decided once, when the account is signed in to, from the
 * definition, what the provider publishes and what the person gave; frozen from then on.
 */
import type { ServerMetadata } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { Connection, SignInPlan } from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { fill, type Values } from '../providers/template.ts'
import { readClientKey } from './client-key.ts'
import { DPOP_ALG, newDpopKey } from './dpop.ts'

/** What is frozen of it. */
export type Bindings = Pick<Connection, 'dpop_key' | 'client_key' | 'requested_resource'>

/** Throws `invalid_request` for what the person gave, `provider_error` for what the provider cannot. */
export function bindingsOf(
  definition: ProviderDefinition,
  values: Values,
  plan: SignInPlan,
  metadata: ServerMetadata,
): Bindings {
  const requested_resource = resourceOf(definition, values, plan.resource)
  const client_key = keyOf(plan, metadata)
  const dpop_key = bindingOf(definition, metadata)
  return {
    ...(requested_resource !== undefined && { requested_resource }),
    ...(client_key && { client_key }),
    ...(dpop_key && { dpop_key }),
  }
}

/**
 * A new key where tokens are to be bound, `undefined` where not. Throws `provider_error` where they have to be and the
 * provider publishes that it cannot (RFC 9449 section 5.1).
 */
function bindingOf(
  { dpop, discovery, display_name }: ProviderDefinition,
  metadata: ServerMetadata,
): Secret | undefined {
  if (dpop === undefined) return undefined
  const { dpop_signing_alg_values_supported: algorithms } = metadata
  if (discovery.type === 'none' || algorithms?.includes(DPOP_ALG)) return newDpopKey()
  if (dpop === 'supported') return undefined
  throw new BrokerError(
    'provider_error',
    `${display_name} has to bind tokens to a key (DPoP), and does not publish that it can with ${DPOP_ALG}.`,
  )
}

/** The person's client key, judged, where one was given. Throws `invalid_request`. */
function keyOf({ client_key }: SignInPlan, metadata: ServerMetadata): Secret | undefined {
  const { token_endpoint_auth_signing_alg_values_supported: accepted } = metadata
  return client_key && readClientKey(client_key, accepted)
}

/** RFC 8707 section 2: an absolute URI without a fragment. Throws `invalid_request`. */
function resourceOf(
  { resource: { indicator } }: ProviderDefinition,
  values: Values,
  wanted: string | undefined,
): string | undefined {
  const resource = wanted ?? (indicator === undefined ? undefined : fill(indicator, values))
  if (resource === undefined) return undefined
  if (resource.length <= 2048 && /^[\x21-\x7e]+$/u.test(resource) && !resource.includes('#') && URL.canParse(resource))
    return resource
  throw new BrokerError('invalid_request', 'The resource must be an absolute URI without a fragment (--resource).')
}
