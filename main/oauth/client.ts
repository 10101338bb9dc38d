/**
 * Who the client of a sign-in is and how it authenticates (RFC 6749 section 2, RFC 7523). The rule: the definition says
 * what is wanted, the person says who they are, and what does not fit is said before anything is asked of the provider.
 */
import type { ServerMetadata } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { Flow } from '../contract/model.ts'
import type { SignInPlan } from '../broker/ports.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { mayRegister } from '../providers/summary.ts'
import type { AuthMethod } from './configuration.ts'
import type { GrantType } from './rules.ts'

const flows = {
  authorization_code: 'browser',
  'urn:ietf:params:oauth:grant-type:device_code': 'device',
  client_credentials: 'client-credentials',
  password: 'password',
} as const satisfies Partial<Record<GrantType, Flow>>

const grantOf = (flow: Flow): GrantType =>
  (Object.entries(flows).find(([, other]) => other === flow)?.[0] ?? 'authorization_code') as GrantType

/** Throws `invalid_request` when the provider wants a client the person has not named. */
export function clientIdOf(definition: ProviderDefinition, flow: Flow, plan: SignInPlan): string {
  const { client, display_name: name } = definition
  // An exchange that names no client needs none; the library wants a word all the same.
  if (definition.grants?.[grantOf(flow)]?.omit?.includes('client_id')) return plan.client_id ?? definition.id
  const { client_id: id, client_secret: secret } = client.fields ?? {}
  if (plan.client_id === undefined || plan.client_id === '')
    throw new BrokerError(
      'invalid_request',
      `${name} needs the ${id?.label ?? 'client id'} that you registered there${mayRegister(definition) ? '; it may also register one for you (--register)' : ''}.`,
      {
        resolve: { command: `valetkey link ${definition.id} --client-id <client id>` },
      },
    )
  if (plan.registered_as !== undefined) return plan.client_id
  const type = client.client_type ?? (client.token_endpoint_auth_method === 'none' ? 'public' : 'confidential')
  if (takesKey(definition, plan)) return plan.client_id
  if (type === 'confidential' && !plan.client_secret)
    throw new BrokerError(
      'invalid_request',
      `${name} needs a ${secret?.label ?? 'client secret'} as well (--client-secret-stdin).`,
    )
  if (type === 'public' && plan.client_secret)
    throw new BrokerError('invalid_request', `${name} takes no client secret.`)
  return plan.client_id
}

/** One way to be a client, not two. Throws `invalid_request`. */
export function requireOneClient({ register, client_id, client_secret, client_key }: SignInPlan): void {
  if (client_key && client_secret)
    throw new BrokerError('invalid_request', 'A client authenticates with a secret or with a key, not with both.')
  if (register && (client_id !== undefined || client_secret || client_key))
    throw new BrokerError('invalid_request', 'Either name a client, or have one registered (--register).')
}

/**
 * Whether this client authenticates with the key that the plan has. Throws `invalid_request` when the provider wants one
 * and there is none, or the other way round.
 */
function takesKey({ client, display_name: name, id }: ProviderDefinition, plan: SignInPlan): boolean {
  const method = client.token_endpoint_auth_method
  if (method === 'private_key_jwt' && !plan.client_key)
    throw new BrokerError('invalid_request', `${name} needs the private key of your client (--client-key-file).`, {
      resolve: { command: `valetkey link ${id} --client-id ID --client-key-file FILE` },
    })
  if (!plan.client_key) return false
  if (method === 'private_key_jwt' || client.client_type === 'either') return true
  throw new BrokerError('invalid_request', `${name} takes no client key.`)
}

/** How a secret is sent when the definition leaves it open: RFC 8414 section 2 makes Basic the default. */
export function authMethodOf({ client }: ProviderDefinition, plan: SignInPlan, metadata: ServerMetadata): AuthMethod {
  if (plan.client_key) return 'private_key_jwt'
  if (plan.registered_as) return plan.registered_as
  if (!plan.client_secret) return 'none'
  if (client.token_endpoint_auth_method !== 'none') return client.token_endpoint_auth_method
  const supported = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  return supported.includes('client_secret_basic') || !supported.includes('client_secret_post')
    ? 'client_secret_basic'
    : 'client_secret_post'
}
