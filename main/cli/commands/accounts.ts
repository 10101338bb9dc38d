/**
 * `accounts`, `unlink`, `invalidate`. The rule: what the command line's own client may see comes through
 * the door that asks; everything else is the person's and comes through the door that decides.
 */
import type { Account } from '../../contract/model.ts'
import { callBroker } from '../broker-call.ts'
import { neutralise, print, printJson, say } from '../output.ts'
import { formatTime, printTable } from '../table.ts'
import { type Session, show } from './session.ts'

/** Accounts the command line may use; with `all` every account there is. */
export async function listAccounts(session: Session, { all }: { readonly all?: boolean }): Promise<void> {
  if (all) {
    const { accounts } = await session.decide('snapshot')
    if (session.json) printJson({ accounts })
    else
      printTable(
        ['label', 'provider', 'state', 'renews', 'last used', 'id', 'scope'],
        accounts.map(accountRow),
        'no accounts yet',
      )
    for (const { label, problem } of accounts)
      if (problem !== undefined && !session.json) say(`${neutralise(label)}: ${neutralise(problem)}`)
    return
  }
  const answer = await callBroker(session.env, 'accounts', undefined)
  if (session.json) {
    printJson(answer)
    return
  }
  const rows = answer.accounts.map(({ id, label, provider, state, rights, scope }) => [
    label,
    provider,
    state,
    rights.join(','),
    id,
    scope,
  ])
  printTable(
    ['label', 'provider', 'state', 'rights', 'id', 'scope'],
    rows,
    'no accounts here yet (valetkey link PROVIDER, valetkey accounts --all)',
  )
}

function accountRow({ label, provider, state, token, last_used_at, id, scope }: Account): readonly string[] {
  return [label, provider, state, formatTime(token?.renews_at), formatTime(last_used_at), id, scope]
}

/** What became of an account's tokens, in words. */
export const remains = {
  revoked: 'its tokens were revoked at the provider',
  kept: 'its tokens were left alone at the provider, as asked',
  unsupported: 'the provider has no way to revoke tokens; end the session in its own settings',
  failed: 'its tokens could NOT be revoked at the provider; end the session in its own settings',
} as const

/** Removes an account and says what became of its tokens. */
export async function unlinkAccount(
  session: Session,
  account: string,
  { keepRemote }: { readonly keepRemote?: boolean },
): Promise<void> {
  const report = await session.decide('unlink', { account, ...(keepRemote && { keep_remote: true }) })
  show(session, report, () => {
    say(`unlinked ${neutralise(account)}; ${remains[report.remote]}`)
    if (report.detail !== undefined) say(neutralise(report.detail))
    return undefined
  })
}

/** "This token got a 401": prints the token that replaces it. */
export async function invalidateToken(session: Session, account: string, token_id: string): Promise<void> {
  const answer = await callBroker(session.env, 'invalidate', { account, token_id }, { wait: 90 })
  if (session.json) printJson(answer)
  else print(neutralise(answer.access_token))
}
