/**
 * What the extension keeps: the person's settings, and the client token of each way to the broker. The rule: the store is
 * closed to content scripts before anything is written to it, and access tokens are never kept at all.
 */
import { storage } from './chrome.ts'

export interface Settings {
  readonly channel: 'native' | 'http'
  /** Of the `http` channel: what `valetkey status` shows as `http` and `key`. */
  readonly url: string
  readonly publicKey: string
  /** The address that is called with an account's token. */
  readonly api: string
}

const usual: Settings = { channel: 'native', url: '', publicKey: '', api: '' }

/** Defaults for what is missing or makes no sense. */
export async function readSettings(): Promise<Settings> {
  const { settings } = await storage.local.get(['settings'])
  const given = (settings ?? {}) as Readonly<Record<string, unknown>>
  const text = (name: string): string => (typeof given[name] === 'string' ? given[name] : '')
  return {
    ...usual,
    ...(given['channel'] === 'http' && { channel: 'http' }),
    ...{ url: text('url'), publicKey: text('publicKey'), api: text('api') },
  }
}

export async function writeSettings(settings: Settings): Promise<void> {
  await seal()
  await storage.local.set({ settings })
}

/** A token is good on the channel it was paired on. */
export async function readToken(channel: Settings['channel']): Promise<string | undefined> {
  const { [`token-${channel}`]: token } = await storage.local.get([`token-${channel}`])
  return typeof token === 'string' && token !== '' ? token : undefined
}

/** Empty: forget it. */
export async function writeToken(channel: Settings['channel'], token: string): Promise<void> {
  await seal()
  await storage.local.set({ [`token-${channel}`]: token })
}

/** Content scripts may read `storage.local` unless this is said. */
export const seal = (): Promise<void> => storage.local.setAccessLevel({ accessLevel: 'TRUSTED_CONTEXTS' })
