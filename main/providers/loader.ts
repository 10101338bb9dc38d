/**
 * Reads provider definitions. The rule: a definition is untrusted until the published schema has accepted every key of it,
 * and nothing about it (size, aliases, depth, templates, look-alike hosts) gets past this file half checked.
 */
import { BrokerError } from '../contract/errors.ts'
import { lint } from './lint.ts'
import type { ProviderDefinition, Providers } from './provider.ts'
import schema from './provider.schema.json' with { type: 'json' }
import { misfit } from './schema.ts'

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
    builtIn.add(definition)
  }
  return definitions
}

/** Where a definition is from is no part of it, so that no file can say that it came with Valetkey. */
const builtIn = new WeakSet<ProviderDefinition>()

/** Whether this very definition came with Valetkey. */
export const isBuiltIn = (definition: ProviderDefinition): boolean => builtIn.has(definition)

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
  let value: unknown
  try {
    const options = { uniqueKeys: true, strict: true, version: '1.2', schema: 'core', prettyErrors: true } as const
    const document = parseDocument(text, options)
    const [problem] = [...document.errors, ...document.warnings]
    // The parser's own stack gives up on some thousands of levels.
    if (problem?.code === 'RESOURCE_EXHAUSTION') throw refusal(name, tooDeep)
    if (problem) throw refusal(name, problem.message.split('\n')[0] ?? 'it is not YAML.')
    value = document.toJS({ maxAliasCount: ALIASES })
  } catch (thrown) {
    if (thrown instanceof BrokerError) throw thrown
    // The parser gives up on too many aliases, and its stack on too many levels.
    throw refusal(name, thrown instanceof RangeError ? tooDeep : 'it uses too many aliases.')
  }
  if (isDeeper(value, DEEPEST)) throw refusal(name, tooDeep)
  return value
}

/** Levels of a definition; the deepest place the schema has is the seventh. */
const DEEPEST = 16
const tooDeep = `it is nested deeper than ${String(DEEPEST)} levels.`

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)))

function checkDefinition(value: unknown, name: string): ProviderDefinition {
  const wrong = misfit(value, schema) ?? lint(value as ProviderDefinition)
  if (wrong !== undefined) throw refusal(name, wrong)
  return value as ProviderDefinition
}

function refusal(name: string, sentence: string): BrokerError {
  return new BrokerError('invalid_request', `The provider definition ${name} cannot be used: ${sentence}`)
}
