/**
 * Every definition there is: those that came with Valetkey and the person's own, one file each in a folder of the home. The
 * rule: nothing is read before it is asked for; a definition of the person's never takes the place of a built-in one; and
 * one that cannot be read hides no other.
 */
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Definitions, Log } from '../broker/ports.ts'
import { BrokerError } from '../contract/errors.ts'
import { builtInProviders, parseDefinition } from './loader.ts'
import type { ProviderDefinition, Providers } from './provider.ts'
import { describe, summaryOf } from './summary.ts'

/** Own definitions a person may have. */
const MOST = 1000
const ID = /^[a-z0-9][a-z0-9-]{1,62}$/u

export interface Library extends Providers, Definitions {}

/** `folder` need not exist. */
export function openLibrary(folder: string, log: Log): Library {
  const builtIn = builtInProviders()
  /** Read once, when the list is first wanted; this process is the only one that writes there. */
  let own: Promise<Map<string, ProviderDefinition>> | undefined
  const pathOf = (id: string): string => join(folder, `${id}.yaml`)

  const readOne = async (id: string): Promise<ProviderDefinition | undefined> => {
    const text = textOf(pathOf(id))
    if (text === undefined) return undefined
    const definition = await parseDefinition(text, `${id}.yaml`)
    if (definition.id === id) return definition
    throw new BrokerError(
      'invalid_request',
      `The provider definition ${id}.yaml cannot be used: its id is ${definition.id}.`,
    )
  }
  const readAll = async (): Promise<Map<string, ProviderDefinition>> => {
    const found = new Map<string, ProviderDefinition>()
    for (const id of idsIn(folder))
      try {
        const definition = await readOne(id)
        if (definition && !(await builtIn.find(id))) found.set(id, definition)
      } catch (thrown) {
        // What exactly is wrong is said to who asks for it by name.
        log('warn', 'provider.unreadable', { provider: id, name: thrown instanceof Error ? thrown.name : 'unknown' })
      }
    return found
  }
  const all = (): Promise<Map<string, ProviderDefinition>> => (own ??= readAll())

  const find = async (id: string): Promise<ProviderDefinition | undefined> =>
    (await builtIn.find(id)) ?? (ID.test(id) ? ((await own)?.get(id) ?? (await readOne(id))) : undefined)

  const requireNew = async (definition: ProviderDefinition): Promise<void> => {
    if (await builtIn.find(definition.id))
      throw new BrokerError(
        'invalid_request',
        `${definition.id} comes with Valetkey and cannot be replaced; give yours another id.`,
      )
  }

  return {
    list: async () => [...(await builtIn.list()), ...(await all()).values()],
    find,
    async describe(wanted) {
      if (wanted.text !== undefined) {
        const definition = await parseDefinition(wanted.text, 'given')
        await requireNew(definition)
        return describe(definition, wanted.text, false)
      }
      const definition = await find(wanted.id)
      if (!definition) throw unknown(wanted.id)
      const isBuiltIn = (await builtIn.find(wanted.id)) !== undefined
      const written = isBuiltIn ? undefined : textOf(pathOf(wanted.id))
      const { stringify } = await import('yaml')
      return describe(definition, written ?? stringify(definition), isBuiltIn)
    },
    async add(text) {
      const definition = await parseDefinition(text, 'given')
      await requireNew(definition)
      const known = await all()
      if (known.size >= MOST && !known.has(definition.id))
        throw new BrokerError(
          'invalid_request',
          `There are ${String(MOST)} definitions of your own already; remove one.`,
        )
      writeWhole(folder, pathOf(definition.id), text)
      known.set(definition.id, definition)
      return summaryOf(definition)
    },
    async remove(id) {
      if (await builtIn.find(id))
        throw new BrokerError('invalid_request', `${id} comes with Valetkey and cannot be removed.`)
      const definition = (await all()).get(id)
      if (!ID.test(id) || textOf(pathOf(id)) === undefined) throw unknown(id)
      rmSync(pathOf(id))
      ;(await all()).delete(id)
      return definition ? summaryOf(definition) : { id, name: id, variables: [], scopes: [] }
    },
  }
}

const unknown = (id: string): BrokerError =>
  new BrokerError('not_found', `There is no provider ${JSON.stringify(id.slice(0, 64))}.`, {
    resolve: { command: 'valetkey providers' },
  })

/** The text of a plain file; `undefined` when there is none. Links are not followed. */
function textOf(path: string): string | undefined {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() === true ? readFileSync(path, 'utf8') : undefined
}

function idsIn(folder: string): readonly string[] {
  if (!lstatSync(folder, { throwIfNoEntry: false })?.isDirectory()) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => name.slice(0, -'.yaml'.length))
    .filter((id) => ID.test(id))
    .toSorted()
}

/** All of it, on the disk, or nothing. Throws `temporarily_unavailable` when the disk does not take it. */
function writeWhole(folder: string, path: string, text: string): void {
  const unfinished = `${path}.new`
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(unfinished, text, { mode: 0o600, flush: true })
    renameSync(unfinished, path)
    if (process.platform === 'win32') return
    const opened = openSync(folder, 'r')
    try {
      fsyncSync(opened)
    } finally {
      closeSync(opened)
    }
  } catch (cause) {
    throw new BrokerError('temporarily_unavailable', 'The definition cannot be written (disk full?).', {
      cause,
      resolve: { command: 'valetkey doctor' },
    })
  }
}
