/**
 * Where stored secrets may go. The rule: where they have gone before, endpoints that are discovered anew included, or
 * nowhere until the person has given them again.
 */
import type { ServerMetadata } from 'openid-client'
import type { Connection, SignInPlan } from '../broker/ports.ts'
import { BrokerError } from '../contract/errors.ts'
import type { ProviderDefinition } from '../providers/provider.ts'
import { rulesOf } from './rules.ts'

/** Every place a client secret is sent to, as text to compare. */
function secretPlaces(connection: NonNullable<SignInPlan['secret_of']>): string {
  const { grants = {}, revocation } = rulesOf(connection)
  const own = Object.values(grants).map(({ endpoint }) => endpoint ?? '')
  if (revocation && revocation.auth !== 'bearer') own.push(revocation.url)
  return JSON.stringify([connection.token_endpoint, connection.revocation_endpoint ?? '', ...own.toSorted()])
}

/** Whether what was stored with `before` would now go somewhere else, endpoints that are not kept included. */
function isElsewhere(
  before: NonNullable<SignInPlan['secret_of']>,
  now: Connection,
  { device_authorization_endpoint: device, pushed_authorization_request_endpoint: pushed }: ServerMetadata,
): boolean {
  const asked = now.flow === 'device' ? device : now.flow === undefined ? pushed : undefined
  const isOther = asked !== undefined && new URL(asked).host !== new URL(now.token_endpoint).host
  return isOther || secretPlaces(before) !== secretPlaces(now)
}

/**
 * A secret that was stored for one place is not sent to another because a parameter or a definition has changed since; the
 * person has to give it again. Throws `invalid_request`.
 */
export function requireSamePlaces(
  { display_name, id }: ProviderDefinition,
  before: NonNullable<SignInPlan['secret_of']>,
  now: Connection,
  metadata: ServerMetadata,
): void {
  if (!isElsewhere(before, now, metadata)) return
  const [what, option] = now.client_key ? ['key', '--client-key-file FILE'] : ['secret', '--client-secret-stdin']
  throw new BrokerError(
    'invalid_request',
    `${display_name} is not at the address this account's client ${what} was given for; give it again (${option}).`,
    { resolve: { command: `valetkey link ${id} ${option}` } },
  )
}

/** The same of parameters that are secrets. Throws `invalid_request`. */
export function requireSecretParams(
  { display_name, variables = {} }: ProviderDefinition,
  { params }: SignInPlan,
  before: NonNullable<SignInPlan['params_of']>,
  now: Connection,
  metadata: ServerMetadata,
): void {
  const secrets = [...(rulesOf(before).secrets ?? []), ...(rulesOf(now).secrets ?? [])]
  const kept = secrets.find((name) => params[name] !== undefined && params[name] === before.params[name])
  if (kept === undefined || !isElsewhere(before, now, metadata)) return
  throw new BrokerError(
    'invalid_request',
    `${display_name} is not at the address that ${variables[kept]?.title ?? kept} was given for; give it again by linking a new account.`,
  )
}
