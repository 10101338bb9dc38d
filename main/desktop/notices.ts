/**
 * When the desktop says something by itself. The rule: only for a question while no window of ours can be seen, and for an
 * account that needs a new sign-in, once; each is taken back when it no longer holds; and nothing is decided from one,
 * because there is no room in it to show who asks.
 */
import type { Snapshot } from '../contract/window-api.ts'

export interface Notice {
  /** Names it, to show it once and to take it back. */
  readonly key: string
  readonly title: string
  readonly body: string
  /** Where the main window goes when it is pressed. */
  readonly hash: string
}

/** What is to be shown now, and what of `open` (keys) no longer holds. `hidden`: no window of ours can be seen. */
export function notices(
  snapshot: Snapshot,
  open: ReadonlySet<string>,
  hidden: boolean,
): { readonly show: readonly Notice[]; readonly close: readonly string[] } {
  const holding = holds(snapshot)
  const keys = new Set(holding.map(({ key }) => key))
  const mayShow = ({ key }: Notice): boolean =>
    snapshot.preferences.notify && !open.has(key) && (hidden || !key.startsWith('request '))
  return {
    show: holding.filter(mayShow),
    close: [...open].filter((key) => !keys.has(key) && !isUnknown(snapshot, key)),
  }
}

function holds({ requests, accounts }: Snapshot): readonly Notice[] {
  return [
    ...requests.map(({ id, client, kind }) => ({
      key: `request ${id}`,
      title: kind === 'pair' ? `“${short(client.name)}” wants to be paired` : `“${short(client.name)}” is asking`,
      body: 'Open Valetkey to decide. Nothing is given until you do.',
      hash: '#/approvals',
    })),
    ...accounts
      .filter(({ state }) => state === 'needs-sign-in')
      .map(({ id, label, provider_name }) => ({
        key: `account ${id}`,
        title: `Sign in again at ${short(provider_name)}`,
        body: `${short(label)} needs a new sign-in before programs can use it.`,
        hash: `#/accounts/${encodeURIComponent(id)}`,
      })),
  ]
}

/** While the vault is locked, and while a sign-in is under way, an account does not say whether it needs one. */
function isUnknown({ accounts }: Snapshot, key: string): boolean {
  return accounts.some(({ id, state }) => key === `account ${id}` && (state === 'locked' || state === 'signing-in'))
}

/** As much of somebody's own words as a line shows. */
export function short(words: string): string {
  return words.length > 40 ? `${words.slice(0, 39)}…` : words
}
