/**
 * A definition as people are shown it. The rule: where secrets and tokens would go is said in full, and what is unusual
 * about that is said in words, before anything of it is trusted.
 */
import type { ClientFields, Flow, ProviderDescription, ProviderSummary } from '../contract/model.ts'
import { urlsOf } from './lint.ts'
import { isBuiltIn } from './loader.ts'
import type { ProviderDefinition } from './provider.ts'

/** Whoever makes one from a definition knows all of it. */
export type WholeSummary = ProviderSummary & Required<Pick<ProviderSummary, 'built_in' | 'flows' | 'client_fields'>>

/** What a person has to know to link an account; nothing of it is secret. */
export function summaryOf(definition: ProviderDefinition): WholeSummary {
  const { id, display_name: name, service_documentation: documentation, scope, server } = definition
  const variables = Object.entries(definition.variables ?? {}).map(([key, variable]) => ({
    name: key,
    title: variable.title,
    ...(variable.description !== undefined && { description: variable.description }),
    ...(variable.example !== undefined && { example: variable.example }),
    ...(variable.default !== undefined && { default: variable.default }),
    required: variable.optional !== true && variable.default === undefined,
    secret: variable.secret === true,
  }))
  const scopes = [
    ...new Set([...(scope?.required ?? []), ...(scope?.default ?? []), ...(server.scopes_supported ?? [])]),
  ]
  return {
    id,
    name,
    built_in: isBuiltIn(definition),
    ...(documentation !== undefined && { documentation }),
    variables,
    scopes,
    ...(scope?.descriptions && { scope_descriptions: scope.descriptions }),
    flows: flowsOf(definition),
    client_fields: {
      ...definition.client.fields,
      secret: secretOf(definition),
      ...(definition.client.token_endpoint_auth_method === 'private_key_jwt' && { key: 'required' }),
      ...withoutClient(definition),
    },
    ...(mayRegister(definition) && { registration: true }),
    ...(definition.dpop !== undefined && { dpop: definition.dpop }),
  }
}

const flows: readonly (readonly [grant: string, flow: Flow])[] = [
  ['authorization_code', 'browser'],
  ['urn:ietf:params:oauth:grant-type:device_code', 'device'],
  ['client_credentials', 'client-credentials'],
  ['password', 'password'],
]

/** The flows of a definition, best for the person first; which of them a provider's metadata takes back is not known here. */
export function flowsOf({ grants = { authorization_code: {} }, discovery }: ProviderDefinition): readonly Flow[] {
  const found = flows.flatMap(([grant, flow]) => (Object.hasOwn(grants, grant) ? [flow] : []))
  return discovery.type === 'none' || found.includes('device') ? found : [...found, 'device']
}

/** RFC 7591: by the definition's word, or by the metadata of a provider of the person's choosing. */
export function mayRegister(definition: ProviderDefinition): boolean {
  const { discovery, server, client } = definition
  if (client.token_endpoint_auth_method === 'private_key_jwt') return false
  const chosen = discovery.type !== 'none' && server.issuer?.includes('${') === true
  return server.registration_endpoint !== undefined || (chosen && secretOf(definition) !== 'required')
}

/** Flows whose request leaves the client out. */
function withoutClient({ grants = {} }: ProviderDefinition): Pick<ClientFields, 'not_for'> {
  const operations = new Map(Object.entries(grants))
  const without = flows.flatMap(([grant, flow]) => (operations.get(grant)?.omit?.includes('client_id') ? [flow] : []))
  return without.length > 0 ? { not_for: without } : {}
}

/** RFC 6749 section 2.1: a confidential client has a secret, a public one has none. */
function secretOf({ client }: ProviderDefinition): ClientFields['secret'] {
  if (client.token_endpoint_auth_method === 'private_key_jwt') return 'none'
  const type = client.client_type ?? (client.token_endpoint_auth_method === 'none' ? 'public' : 'confidential')
  return ({ confidential: 'required', either: 'optional', public: 'none' } as const)[type]
}

/** `text` as it was written. */
export function describe(definition: ProviderDefinition, text: string): ProviderDescription {
  return {
    ...summaryOf(definition),
    text,
    endpoints: urlsOf(definition).map(([name, url]) => ({ name, url })),
    warnings: warningsOf(definition),
  }
}

/** The host as written, placeholders and all. */
const hostOf = (url: string): string => /^(?:https?:\/\/)?([^/?#]+)/u.exec(url)?.[1] ?? url

/**
 * Whose a host looks to be: its last two labels, or three where the last two look like a registry's (`co.uk`). Only to tell
 * people what is unusual; without a list of registries nothing may rest on it.
 */
function ownerOf(url: string, { variables = {} }: ProviderDefinition): string {
  const host = hostOf(url).replace(/^\$\{([^}]+)\}$/u, (place, name: string) => variables[name]?.under ?? place)
  const labels = host.split('.')
  if (/^[\d.]+(?::|$)|:\d+$|^\[/u.test(host) || labels.at(-1)?.includes('$') === true) return host
  const [second = '', last = ''] = labels.slice(-2)
  return labels.slice(last.length === 2 && second.length <= 3 ? -3 : -2).join('.')
}

function warningsOf(definition: ProviderDefinition): readonly string[] {
  const { server, grants = {}, allow_insecure_http, resource, revocation, redirect } = definition
  const home = server.authorization_endpoint ?? server.issuer
  const secretsTo = [
    ...[server.token_endpoint, server.revocation_endpoint, server.pushed_authorization_request_endpoint],
    ...[server.device_authorization_endpoint, server.registration_endpoint],
    revocation?.url,
    ...Object.values(grants).map(({ endpoint }) => endpoint),
  ].filter((url) => url !== undefined)
  const elsewhere =
    home === undefined ? [] : secretsTo.filter((url) => ownerOf(url, definition) !== ownerOf(home, definition))
  const called = [...resource.base_urls, ...(resource.basic_authentication?.base_urls ?? [])]
  const tokensTo = [server.userinfo_endpoint, definition.identity?.url, ...called].filter(
    (url) => url !== undefined && home !== undefined && ownerOf(url, definition) !== ownerOf(home, definition),
  )
  const plain = called.filter((url) => url.startsWith('http:')).map(hostOf)
  const inUrl = Object.entries(grants).filter(([, how]) => how.content_type === 'query' || how.method === 'GET')
  return [
    ...new Set(
      elsewhere.map((url) => `You would sign in at ${hostOf(home ?? '')}, and secrets would go to ${hostOf(url)}.`),
    ),
    ...new Set(tokensTo.map((url) => `Access tokens would go to ${hostOf(url ?? '')} as well.`)),
    ...(definition.authorization_request?.pkce === 'none'
      ? ['It signs in without PKCE: only an unguessable state ties the answer to you.']
      : []),
    ...(allow_insecure_http === true
      ? [
          `Tokens may be sent unencrypted, for anyone on the way to read${plain.map((host) => `, to ${host}`).join('')}.`,
        ]
      : []),
    ...inUrl.map(([grant]) => `Secrets of ${grant} would be part of an address, which servers write into their logs.`),
    ...(resource.base_url_from
      ? [`Access tokens may go to any host under ${resource.base_url_from.under.join(', ')} that the sign-in names.`]
      : []),
    ...(redirect?.methods.includes('https')
      ? ['The sign-in can end on a page of your own; whoever runs it sees the answer in its address.']
      : []),
    ...(grants.password ? ['It can ask for your email and password, and would send them to the provider.'] : []),
  ]
}
