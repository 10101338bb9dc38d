/**
 * The authorization servers of the world, as the broker sees them. The rule: nothing is loaded, resolved or connected
 * before it is needed; a sign-in freezes where its secrets may go, and everything later goes there and nowhere else (R1).
 */
import type { ServerMetadata } from 'openid-client'
import { BrokerError } from '../contract/errors.ts'
import type { ProviderSummary } from '../contract/model.ts'
import type {
  AuthorizationServers,
  Clock,
  Connection,
  Log,
  RefreshOutcome,
  RunningSignIn,
  SignInPlan,
} from '../broker/ports.ts'
import type { Secret } from '../broker/secret.ts'
import type { ProviderDefinition, Providers } from '../providers/provider.ts'
import { fill, valuesOf, type Values } from '../providers/template.ts'
import { clientAuthentication, loadOpenidClient, prepare, type AuthMethod } from './configuration.ts'
import { discover } from './discovery.ts'
import { checkApiBase, checkEndpoints, resolveName, type Resolve } from './endpoints.ts'
import { createHttp, type Http } from './http.ts'
import { identify, type IdentityEndpoint } from './identity.ts'
import { chooseRung, ladder } from './redirects.ts'
import { refresh } from './refresh.ts'
import { revoke } from './revoke.ts'
import { startSignIn } from './sign-in.ts'
import { createTokenFetch } from './token-fetch.ts'

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
  const signInFetch = createTokenFetch(http, agent, { id_token: true })
  const grantFetch = createTokenFetch(http, agent, { id_token: false })

  const open = async (plan: SignInPlan): Promise<RunningSignIn> => {
    const definition = await providers.find(plan.provider)
    if (!definition)
      throw new BrokerError('not_found', `There is no provider ${JSON.stringify(plan.provider.slice(0, 64))}.`, {
        resolve: { command: 'valetkey providers' },
      })
    const values = valuesOf(definition, plan.params)
    const client_id = plan.client_id ?? ''
    if (client_id === '')
      throw new BrokerError(
        'invalid_request',
        `${definition.display_name} needs the client id that you registered there.`,
        {
          resolve: { command: `valetkey link ${definition.id} --client-id <client id>` },
        },
      )
    checkClientType(definition, plan)
    const rungs = ladder(definition.redirect.methods, (await options.schemeIsOurs?.()) ?? false)
    const rung = chooseRung(rungs, plan.redirect, definition.display_name)
    const oc = await loadOpenidClient()
    const { metadata, issuer, insecure_loopback } = await discover(oc, grantFetch, resolve, definition, values)
    const connection = connectionOf(definition, values, plan, { metadata, client_id, insecure_loopback })
    const identityUrl = definition.identity && fill(definition.identity.url, values)
    if (identityUrl !== undefined)
      await checkEndpoints(connection.token_endpoint, { userinfo_endpoint: identityUrl }, resolve)
    const scope = connection.requested_scope
    const id_token = issuer !== undefined && scope.split(' ').includes('openid')
    const auth = clientAuthentication(oc, connection.token_endpoint_auth_method, connection.client_secret)
    // A desktop clock may be minutes off; the ID token has just come over TLS and carries our nonce.
    const config = new oc.Configuration(metadata, client_id, { [oc.clockTolerance]: 300 }, auth)
    prepare(oc, config, id_token ? signInFetch : grantFetch, insecure_loopback)
    return startSignIn({
      oc,
      clock,
      config,
      connection,
      provider_name: definition.display_name,
      issuer,
      iss_expected: metadata.authorization_response_iss_parameter_supported === true,
      id_token,
      ...rung,
      scope,
      params: definition.authorization_request?.params ?? {},
      timeout: plan.timeout,
      identify: (access, claims) =>
        identify(oc, config, http, {
          access,
          claims,
          endpoint: identityEndpoint(definition, identityUrl, access.value),
        }),
      discard: (outcome) => {
        if (outcome.kind === 'signed-in') void revoke(oc, grantFetch, outcome.material)
      },
    })
  }

  /** Sign-ins whose answer comes through our scheme. */
  const awaited = new Set<RunningSignIn>()

  return {
    providers: async () => (await providers.list()).map(summaryOf),
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
        (oc) => refresh(oc, grantFetch, clock, { connection, refresh_token, variant }),
        (): RefreshOutcome => ({
          kind: 'offline',
          detail: 'A part of Valetkey could not be loaded; install it again.',
        }),
      )
      if (outcome.kind === 'refreshed' && outcome.alarm !== undefined)
        log('warn', 'refresh.malformed', { provider: connection.provider, alarm: outcome.alarm })
      return outcome
    },
    revoke: (material) =>
      loadOpenidClient().then(
        (oc) => revoke(oc, grantFetch, material),
        () => ({ kind: 'failed', detail: 'A part of Valetkey could not be loaded; install it again.' }),
      ),
  }
}

