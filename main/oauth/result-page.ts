/**
 * The page at the end of a sign-in. The rule: self-contained, no secret, no text but what it is given, escaped; and the
 * code that brought the person here does not stay in the address bar or in the history.
 */
import { createHash } from 'node:crypto'

export interface Result {
  readonly title: string
  readonly text: string
}

const script = "history.replaceState(null,'',location.pathname)"
const style =
  ':root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}body{margin:0;min-height:100vh;display:grid;place-items:center}' +
  'main{max-width:30rem;padding:2rem}h1{font-size:1.4rem;margin:0 0 .5rem}p{margin:0}'

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** For every answer of the listener, pages or not. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy': `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  connection: 'close',
}

export function resultPage({ title, text }: Result): string {
  const [heading, words] = [escapeHtml(title), escapeHtml(text)]
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${heading} – Valetkey</title><style>${style}</style><script>${script}</script><main><h1>${heading}</h1><p>${words}</p></main></html>`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/gu, (character) => `&#${String(character.codePointAt(0))};`)
}
