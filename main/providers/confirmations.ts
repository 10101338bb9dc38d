/**
 * Which definitions the person has seen and added themselves. The rule: a file that another program put into the folder, or
 * changed there, is not used until the person has been shown it; what vouches for one is made with the vault's own key, so
 * that no program without it can vouch for anything.
 */
import { lstatSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { BrokerError } from '../contract/errors.ts'
import { writeWhole } from './whole-file.ts'

/** A mark on a text that only a broker holding the vault's key can make; `undefined` while the vault is locked. */
export type Attest = (text: string) => string | undefined

/** `unknown`: the vault is locked, so nobody can tell. */
export type Standing = 'confirmed' | 'unconfirmed' | 'unknown'

export interface Confirmations {
  standing(id: string, text: string): Standing
  /**
   * What keeps the person's word, to be called once the definition is written: what fails before leaves the old one as it
   * was. Throws `locked` at once.
   */
  confirming(id: string, text: string): () => void
  forget(id: string): void
}

/** Bytes; a thousand entries are a tenth of it. */
const LARGEST = 1_048_576

/** `path`: a file of our own, made when first needed. */
export function openConfirmations(path: string, attest: Attest): Confirmations {
  let marks: Map<string, string> | undefined
  const known = (): Map<string, string> => (marks ??= readMarks(path))
  const markOf = (id: string, text: string): string | undefined => attest(JSON.stringify([id, text]))
  /** On the disk first: what is not there does not count. */
  const change = (work: (marked: Map<string, string>) => unknown): void => {
    const next = new Map(known())
    work(next)
    writeWhole(dirname(path), path, `${JSON.stringify(Object.fromEntries(next))}\n`)
    marks = next
  }
  return {
    standing(id, text) {
      const mark = markOf(id, text)
      if (mark === undefined) return 'unknown'
      return known().get(id) === mark ? 'confirmed' : 'unconfirmed'
    },
    confirming(id, text) {
      const mark = markOf(id, text)
      if (mark === undefined)
        throw new BrokerError('locked', 'The vault is locked; a definition is added once it is unlocked.', {
          resolve: { command: 'valetkey unlock' },
        })
      return () => {
        change((marked) => marked.set(id, mark))
      }
    },
    forget(id) {
      if (known().has(id)) change((marked) => marked.delete(id))
    },
  }
}

/** Nothing where there is no such file, or something that is not ours: then nothing is vouched for. */
function readMarks(path: string): Map<string, string> {
  try {
    const stats = lstatSync(path)
    if (!stats.isFile() || stats.size > LARGEST) return new Map()
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
    return new Map(entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'))
  } catch {
    return new Map()
  }
}
