/**
 * Where the page is: a route in the address's fragment, so that every screen has a link and Back works. The rule: routes
 * are parsed to this union and unknown ones are the accounts.
 */
import { useSyncExternalStore } from 'react'

export type Route =
  | { readonly screen: 'accounts'; readonly id?: string }
  | { readonly screen: 'link'; readonly id?: string }
  | { readonly screen: 'approvals' }
  | { readonly screen: 'apps'; readonly id?: string }
  /** `id`: of the app whose requests are shown. */
  | { readonly screen: 'activity'; readonly id?: string }
  | { readonly screen: 'settings' }
  /** One question in a window of its own. */
  | { readonly screen: 'prompt'; readonly id: string }

export type Screen = Route['screen']

/** `#/accounts/ID` and the like. */
export function parseRoute(hash: string): Route {
  const [screen, id] = hash.replace(/^#\/?/u, '').split('/')
  const target = id === undefined || id === '' ? {} : { id: decode(id) }
  switch (screen) {
    case 'link':
      return { screen: 'link', ...target }
    case 'apps':
      return { screen: 'apps', ...target }
    case 'activity':
      return { screen: 'activity', ...target }
    case 'approvals':
    case 'settings':
      return { screen }
    case 'prompt':
      return target.id === undefined ? { screen: 'approvals' } : { screen, id: target.id }
    default:
      return { screen: 'accounts', ...(screen === 'accounts' ? target : {}) }
  }
}

/** The list a detail was opened from; `undefined` where Back would lose something or there is nothing behind. */
export function parentOf(route: Route): Screen | undefined {
  if (route.screen === 'prompt' || !('id' in route)) return undefined
  return route.screen === 'link' ? 'accounts' : route.screen
}

export function hrefOf(screen: Screen, id?: string): string {
  return id === undefined ? `#/${screen}` : `#/${screen}/${encodeURIComponent(id)}`
}

/** `replace`: Back does not return to where we are now. */
export function navigate(screen: Screen, id?: string, history: 'push' | 'replace' = 'push'): void {
  if (history === 'replace') window.location.replace(hrefOf(screen, id))
  else window.location.hash = hrefOf(screen, id)
}

export function useHash(): string {
  return useSyncExternalStore(
    (listener) => {
      window.addEventListener('hashchange', listener)
      return () => {
        window.removeEventListener('hashchange', listener)
      }
    },
    () => window.location.hash,
  )
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}
