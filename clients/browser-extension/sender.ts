/**
 * Who may talk to the service worker. The rule: this extension's own two pages and nobody else. A content script bears the
 * extension's id too, but the origin of the page it runs in, and a page may make it say anything.
 */
import type { Sender } from './chrome.ts'

const pages: readonly string[] = ['/popup.html', '/options.html']

/** What a content script is told, and whoever else asks. */
export const refusal = {
  error: 'access_denied',
  error_description:
    'Only this extension’s own pages may ask its service worker; a content script gets neither a token nor an answer of an API.',
} as const

/** Whether a message comes from a page of the extension `id`, whose origin is `origin`. */
export function isOwnPage(sender: Sender | undefined, id: string, origin: string): boolean {
  if (sender?.id !== id || sender.origin !== origin || sender.url === undefined) return false
  const url = new URL(sender.url)
  return url.origin === origin && pages.includes(url.pathname)
}
