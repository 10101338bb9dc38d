/**
 * What the extension's pages and its service worker say to each other. The rule: no type here can hold a token, so a page
 * that is sent any of them cannot leak one.
 */
import type { Client } from '../js/service-worker.ts'

type Accounts = Awaited<ReturnType<Client['accounts']>>['accounts']
export type Account = Pick<Accounts[number], 'id' | 'label' | 'provider' | 'state'>

/** What a page asks of the worker. */
export type Ask =
  | { readonly do: 'look' }
  | { readonly do: 'pair' }
  /** For an account by what the person calls it, or for any. */
  | { readonly do: 'request'; readonly account: string }
  | { readonly do: 'call'; readonly account: string }
  | { readonly do: 'stop' }

/** Why something did not work: a code of Valetkey's list, a sentence, and a command that helps. */
export interface Problem {
  readonly code: string
  readonly message: string
  readonly command?: string
}

/** All a page shows. */
export interface View {
  readonly paired: boolean
  readonly busy: boolean
  /** The person is being asked; they compare the code. */
  readonly code?: string
  readonly problem?: Problem
  /** Absent: not known yet. */
  readonly accounts?: readonly Account[]
  readonly result?: { readonly account: string; readonly status: number; readonly text: string }
  /** Where a call goes; empty until the person has said. */
  readonly api: string
}

const names: readonly string[] = ['look', 'pair', 'request', 'call', 'stop'] satisfies readonly Ask['do'][]

/** The ask in a message, `undefined` when it is none. */
export function askOf(message: unknown): Ask | undefined {
  const { do: name, account } = (message ?? {}) as Readonly<Record<string, unknown>>
  if (typeof name !== 'string' || !names.includes(name)) return undefined
  if (name !== 'request' && name !== 'call') return { do: name } as Ask
  return typeof account === 'string' ? { do: name, account } : undefined
}
