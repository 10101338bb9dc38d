/**
 * `providers test`: a definition played through against the provider it describes. The rule: nothing is sent anywhere, every
 * check is printed, and one that failed is the exit status.
 */
import { BrokerError } from '../../contract/errors.ts'
import { neutralise, print, printJson, say } from '../output.ts'
import type { Session } from './session.ts'

/** Throws `not_found` for an unknown provider, `invalid_request` when a check failed. */
export async function testProvider(session: Session, id: string): Promise<void> {
  const { checks } = await session.decide('testProvider', { id }, 60)
  if (session.json) printJson({ checks })
  else
    for (const { name, ok, detail } of checks)
      print(`${ok ? 'ok    ' : 'FAILED'}  ${neutralise(name)}: ${neutralise(detail)}`)
  const failed = checks.filter(({ ok }) => !ok).length
  if (failed > 0)
    throw new BrokerError(
      'invalid_request',
      `${String(failed)} of ${String(checks.length)} checks of ${neutralise(id)} failed.`,
    )
  say(
    `all ${String(checks.length)} checks passed; whether the real provider is as the definition says, only it can tell`,
  )
}
