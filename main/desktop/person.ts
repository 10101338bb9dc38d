/**
 * The person, as a desktop can reach them. The rule (checklist 15): the operating system is asked to open web addresses
 * and nothing else. A question needs no word here: it is in the next snapshot, and from there on the screen.
 */
import type { Shell } from 'electron'
import type { Person } from '../broker/ports.ts'
import { isWebAddress } from '../contract/browser.ts'
import type { Snapshot } from '../contract/window-api.ts'

export function createPerson(shell: Pick<Shell, 'openExternal'>): Person {
  return {
    questionWaiting: () => undefined,
    async openBrowser(url) {
      if (!isWebAddress(url)) return false
      return shell.openExternal(url).then(
        () => true,
        () => false,
      )
    },
  }
}

/** Whether a page may ask to open this address: the broker itself put it into its snapshot, to be opened. */
export function isKnownAddress(snapshot: Snapshot | undefined, url: string): boolean {
  if (snapshot === undefined || !URL.canParse(url)) return false
  const { sign_ins, providers } = snapshot
  const known = [...sign_ins.map((one) => one.authorization_url), ...providers.map((one) => one.documentation)]
  return known.some((one) => one !== undefined && URL.canParse(one) && new URL(one).href === new URL(url).href)
}
