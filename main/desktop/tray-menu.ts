/**
 * What the tray icon shows and offers. The rule: pure; what waits for the person comes first, and nothing is decided from
 * a menu but to give less (lock, pause).
 */
import type { Snapshot } from '../contract/window-api.ts'
import { short } from './notices.ts'

export interface TrayActions {
  readonly open: (hash?: string) => void
  readonly lock: () => void
  /** Opens the vault where that needs no passphrase; else the window. */
  readonly unlock: () => void
  readonly setPaused: (paused: boolean) => void
  readonly quit: () => void
}

/** An entry of the menu; the part of Electron's template that is used. */
export type TrayEntry =
  | { readonly type: 'separator' }
  | { readonly id: string; readonly label: string; readonly enabled?: boolean; readonly click?: () => void }

export type TrayStatus = 'normal' | 'attention' | 'paused'

export function trayStatus({ requests, accounts, paused, vault }: Snapshot): TrayStatus {
  if (requests.length > 0 || accounts.some(({ state }) => state === 'needs-sign-in')) return 'attention'
  return paused || vault.state === 'locked' ? 'paused' : 'normal'
}

/** One sentence for who points at the icon. */
export function trayTip(snapshot: Snapshot): string {
  const { requests, accounts, paused, vault } = snapshot
  const needing = accounts.filter(({ state }) => state === 'needs-sign-in').length
  if (requests.length > 0) return `Valetkey: ${counted(requests.length, 'question')} for you`
  if (vault.state === 'damaged') return 'Valetkey: the vault is damaged'
  if (vault.state === 'locked') return 'Valetkey: locked'
  if (paused) return 'Valetkey: paused'
  return needing > 0 ? `Valetkey: ${counted(needing, 'account')} to sign in again` : 'Valetkey'
}

const counted = (count: number, noun: string): string => `${String(count)} ${noun}${count === 1 ? '' : 's'}`

/** More would push the fixed entries off the screen. */
const MOST = 8

export function trayMenu(snapshot: Snapshot, actions: TrayActions): readonly TrayEntry[] {
  const { requests, accounts, paused, vault } = snapshot
  const waiting = requests.slice(0, MOST).map(({ id, client, kind }): TrayEntry => ({
    id: `request-${id}`,
    label: plain(kind === 'pair' ? `${short(client.name)} wants to be paired…` : `${short(client.name)} is asking…`),
    click: () => {
      actions.open('#/approvals')
    },
  }))
  const needing = accounts
    .filter(({ state }) => state === 'needs-sign-in')
    .slice(0, MOST)
    .map(({ id, label, provider_name }): TrayEntry => ({
      id: `account-${id}`,
      label: plain(`Sign in again: ${short(label)} (${short(provider_name)})…`),
      click: () => {
        actions.open(`#/accounts/${encodeURIComponent(id)}`)
      },
    }))
  const gap: readonly TrayEntry[] = [{ type: 'separator' }]
  return [
    ...waiting,
    ...needing,
    ...(waiting.length + needing.length > 0 ? gap : []),
    {
      id: 'open',
      label: 'Open Valetkey',
      click: () => {
        actions.open()
      },
    },
    ...gap,
    vault.state === 'locked'
      ? { id: 'unlock', label: 'Unlock…', click: actions.unlock }
      : { id: 'lock', label: 'Lock', enabled: vault.state !== 'damaged', click: actions.lock },
    {
      id: 'pause',
      label: paused ? 'Resume access' : 'Pause all access',
      click: () => {
        actions.setPaused(!paused)
      },
    },
    ...gap,
    { id: 'quit', label: 'Quit Valetkey', click: actions.quit },
  ]
}

/** `&` marks a shortcut in menus of Windows and Linux. */
const plain = (label: string): string => label.replaceAll('&', '&&')
