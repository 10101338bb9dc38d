/**
 * What the person says about profiles, as the deciding door has it. The rule: a shift's end is in the future or now, and
 * never a thing of the past that somebody typed.
 */
import { BrokerError } from '../contract/errors.ts'
import type { Account } from '../contract/model.ts'
import type { WindowApi } from '../contract/window-api.ts'
import type { Desk } from './desk.ts'
import type { AccountRecord } from './ports.ts'
import { accountsOf, inProfile } from './shifts.ts'

/** `saved` makes a record durable and answers it as surfaces see it. */
export function profileCalls(
  desk: Desk,
  saved: (record: AccountRecord) => Promise<Account>,
): Pick<WindowApi, 'endShift' | 'setProfile' | 'setShiftEnd'> {
  return {
    async setProfile({ account, profile }) {
      await desk.load()
      return saved(inProfile(desk, desk.only(account), profile))
    },

    async setShiftEnd({ profile, ends_at }) {
      await desk.load()
      if (ends_at !== undefined && ends_at <= desk.seconds())
        throw new BrokerError('invalid_request', 'A shift ends in the future; to end it now, end it.', {
          resolve: { command: `valetkey profile end ${profile}` },
        })
      const ended = accountsOf(desk, profile).map(({ ends_at: _before, ...record }) => ({
        ...record,
        ...(ends_at !== undefined && { ends_at }),
      }))
      return Promise.all(ended.map(saved))
    },

    async endShift({ profile, keep_remote, keep_unlocked }) {
      await desk.load()
      return desk.shifts.end(profile, { keepRemote: keep_remote ?? false, lock: !keep_unlocked })
    },
  }
}
