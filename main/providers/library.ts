/**
 * Every definition there is: those that came with Valetkey and the person's own, one file each in a folder of the home. The
 * rule: nothing is read before it is asked for; a definition of the person's never takes the place of a built-in one; one
 * that cannot be read hides no other; and one the person has not added themselves is listed and not used.
 */
import { lstatSync, readdirSync, readFileSync, rmSync, type Stats } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Definitions, Log } from '../broker/ports.ts'
import { asBrokerError, BrokerError } from '../contract/errors.ts'
import type { ProviderDescription } from '../contract/model.ts'
import type { Finding } from '../contract/window-api.ts'
import { openConfirmations, type Attest, type Standing } from './confirmations.ts'
import { builtInProviders, isBuiltIn, parseDefinition } from './loader.ts'
import type { ProviderDefinition, Providers } from './provider.ts'
import { describe, summaryOf } from './summary.ts'
import { writeWhole } from './whole-file.ts'

/** Own definitions a person may have. */
const MOST = 1000
/** Bytes of a file that are looked at; the loader counts the characters. */
const LARGEST = 262_144
const ID = /^[a-z0-9][a-z0-9-]{1,62}$/u

export interface Library extends Providers, Definitions {}

interface Own {
  readonly definitions: Map<string, ProviderDefinition>
  readonly findings: readonly Finding[]
}

/** `folder` need not exist. `attest` marks what the person has added (confirmations.ts), in a file at `marks`; without it nothing is. */
export function openLibrary(
  folder: string,
  log: Log,
  attest: Attest = () => undefined,
  marks = `${folder}.json`,
): Library {
  const builtIn = builtInProviders()
  const confirmations = openConfirmations(marks, attest)
  /** The person's own ones, as they were written. */
  const texts = new WeakMap<ProviderDefinition, string>()
  /** Found to be the person's once: what was read does not change. */
  const theirs = new WeakSet<ProviderDefinition>()
  const standingOf = (definition: ProviderDefinition): Standing => {
    const text = texts.get(definition)
    if (text === undefined || theirs.has(definition)) return 'confirmed'
    const standing = confirmations.standing(definition.id, text)
    if (standing === 'confirmed') theirs.add(definition)
    return standing
  }
  /** Read once, when the list is first wanted; this process is the only one that writes there. */
  let own: Promise<Own> | undefined
  const pathOf = (id: string): string => join(folder, `${id}.yaml`)

  const readOne = async (id: string): Promise<ProviderDefinition | undefined> => {
    const text = textOf(pathOf(id), id)
    if (text === undefined) return undefined
    const definition = await parseDefinition(text, `${id}.yaml`)
    texts.set(definition, text)
    if (definition.id === id) return definition
    throw unusable(id, `its id is ${definition.id}.`)
  }
  const readAll = async (): Promise<Own> => {
    const definitions = new Map<string, ProviderDefinition>()
    const findings: Finding[] = []
    const { ids, problems } = idsIn(folder)
    for (const problem of problems) findings.push(finding(problem, `Look at ${folder}.`))
    for (const id of ids) {
      // Some hundreds of files take a while, and somebody may be waiting for a token meanwhile.
      await nextTurn()
      try {
        if (await builtIn.find(id)) throw unusable(id, 'a definition with that id comes with Valetkey.')
        const definition = await readOne(id)
        if (definition) definitions.set(id, definition)
      } catch (thrown) {
        const { message } = asBrokerError(thrown)
        log('warn', 'provider.unreadable', { provider: id })
        findings.push(finding(message, `Mend ${pathOf(id)}, or: valetkey providers remove ${id}`))
      }
    }
    return { definitions, findings }
  }
  const all = async (): Promise<Map<string, ProviderDefinition>> => (await (own ??= readAll())).definitions

  const look = async (id: string): Promise<ProviderDefinition | undefined> => {
    const known = (await builtIn.find(id)) ?? (own && (await all()).get(id))
    return known ?? (ID.test(id) ? readOne(id) : undefined)
  }
  const find = async (id: string): Promise<ProviderDefinition | undefined> => {
    const definition = await look(id)
    const standing = definition ? standingOf(definition) : 'confirmed'
    if (standing === 'confirmed') return definition
    if (standing === 'unconfirmed')
      throw new BrokerError('access_denied', unconfirmed(id), {
        resolve: { command: `valetkey providers add ${pathOf(id)}` },
      })
    throw new BrokerError('locked', `Whether ${id} is as you added it can be told once the vault is unlocked.`, {
      resolve: { command: 'valetkey unlock' },
    })
  }

  const questionable = (definition: ProviderDefinition): readonly Finding[] => {
    const { id } = definition
    const standing = standingOf(definition)
    if (standing === 'confirmed') return []
    return standing === 'unconfirmed'
      ? [finding(unconfirmed(id), `valetkey providers add ${pathOf(id)}, or: valetkey providers remove ${id}`)]
      : [finding(`Whether ${id}.yaml is as you added it can be told once the vault is unlocked.`, 'valetkey unlock')]
  }

  return {
    list: async () => [...(await builtIn.list()), ...(await all()).values()],
    find,
    isUnconfirmed: (definition) => standingOf(definition) === 'unconfirmed',
    async describe(wanted) {
      if (wanted.text !== undefined) return describeText(wanted.text)
      const definition = await look(wanted.id)
      if (!definition) throw unknown(wanted.id)
      const written = isBuiltIn(definition) ? undefined : textOf(pathOf(wanted.id), wanted.id)
      const { stringify } = await import('yaml')
      const described = describe(definition, written ?? stringify(definition))
      if (standingOf(definition) !== 'unconfirmed') return described
      return { ...described, unconfirmed: true, warnings: [unconfirmed(wanted.id), ...described.warnings] }
    },
    async add(text) {
      const definition = await parseNew(text)
      const { id } = definition
      const known = await all()
      if (known.size >= MOST && !known.has(id))
        throw new BrokerError(
          'invalid_request',
          `There are ${String(MOST)} definitions of your own already; remove one.`,
          { resolve: { command: 'valetkey providers remove ID' } },
        )
      const confirm = confirmations.confirming(id, text)
      writeWhole(folder, pathOf(id), text)
      confirm()
      texts.set(definition, text)
      // The folder may be being read again just now.
      ;(await all()).set(id, definition)
      return summaryOf(definition)
    },
    async remove(id) {
      const shipped = await builtIn.find(id)
      const there = ID.test(id) && statsOf(pathOf(id))?.isFile() === true
      // A file that took a built-in one's id is never used, and has to be got rid of somehow.
      if (shipped && !there)
        throw new BrokerError('invalid_request', `${id} comes with Valetkey and cannot be removed.`)
      if (!there) throw unknown(id)
      const definition = shipped ?? (await all()).get(id)
      rmSync(pathOf(id))
      confirmations.forget(id)
      ;(await all()).delete(id)
      if (definition) return { ...summaryOf(definition), built_in: false }
      const nothing = { variables: [], scopes: [], flows: [], client_fields: { secret: 'none' as const } }
      return { id, name: id, built_in: false, ...nothing }
    },
    async examine() {
      // What was mended by hand since is seen here.
      own = readAll()
      const { definitions, findings: unreadable } = await own
      const findings = [...unreadable, ...[...definitions.values()].flatMap(questionable)]
      if (findings.length > 0 || definitions.size === 0) return findings
      const message = `${String(definitions.size)} of your own, all of them can be used.`
      return [{ level: 'ok', subject: 'providers', message }]
    },
  }
}

