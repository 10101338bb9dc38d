/**
 * What a JSON Schema cannot say of a definition. The rule: every sentence begins with the path of the key in question; what
 * passes here can be filled in, asked and answered without a surprise about where a secret goes.
 */
import type { Operation, ProviderDefinition } from './provider.ts'
import { placesIn } from './template.ts'

/** `undefined` when all is well. */
export function lint(definition: ProviderDefinition): string | undefined {
  for (const complaint of complaints(definition)) return complaint
  return undefined
}

function* complaints(definition: ProviderDefinition): Generator<string> {
  yield* missingEndpoints(definition)
  yield* variables(definition)
  for (const [path, url] of urlsOf(definition)) yield* urlProblems(definition, path, url)
  for (const [path, text] of templatesOf(definition)) yield* templateProblems(definition, path, text)
  for (const [name, text] of Object.entries(definition.authorization_request?.params ?? {})) {
    const path = `authorization_request.params.${name}`
    yield* placeProblems(definition, path, text, [])
    if (placesIn(text).some((place) => definition.variables?.[place]?.secret)) yield `${path} puts a secret into a URL.`
  }
  for (const [grant, operation] of Object.entries(definition.grants ?? {})) yield* operationProblems(grant, operation)
  yield* lifecycle(definition)
}

function* missingEndpoints({ discovery, server, grants, redirect }: ProviderDefinition): Generator<string> {
  const has = (grant: string): boolean => (grants ? Object.hasOwn(grants, grant) : grant === 'authorization_code')
  const byBrowser = has('authorization_code')
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
  }
}

const serverUrls = [
  ...(['issuer', 'authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'userinfo_endpoint'] as const),
  ...(['device_authorization_endpoint', 'pushed_authorization_request_endpoint'] as const),
] as const

/** Every URL of a definition with its path: where its secrets go. */
export function urlsOf(definition: ProviderDefinition): readonly (readonly [path: string, url: string])[] {
  const { server, identity, resource, grants = {} } = definition
  const all: readonly (readonly [string, string | undefined])[] = [
    ...serverUrls.map((key) => [`server.${key}`, server[key]] as const),
    ...Object.entries(grants).map(([grant, { endpoint }]) => [`grants.${grant}.endpoint`, endpoint] as const),
    ['identity.url', identity?.url],
    ...resource.base_urls.map((url, index) => [`resource.base_urls[${String(index)}]`, url] as const),
  ]
  return all.flatMap(([path, url]) => (url === undefined ? [] : [[path, url] as const]))
}

function* urlProblems(definition: ProviderDefinition, path: string, url: string): Generator<string> {
  yield* placeProblems(definition, path, url, [])
  for (const place of placesIn(url)) {
    const format = definition.variables?.[place]?.format
    if (format === 'text') yield `${path} uses \${${place}}, whose format may be anything.`
    // In the place of a host only a host may stand; a whole URL only at the start.
    if (format === 'uri' && !url.startsWith(`\${${place}}`)) yield `${path} uses \${${place}}, a URL, in its middle.`
    if (format === 'slug' && new RegExp(`^https?://[^/]*\\$\\{${place}\\}(?:[/:?]|$)`, 'u').test(url))
      yield `${path} uses \${${place}} as the end of its host, where a hostname belongs.`
  }
  const plain = url.startsWith('http:')
  if (plain && !(definition.allow_insecure_http === true && path.startsWith('resource.')))
    yield `${path} is plain http.`
}

function templatesOf({ grants = {}, resource }: ProviderDefinition): readonly (readonly [string, string])[] {
  const ofMap = (path: string, map: Readonly<Record<string, string>> = {}): readonly (readonly [string, string])[] =>
    Object.entries(map).map(([name, text]) => [`${path}.${name}`, text] as const)
  return [
    ...Object.entries(grants).flatMap(([grant, { params, headers }]) => [
      ...ofMap(`grants.${grant}.params`, params),
      ...ofMap(`grants.${grant}.headers`, headers),
    ]),
    ...ofMap('resource.headers', resource.headers),
  ]
}

function* templateProblems(definition: ProviderDefinition, path: string, text: string): Generator<string> {
  yield* placeProblems(definition, path, text, ['client_id', 'client_secret'])
  const grant = /^grants\.([^.]+(?:\.[^.]+)*)\.params\./u.exec(path)?.[1] ?? ''
  const operation = Object.entries(definition.grants ?? {}).find(([name]) => name === grant)?.[1]
  const inUrl = operation?.content_type === 'query' || operation?.method === 'GET'
  const secret = placesIn(text).some((place) => place === 'client_secret' || definition.variables?.[place]?.secret)
  if (secret && inUrl) yield `${path} puts a secret into a URL.`
}

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

function* operationProblems(grant: string, { omit = [], rename = {} }: Operation): Generator<string> {
  for (const name of omit)
    if (Object.hasOwn(rename, name)) yield `grants.${grant}.rename.${name} is left out by omit already.`
  const targets = Object.values(rename)
  if (new Set(targets).size !== targets.length) yield `grants.${grant}.rename gives one name twice.`
}

function* lifecycle({ lifecycle: life, grants }: ProviderDefinition): Generator<string> {
  const has = (grant: string): boolean => grants !== undefined && Object.hasOwn(grants, grant)
  if (life?.renew === 'reobtain' && !has('client_credentials'))
    yield 'lifecycle.renew is reobtain, which needs the grant client_credentials.'
  if (life?.renew === 'refresh_token' && grants !== undefined && !has('refresh_token'))
    yield 'lifecycle.renew is refresh_token, which is not among the grants.'
}
