/**
 * The authorization servers of the world, as the broker sees them. The rule: nothing is loaded, resolved or connected
 * before it is needed; a sign-in freezes where its secrets may go, and everything later goes there and nowhere else (R1).
 */
import type { ServerMetadata } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { Flow } from '../contract/model.ts'
import type {
  AccessToken,
  AuthorizationServers,
  Clock,
  Connection,
  GrantMaterial,
  Log,
  RefreshOutcome,
  RevokeOutcome,
  RunningSignIn,
  SignInOutcome,
  SignInPlan,
} from '../broker/ports.ts'
import type { ProviderDefinition, Providers } from '../providers/provider.ts'
import { flowsOf, summaryOf } from '../providers/summary.ts'
import { valuesOf, type Values } from '../providers/template.ts'
import { apiHeaders, judgeApiAnswer } from './api-answer.ts'
import { pushingFetch } from './authorization-request.ts'
import { clientAuthentication, loadOpenidClient, prepare } from './configuration.ts'
import { discover, place } from './discovery.ts'
import { bindingsOf, type Bindings } from './binding.ts'
import { authMethodOf, clientIdOf, requireOneClient } from './client.ts'
import { dpopHandle, dpopHeaders } from './dpop.ts'
import { checkApiBase, checkEndpoints, resolveName, type Resolve } from './endpoints.ts'
import { createHttp, type Http } from './http.ts'
import { identify, identityEndpoint, type Claims } from './identity.ts'
import { chooseRung, ladder, ownPage } from './redirects.ts'
import { refresh } from './refresh.ts'
import { registerClient, type RegisteredClient } from './registration.ts'
import { revocationUrl, revokeAsDefined, withLiveToken } from './revocation.ts'
import { revoke } from './revoke.ts'
import { filledMap, freezeRules, rulesOf } from './rules.ts'
import { requireSamePlaces, requireSecretParams } from './secret-places.ts'
import { startSignIn, type SignInStart } from './sign-in.ts'
import { createTokenFetch, type TokenFetch } from './token-fetch.ts'
import { startClientCredentials, startDevice, startPassword } from './unattended.ts'

export interface AuthorizationServersOptions {
  readonly providers: Providers
  readonly log: Log
  readonly clock: Clock
  /** Goes into the User-Agent. */
  readonly version: string
  /** Another way to the network, for example a host's with its proxy settings. */
  readonly http?: Http
  readonly resolve?: Resolve
  /** Whether the operating system hands our scheme to this program; without it the scheme is never used. */
  readonly schemeIsOurs?: () => Promise<boolean>
}

