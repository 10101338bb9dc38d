/**
 * A provider definition as a type. The rule: made from provider.schema.json, never written by hand; its test says how it is
 * made anew.
 */

/** One OAuth 2.0 or OpenID Connect provider as data. Unknown keys are refused. */
export interface ProviderDefinition {
  readonly schema_version: 1
  readonly id: string
  readonly display_name: string
  readonly service_documentation?: string
  /** The API (base_urls) may be plain http although it is not on this machine; the person is warned. Only for services that have nothing better. Endpoints that secrets go to never may. */
  readonly allow_insecure_http?: boolean
  /** What the person fills in; used as ${name} in the URLs below. */
  readonly variables?: Readonly<Record<string, Variable>>
  /** oidc: OpenID Connect Discovery 1.0. oauth2: RFC 8414. none: the endpoints are in server. */
  readonly discovery: {
    readonly type: 'none' | 'oidc' | 'oauth2'
  }
  /** RFC 8414 section 2. What is given here outweighs what discovery finds. */
  readonly server: {
    readonly issuer?: string
    readonly authorization_endpoint?: string
    readonly token_endpoint?: string
    readonly revocation_endpoint?: string
    readonly userinfo_endpoint?: string
    readonly device_authorization_endpoint?: string
    /** RFC 9126. Used when it is there. */
    readonly pushed_authorization_request_endpoint?: string
    /** RFC 7591. Used only when the person asks for a client of their own. */
    readonly registration_endpoint?: string
    readonly scopes_supported?: readonly string[]
    readonly token_endpoint_auth_methods_supported?: readonly string[]
    readonly authorization_response_iss_parameter_supported?: boolean
  }
  readonly client: {
    /** RFC 7591 section 2. With none and a client that has a secret, the provider's metadata decides how it is sent. */
    readonly token_endpoint_auth_method: 'none' | 'client_secret_basic' | 'client_secret_post' | 'private_key_jwt'
    /** Whom a private_key_jwt assertion names as its audience (RFC 7523 section 3): the issuer unless said, or the token endpoint where the provider has no issuer or accepts nothing else. */
    readonly client_assertion_audience?: 'issuer' | 'token_endpoint'
    /** RFC 6749 section 2.1: whether the person must, must not or may give a client secret. */
    readonly client_type?: 'public' | 'confidential' | 'either'
    /** form: as RFC 6749 section 2.3.1 says; raw: as the many servers expect that never decode. */
    readonly client_secret_basic_encoding?: 'form' | 'raw'
    /** What the provider calls them, and where they are found. */
    readonly fields?: {
      readonly client_id?: {
        readonly label?: string
        readonly help?: string
      }
      readonly client_secret?: {
        readonly label?: string
        readonly help?: string
      }
    }
  }
  /** RFC 9449: access and refresh tokens are bound to a key of the account. required: a token that is not bound is refused. supported: bound where the provider does it (with discovery: where dpop_signing_alg_values_supported has ES256). Bound tokens are used through Valetkey and never handed out. */
  readonly dpop?: 'required' | 'supported'
  readonly redirect?: {
    /** custom_scheme: app.valetkey:/callback/{id} (RFC 8252 section 7.1); loopback (section 7.3); oob: the provider shows the code and the person pastes it; https: the browser ends on a page of the person's own (https_url) and they paste its address. Tried in the order of the design, not of this list. */
    readonly methods: readonly ('custom_scheme' | 'loopback' | 'oob' | 'https')[]
    /** The registered https address, most often a variable of format uri. For services that refuse loopback and schemes. */
    readonly https_url?: string
    readonly loopback?: {
      /** As it has to be registered; 127.0.0.1 unless said. */
      readonly host?: '127.0.0.1' | 'localhost'
      /** Registered ports, the first free one is taken. Absent: any (RFC 8252 section 7.3). */
      readonly port?: readonly number[]
      /** /callback/{id} unless said. */
      readonly path?: string
    }
    /** urn:ietf:wg:oauth:2.0:oob unless said. A name, never an address: the code stays on the provider's page. */
    readonly oob_uri?: string
  }
  readonly scope?: {
    /** Asked for when the person names no scope. */
    readonly default?: readonly string[]
    /** Always asked for. */
    readonly required?: readonly string[]
    /** Between scopes in the request; a space unless said. */
    readonly delimiter?: ' ' | ',' | '+'
    /** scope unless said. */
    readonly param?: string
    /** Whether a refresh must name the scope again. */
    readonly send_on_refresh?: boolean
    /** Scopes in plain words. */
    readonly descriptions?: Readonly<Record<string, string>>
  }
  readonly authorization_request?: {
    /** Further parameters of the authorization request; none of those the protocol itself sets. May use the variables; one whose optional variable is not given is left out. */
    readonly params?: Readonly<Record<string, string>>
    /** Standard name to the provider's. */
    readonly rename?: Readonly<Record<string, string>>
    /** Parameters the provider does not want. */
    readonly omit?: readonly string[]
    /** S256 unless said. none only where the provider is known to break on it. */
    readonly pkce?: 'S256' | 'none'
  }
  /** Where the parts of the redirect are. */
  readonly authorization_response?: {
    /** Parameters the code may come in, first found; code unless said. */
    readonly code?: readonly string[]
    readonly error?: readonly string[]
    readonly error_description?: readonly string[]
    /** ignore: the provider sends an iss that is not its issuer (against RFC 9207). */
    readonly iss?: 'validate' | 'ignore'
  }
  /** How tokens are had, best first for the person: authorization_code and refresh_token unless said. The value says how this provider's request differs. */
  readonly grants?: {
    readonly authorization_code?: Operation
    readonly refresh_token?: Operation
    readonly client_credentials?: Operation
    /** A form of email and password that the provider exchanges for a token. Off unless the person asks for it; the password is never stored. */
    readonly password?: Operation
    readonly 'urn:ietf:params:oauth:grant-type:device_code'?: Operation
  }
  readonly token_response?: TokenResponse
  readonly token_error?: TokenError
  readonly lifecycle?: {
    /** Whether a refresh replaces the refresh token. never: no answer does, so nothing has to be made durable first. */
    readonly rotation?: 'always' | 'maybe' | 'never'
    /** refresh_token unless said. reobtain: the same grant again, without the person (client_credentials). sign_in: the person. */
    readonly renew?: 'refresh_token' | 'reobtain' | 'sign_in'
  }
  readonly resource: {
    /** Where a token of this provider may be sent. An entry whose optional variable is not given is left out. */
    readonly base_urls: readonly string[]
    /** The API host is told by the token answer. Kept as the first of base_urls; one that is not https or not under a named domain ends the sign-in. */
    readonly base_url_from?: {
      /** token_response unless said; identity: the answer of identity.url. */
      readonly in?: 'token_response' | 'identity'
      readonly pointer: string
      /** Its host is one of these or ends in one after a dot. */
      readonly under: readonly string[]
    }
    readonly authorization: {
      readonly in: 'header'
      readonly name: 'Authorization'
      /** The value of the Authorization field, in the provider's own scheme. */
      readonly template: string
    }
    /** Where a token is taken as the password of HTTP Basic authentication (RFC 7617), by programs that know nothing else: git servers, registries. */
    readonly basic_authentication?: {
      /** As resource.base_urls. */
      readonly base_urls: readonly string[]
      /** What the server wants beside it; oauth2 unless said. */
      readonly username?: string
    }
    /** RFC 8707: sent as resource with every authorization and token request, unless the person names another. An absolute URI without a fragment. */
    readonly indicator?: string
    /** Sent with every API call. */
    readonly headers?: Readonly<Record<string, string>>
    /** An API answer that means: get a new token. Status 401 unless said. For programs that call the API; Valetkey itself makes no such call yet. */
    readonly expired_when?: readonly Predicate[]
    /** An API answer that means: a new token would not help. Status 403 unless said. As expired_when. */
    readonly forbidden_when?: readonly Predicate[]
  }
  /** Where the account's name is found when neither an ID token nor the UserInfo endpoint has it. */
  readonly identity?: {
    readonly url: string
    readonly subject?: string
    readonly label?: string
    readonly method?: 'GET' | 'POST'
    /** Sent as it is, JSON (a GraphQL query, for example); only with method POST. */
    readonly body?: string
  }
  /** How a grant is ended, where that is not RFC 7009 at server.revocation_endpoint; in its place. */
  readonly revocation?: Revocation
  /** Why a key is as it is, and how that is known. */
  readonly quirk_notes?: readonly {
    readonly field: string
    readonly evidence: 'documented' | 'source' | 'observed' | 'inferred'
    readonly note: string
  }[]
}

