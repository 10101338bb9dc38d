/**
 * A definition as people are shown it. The rule: where secrets and tokens would go is said in full, and what is unusual
 * about that is said in words, before anything of it is trusted.
 */
import type { ProviderDescription, ProviderSummary } from '../contract/model.ts'
import { urlsOf } from './lint.ts'
import type { ProviderDefinition } from './provider.ts'

export function summaryOf(definition: ProviderDefinition): ProviderSummary {
  const { id, display_name: name, service_documentation: documentation, client, scope, server } = definition
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
    ...(documentation !== undefined && { documentation }),
    variables,
    scopes,
    ...(scope?.descriptions && { scope_descriptions: scope.descriptions }),
    ...(client.fields && { client_fields: client.fields }),
  }
}

/** `text` as it was written; `built_in`: it came with Valetkey. */
export function describe(definition: ProviderDefinition, text: string, builtIn: boolean): ProviderDescription {
  return {
    ...summaryOf(definition),
    text,
    built_in: builtIn,
    endpoints: urlsOf(definition).map(([name, url]) => ({ name, url })),
    warnings: warningsOf(definition),
  }
}

/** The host as written, placeholders and all. */
const hostOf = (url: string): string => /^(?:https?:\/\/)?([^/?#]+)/u.exec(url)?.[1] ?? url

function warningsOf({ server, grants = {}, allow_insecure_http, resource }: ProviderDefinition): readonly string[] {
  const home = server.authorization_endpoint ?? server.issuer
  const secretsTo = [server.token_endpoint, ...Object.values(grants).map(({ endpoint }) => endpoint)]
  const elsewhere = secretsTo.filter((url) => url !== undefined && home !== undefined && hostOf(url) !== hostOf(home))
  const plain = resource.base_urls.filter((url) => url.startsWith('http:'))
  return [
    ...new Set(
      elsewhere.map(
        (url) => `You would sign in at ${hostOf(home ?? '')}, and secrets would go to ${hostOf(url ?? '')}.`,
      ),
    ),
    ...(allow_insecure_http === true && plain.length > 0
      ? [`Tokens would be sent unencrypted to ${plain.map(hostOf).join(', ')}.`]
      : []),
    ...(grants.password ? ['It can ask for your email and password, and would send them to the provider.'] : []),
  ]
}
