/**
 * What a JSON Schema cannot say of a definition. The rule: every sentence begins with the path of the key in question; what
 * passes here can be filled in, asked and answered without a surprise about where a secret goes.
 */
import type { ProviderDefinition, Variable } from './provider.ts'
import { fill, misfitOf, placesIn } from './template.ts'

/** `undefined` when all is well. */
export function lint(definition: ProviderDefinition): string | undefined {
  for (const complaint of complaints(definition)) return complaint
  return undefined
}

function* complaints(definition: ProviderDefinition): Generator<string> {
  yield* missingEndpoints(definition)
  yield* variables(definition)
  for (const [path, url] of urlsOf(definition)) yield* urlProblems(definition, path, url)
  yield* binding(definition)
  yield* authorizationRequest(definition)
  yield* operations(definition)
  yield* revocationProblems(definition)
  if (definition.redirect?.https_url !== undefined)
    yield* urlProblems(definition, 'redirect.https_url', definition.redirect.https_url)
  yield* identityProblems(definition)
  yield* headerProblems(definition, 'resource.headers', definition.resource.headers, ['client_id'])
  yield* lifecycle(definition)
}

function* missingEndpoints({ discovery, server, grants, redirect }: ProviderDefinition): Generator<string> {
  const has = (grant: string): boolean => (grants ? Object.hasOwn(grants, grant) : grant === 'authorization_code')
  const byBrowser = has('authorization_code')
  if (redirect?.methods.includes('https') && redirect.https_url === undefined)
    yield 'redirect.https_url is missing (the method https needs it).'
  if (byBrowser && redirect === undefined) yield 'redirect is missing (the grant authorization_code needs it).'
  if (discovery.type !== 'none') {
    if (server.issuer === undefined) yield `server.issuer is missing (discovery is ${discovery.type}).`
    return
  }
  if (byBrowser && server.authorization_endpoint === undefined)
    yield 'server.authorization_endpoint is missing (discovery is none).'
  const needsToken = grants === undefined || Object.values(grants).some((operation) => operation.endpoint === undefined)
  if (needsToken && server.token_endpoint === undefined) yield 'server.token_endpoint is missing (discovery is none).'
  if (has('urn:ietf:params:oauth:grant-type:device_code') && server.device_authorization_endpoint === undefined)
    yield 'server.device_authorization_endpoint is missing (the device grant needs it).'
}

function* variables({ variables: named = {} }: ProviderDefinition): Generator<string> {
  for (const [name, variable] of Object.entries(named)) {
    const path = `variables.${name}`
    if (name === 'client_id' || name === 'client_secret') yield `${path} is a name the client has already.`
    if (variable.secret === true && variable.format !== 'text') yield `${path}.secret needs format text.`
    if (variable.secret === true && variable.default !== undefined) yield `${path}.default of a secret is nobody's.`
    if (variable.under !== undefined && variable.format !== 'hostname') yield `${path}.under needs format hostname.`
    for (const value of variable.enum ?? []) {
      const wants = misfitOf({ ...variable, enum: [value] }, value)
      if (wants !== undefined) yield `${path}.enum has ${JSON.stringify(value)}, which is not ${wants}.`
    }
    const wants = variable.default === undefined ? undefined : misfitOf(variable, variable.default)
    if (wants !== undefined) yield `${path}.default is not ${wants}.`
  }
}

