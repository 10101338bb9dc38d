/**
 * `profile`: accounts that are linked for a shift and go together at its end. The rule: ending one says of every account
 * what became of its tokens, and the exit status says whether anything is left over.
 */
import type { Account } from '../../contract/model.ts'
import { momentOf } from '../moment.ts'
import { neutralise, printJson, say } from '../output.ts'
import { formatTime, printTable } from '../table.ts'
import { remains } from './accounts.ts'
import type { Session } from './session.ts'

/** The profiles there are, with their accounts. */
export async function listProfiles(session: Session): Promise<void> {
  const { accounts } = await session.decide('snapshot')
  const profiles = Map.groupBy(
    accounts.filter(({ profile }) => profile !== undefined),
    ({ profile = '' }) => profile,
  )
  const rows = [...profiles].map(([profile, members]) => ({
    profile,
    ends_at: members.find(({ ends_at }) => ends_at !== undefined)?.ends_at ?? null,
    accounts: members.map(({ id, label, provider }) => ({ id, label, provider })),
  }))
  if (session.json) printJson({ profiles: rows })
  else
    printTable(
      ['profile', 'shift ends', 'accounts'],
      rows.map(({ profile, ends_at, accounts: members }) => [
        profile,
        formatTime(ends_at ?? undefined),
        members.map(({ label }) => label).join(', '),
      ]),
      'no profiles yet (valetkey profile add NAME ACCOUNT...)',
    )
}

/** Puts accounts into a profile; without a name, out of theirs. */
export async function moveAccounts(
  session: Session,
  profile: string | undefined,
  accounts: readonly string[],
): Promise<void> {
  const moved: Account[] = []
  for (const account of accounts)
    moved.push(await session.decide('setProfile', { account, ...(profile !== undefined && { profile }) }))
  if (session.json) printJson({ accounts: moved })
  else
    for (const { label } of moved)
      say(`${neutralise(label)} is in ${profile === undefined ? 'no profile' : `the profile ${neutralise(profile)}`}`)
}

/** Says when a profile's shift ends by itself; `never` takes that back. */
export async function setShiftEnd(session: Session, profile: string, words: string): Promise<void> {
  const ends_at = words === 'never' ? undefined : momentOf(words, Date.now())
  const accounts = await session.decide('setShiftEnd', { profile, ...(ends_at !== undefined && { ends_at }) })
  if (session.json) printJson({ accounts })
  else if (ends_at === undefined) say(`the shift of ${neutralise(profile)} ends when you end it`)
  else say(`${String(accounts.length)} accounts of ${neutralise(profile)} are unlinked at ${formatTime(ends_at)}`)
}

/** Unlinks, revokes and locks. Exit status 7 when something could not be revoked, else 0. */
export async function endShift(
  session: Session,
  profile: string,
  { keepRemote, keepUnlocked }: { readonly keepRemote?: boolean; readonly keepUnlocked?: boolean },
): Promise<number> {
  // Each account's provider is asked, at once.
  const report = await session.decide(
    'endShift',
    { profile, ...(keepRemote && { keep_remote: true }), ...(keepUnlocked && { keep_unlocked: true }) },
    120,
  )
  const left = report.accounts.filter(({ remote, still_linked }) => remote === 'failed' || still_linked)
  if (session.json) printJson(report)
  else {
    for (const { label, provider_name, remote, detail, still_linked } of report.accounts) {
      const words = still_linked
        ? 'it could NOT be unlinked yet, gives nothing any more, and is tried again'
        : remains[remote]
      say(`${neutralise(label)} (${neutralise(provider_name)}): ${words}`)
      if (detail !== undefined) say(`  ${neutralise(detail)}`)
    }
    if (report.locked) say('the vault is locked')
    if (left.length > 0)
      say(`${String(left.length)} of ${String(report.accounts.length)} could not be revoked; see above`)
  }
  return left.length > 0 ? 7 : 0
}
