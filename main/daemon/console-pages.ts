/**
 * The few pages the console shows before anybody is signed in, and the headers of all its pages. The rule: these pages
 * are constant texts, so they can neither leak nor be made to say anything.
 */
import { createHash } from 'node:crypto'
import { secureHeaders } from '../endpoint/http-answer.ts'

const style =
  ':root{color-scheme:light dark;font:100%/1.6 system-ui,sans-serif}body{max-width:34rem;margin:18vh auto;padding:0 1.5rem}h1{font-size:1.4rem}code{font-family:ui-monospace,monospace}'
const styleHash = `'sha256-${createHash('sha256').update(style).digest('base64')}'`

const policy = (styles: string): string =>
  [
    "default-src 'none'",
    "script-src 'self'",
    `style-src ${styles}`,
    "img-src 'self' data:",
    "connect-src 'self'",
    "form-action 'none'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; ')

const common: readonly string[] = [
  ...secureHeaders,
  'Referrer-Policy',
  'no-referrer',
  'Cross-Origin-Opener-Policy',
  'same-origin',
  'X-Frame-Options',
  'DENY',
  'Permissions-Policy',
  'camera=(), microphone=(), geolocation=()',
]

/** For the window's own files. */
export function assetHeaders(type: string): readonly string[] {
  return [...common, 'Content-Security-Policy', policy("'self'"), 'Content-Type', type]
}

/** For the pages below, whose only style is in them and allowed by its hash. */
export const pageHeaders: readonly string[] = [
  ...common,
  'Content-Security-Policy',
  policy(styleHash),
  'Content-Type',
  'text/html; charset=utf-8',
]

function page(title: string, body: string, head = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">${head}<title>${title} – Valetkey</title><style>${style}</style></head><body><main><h1>${title}</h1>${body}</main></body></html>`
}

/**
 * On to the console. A redirect would not do: after a link followed on another site it still counts as that site's
 * request, and a browser then withholds a `SameSite=Strict` cookie. A refresh is this page's own navigation.
 */
export const onwardPage = page(
  'Opening Valetkey',
  '<p><a href="/">Continue</a></p>',
  '<meta http-equiv="refresh" content="0;url=/">',
)

export const usedLinkPage = page(
  'This link does not open the console any more',
  '<p>A link works once, and for five minutes. Type <code>valetkey status --console</code> in a terminal for a new one.</p>',
)

export const signedOutPage = page(
  'This browser is not signed in to Valetkey',
  '<p>Type <code>valetkey status --console</code> in a terminal; it shows a link that opens the console here.</p>',
)

export const nothingHerePage = page('There is nothing here', '<p><a href="/">To the console</a></p>')
