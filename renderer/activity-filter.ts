/**
 * Which rows of the activity are shown, and the same rows as a file. The rule: a row is filtered by what is read in it (its
 * app, its account, its result in words), and a file holds what the rows hold: ids, names, codes, never a token.
 */
import type { ActivityAction, ActivityEntry } from '../main/contract/model.ts'
import type { Snapshot } from '../main/contract/window-api.ts'
import { outcomeWords } from './activity-terms.ts'
import { text } from './text.ts'
import { plain } from './ui/words.tsx'

/** An empty member lets everything through. */
export interface Filter {
  /** `who` of a row. */
  readonly app: string
  readonly account: string
  /** The result in words. */
  readonly result: string
}

export const everything: Filter = { app: '', account: '', result: '' }

/** What nobody asked for is the broker's own doing; what no program asked for is the person's. */
const byItself: ReadonlySet<ActivityAction> = new Set<ActivityAction>(['refresh'])

/** Who a row is about: a client's id, or `you` or `valetkey`, which no id can be for its length. */
export function who({ client_id, action }: Pick<ActivityEntry, 'client_id' | 'action'>): string {
  return client_id ?? (byItself.has(action) ? 'valetkey' : 'you')
}

export function whoWords(id: string, clients: Snapshot['clients']): string {
  if (id === 'you') return text.activity.you
  if (id === 'valetkey') return text.activity.valetkey
  return clients.find((client) => client.id === id)?.name ?? text.activity.removedApp
}

export function accountWords(id: string, accounts: Snapshot['accounts']): string {
  return accounts.find((account) => account.id === id)?.label ?? text.activity.removedAccount
}

export function fits(entry: ActivityEntry, { app, account, result }: Filter): boolean {
  return (
    (app === '' || who(entry) === app) &&
    (account === '' || entry.account_id === account) &&
    (result === '' || outcomeWords(entry).words === result)
  )
}

export interface Choice {
  readonly value: string
  readonly label: string
}

/** What can be chosen: what there is in the rows, and what was chosen although no row has it yet; by name. */
export function choicesOf(
  entries: readonly ActivityEntry[],
  { clients, accounts }: Pick<Snapshot, 'clients' | 'accounts'>,
  chosen: Filter,
): { readonly apps: readonly Choice[]; readonly accounts: readonly Choice[]; readonly results: readonly Choice[] } {
  const gather = (
    values: readonly (string | undefined)[],
    also: string,
    label: (value: string) => string,
  ): readonly Choice[] =>
    [...new Set([...values, also])]
      .filter((value) => value !== undefined && value !== '')
      .map((value) => ({ value: value ?? '', label: plain(label(value ?? '')) }))
      .toSorted((a, b) => a.label.localeCompare(b.label, 'en'))
      .slice(0, 200)
  return {
    apps: gather(entries.map(who), chosen.app, (id) => whoWords(id, clients)),
    accounts: gather(
      entries.map((entry) => entry.account_id),
      chosen.account,
      (id) => accountWords(id, accounts),
    ),
    results: gather(
      entries.map((entry) => outcomeWords(entry).words),
      chosen.result,
      (words) => words,
    ),
  }
}

/** The rows as JSON, newest first, with the names that are known now beside the ids. `now` in seconds since the epoch. */
export function toJson(
  entries: readonly ActivityEntry[],
  { clients, accounts, version }: Pick<Snapshot, 'clients' | 'accounts' | 'version'>,
  now: number,
): string {
  const rows = entries.map(({ at, client_id, account_id, ...rest }) => ({
    time: new Date(at * 1000).toISOString(),
    ...(client_id !== undefined && { client_id, client: whoWords(client_id, clients) }),
    ...(account_id !== undefined && { account_id, account: accountWords(account_id, accounts) }),
    ...rest,
  }))
  return JSON.stringify({ exported_at: new Date(now * 1000).toISOString(), valetkey: version, rows }, null, 2)
}
