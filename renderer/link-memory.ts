/**
 * What each sign-in of this page was asked to do, so that the next rung of the ladder can ask for the same. The rule: it
 * lives no longer than its sign-in, because a client secret may be in it, and never outside this page's memory; a password
 * is not in it.
 */
import { createContext } from 'react'
import type { LinkRequest } from '../main/contract/window-api.ts'

interface Remembered {
  readonly request: LinkRequest
  /** Ids of the accounts there were before. */
  readonly known: ReadonlySet<string>
}

/** By the sign-in's id. */
export type LinkMemory = Map<string, Remembered>

export const LinkMemoryContext = createContext<LinkMemory>(new Map())

/** Scopes that were asked for and not given; empty when nothing was asked for in particular. */
export function missingScopes(asked: string | undefined, given: string): string {
  const has = new Set(given.split(' '))
  return given.trim() === ''
    ? ''
    : (asked ?? '')
        .split(' ')
        .filter((scope) => scope !== '' && !has.has(scope))
        .join(' ')
}
