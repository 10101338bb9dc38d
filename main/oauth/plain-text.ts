/**
 * Words of strangers, made fit to show. The rule: what a provider says about itself or about an error is plain text, one
 * line, short, without characters that move the cursor or reorder the line, and without anything that could be a token.
 */
import type { Secret } from '../broker/secret.ts'

/** Control, format (bidirectional overrides, zero width), line and paragraph separator, unassigned, private, surrogate. */
const UNSEEN = /[\p{C}\p{Zl}\p{Zp}]+/gu
/** Longer than any word or identifier people compare, as long as the shortest bearer credentials. UUIDs (36) survive. */
const TOKEN_LIKE = /[\w.~+/=%-]{40,}/gu

/**
 * `value` as one line of at most `limit` characters; anything but a string becomes the empty text. Providers are known to
 * quote the refused credential in `error_description`: `secrets`, and whatever looks like one, is struck out.
 */
export function plainText(value: unknown, limit = 200, secrets: readonly Secret[] = []): string {
  if (typeof value !== 'string') return ''
  let text = value.slice(0, 16_384)
  for (const secret of secrets) for (const form of formsOf(secret)) text = text.replaceAll(form, '[secret]')
  text = text.replace(UNSEEN, ' ').replace(TOKEN_LIKE, '[secret]').replace(/\s+/gu, ' ').trim()
  const shown = Array.from(text)
  return shown.length <= limit ? text : `${shown.slice(0, limit - 1).join('')}…`
}

/** A secret as it may come back: as it is, and as it was written into a request. Shorter ones are in any text by chance. */
function formsOf(secret: Secret): readonly string[] {
  const raw = secret.reveal()
  if (raw.length < 4) return []
  const written = raw.isWellFormed()
    ? [encodeURIComponent(raw), new URLSearchParams({ s: raw }).toString().slice(2), JSON.stringify(raw).slice(1, -1)]
    : []
  // The longest first: what is struck inside a longer form would leave its rest.
  return [...new Set([raw, ...written])].toSorted((a, b) => b.length - a.length)
}

/** A provider's error and its description as the end of a sentence of ours, with the full stop that providers leave out. */
export function quoted(error: unknown, description: unknown, secrets: readonly Secret[] = []): string {
  const words = plainText(description, 200, secrets)
  const code = `"${plainText(error, 64, secrets)}"`
  if (words === '') return `${code}.`
  return `${code}: ${words}${/[.!?…]$/u.test(words) ? '' : '.'}`
}