export function createAuthorizationServers(options: AuthorizationServersOptions): AuthorizationServers {
  const { providers, log, clock } = options
  const http = options.http ?? createHttp()
  const resolve = options.resolve ?? resolveName
  const agent = `valetkey/${options.version}`
  const standardFetch = createTokenFetch(http, agent, { id_token: false })
  /** The seam for one connection: every provider that keeps to the standard shares one. */
  const fetchFor = (connection: Connection, id_token = false, binding?: ProviderDefinition['dpop']): TokenFetch => {
    // What is linked with a key takes nothing less from then on.
    const dpop = connection.dpop_key && (binding ?? 'required')
    return connection.rules === undefined && !id_token && !dpop
      ? standardFetch
      : createTokenFetch(http, agent, { id_token, rules: rulesOf(connection), client: connection, dpop })
  }

  const find = async (id: string): Promise<ProviderDefinition> => {
    const definition = await providers.find(id)
    if (definition) return definition
    throw new BrokerError('not_found', `There is no provider ${JSON.stringify(id.slice(0, 64))}.`, {
      resolve: { command: 'valetkey providers' },
    })
  }

  const open = async (plan: SignInPlan): Promise<RunningSignIn> => {
    const definition = await find(plan.provider)
    const values = valuesOf(definition, plan.params)
    const flow = chooseFlow(definition, plan.flow)
    requireOneClient(plan)
    const given = plan.register ? '' : clientIdOf(definition, flow, plan)
    const way = flow === 'browser' ? await wayBack(definition, values, plan) : undefined
    const oc = await loadOpenidClient()
    const { metadata, issuer, insecure_loopback } = await discover(oc, standardFetch, resolve, definition, values)
    requireEndpoint(definition, flow, metadata)
    const bindings = bindingsOf(definition, values, plan, metadata)
    const registered = plan.register
      ? await registerClient({ oc, http, resolve, agent, definition, flow, metadata })
      : undefined
    const client_id = registered?.client_id ?? given
    const found = { flow, metadata, client_id, insecure_loopback, registered, bindings }
    const connection = connectionOf(definition, values, plan, found)
    await checkOthers(definition, values, connection)
    if (plan.secret_of) requireSamePlaces(definition, plan.secret_of, connection, metadata)
    if (plan.params_of) requireSecretParams(definition, plan, plan.params_of, connection, metadata)
    const identityUrl = definition.identity && place(definition.identity.url, values)
    const scope = connection.requested_scope
    const id_token = issuer !== undefined && scope.split(' ').includes('openid')
    const auth = clientAuthentication(oc, connection)
    // A desktop clock may be minutes off; the ID token has just come over TLS and carries our nonce.
    // Where no `iss` is compared, the library is not to miss one.
    const noIssuer = definition.authorization_response?.iss === 'ignore' || way?.redirect === 'oob'
    const known = noIssuer ? { ...metadata, authorization_response_iss_parameter_supported: false } : metadata
    const config = new oc.Configuration(known, client_id, { [oc.clockTolerance]: 300 }, auth)
    const seam = fetchFor(connection, id_token && flow === 'browser', definition.dpop)
    const { pushed_authorization_request_endpoint: push } = metadata
    prepare(oc, config, pushingFetch(seam, push, definition.authorization_request), insecure_loopback)
    const proving = connection.dpop_key ? { DPoP: dpopHandle(oc, config, connection.dpop_key) } : {}
    const start = {
      ...{ oc, clock, config, connection, scope, proving },
      provider_name: definition.display_name,
      timeout: plan.timeout,
      identify: (access: AccessToken, claims: Claims | undefined) =>
        identify(oc, config, http, {
          access,
          claims,
          endpoint: identityEndpoint(definition, identityUrl, access, connection),
          proving,
        }),
      discard: (outcome: SignInOutcome) => {
        if (outcome.kind === 'signed-in') void endGrant(outcome.material)
      },
    }
    if (way)
      return startSignIn({
        ...start,
        ...way,
        issuer,
        iss_expected: metadata.authorization_response_iss_parameter_supported === true,
        id_token,
        pushed: isPushed(definition, metadata),
      })
    if (flow === 'device') return startDevice(start)
    if (flow === 'client-credentials') return startClientCredentials(start)
    if (!plan.person)
      throw new BrokerError('invalid_request', `${definition.display_name} needs your email and password for this.`, {
        resolve: { command: `valetkey link ${definition.id} --flow password` },
      })
    return startPassword(start, plan.person)
  }

  const wayBack = async (
    definition: ProviderDefinition,
    values: Values,
    plan: SignInPlan,
  ): Promise<Pick<SignInStart, 'redirect' | 'rungs' | 'definition'>> => {
    const { redirect = { methods: [] }, authorization_request: request } = definition
    const rungs = ladder(redirect.methods, (await options.schemeIsOurs?.()) ?? false)
    const { https_url: _template, ...others } = redirect
    const page = ownPage(redirect, values)
    const params = filledMap(request?.params ?? {}, values)
    return {
      ...chooseRung(rungs, plan.redirect, definition.display_name),
      definition: {
        ...definition,
        redirect: { ...others, ...(page !== undefined && { https_url: page }) },
        authorization_request: { ...request, params },
      },
    }
  }

  /** Where secrets go beside the endpoints that discovery has checked. */
  const checkOthers = async (definition: ProviderDefinition, values: Values, connection: Connection): Promise<void> => {
    const { grants = {}, revocation } = rulesOf(connection)
    const others = [
      ...Object.values(grants).map((operation) => operation.endpoint),
      revocation && revocationUrl(revocation, connection.client_id),
      definition.identity && place(definition.identity.url, values),
    ]
    for (const url of others)
      if (url !== undefined) await checkEndpoints(connection.token_endpoint, { token_endpoint: url }, resolve)
  }

  /** In the provider's own way where the connection has one, else RFC 7009. Never rejects. */
  const endGrant = async (material: GrantMaterial): Promise<RevokeOutcome> => {
    const { connection, refresh_token } = material
    const { revocation } = rulesOf(connection)
    if (revocation)
      return revokeAsDefined(
        http,
        agent,
        revocation,
        await withLiveToken(material, clock.now(), () => servers.refresh(connection, refresh_token, {})),
      )
    return loadOpenidClient().then(
      (oc) => revoke(oc, fetchFor(connection), material),
      () => ({ kind: 'failed', detail: 'A part of Valetkey could not be loaded; install it again.' }),
    )
  }

  /** Sign-ins whose answer comes through our scheme. */
  const awaited = new Set<RunningSignIn>()

  const servers: AuthorizationServers = {
    providers: async () =>
      (await providers.list()).map((definition) => ({
        ...summaryOf(definition),
        ...(providers.isUnconfirmed?.(definition) && { unconfirmed: true as const }),
      })),
    tryOut: async (id) => {
      const { conform } = await import('./conformance/conform.ts')
      return conform(await find(id), clock)
    },
    startSignIn: async (plan) => {
      log('info', 'sign-in.start', { provider: plan.provider })
      const running = await open(plan)
      if (running.redirect === 'custom-scheme') awaited.add(running)
      void running.done.then((outcome) => {
        awaited.delete(running)
        log('info', 'sign-in.end', { provider: plan.provider, outcome: outcome.kind })
      })
      return running
    },
    deliver: async (url) => {
      for (const running of awaited) {
        const taken = await running.submit(url).then(
          () => true,
          () => false,
        )
        if (taken) return true
      }
      // Any page can send the browser to our scheme: not an event worth more than a count.
      log('debug', 'redirect.dropped')
      return false
    },
    refresh: async (connection, refresh_token, variant) => {
      const outcome = await loadOpenidClient().then(
        (oc) => refresh(oc, fetchFor(connection), clock, { connection, refresh_token, variant }),
        (): RefreshOutcome => ({
          kind: 'offline',
          detail: 'A part of Valetkey could not be loaded; install it again.',
        }),
      )
      if (outcome.kind === 'refreshed' && outcome.alarm !== undefined)
        log('warn', 'refresh.malformed', { provider: connection.provider, alarm: outcome.alarm })
      return outcome
    },
    apiHeaders: async (connection, access, call) => {
      const headers = apiHeaders(connection, access)
      if (!connection.dpop_key) return headers
      const { Authorization: _unbound, ...rest } = headers
      return { ...rest, ...(await dpopHeaders(connection, access, call)) }
    },
    judgeAnswer: judgeApiAnswer,
    revoke: endGrant,
  }
  return servers
}

