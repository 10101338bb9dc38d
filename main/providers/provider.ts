/**
 * A provider, as its definition file describes it; `provider.schema.json` is the same in JSON Schema, with the meaning of
 * every key. The rule (R9): a provider is data, and a key exists only when code honours it.
 */

export interface Variable {
  readonly title: string
  readonly format: 'hostname' | 'uri' | 'slug'
  readonly enum?: readonly string[]
  readonly default?: string
  readonly example?: string
  readonly optional?: boolean
}

export interface ServerDefinition {
  readonly issuer?: string
  readonly authorization_endpoint?: string
  readonly token_endpoint?: string
  readonly revocation_endpoint?: string
  readonly userinfo_endpoint?: string
  readonly scopes_supported?: readonly string[]
  readonly token_endpoint_auth_methods_supported?: readonly string[]
  readonly authorization_response_iss_parameter_supported?: boolean
}

export interface ProviderDefinition {
  readonly schema_version: 1
  readonly id: string
  readonly display_name: string
  readonly service_documentation?: string
  readonly variables?: Readonly<Record<string, Variable>>
  readonly discovery: { readonly type: 'none' | 'oidc' | 'oauth2' }
  readonly server: ServerDefinition
  readonly client: {
    readonly token_endpoint_auth_method: 'none' | 'client_secret_basic' | 'client_secret_post'
    readonly client_type?: 'public' | 'confidential' | 'either'
  }
  readonly redirect: { readonly methods: readonly ('custom_scheme' | 'loopback')[] }
  readonly scope?: { readonly default?: readonly string[]; readonly required?: readonly string[] }
  readonly authorization_request?: { readonly params?: Readonly<Record<string, string>> }
  readonly lifecycle?: { readonly rotation?: 'always' | 'maybe' | 'never' }
  readonly resource: {
    readonly base_urls: readonly string[]
    readonly authorization: { readonly in: 'header'; readonly name: 'Authorization'; readonly template: string }
  }
  readonly identity?: { readonly url: string; readonly subject?: string; readonly label?: string }
}

/** The definitions there are. */
export interface Providers {
  list(): Promise<readonly ProviderDefinition[]>
  find(id: string): Promise<ProviderDefinition | undefined>
}
