/**
 * P9: the daemon is killed with SIGKILL at each fault point of a rotating refresh, against a real provider that ends the
 * whole grant when a refresh token is used twice. The vault always opens, and whatever an already durable write or the
 * provider's grace period can save is saved, without anybody asking.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Account } from '../../main/contract/model.ts'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { newHome, removeHome, startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'
import { linkAccount } from '../setup/link.ts'

type Point = 'beforeSend' | 'afterReceive' | 'beforeCommit' | 'afterCommit'
const rounds = 3

/** Starts a daemon that dies at `point`, asks it for a refresh, and waits until it is dead. */
async function dieAt(point: Point, home: string): Promise<void> {
  const daemon = await startDaemon({ home, env: { VALETKEY_FAULT_POINT: point } })
  const asked = await daemon.cli(['token', 'ada', '--force-refresh', '--interaction', 'never'])
  expect(asked.code).not.toBe(0)
  expect(asked.stdout).toBe('')
  expect((await daemon.ended).signal).toBe('SIGKILL')
}

async function account(daemon: RunningDaemon): Promise<Account | undefined> {
  const { stdout } = await daemon.cli(['accounts', '--all', '--json'])
  return (JSON.parse(stdout) as { accounts: Account[] }).accounts[0]
}

const token = (daemon: RunningDaemon): ReturnType<RunningDaemon['cli']> =>
  daemon.cli(['token', 'ada', '--force-refresh', '--interaction', 'never'])

describe.each([
  { grace: 30, saved: ['beforeSend', 'afterReceive', 'beforeCommit', 'afterCommit'], lost: [] },
  { grace: 0, saved: ['beforeSend', 'afterCommit'], lost: ['afterReceive', 'beforeCommit'] },
] as const)('P9: killed during a refresh, grace period of $grace s', ({ grace, saved, lost }) => {
  let provider: IdentityProvider
  let home: string

  beforeAll(async () => {
    provider = await startIdentityProvider({ access_ttl: 3600, grace })
    home = newHome()
    const daemon = await startDaemon({ home })
    await linkAccount(daemon, provider, { login: 'ada' })
    await daemon.stop()
  })

  afterAll(async () => {
    await provider.stop()
    removeHome(home)
  })

  it.each(saved)('%s: nothing is lost, time after time', async (point) => {
    for (let round = 0; round < rounds; round++) {
      await dieAt(point, home)
      const daemon = await startDaemon({ home })
      try {
        expect((await token(daemon)).stdout.trim()).not.toBe('')
        expect(await account(daemon)).toMatchObject({ state: 'connected' })
      } finally {
        await daemon.stop()
      }
    }
  })

  it.each(lost)('%s: what only the provider knew is asked for once, and nothing else is touched', async (point) => {
    await dieAt(point, home)
    const daemon = await startDaemon({ home })
    try {
      const before = await provider.events()
      // The lost answer is found out at the start, by trying the old token once.
      await until(async () => ((await account(daemon))?.state === 'needs-sign-in' ? true : undefined))
      const refused = await daemon.cli(['token', 'ada', '--interaction', 'never', '--json'])
      expect(refused.code).toBe(5)
      expect(JSON.parse(refused.stderr)).toMatchObject({ error: 'login_required' })
      expect((await provider.events()).token_requests - before.token_requests <= 1).toBe(true)
      await linkAccount(daemon, provider, { login: 'ada' })
      expect((await token(daemon)).stdout.trim()).not.toBe('')
    } finally {
      await daemon.stop()
    }
  })
})
