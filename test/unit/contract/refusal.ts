/**
 * What a parser answers to a value, as something to compare. The rule: only the one expected fault is an answer; anything
 * else thrown fails the test that asked.
 */
import { BrokerError } from '../../../main/contract/errors.ts'

/** The sentence with which `act` is refused as `invalid_request`, or `null` when it is not refused. */
export function refusal(act: () => unknown): string | null {
  try {
    act()
    return null
  } catch (thrown) {
    if (thrown instanceof BrokerError && thrown.code === 'invalid_request') return thrown.message
    throw thrown
  }
}
