/**
 * What of a browser's extension API is used here, in types. The rule: nothing is declared that nobody calls, so this file
 * is also the list of what the extension can touch.
 */
import type { NativeRuntime } from '../js/service-worker.ts'

interface Event<Listener> {
  addListener(listener: Listener): void
}

/** Who sends a message: a page of ours, a content script in a page, or another extension. */
export interface Sender {
  readonly id?: string
  /** Of the page or frame the message comes from; a content script has its page's. */
  readonly origin?: string
  readonly url?: string
}

export interface Port {
  readonly sender?: Sender
  readonly onMessage: Event<(message: unknown) => void>
  readonly onDisconnect: Event<() => void>
  postMessage(message: unknown): void
  disconnect(): void
}

export interface Area {
  get(keys: readonly string[]): Promise<Readonly<Record<string, unknown>>>
  set(items: Readonly<Record<string, unknown>>): Promise<void>
  setAccessLevel(options: { readonly accessLevel: 'TRUSTED_CONTEXTS' }): Promise<void>
}

interface Chrome {
  readonly runtime: NativeRuntime & {
    readonly id: string
    readonly onConnect: Event<(port: Port) => void>
    readonly onMessage: Event<(message: unknown, sender: Sender, answer: (value: unknown) => void) => void>
    connect(): Port
    getManifest(): { readonly name: string }
    getPlatformInfo(): Promise<unknown>
    openOptionsPage(): Promise<void>
  }
  readonly storage: { readonly local: Area; readonly onChanged: Event<(changes: object) => void> }
  readonly permissions: { request(wanted: { readonly origins: readonly string[] }): Promise<boolean> }
}

export const { runtime, storage, permissions } = (globalThis as unknown as { readonly chrome: Chrome }).chrome
