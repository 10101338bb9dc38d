/**
 * The accounts a vault answers with. The rule: with the key, only rows of ours and what was told again from sealed
 * material; without it, the rows as they are, which whoever unlocks the vault has to read once more. Looking at very many
 * leaves others their turn.
 */
import { setImmediate as nextTurn } from 'node:timers/promises'
import { StorageFault, type AccountRecord } from '../broker/ports.ts'
import { accountRow, authenticAccount, retellAccount } from './account-rows.ts'
import { searchBackups } from './backups.ts'
import { isAuthentic } from './permissions.ts'
import type { DataKey } from './seal.ts'
import type { AccountRow } from './store.ts'
import type { GenerationRow } from './tally.ts'
import type { VaultFile } from './vault-file.ts'

/**
 * The rows to believe, a page at a time. One that is not as we wrote it is told again, written so, and said; one that
 * nothing sealed stands behind is left out, and left where it is. `generationsOf`: newest first, `undefined` when they
 * cannot be read.
 */
export async function* believableAccounts(
  file: VaultFile,
  generationsOf: (accountId: string) => readonly GenerationRow[] | undefined,
): AsyncGenerator<readonly AccountRow[]> {
  const key = file.keyIfOpen()
  const believesAll = !key || file.predatesAuthentication
  const retold: AccountRow[] = []
  let leftOut = 0
  for await (const page of pages(file)) {
    if (believesAll) {
      yield page
      continue
    }
    const believed = page.flatMap((row) => {
      if (isAuthentic(key, 'accounts', row)) return [row]
      const older = olderAccount(file, key, row.id)
      const generations = generationsOf(row.id)
      // Where nothing is sealed at all somebody invented the account, or brought one back that was unlinked.
      const instead = generations?.length === 0 ? undefined : older
      const record = retellAccount(key, row.id, generations ?? [], older, file.options.clock.now()) ?? instead
      if (!record) return []
      retold.push(accountRow(key, record))
      return retold.slice(-1)
    })
    leftOut += page.length - believed.length
    yield believed
  }
  if (retold.length + leftOut > 0) report(file, retold, leftOut)
}

/** Rows looked at before others have their turn: about a millisecond of work. */
const PAGE = 256

async function* pages(file: VaultFile): AsyncGenerator<readonly AccountRow[]> {
  let after = ''
  for (;;) {
    const page = file.read([], (store) => store.accountsAfter(after, PAGE))
    yield page
    if (page.length < PAGE) return
    after = page.at(-1)?.id ?? after
    await nextTurn()
  }
}

/** The account as the newest backup with a row of ours has it. */
export function olderAccount(file: VaultFile, key: DataKey, id: string): AccountRecord | null {
  return searchBackups(file.options.paths.backups, (backup) => authenticAccount(key, backup, id))
}

function report(file: VaultFile, retold: readonly AccountRow[], leftOut: number): void {
  file.options.log('warn', 'vault.foreign-accounts', { count: retold.length + leftOut })
  for (const { id } of retold)
    file.say(
      `The record of account ${id} was not as Valetkey wrote it; it is shown as its sealed sign-in has it. Check its label.`,
    )
  if (leftOut > 0)
    file.say('Accounts whose record and sign-in Valetkey did not write itself are in the vault; they are not shown.')
  if (retold.length === 0) return
  try {
    file.write((store) => {
      for (const row of retold) store.updateAccount(row)
    })
  } catch (thrown) {
    // It is told again at the next start.
    if (!(thrown instanceof StorageFault)) throw thrown
  }
}
