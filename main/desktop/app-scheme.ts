/**
 * The window's files under `app://ui/`. The rule: what can be loaded is a fixed map made at the start; no request ever
 * names a file of the disk, nothing in an address is decoded or normalised, and every answer carries the policy that lets
 * the page load its own files and nothing else (the console's pages differ in `connect-src` alone).
 */
import type { Protocol } from 'electron'
import type { Assets } from '../daemon/console-assets.ts'

/** The origin of our pages, as a frame of ours reports it. */
export const uiOrigin = 'app://ui'

/** CSP Level 3; `require-trusted-types-for`: Trusted Types. */
export const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "object-src 'none'",
  "require-trusted-types-for 'script'",
].join('; ')

const headers: Readonly<Record<string, string>> = {
  'Content-Security-Policy': contentSecurityPolicy,
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), microphone=(), geolocation=()',
  'Cache-Control': 'no-store',
}

/** Before the app is ready, once. Neither `bypassCSP`, nor `allowServiceWorkers`, nor anything else is granted. */
export function registerAppScheme(protocol: Protocol): void {
  protocol.registerSchemesAsPrivileged([
    { scheme: 'app', privileges: { standard: true, secure: true, supportFetchAPI: true } },
  ])
}

/** On the very session whose windows load from it. */
export function serveAppScheme(protocol: Protocol, assets: Assets): void {
  protocol.handle('app', (request) => answer(assets, request))
}

/** The file for a request, by its exact address: `GET app://ui/PATH`, a query ignored. Anything else is 404, or 405. */
export function answer(assets: Assets, { method, url }: { readonly method: string; readonly url: string }): Response {
  if (method !== 'GET') return new Response(null, { status: 405, headers: { ...headers, Allow: 'GET' } })
  const asset = url.startsWith(`${uiOrigin}/`)
    ? assets.get(url.slice(uiOrigin.length).replace(/[?#].*$/su, ''))
    : undefined
  if (!asset) return new Response(null, { status: 404, headers })
  return new Response(Uint8Array.from(asset.body), { headers: { ...headers, 'Content-Type': asset.type } })
}
