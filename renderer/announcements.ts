/** What is worth saying aloud about a change. The rule: states and questions, never every refresh of a number. */
import type { Snapshot } from '../main/contract/window-api.ts'
import { stateWords, vaultWords } from './terms.ts'
import { partsOf, text } from './text.ts'
import { visible } from './ui/words.tsx'

/** Sentences for the difference between two snapshots; empty when nothing of note changed. */
export function announcements(before: Snapshot, after: Snapshot): readonly string[] {
  const sentences: string[] = []
  const known = new Set(before.requests.map((request) => request.id))
  const arrived = after.requests.filter((request) => !known.has(request.id)).length
  if (arrived > 0) sentences.push(text.approvals.arrived(arrived))
  const states = new Map(before.accounts.map((account) => [account.id, account.state]))
  for (const account of after.accounts) {
    const was = states.get(account.id)
    if (was === undefined || was === account.state) continue
    const word = partsOf(stateWords(account.state).word)
      .map((part) => part.text ?? account.provider_name)
      .join('')
    sentences.push(`${visible(account.label.slice(0, 80))}: ${visible(word.slice(0, 160))}.`)
    if (sentences.length >= 4) break
  }
  if (before.vault.state !== after.vault.state)
    sentences.push(`${text.vault.title}: ${vaultWords(after.vault.state).word}.`)
  return sentences
}
