/**
 * What a sign-in is to be: from what the person asks, and from the account that is signed in to again. The rule: what they
 * do not say is as it was, except that a client they name, or have registered, brings its own credentials or none.
 */
import { hash } from 'node:crypto'
import type { LinkRequest } from '../contract/window-api.ts'
import { defined } from './defined.ts'
import type { Desk } from './desk.ts'
import type { AccountRecord, SignInPlan } from './ports.ts'
import { Secret } from './secret.ts'

/** Milliseconds a browser has to come back. */
const SIGN_IN_TIMEOUT = 300_000

/** `again`: the sign-in that is repeated. */
export function planOf(request: LinkRequest, again: SignInPlan | undefined): SignInPlan {
  const { client_id, client_secret, client_key, register, username, password } = request
  const same = client_id === undefined || client_id === again?.client_id
  const keeps = same && !register && client_secret === undefined && client_key === undefined
  return {
    provider: request.provider,
    params: { ...again?.params, ...request.params },
    timeout: SIGN_IN_TIMEOUT,
    ...defined('scope', request.scope ?? again?.scope),
    ...defined('flow', request.flow ?? again?.flow),
    ...defined('redirect', request.redirect),
    ...defined('resource', request.resource ?? again?.resource),
    ...defined('client_id', client_id ?? (register ? undefined : again?.client_id)),
    ...(client_secret !== undefined && { client_secret: new Secret(client_secret) }),
    ...(client_key !== undefined && { client_key: new Secret(client_key) }),
    ...(keeps && again && authenticationOf(again)),
    ...defined('params_of', again?.params_of),
    ...(register && { register }),
    ...(username !== undefined && password !== undefined && { person: { username, password: new Secret(password) } }),
  }
}

/** Two sign-ins of one key are one. It is a digest, because parameters may be secrets as well. */
export const planKey = (plan: SignInPlan, profile: string | undefined): string =>
  hash(
    'sha256',
    JSON.stringify([
      ...[plan.provider, plan.params, plan.scope, plan.client_id, plan.client_secret?.reveal()],
      ...[plan.client_key?.reveal(), plan.redirect, plan.flow, plan.person?.username, plan.resource, plan.register],
      profile,
    ]),
    'base64url',
  )

/** The plan that repeats an account's own sign-in; `undefined` when nothing is stored of it. */
export async function planAgain(desk: Desk, record: AccountRecord): Promise<SignInPlan | undefined> {
  const stored = await desk.ports.vault.grant(record.id)
  if (!stored) return undefined
  const { connection } = stored.material
  return {
    provider: record.provider,
    ...defined('flow', connection.flow),
    params: connection.params,
    params_of: connection,
    client_id: connection.client_id,
    ...defined('client_secret', connection.client_secret),
    ...defined('client_key', connection.client_key),
    ...((connection.client_secret ?? connection.client_key) && { secret_of: connection }),
    ...(connection.registered && { registered_as: connection.token_endpoint_auth_method }),
    ...defined('resource', connection.requested_resource),
    scope: connection.requested_scope,
    timeout: SIGN_IN_TIMEOUT,
  }
}

/** How the client of an earlier sign-in authenticates, for one that names no other. */
const authenticationOf = ({
  client_secret,
  client_key,
  registered_as,
  secret_of,
}: SignInPlan): Partial<SignInPlan> => ({
  ...defined('client_secret', client_secret),
  ...defined('client_key', client_key),
  ...defined('registered_as', registered_as),
  ...defined('secret_of', secret_of),
})
