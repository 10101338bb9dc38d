/**
 * The demo's transcript: what is done, what came of it, and whether it is as claimed. The rule: a claim is checked before
 * it is printed as true, and one that fails ends the demo with a non-zero exit code.
 */
const { stdout } = process
const bold = (text: string): string => (stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text)

let claims = 0

export function heading(text: string): void {
  stdout.write(`\n${bold(text)}\n`)
}

/** Something that was run, as a person would type it. */
export function command(text: string): void {
  stdout.write(`  $ ${text}\n`)
}

/** What it printed or answered. */
export function shown(text: string): void {
  for (const line of text.trimEnd().split('\n')) stdout.write(`    ${line}\n`)
}

/** Throws when the claim does not hold. */
export function claim(text: string, holds: boolean, seen: unknown): void {
  if (!holds) throw new Error(`not as claimed: ${text}\n  seen: ${JSON.stringify(seen)}`)
  claims++
  stdout.write(`  ok  ${text}\n`)
}

export function claimCount(): number {
  return claims
}

/** Enough of a token to tell two apart, and not enough to use. */
export function hint(token: string): string {
  return `${token.slice(0, 4)}…${String(token.length)} characters`
}