/**
 * What a text that is not trusted yet would come to as a definition of the person's own; nothing is kept. Throws
 * `invalid_request` with the path of what is wrong.
 */
export async function describeText(text: string): Promise<ProviderDescription> {
  return describe(await parseNew(text), text)
}

async function parseNew(text: string): Promise<ProviderDefinition> {
  const definition = await parseDefinition(text, 'given')
  if (await builtInProviders().find(definition.id))
    throw new BrokerError(
      'invalid_request',
      `${definition.id} comes with Valetkey and cannot be replaced; give yours another id.`,
    )
  return definition
}

const unknown = (id: string): BrokerError =>
  new BrokerError('not_found', `There is no provider ${JSON.stringify(id.slice(0, 64))}.`, {
    resolve: { command: 'valetkey providers' },
  })

const unconfirmed = (id: string): string =>
  `${id}.yaml was not added by you, or was changed since. It is not used until you have looked at it and added it.`

const unusable = (id: string, why: string, cause?: unknown): BrokerError =>
  new BrokerError('invalid_request', `The provider definition ${id}.yaml cannot be used: ${why}`, { cause })

const finding = (message: string, mend: string): Finding => ({ level: 'warning', subject: 'providers', message, mend })

/** Of the thing itself, not of what it links to; `undefined` when there is none, or no way to it. */
function statsOf(path: string): Stats | undefined {
  try {
    return lstatSync(path)
  } catch {
    return undefined
  }
}

/** The text of a plain file; `undefined` when there is none. Links are not followed. Throws `invalid_request`. */
function textOf(path: string, id: string): string | undefined {
  const stats = statsOf(path)
  if (stats?.isFile() !== true) return undefined
  if (stats.size > LARGEST) throw unusable(id, `it is larger than ${String(LARGEST)} bytes.`)
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    throw unusable(id, 'the file cannot be read.', cause)
  }
}

/** The ids that the files of a folder are named by, and a sentence about each that only looks like one. */
function idsIn(folder: string): { readonly ids: readonly string[]; readonly problems: readonly string[] } {
  const stats = statsOf(folder)
  if (!stats) return { ids: [], problems: [] }
  let names: readonly string[]
  try {
    if (!stats.isDirectory()) throw new Error('not a folder')
    names = readdirSync(folder).toSorted()
  } catch {
    return { ids: [], problems: ['The folder of your own provider definitions cannot be read.'] }
  }
  const files = names.filter((name) => /\.ya?ml$/iu.test(name))
  const isNamed = (name: string): boolean => name.endsWith('.yaml') && ID.test(name.slice(0, -'.yaml'.length))
  return {
    ids: files.filter(isNamed).map((name) => name.slice(0, -'.yaml'.length)),
    problems: files
      .filter((name) => !isNamed(name))
      .map((name) => `${JSON.stringify(name.slice(0, 64))} is not read: a definition’s file is its id and “.yaml”.`),
  }
}
