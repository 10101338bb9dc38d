/**
 * Addresses of custom schemes. Chromium knows no `app://ui/`, and there is no way to teach it one from outside, so in the
 * browser such a page lives at `https://ui.app.electron-stand-in.invalid/`: a secure origin of its own, as a `standard`
 * and `secure` scheme has in Electron ("protocol"). The rule: everything the main process sees says `app://ui`, everything
 * the page sees says the other; only what `registerSchemesAsPrivileged` was told of is translated.
 */

/** Ends in `.invalid`, which no resolver knows (RFC 6761, section 6.4). */
const domain = 'electron-stand-in.invalid'

const schemes = new Set<string>()

export function addScheme(scheme: string): void {
  schemes.add(scheme.toLowerCase())
}

/** The address in the browser. */
export function toPage(url: string): string {
  const [, scheme = '', host = '', rest = ''] = /^([a-z][a-z0-9+.-]*):\/\/([^/?#]*)(.*)$/isu.exec(url) ?? []
  if (!schemes.has(scheme.toLowerCase())) return url
  const label = scheme.toLowerCase().replaceAll('.', '-dot-').replaceAll('+', '-plus-')
  return `https://${host.toLowerCase()}.${label}.${domain}${rest.startsWith('/') ? '' : '/'}${rest}`
}

/** The address in the main process. */
export function fromPage(url: string): string {
  const [, host = '', label, rest = ''] =
    /^https:\/\/([^/?#]*)\.([^./?#]+)\.electron-stand-in\.invalid(.*)$/su.exec(url) ?? []
  if (label === undefined) return url
  return `${label.replaceAll('-dot-', '.').replaceAll('-plus-', '+')}://${host}${rest}`
}

/** The origin, in the main process, of an address there; `null` in quotes for one that has none, as WebFrameMain has it. */
export function originOf(url: string): string {
  const [origin, scheme = ''] = /^([a-z][a-z0-9+.-]*):\/\/[^/?#]*/iu.exec(url) ?? []
  return origin !== undefined && (schemes.has(scheme) || /^https?$/iu.test(scheme)) ? origin : 'null'
}

/** A header's value for the page: the addresses in it (of a policy, of a redirect) as the page knows them. */
export function headerToPage(value: string): string {
  return value.replaceAll(/\b[a-z][a-z0-9+.-]*:\/\/[^\s/;,]+/giu, (url) => toPage(url).replace(/\/$/u, ''))
}
