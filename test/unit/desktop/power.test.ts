/** Locking with the screen, and what follows when the person is back. */
import { describe, expect, it } from 'vitest'
import { createPowerRule, type PowerAct, type PowerEvent, type PowerView } from '../../../main/desktop/power.ts'

/** The acts of a night: the vault locks when told to and opens when told to. */
function night(
  events: readonly PowerEvent[],
  more: Partial<PowerView> & { readonly tellsScreen?: boolean } = {},
): readonly (PowerAct | undefined)[] {
  const { tellsScreen = true, ...given } = more
  const rule = createPowerRule(tellsScreen)
  let view: PowerView = { state: 'unlocked', protection: 'safe-storage', lock_with_screen: true, ...given }
  return events.map((event) => {
    const act = rule.on(event, view)
    if (act === 'lock') view = { ...view, state: 'locked' }
    if (act === 'reopen') view = { ...view, state: 'unlocked' }
    return act
  })
}

describe('the vault and the screen', () => {
  it('lock together, and open together again', () => {
    expect(night(['lock-screen', 'unlock-screen'])).toEqual(['lock', 'reopen'])
    expect(night(['suspend', 'resume'])).toEqual(['lock', 'reopen'])
  })

  it('stay locked through a sleep behind a locked screen', () => {
    expect(night(['lock-screen', 'suspend', 'resume', 'unlock-screen'])).toEqual([
      'lock',
      undefined,
      undefined,
      'reopen',
    ])
    expect(night(['suspend', 'lock-screen', 'resume', 'unlock-screen'])).toEqual([
      'lock',
      undefined,
      undefined,
      'reopen',
    ])
  })

  it('do not lock when the person does not want it', () => {
    const off = { lock_with_screen: false }
    expect(night(['suspend', 'resume'], off)).toEqual([undefined, 'review'])
    expect(night(['lock-screen', 'unlock-screen'], off)).toEqual([undefined, 'review'])
  })

  it('stay locked where a passphrase opens the vault', () => {
    expect(night(['lock-screen', 'unlock-screen'], { protection: 'passphrase' })).toEqual(['lock', 'review'])
  })

  it('stay locked where the system does not say that the person is back', () => {
    expect(night(['suspend', 'resume'], { tellsScreen: false })).toEqual(['lock', 'review'])
  })

  it('leave alone what the person locked', () => {
    expect(night(['lock-screen', 'unlock-screen'], { state: 'locked' })).toEqual([undefined, 'review'])
    expect(night(['suspend', 'resume'], { state: 'damaged', protection: null })).toEqual([undefined, 'review'])
  })

  it('lock a read-only vault too', () => {
    expect(night(['lock-screen'], { state: 'read-only' })).toEqual(['lock'])
  })
})