/** A password is asked for only where the person has named that flow. Throws `invalid_request`. */
function chooseFlow(definition: ProviderDefinition, wanted: Flow | undefined): Flow {
  const there = flowsOf(definition)
  const flow = wanted ?? there.find((one) => one !== 'password')
  if (flow !== undefined && there.includes(flow)) return flow
  const name = definition.display_name
  throw new BrokerError(
    'invalid_request',
    wanted === undefined
      ? `${name} can be linked with email and password only, and that has to be asked for.`
      : `${name} cannot be linked by ${wanted}; there is: ${there.join(', ')}.`,
    { resolve: { command: `valetkey link ${definition.id} --flow ${there[0] ?? ''}` } },
  )
}

/** Throws `provider_error` where the provider has not published what the flow needs. */
function requireEndpoint({ display_name }: ProviderDefinition, flow: Flow, metadata: ServerMetadata): void {
  const missing =
    flow === 'browser' && typeof metadata.authorization_endpoint !== 'string'
      ? 'authorization'
      : flow === 'device' && typeof metadata.device_authorization_endpoint !== 'string'
        ? 'device authorization'
        : undefined
  if (missing !== undefined)
    throw new BrokerError('provider_error', `${display_name} names no ${missing} endpoint, which this flow needs.`)
}