function summaryOf(definition: ProviderDefinition): ProviderSummary {
  const { id, display_name: name, service_documentation: documentation } = definition
  const variables = Object.entries(definition.variables ?? {}).map(
    ([key, { title, example, default: standard, optional }]) => ({
      name: key,
      title,
      ...(example !== undefined && { example }),
      ...(standard !== undefined && { default: standard }),
      required: optional !== true && standard === undefined,
      secret: false,
    }),
  )
  const scopes = [
    ...new Set([
      ...(definition.scope?.required ?? []),
      ...(definition.scope?.default ?? []),
      ...(definition.server.scopes_supported ?? []),
    ]),
  ]
  return { id, name, ...(documentation !== undefined && { documentation }), variables, scopes }
}

function checkClientType({ client, display_name }: ProviderDefinition, plan: SignInPlan): void {
  const type = client.client_type ?? (client.token_endpoint_auth_method === 'none' ? 'public' : 'confidential')
  if (type === 'confidential' && !plan.client_secret)
    throw new BrokerError('invalid_request', `${display_name} needs a client secret as well (--client-secret-stdin).`)
  if (type === 'public' && plan.client_secret)
    throw new BrokerError('invalid_request', `${display_name} takes no client secret.`)
}

function scopeOf({ scope }: ProviderDefinition, wanted: string | undefined): string {
  const words = wanted === undefined ? (scope?.default ?? []) : wanted.split(/\s+/u)
  return [...new Set([...(scope?.required ?? []), ...words])].filter((word) => word !== '').join(' ')
}

/** How a secret is sent when the definition leaves it open: RFC 8414 section 2 makes Basic the default. */
function authMethodOf({ client }: ProviderDefinition, plan: SignInPlan, metadata: ServerMetadata): AuthMethod {
  if (!plan.client_secret) return 'none'
  if (client.token_endpoint_auth_method !== 'none') return client.token_endpoint_auth_method
  const supported = metadata.token_endpoint_auth_methods_supported ?? ['client_secret_basic']
  return supported.includes('client_secret_basic') || !supported.includes('client_secret_post')
    ? 'client_secret_basic'
    : 'client_secret_post'
}

interface Found {
  readonly metadata: ServerMetadata
  readonly client_id: string
  readonly insecure_loopback: boolean
}

function connectionOf(definition: ProviderDefinition, values: Values, plan: SignInPlan, found: Found): Connection {
  const { revocation_endpoint, userinfo_endpoint } = found.metadata
  return {
    provider: definition.id,
    issuer: found.metadata.issuer,
    token_endpoint: found.metadata.token_endpoint ?? '',
    ...(revocation_endpoint !== undefined && { revocation_endpoint }),
    ...(userinfo_endpoint !== undefined && { userinfo_endpoint }),
    client_id: found.client_id,
    ...(plan.client_secret && { client_secret: plan.client_secret }),
    token_endpoint_auth_method: authMethodOf(definition, plan, found.metadata),
    insecure_loopback: found.insecure_loopback,
    rotation: definition.lifecycle?.rotation ?? 'maybe',
    authorization_template: definition.resource.authorization.template,
    api_base_urls: definition.resource.base_urls.flatMap((template) => {
      const url = fill(template, values)
      return url === undefined ? [] : [checkApiBase(url)]
    }),
    params: plan.params,
    requested_scope: scopeOf(definition, plan.scope),
  }
}

function identityEndpoint(
  { identity, resource }: ProviderDefinition,
  url: string | undefined,
  token: Secret,
): IdentityEndpoint | undefined {
  if (!identity || url === undefined) return undefined
  return {
    url,
    ...(identity.subject !== undefined && { subject: identity.subject }),
    ...(identity.label !== undefined && { label: identity.label }),
    authorization: resource.authorization.template.replace('${access_token}', () => token.reveal()),
  }
}
