/**
 * Reads provider definitions. The rule: a definition is untrusted until the published schema has accepted every key of it,
 * and nothing about it (size, aliases, depth, templates, look-alike hosts) gets past this file half checked.
 */
import { BrokerError } from '../contract/errors.ts'
import type { ProviderDefinition, Providers } from './provider.ts'
import schema from './provider.schema.json' with { type: 'json' }
import { misfit } from './schema.ts'
import { placesIn } from './template.ts'

/** Put in at build time, so that a program reads no files of its own; absent when Node runs the sources. */
declare const __PROVIDERS__: Readonly<Record<string, unknown>> | undefined

/** Characters of a definition file, and uses of YAML aliases in it (a few nested ones can stand for gigabytes). */
const LONGEST = 65_536
const ALIASES = 16

/** The definitions that come with Valetkey, checked when first asked for. */
export function builtInProviders(): Providers {
  let loading: Promise<ReadonlyMap<string, ProviderDefinition>> | undefined
  const load = (): Promise<ReadonlyMap<string, ProviderDefinition>> => (loading ??= loadBuiltIn())
  return {
    list: async () => [...(await load()).values()],
    find: async (id) => (await load()).get(id),
  }
}

async function loadBuiltIn(): Promise<ReadonlyMap<string, ProviderDefinition>> {
  const values: readonly (readonly [string, unknown])[] =
    typeof __PROVIDERS__ === 'undefined' ? await readFolder() : Object.entries(__PROVIDERS__)
  const definitions = new Map<string, ProviderDefinition>()
  for (const [name, value] of values) {
    const definition = checkDefinition(value, name)
    if (definitions.has(definition.id)) throw refusal(name, `another one has the id ${definition.id}.`)
    definitions.set(definition.id, definition)
  }
  return definitions
}

async function readFolder(): Promise<readonly (readonly [string, unknown])[]> {
  const { readdir, readFile } = await import('node:fs/promises')
  const folder = new URL('.', import.meta.url)
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).toSorted()
  return Promise.all(
    names.map(async (name) => [name, await parseYaml(await readFile(new URL(name, folder), 'utf8'), name)] as const),
  )
}

/** The text of one definition file. Throws `invalid_request` that names the file and the path of the key in question. */
export async function parseDefinition(text: string, name: string): Promise<ProviderDefinition> {
  return checkDefinition(await parseYaml(text, name), name)
}

async function parseYaml(text: string, name: string): Promise<unknown> {
  if (text.length > LONGEST) throw refusal(name, `it is larger than ${String(LONGEST)} characters.`)
  const { parseDocument } = await import('yaml')
  const document = parseDocument(text, {
    uniqueKeys: true,
    strict: true,
    version: '1.2',
    schema: 'core',
    prettyErrors: true,
  })
  const [problem] = [...document.errors, ...document.warnings]
  if (problem) throw refusal(name, problem.message.split('\n')[0] ?? 'it is not YAML.')
  try {
    return document.toJS({ maxAliasCount: ALIASES })
  } catch {
    throw refusal(name, 'it uses too many aliases.')
  }
}

function checkDefinition(value: unknown, name: string): ProviderDefinition {
  const wrong = misfit(value, schema) ?? inconsistency(value as ProviderDefinition)
  if (wrong !== undefined) throw refusal(name, wrong)
  return value as ProviderDefinition
}

/** What the schema cannot say. */
function inconsistency(definition: ProviderDefinition): string | undefined {
  const { discovery, server, identity, resource } = definition
  const needed =
    discovery.type === 'none' ? (['authorization_endpoint', 'token_endpoint'] as const) : (['issuer'] as const)
  for (const key of needed)
    if (server[key] === undefined) return `server.${key} is missing (discovery is ${discovery.type}).`
  const urls: readonly (readonly [string, string | undefined])[] = [
    ...(
      ['issuer', 'authorization_endpoint', 'token_endpoint', 'revocation_endpoint', 'userinfo_endpoint'] as const
    ).map((key) => [`server.${key}`, server[key]] as const),
    ['identity.url', identity?.url],
    ...resource.base_urls.map((url, index) => [`resource.base_urls[${String(index)}]`, url] as const),
  ]
  for (const [path, url] of urls) {
    if (url === undefined) continue
    if (url.replaceAll(/\$\{[a-z][a-z0-9_]*\}/gu, '').includes('$'))
      return `${path} has a placeholder that is not of the form \${name}.`
    for (const place of placesIn(url))
      if (!Object.hasOwn(definition.variables ?? {}, place))
        return `${path} uses \${${place}}, which is not among the variables.`
    if (url.startsWith('http:')) return `${path} is plain http.`
  }
  return undefined
}

function refusal(name: string, sentence: string): BrokerError {
  return new BrokerError('invalid_request', `The provider definition ${name} cannot be used: ${sentence}`)
}