/** RFC 9126: where the definition names the endpoint, or the provider insists. */
const isPushed = ({ server }: ProviderDefinition, metadata: ServerMetadata): boolean =>
  typeof metadata.pushed_authorization_request_endpoint === 'string' &&
  (server.pushed_authorization_request_endpoint !== undefined ||
    metadata.require_pushed_authorization_requests === true)

function scopeOf({ scope }: ProviderDefinition, wanted: string | undefined): string {
  const words = wanted === undefined ? (scope?.default ?? []) : wanted.split(/\s+/u)
  return [...new Set([...(scope?.required ?? []), ...words])].filter((word) => word !== '').join(' ')
}

interface Found {
  readonly flow: Flow
  readonly metadata: ServerMetadata
  readonly client_id: string
  readonly insecure_loopback: boolean
  readonly registered: RegisteredClient | undefined
  readonly bindings: Bindings
}

function connectionOf(definition: ProviderDefinition, values: Values, plan: SignInPlan, found: Found): Connection {
  const { revocation_endpoint, userinfo_endpoint } = found.metadata
  const requested_scope = scopeOf(definition, plan.scope)
  const rules = freezeRules(definition, values, requested_scope, place)
  const renew = renewalOf(definition, found.flow)
  const basic = definition.resource.basic_authentication
  const { registered, bindings } = found
  const secret = registered ? registered.client_secret : plan.client_secret
  return {
    provider: definition.id,
    issuer: found.metadata.issuer,
    token_endpoint: found.metadata.token_endpoint ?? '',
    ...(revocation_endpoint !== undefined && { revocation_endpoint }),
    ...(userinfo_endpoint !== undefined && { userinfo_endpoint }),
    client_id: found.client_id,
    ...(secret && { client_secret: secret }),
    token_endpoint_auth_method:
      registered?.token_endpoint_auth_method ?? authMethodOf(definition, plan, found.metadata),
    ...((registered ?? plan.registered_as) !== undefined && { registered: true }),
    insecure_loopback: found.insecure_loopback,
    rotation: renew === undefined ? (definition.lifecycle?.rotation ?? 'maybe') : 'never',
    authorization_template: definition.resource.authorization.template,
    api_base_urls: placesOf(definition, values, definition.resource.base_urls),
    ...(basic && {
      basic_authentication: { ...basic, base_urls: placesOf(definition, values, basic.base_urls) },
    }),
    params: plan.params,
    requested_scope,
    ...bindings,
    ...(rules !== undefined && { rules }),
    ...(found.flow !== 'browser' && { flow: found.flow }),
    ...(renew !== undefined && { renew }),
  }
}

/** Where tokens may be sent, without the places whose variable was not given. Throws `invalid_request`. */
function placesOf(definition: ProviderDefinition, values: Values, templates: readonly string[]): readonly string[] {
  return templates.flatMap((template) => {
    const url = place(template, values)
    return url === undefined ? [] : [checkApiBase(url, definition.allow_insecure_http)]
  })
}

/** `undefined`: by the refresh token, if one is given. */
function renewalOf({ lifecycle }: ProviderDefinition, flow: Flow): Connection['renew'] {
  if (flow === 'client-credentials') return lifecycle?.renew === 'sign_in' ? 'sign_in' : 'reobtain'
  if (flow === 'password') return 'sign_in'
  return lifecycle?.renew === 'sign_in' ? 'sign_in' : undefined
}
