/**
 * What the machine's sleeping and the screen's locking mean for the vault. The rule: locking with the screen is the
 * person's choice and happens at once; what was locked so is opened again when the person has proved to the system who
 * they are, and only where the vault opens without a passphrase.
 */
import type { VaultState } from '../contract/model.ts'
import type { KeySlotKind } from '../contract/window-api.ts'

export type PowerEvent = 'suspend' | 'resume' | 'lock-screen' | 'unlock-screen'

/** `reopen`: unlock, then look at everything again. `review`: only look. */
export type PowerAct = 'lock' | 'reopen' | 'review'

export interface PowerView {
  readonly state: VaultState
  readonly protection: KeySlotKind | null
  readonly lock_with_screen: boolean
}

export interface PowerRule {
  on(event: PowerEvent, view: PowerView): PowerAct | undefined
}

/**
 * `tellsScreen`: whether the platform says when its screen is locked and unlocked (macOS and Windows). Where it does not,
 * nothing proves after a sleep that the person is back, so what was locked stays locked.
 */
export function createPowerRule(tellsScreen: boolean): PowerRule {
  let screenLocked = false
  let lockedByUs = false
  return {
    on(event, { state, protection, lock_with_screen }) {
      if (event === 'lock-screen') screenLocked = true
      if (event === 'unlock-screen') screenLocked = false
      if (event === 'suspend' || event === 'lock-screen') {
        if (!lock_with_screen || state === 'locked' || state === 'damaged') return undefined
        lockedByUs = true
        return 'lock'
      }
      if (screenLocked) return undefined
      const reopens = lockedByUs && state === 'locked' && tellsScreen && protection !== 'passphrase'
      lockedByUs = false
      return reopens ? 'reopen' : 'review'
    },
  }
}