export interface Variable {
  readonly title: string
  readonly description?: string
  /** hostname: a host and nothing else, with a port where needed; uri: an http(s) URL; slug: letters, digits, dots, dashes; text: anything printable, never part of a URL. */
  readonly format: 'hostname' | 'uri' | 'slug' | 'text'
  /** A hostname must be this one or end in it after a dot. */
  readonly under?: string
  readonly enum?: readonly string[]
  readonly default?: string
  readonly example?: string
  readonly optional?: boolean
  /** Sealed in the vault and never shown again; only with format text. */
  readonly secret?: boolean
}

/** A token request as this provider wants it. */
export interface Operation {
  /** The token endpoint unless said. */
  readonly endpoint?: string
  readonly method?: 'POST' | 'GET'
  /** form unless said. query: the parameters are in the URL. */
  readonly content_type?: 'form' | 'json' | 'multipart' | 'query'
  readonly headers?: Readonly<Record<string, string>>
  /** First: parameters left out. */
  readonly omit?: readonly string[]
  /** Second: standard name to the provider's. */
  readonly rename?: Readonly<Record<string, string>>
  /** Third: further parameters. */
  readonly params?: Readonly<Record<string, string>>
  /** none: the client does not authenticate here. */
  readonly client_auth?: 'none'
  /** In place of token_response. */
  readonly response?: TokenResponse
  /** In place of token_error. */
  readonly error?: TokenError
}

