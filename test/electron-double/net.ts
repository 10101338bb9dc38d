/**
 * `net` (Electron's page of that name). The rule: a scheme that the default session handles is answered by its handler, as
 * in Electron; everything else goes through Node's `fetch`, which shares neither cookies, proxy nor certificates with the
 * pages.
 *
 * Modelled: `fetch`, `isOnline`, `online`. Not modelled: `request`, `resolveHost`, `WebSocket`.
 */
import type Electron from 'electron'
import { modelled } from './modelled.ts'
import { readiness } from './readiness.ts'
import { protocol, session, stateOf } from './session.ts'

export const net = modelled<Electron.Net>('net', {
  async fetch(input, init) {
    if (!readiness.isReady) throw new Error('net.fetch cannot be used before app is ready')
    const url = typeof input === 'string' ? input : input.url
    const scheme = url.slice(0, url.indexOf(':'))
    const handler = protocol.isProtocolHandled(scheme)
      ? stateOf(session.defaultSession).handlers.get(scheme)
      : undefined
    if (handler === undefined || init?.bypassCustomProtocolHandlers === true) return fetch(input, init)
    return handler(new Request(input, init))
  },
  isOnline: () => true,
  online: true,
} satisfies Partial<Electron.Net>)
