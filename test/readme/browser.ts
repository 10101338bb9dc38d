/**
 * The person's browser, for a command that opens one: `node browser.ts URL` signs in at the fake provider and follows it
 * back. The rule: it is told nothing but the address, like any browser.
 */
import { visit } from '../fakes/identity-provider.ts'

/** Who signs in. */
export const login = 'ada'

/** The value of `$BROWSER` that makes this the browser. */
export const browserCommand = `'${process.execPath}' '${import.meta.filename}' %s`

if (import.meta.main) {
  const answer = await fetch(await visit(process.argv[2] ?? '', { login }))
  process.exitCode = answer.ok ? 0 : 1
}
