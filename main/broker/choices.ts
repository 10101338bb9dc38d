/**
 * Which account a client means by words that fit several. The rule: the person's own choice, remembered for this client
 * and exactly these words until it is taken back, and never a guess; it says which account is meant and permits nothing.
 */
import type { AccountChoice, AccountWords } from '../contract/model.ts'
import type { AccountRecord, ClientRecord } from './ports.ts'

/** Choices remembered per client; the oldest go first, and their question is asked once more. */
const KEPT = 32

/** The words alone, of a request that has them among other things. */
export function wordsOf({ account, provider, issuer }: AccountWords): AccountWords {
  return {
    ...(account !== undefined && { account }),
    ...(provider !== undefined && { provider }),
    ...(issuer !== undefined && { issuer }),
  }
}

const isEqual = (a: AccountWords, b: AccountWords): boolean =>
  a.account === b.account && a.provider === b.provider && a.issuer === b.issuer

/** The account among `found` that the person chose for these words. */
export function chosenAmong(
  found: readonly AccountRecord[],
  client: ClientRecord | undefined,
  words: AccountWords,
): AccountRecord | undefined {
  const choice = client?.choices?.find((one) => isEqual(one, words))
  return choice && found.find(({ id }) => id === choice.account_id)
}

/** The client with one more choice, which takes the place of an earlier one for the same words. */
export function withChoice(client: ClientRecord, choice: AccountChoice): ClientRecord {
  const others = (client.choices ?? []).filter((one) => !isEqual(one, choice))
  return { ...client, choices: [...others, choice].slice(-KEPT) }
}

/** The client without the choices that `leaves` names; the client itself when there are none. */
export function withoutChoices(client: ClientRecord, leaves: (choice: AccountChoice) => boolean): ClientRecord {
  const { choices = [], ...rest } = client
  const kept = choices.filter((choice) => !leaves(choice))
  if (kept.length === choices.length) return client
  return kept.length === 0 ? rest : { ...rest, choices: kept }
}