/** The request that ends a grant. */
export interface Revocation {
  /** May use ${client_id} beside the variables; a token is never part of it. */
  readonly url: string
  /** POST unless said. */
  readonly method?: 'POST' | 'DELETE'
  /** client_basic: the client's id and secret (RFC 7617); bearer: the token itself in the Authorization field (RFC 6750); none: whatever params say. */
  readonly auth: 'client_basic' | 'bearer' | 'none'
  /** What is handed in, each in a request of its own; what there is none of is left out. access_token unless said. The first one decides what it came to. */
  readonly token?: readonly ('refresh_token' | 'access_token')[]
  /** Of params; form unless said. */
  readonly content_type?: 'form' | 'json'
  /** The body. May use ${token}, ${token_type_hint} (RFC 7009 section 2.1), ${client_id}, ${client_secret} and the variables. */
  readonly params?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  /** All of these, beside a status of 2xx, mean that the grant has ended. */
  readonly success_when?: readonly Predicate[]
}

/** Every part that is given has to hold. */
export interface Predicate {
  readonly http_status?: readonly number[]
  readonly pointer?: string
  /** Values at the pointer; null: there is nothing. */
  readonly in?: readonly (string | number | boolean | null)[]
  /** The whole body, without space around it. */
  readonly text?: string
}

/** Where the parts of a token answer are (RFC 6749 section 5.1 unless said). */
export interface TokenResponse {
  /** All of these, beside a token, make a success. */
  readonly success_when?: readonly Predicate[]
  readonly access_token?: readonly string[]
  readonly refresh_token?: readonly string[]
  readonly scope?: readonly string[]
  /** Seconds from now. */
  readonly expires_in?: readonly string[]
  readonly expires_in_unit?: 's' | 'ms' | 'min' | 'h'
  /** Seconds or milliseconds since the epoch, or an ISO 8601 date; where expires_in says nothing. */
  readonly expires_at?: readonly string[]
  /** Where neither says anything: exp of an access token that is a JWT (RFC 7519 section 4.1.4). */
  readonly expires_from_jwt?: boolean
  /** Seconds, where nothing at all says anything. */
  readonly default_expires_in?: number
  /** The token is used as the definition says, whatever type the answer names. */
  readonly force_token_type?: 'Bearer'
  /** Taken off the token, in any case. */
  readonly access_token_strip_prefix?: readonly string[]
  /** Between scopes in the answer, beside spaces. */
  readonly scope_delimiter?: ',' | ';' | '+'
}

/** Where a refusal says why (RFC 6749 section 5.2 unless said). */
export interface TokenError {
  readonly code?: readonly string[]
  readonly description?: readonly string[]
  /** Values of code that say there is no error. */
  readonly ok_codes?: readonly (string | number | boolean | null)[]
  /** The provider's code to the standard's. */
  readonly code_map?: Readonly<
    Record<
      string,
      | 'invalid_request'
      | 'invalid_client'
      | 'invalid_grant'
      | 'unauthorized_client'
      | 'unsupported_grant_type'
      | 'invalid_scope'
      | 'access_denied'
      | 'authorization_pending'
      | 'slow_down'
      | 'expired_token'
      | 'server_error'
      | 'temporarily_unavailable'
    >
  >
  /** For codes that say too little: a part of the description, in any case, and what it means. */
  readonly description_map?: readonly {
    readonly contains: string
    readonly error:
      | 'invalid_request'
      | 'invalid_client'
      | 'invalid_grant'
      | 'unauthorized_client'
      | 'unsupported_grant_type'
      | 'invalid_scope'
      | 'access_denied'
      | 'authorization_pending'
      | 'slow_down'
      | 'expired_token'
      | 'server_error'
      | 'temporarily_unavailable'
  }[]
  /** Where the body says nothing: the HTTP status and what it means. */
  readonly by_status?: Readonly<
    Record<
      string,
      | 'invalid_request'
      | 'invalid_client'
      | 'invalid_grant'
      | 'unauthorized_client'
      | 'unsupported_grant_type'
      | 'invalid_scope'
      | 'access_denied'
      | 'authorization_pending'
      | 'slow_down'
      | 'expired_token'
      | 'server_error'
      | 'temporarily_unavailable'
    >
  >
}
