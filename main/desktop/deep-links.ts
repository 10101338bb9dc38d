/**
 * Addresses of our scheme that the operating system hands us: through `open-url` on macOS, through a command line
 * elsewhere. The rule (C3, C7): a command line holds one such address or none; what else is in it (Chromium adds switches
 * of its own, in any order) is never looked at, and an address that might be more than one argument is not taken.
 */
import type { App } from 'electron'

/** The exact form that is registered (RFC 8252 section 7.1): one slash, lower case, URI characters (RFC 3986) only. */
const callback = /^app\.valetkey:\/callback\/[\w\-.~!$&'()*+,;=:@/?%#[\]]{1,16000}$/u

/** What a command line asks for. `dropped`: it names our scheme in a way that is none of ours, which has no effect at all. */
export type Start =
  { readonly kind: 'redirect'; readonly url: string } | { readonly kind: 'dropped' } | { readonly kind: 'start' }

/** Reads a command line, ours or a second instance's. */
export function readArguments(argv: readonly string[]): Start {
  const found = argv.filter((argument) => /^\s*app\.valetkey:/iu.test(argument))
  const [url] = found
  if (url === undefined) return { kind: 'start' }
  return found.length === 1 && isRedirect(url) ? { kind: 'redirect', url } : { kind: 'dropped' }
}

export function isRedirect(text: string): boolean {
  return callback.test(text)
}

/** Redirects that arrive before anybody can take them; any page can cause one, so few are kept. */
const KEPT = 8

export interface Redirects {
  offer(url: string): void
  /** Hands over what has waited, and from now on each as it comes. */
  deliverTo(take: (url: string) => void): void
}

export function collectRedirects(): Redirects {
  const waiting: string[] = []
  let deliver = (url: string): void => {
    if (waiting.length < KEPT) waiting.push(url)
  }
  return {
    offer: (url) => {
      if (isRedirect(url)) deliver(url)
    },
    deliverTo: (take) => {
      deliver = take
      for (const url of waiting.splice(0)) take(url)
    },
  }
}

/** Listens for addresses. Before the app is ready: macOS delivers the one that started us at once. */
export function listenForRedirects(app: App, argv: readonly string[], redirects: Redirects): void {
  app.on('open-url', (event, url) => {
    event.preventDefault()
    redirects.offer(url)
  })
  const started = readArguments(argv)
  if (started.kind === 'redirect') redirects.offer(started.url)
}
