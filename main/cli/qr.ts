/**
 * An address as a QR code, for a phone to read off the terminal (RFC 8628 section 3.3.1). The rule: words, so to stderr;
 * beside the address, never in its place; and only on a terminal that is wide enough to show it whole. The encoder is
 * loaded for this alone.
 */
import { mayColour, sayPlain } from './output.ts'

/** Modules around the code; a reader needs a few, and a terminal has few to spare. */
const BORDER = 2
/** Characters; a longer address makes a code that nobody can read off a screen. */
const LONGEST = 512
/** Bright white on black, whatever the terminal's own colours are: else the code would be its own negative on half of them. */
const [SCREEN, PLAIN] = ['\u001b[97;40m', '\u001b[0m']

/** Whether it was shown. Nothing but an http(s) address is. */
export async function showQr(
  address: string,
  env: NodeJS.ProcessEnv,
  terminal: { readonly isTTY?: boolean; readonly columns?: number } = process.stderr,
): Promise<boolean> {
  const { isTTY = false, columns = 0 } = terminal
  if (!isTTY || env['TERM'] === 'dumb' || address.length > LONGEST || !/^https?:\/\//u.test(address)) return false
  const { renderUnicodeCompact } = await import('uqr')
  const lines = renderUnicodeCompact(address, { border: BORDER }).split('\n')
  if (lines.some((line) => line.length > columns)) return false
  const colour = mayColour(isTTY, env)
  for (const line of lines) sayPlain(colour ? `${SCREEN}${line}${PLAIN}` : line)
  return true
}
