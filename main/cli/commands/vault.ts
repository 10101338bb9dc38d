/**
 * `lock` and `unlock`. The rule: a passphrase is typed unseen or read from stdin; it is never an argument, because every
 * program on the machine can read those.
 */
import { say } from '../output.ts'
import { type Session, show } from './session.ts'
import type { Snapshot } from '../../contract/window-api.ts'

export async function lockVault(session: Session): Promise<void> {
  const snapshot = await session.decide('lock')
  show(session, vaultOf(snapshot), () => {
    say('locked')
    return undefined
  })
}

/** Asks for the passphrase only where one is what opens the vault. */
export async function unlockVault(session: Session): Promise<void> {
  const { vault } = await session.decide('snapshot')
  const wanted = vault.state === 'locked' && (vault.protection === 'passphrase' || vault.protection === null)
  const passphrase = wanted ? await session.input.secret('passphrase: ') : undefined
  const snapshot = await session.decide('unlock', passphrase === undefined ? {} : { passphrase })
  show(session, vaultOf(snapshot), () => {
    say(snapshot.vault.state === 'unlocked' ? 'unlocked' : `the vault is ${snapshot.vault.state}`)
    return undefined
  })
}

function vaultOf({ vault }: Snapshot): Snapshot['vault'] {
  return vault
}