const serverUrls = [
  ...(['issuer', 'authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'userinfo_endpoint'] as const),
  ...(['device_authorization_endpoint', 'pushed_authorization_request_endpoint'] as const),
  ...(['registration_endpoint'] as const),
] as const

/** Every URL of a definition with its path: where its secrets go. */
export function urlsOf(definition: ProviderDefinition): readonly (readonly [path: string, url: string])[] {
  const { server, identity, resource, revocation, grants = {} } = definition
  const all: readonly (readonly [string, string | undefined])[] = [
    ...serverUrls.map((key) => [`server.${key}`, server[key]] as const),
    ...Object.entries(grants).map(([grant, { endpoint }]) => [`grants.${grant}.endpoint`, endpoint] as const),
    ['revocation.url', revocation?.url],
    ['identity.url', identity?.url],
    ...resource.base_urls.map((url, index) => [`resource.base_urls[${String(index)}]`, url] as const),
    ...(resource.basic_authentication?.base_urls ?? []).map(
      (url, index) => [`resource.basic_authentication.base_urls[${String(index)}]`, url] as const,
    ),
  ]
  return all.flatMap(([path, url]) => (url === undefined ? [] : [[path, url] as const]))
}

/** Values that any accepted value may be replaced by when only the shape of a URL is judged. */
const shapes: Readonly<Record<Variable['format'], string>> = {
  ...{ hostname: 'host.example', uri: 'https://host.example/path', slug: 'slug', text: 'text' },
}

function* urlProblems(definition: ProviderDefinition, path: string, url: string): Generator<string> {
  const own = path === 'revocation.url' ? ['client_id'] : []
  if (/^https?:\/\/[^/]*\$\{client_id\}/u.test(url)) yield `${path} uses \${client_id} in its host.`
  yield* placeProblems(definition, path, url, own)
  const named: NonNullable<ProviderDefinition['variables']> = {
    ...definition.variables,
    ...(own.length > 0 && { client_id: { title: 'Client ID', format: 'slug' } }),
  }
  for (const place of placesIn(url)) {
    const format = named[place]?.format
    if (format === 'text') yield `${path} uses \${${place}}, whose format may be anything.`
    // In the place of a host only a host may stand; a whole URL only at the start, and it must not go on as another host.
    if (format === 'uri' && !new RegExp(`^\\$\\{${place}\\}(?:/|$)`, 'u').test(url))
      yield `${path} uses \${${place}}, a URL, in its middle.`
    if (format === 'slug' && new RegExp(`^https?://[^/]*\\$\\{${place}\\}(?:[/:?]|$)`, 'u').test(url))
      yield `${path} uses \${${place}} as the end of its host, where a hostname belongs.`
  }
  const filled = fill(
    url,
    Object.fromEntries(Object.entries(named).map(([name, { format }]) => [name, shapes[format]])),
  )
  const parsed = filled !== undefined && URL.canParse(filled) ? new URL(filled) : undefined
  if (!parsed || !/^https?:$/u.test(parsed.protocol)) yield `${path} is not an http(s) URL once it is filled in.`
  if (parsed && parsed.username + parsed.password !== '') yield `${path} has a user name in it.`
  // The parser takes a backslash for a slash, and a fragment hides what follows it.
  if (/[#\\]/u.test(url)) yield `${path} has a fragment or a backslash in it.`
  const plain = url.startsWith('http:')
  if (plain && !(definition.allow_insecure_http === true && path.startsWith('resource.')))
    yield `${path} is plain http.`
}

function* binding(definition: ProviderDefinition): Generator<string> {
  const { dpop, token_response, client, resource, server, grants = {} } = definition
  const requests = Object.entries(grants)
  // A proof is for the address and the method it was made with, so those must be the request's own.
  const moved = requests.find(([, { endpoint, method }]) => endpoint !== undefined || method === 'GET')
  if (dpop !== undefined && moved)
    yield `dpop goes with the token endpoint itself, and grants.${moved[0]} is elsewhere.`
  const responses = [token_response, ...requests.map(([, { response }]) => response)]
  if (dpop !== undefined && responses.some((response) => response?.force_token_type !== undefined))
    yield 'dpop needs the type that an answer names, and force_token_type ignores it.'
  if (client.token_endpoint_auth_method === 'private_key_jwt' && client.client_type === 'public')
    yield 'client.client_type is public, which has no key.'
  if (resource.indicator !== undefined) yield* urlProblems(definition, 'resource.indicator', resource.indicator)
  if (server.registration_endpoint !== undefined && client.token_endpoint_auth_method === 'private_key_jwt')
    yield 'server.registration_endpoint: a client with a key of the person’s is not registered here.'
}

/** What the protocol itself sets in an authorization request; a definition never does (RFC 6749 section 4.1.1 and later ones). */
const ownNames: ReadonlySet<string> = new Set([
  ...['client_id', 'redirect_uri', 'response_type', 'response_mode', 'scope', 'state', 'nonce'],
  ...['code_challenge', 'code_challenge_method', 'request', 'request_uri', 'dpop_jkt'],
])

function* authorizationRequest(definition: ProviderDefinition): Generator<string> {
  const { authorization_request: request = {}, scope } = definition
  const path = 'authorization_request'
  for (const [name, text] of Object.entries(request.params ?? {})) {
    yield* placeProblems(definition, `${path}.params.${name}`, text, [])
    if (isSecret(definition, text)) yield `${path}.params.${name} puts a secret into a URL.`
  }
  yield* twice(path, request)
  // Else a parameter of the definition's could be renamed into redirect_uri and lead the answer elsewhere.
  for (const [from, to] of Object.entries(request.rename ?? {}))
    if (ownNames.has(to)) yield `${path}.rename.${from} is ${to}, which the protocol itself sets.`
  for (const name of request.omit ?? [])
    if (name !== 'scope' && ownNames.has(name))
      yield `${path}.omit has ${name}, by which an answer is known to be ours.`
  const query = definition.server.authorization_endpoint?.split('?')[1] ?? ''
  for (const name of new URLSearchParams(query).keys())
    if (ownNames.has(name)) yield `server.authorization_endpoint has ${name} in it, which the protocol itself sets.`
  const { param } = scope ?? {}
  if (param !== undefined && param !== 'scope' && (ownNames.has(param) || Object.hasOwn(request.params ?? {}, param)))
    yield `scope.param is ${param}, which is another parameter's name.`
}

function* operations(definition: ProviderDefinition): Generator<string> {
  const known = ['client_id', 'client_secret']
  for (const [grant, operation] of Object.entries(definition.grants ?? {})) {
    const path = `grants.${grant}`
    const inUrl = operation.content_type === 'query' || operation.method === 'GET'
    for (const [name, text] of Object.entries(operation.params ?? {})) {
      yield* placeProblems(definition, `${path}.params.${name}`, text, known)
      if (inUrl && isSecret(definition, text)) yield `${path}.params.${name} puts a secret into a URL.`
    }
    yield* headerProblems(definition, `${path}.headers`, operation.headers, known)
    yield* twice(path, operation)
  }
}

function* revocationProblems(definition: ProviderDefinition): Generator<string> {
  const { revocation } = definition
  if (!revocation) return
  const known = ['client_id', 'client_secret', 'token', 'token_type_hint']
  for (const name of ['token', 'token_type_hint'])
    if (definition.variables && Object.hasOwn(definition.variables, name))
      yield `variables.${name} is a name that revocation has already.`
  for (const [name, text] of Object.entries(revocation.params ?? {}))
    yield* placeProblems(definition, `revocation.params.${name}`, text, known)
  yield* headerProblems(definition, 'revocation.headers', revocation.headers, [])
  for (const name of Object.keys(revocation.headers ?? {}))
    if (/^(?:authorization|content-type)$/iu.test(name))
      yield `revocation.headers.${name} is set by the program itself.`
  if (revocation.auth === 'bearer' && definition.dpop !== undefined)
    yield 'revocation.auth: bearer sends a token without the proof that dpop asks for; leave revocation to RFC 7009.'
  const handsIn = Object.values(revocation.params ?? {}).some((text) => placesIn(text).includes('token'))
  if (revocation.auth !== 'bearer' && !handsIn) yield 'revocation.params has no ${token}, so nothing would be ended.'
}

function* identityProblems({ identity, resource }: ProviderDefinition): Generator<string> {
  if (resource.base_url_from?.in === 'identity' && !identity) yield 'resource.base_url_from needs identity.url.'
  if (identity?.body === undefined) return
  if (identity.method !== 'POST') yield 'identity.body needs method POST.'
  try {
    JSON.parse(identity.body)
  } catch {
    yield 'identity.body is not JSON.'
  }
}

/** Headers that frame a message or say whom it is for, in any case. */
const framing = /^(?:host|cookie|content-length|connection|transfer-encoding|upgrade|te|trailer)$/iu

function* headerProblems(
  definition: ProviderDefinition,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  known: readonly string[],
): Generator<string> {
  for (const [name, text] of Object.entries(headers)) {
    yield* placeProblems(definition, `${path}.${name}`, text, known)
    if (framing.test(name) || (path === 'resource.headers' && /^authorization$/iu.test(name)))
      yield `${path}.${name} is set by the program itself.`
    if (!/^[\x20-\x7e]*$/u.test(text)) yield `${path}.${name} is not printable ASCII.`
  }
}

const isSecret = ({ variables: named }: ProviderDefinition, text: string): boolean =>
  placesIn(text).some((place) => place === 'client_secret' || named?.[place]?.secret === true)

function* placeProblems(
  { variables: named = {} }: ProviderDefinition,
  path: string,
  text: string,
  further: readonly string[],
): Generator<string> {
  if (text.replaceAll(/\$\{[a-z][a-z0-9_]*\}/gu, '').includes('$'))
    yield `${path} has a placeholder that is not of the form \${name}.`
  for (const place of placesIn(text))
    if (!Object.hasOwn(named, place) && !further.includes(place))
      yield `${path} uses \${${place}}, which is not among the variables.`
}

/** One name for two things, or one thing said twice. */
function* twice(
  path: string,
  request: {
    readonly omit?: readonly string[]
    readonly rename?: Readonly<Record<string, string>>
    readonly params?: Readonly<Record<string, string>>
  },
): Generator<string> {
  const { omit = [], rename = {}, params = {} } = request
  if (new Set(omit).size !== omit.length) yield `${path}.omit has one name twice.`
  for (const name of omit) {
    if (Object.hasOwn(rename, name)) yield `${path}.rename.${name} is left out by omit already.`
    if (Object.hasOwn(params, name)) yield `${path}.params.${name} is left out by omit.`
  }
  const targets = Object.values(rename)
  if (new Set(targets).size !== targets.length) yield `${path}.rename gives one name twice.`
  for (const target of targets)
    if (Object.hasOwn(params, target)) yield `${path}.params.${target} is what rename calls another parameter.`
}

function* lifecycle({ lifecycle: life, grants }: ProviderDefinition): Generator<string> {
  const has = (grant: string): boolean => grants !== undefined && Object.hasOwn(grants, grant)
  if (life?.renew === 'reobtain' && !has('client_credentials'))
    yield 'lifecycle.renew is reobtain, which needs the grant client_credentials.'
  if (grants === undefined || has('refresh_token')) return
  if (life?.renew === 'refresh_token') yield 'lifecycle.renew is refresh_token, which is not among the grants.'
  if (life?.renew === undefined && has('authorization_code'))
    yield 'lifecycle.renew is missing: it is refresh_token unless said, which is not among the grants (sign_in?).'
}
