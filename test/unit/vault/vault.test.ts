/** The vault as the broker uses it: generations, intents, quarantine, lazy writes, locking. */
import fc from 'fast-check'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { GenerationConflict, StorageFault } from '../../../main/broker/ports.ts'
import { Secret } from '../../../main/broker/secret.ts'
import { passphraseSlot } from '../../../main/vault/slots/passphrase.ts'
import type { SqliteVault } from '../../../main/vault/vault.ts'
import { systemClock } from '../../../main/daemon/clock.ts'
import { ManualClock } from '../../fakes/broker-ports.ts'
import { account, material, offer } from './material.ts'
import { createHome, QUICK_SCRYPT } from './rig.ts'

const client = { id: 'c', name: 'tool', kind: 'script', paired_at: 1, token_hash: 'h' } as const
const consent = {
  id: 'g',
  client_id: 'c',
  account_id: 'a',
  scope: '',
  right: 'read',
  granted_at: 1,
  until: null,
} as const

describe('a vault', () => {
  it('starts empty and unlocked', async () => {
    const vault = await createHome().open()
    expect(vault.state()).toBe('unlocked')
    expect(vault.protection()).toBe('key-file')
    expect(vault.notice()).toBeUndefined()
    expect(await vault.accounts()).toEqual([])
    expect(await vault.grant('a')).toBeNull()
  })

  it('answers with all of very many accounts, and leaves others their turn meanwhile', async () => {
    const home = createHome()
    const vault = await home.open()
    const ids = Array.from({ length: 600 }, (_, n) => `a${String(n).padStart(3, '0')}`)
    for (const id of ids) await vault.link(account(id), material(`rt-${id}`))
    const db = new DatabaseSync(home.paths.vault)
    db.prepare("UPDATE accounts SET mac = zeroblob(32) WHERE id = 'a400'").run()
    db.close()
    let turns = 0
    const counting = setInterval(() => turns++, 0)
    const found = await vault.accounts()
    clearInterval(counting)
    expect(found.map(({ id }) => id)).toEqual(ids)
    expect(turns).toBeGreaterThan(0)
    expect(vault.notice()).toContain('a400 was not as Valetkey wrote it')
  })

  it('keeps the last good sign-in beside any number of renewals that were written together', async () => {
    const home = createHome()
    const vault = await home.open()
    await vault.link(account('a'), material('rt-1'))
    await vault.commitRefresh('a', 1, material('rt-1'), { lazy: true })
    await vault.commitRefresh('a', 2, material('rt-1'), { lazy: true })
    expect((await vault.grant('a'))?.generation).toBe(3)
    vault.close()
    const db = new DatabaseSync(home.paths.vault)
    expect(db.prepare('SELECT generation FROM generations ORDER BY generation').all()).toEqual([
      { generation: 2 },
      { generation: 3 },
    ])
    db.prepare('UPDATE generations SET sealed = zeroblob(64) WHERE generation = 3').run()
    db.close()
    const again = await home.open()
    expect((await again.grant('a'))?.material.refresh_token?.reveal()).toBe('rt-1')
  })

  it('gives back after a restart exactly what was stored', async () => {
    const home = createHome()
    const first = await home.open()
    await first.link(account('a'), material('rt-1'))
    await first.saveClient({ ...client, public_key: 'pk' })
    await first.saveGrant({ ...consent, once: true })
    await first.beginRefresh('a', 1)
    first.close()
    const second = await home.open()
    expect(await second.accounts()).toEqual([account('a')])
    expect(await second.grant('a')).toEqual({ generation: 1, material: material('rt-1') })
    expect((await second.grant('a'))?.material.connection.client_secret?.reveal()).toBe('cs-of-the-client')
    expect((await second.grant('a'))?.material.access?.value.reveal()).toBe('at-rt-1')
    expect(await second.clients()).toEqual([{ ...client, public_key: 'pk' }])
    expect(await second.grants()).toEqual([{ ...consent, once: true }])
    expect(await second.intents()).toMatchObject([{ account_id: 'a', generation: 1 }])
  })

  it('keeps no account it was asked to forget', async () => {
    const home = createHome()
    const vault = await home.open()
    await vault.link(account('a'), material('rt-1'))
    await vault.beginRefresh('a', 1)
    await vault.unlink('a')
    expect([await vault.accounts(), await vault.grant('a'), await vault.intents()]).toEqual([[], null, []])
    await expect(vault.commitRefresh('a', 1, material('rt-2'))).rejects.toThrow(GenerationConflict)
  })

  it('refuses a client record with a member it does not know', async () => {
    const vault = await createHome().open()
    await expect(vault.saveClient({ ...client, extra: 1 } as typeof client)).rejects.toThrow(/extra/u)
  })
})

describe('generations', () => {
  it('store a refresh as the next one and keep the one before, and no older one', async () => {
    const home = createHome()
    const vault = await home.open()
    await vault.link(account('a'), material('rt-1'))
    await vault.beginRefresh('a', 1)
    expect((await vault.commitRefresh('a', 1, material('rt-2'))).generation).toBe(2)
    expect((await vault.commitRefresh('a', 2, material('rt-3'))).generation).toBe(3)
    expect(await offer(vault, 'a')).toEqual({ generation: 3, refresh: 'rt-3' })
    expect(await vault.intents()).toEqual([])
    vault.close()
    const db = new DatabaseSync(home.paths.vault)
    expect(db.prepare('SELECT generation FROM generations ORDER BY generation').all()).toMatchObject([
      { generation: 2 },
      { generation: 3 },
    ])
    db.close()
  })

  it('refuse to replace another than the one that is stored', async () => {
    const vault = await createHome().open()
    await vault.link(account('a'), material('rt-1'))
    await vault.commitRefresh('a', 1, material('rt-2'))
    await expect(vault.commitRefresh('a', 1, material('rt-other'))).rejects.toThrow(GenerationConflict)
    await expect(vault.commitRefresh('a', 3, material('rt-other'))).rejects.toThrow(GenerationConflict)
    await expect(vault.commitRefresh('b', 1, material('rt-other'))).rejects.toThrow(GenerationConflict)
    expect(await offer(vault, 'a')).toEqual({ generation: 2, refresh: 'rt-2' })
  })

  it('offer of a refused one where to sign in, and no token, until the account is linked again', async () => {
    const home = createHome()
    const vault = await home.open()
    await vault.link(account('a'), material('rt-1'))
    await vault.beginRefresh('a', 1)
    await vault.quarantine(account('a', { standing: 'needs-sign-in', problem: 'ended' }), 1)
    vault.close()
    const again = await home.open()
    expect(await again.grant('a')).toMatchObject({
      generation: 1,
      material: { refresh_token: null, access: null, connection: { token_endpoint: 'https://op.example/token' } },
    })
    expect(await again.accounts()).toMatchObject([{ standing: 'needs-sign-in', problem: 'ended' }])
    expect(await again.intents()).toEqual([])
    expect(await again.link(account('a'), material('rt-2'))).toMatchObject({ generation: 2 })
    expect(await offer(again, 'a')).toEqual({ generation: 2, refresh: 'rt-2' })
  })
})

describe('lazy writes', () => {
  it('are seen at once and written a little later', async () => {
    const clock = new ManualClock()
    const home = createHome()
    const vault = await home.open({ clock })
    await vault.link(account('a'), material('rt-1'))
    await vault.commitRefresh('a', 1, material('rt-1'), { lazy: true })
    await vault.commitRefresh('a', 2, material('rt-1b'), { lazy: true })
    expect(await offer(vault, 'a')).toEqual({ generation: 3, refresh: 'rt-1b' })
    const other = new DatabaseSync(home.paths.vault, { readOnly: true })
    const stored = (): unknown => other.prepare('SELECT max(generation) AS newest FROM generations').get()
    expect(stored()).toMatchObject({ newest: 1 })
    await clock.pass(200)
    expect(stored()).toMatchObject({ newest: 3 })
    other.close()
  })

  it('go out with the next durable write', async () => {
    const home = createHome()
    const vault = await home.open({ clock: new ManualClock() })
    await vault.link(account('a'), material('rt-1'))
    await vault.saveAccount(account('a', { last_used_at: 7 }), { lazy: true })
    await vault.commitRefresh('a', 1, material('rt-1'), { lazy: true })
    await vault.commitRefresh('a', 2, material('rt-2'))
    const other = new DatabaseSync(home.paths.vault, { readOnly: true })
    expect(other.prepare('SELECT generation FROM generations ORDER BY 1').all()).toMatchObject([
      { generation: 2 },
      { generation: 3 },
    ])
    expect(other.prepare('SELECT record FROM accounts').get()?.['record']).toContain('"last_used_at":7')
    other.close()
  })

  it('that come after a removal, or wait for one, bring nothing back', async () => {
    const clock = new ManualClock()
    const vault = await createHome().open({ clock })
    for (const lazy of [true, false]) {
      await vault.link(account('a'), material('rt-1'))
      await vault.saveClient(client)
      await vault.saveClient({ ...client, last_used_at: 1 }, { lazy: true })
      await vault.saveAccount(account('a', { last_used_at: 1 }), { lazy: true })
      await vault.unlink('a')
      await vault.removeClient('c')
      await vault.saveAccount(account('a', { last_used_at: 2 }), { lazy })
      await vault.saveClient({ ...client, last_used_at: 2 }, { lazy: true })
      await vault.quarantine(account('a', { standing: 'needs-sign-in' }), 1)
      await vault.endRefresh('a')
      await clock.pass(200)
      expect([await vault.accounts(), await vault.clients(), await vault.grant('a')]).toEqual([[], [], null])
    }
  })

  it('end a refresh in time: at once where there was none, with the next commit where there was', async () => {
    const clock = new ManualClock()
    const home = createHome()
    const vault = await home.open({ clock })
    await vault.link(account('a'), material('rt-1'))
    const other = new DatabaseSync(home.paths.vault, { readOnly: true })
    const stored = (): unknown => other.prepare('SELECT account_id FROM intents WHERE resting = 0').all()
    await vault.endRefresh('a')
    expect(clock.waiting.filter((delay) => delay < 1000)).toEqual([])
    await vault.beginRefresh('a', 1)
    await vault.endRefresh('a')
    expect(stored()).toMatchObject([{ account_id: 'a' }])
    expect(await vault.intents()).toEqual([])
    await vault.beginRefresh('a', 1)
    await vault.endRefresh('a')
    // A refresh that begins meanwhile is not ended by the one before it.
    await vault.beginRefresh('a', 1)
    await clock.pass(200)
    expect(stored()).toMatchObject([{ account_id: 'a' }])
    await vault.endRefresh('a')
    await clock.pass(200)
    expect(stored()).toEqual([])
    other.close()
    vault.close()
    await vault.endRefresh('a')
  })

  it('are not lost by a normal end', async () => {
    const home = createHome()
    const vault = await home.open({ clock: new ManualClock() })
    await vault.link(account('a'), material('rt-1'))
    await vault.saveClient(client)
    await vault.saveClient({ ...client, last_used_at: 1 }, { lazy: true })
    await vault.saveClient({ ...client, last_used_at: 2 }, { lazy: true })
    await vault.commitRefresh('a', 1, material('rt-1'), { lazy: true })
    vault.close()
    const again = await home.open()
    expect(await again.clients()).toEqual([{ ...client, last_used_at: 2 }])
    expect(await offer(again, 'a')).toMatchObject({ generation: 2 })
  })

  it('wait for a disk that takes none, and go in order when it does again', async () => {
    const clock = new ManualClock()
    const home = createHome()
    const vault = await home.open({ clock })
    await vault.link(account('a'), material('rt-1'))
    await vault.commitRefresh('a', 1, material('rt-1'), { lazy: true })
    // Another connection holds the write lock: every commit of ours is refused, as a full disk would refuse it.
    const other = new DatabaseSync(home.paths.vault)
    other.exec('BEGIN IMMEDIATE')
    await expect(vault.commitRefresh('a', 2, material('rt-2'))).rejects.toThrow(StorageFault)
    expect(await offer(vault, 'a')).toEqual({ generation: 2, refresh: 'rt-1' })
    other.exec('ROLLBACK')
    other.close()
    await vault.commitRefresh('a', 2, material('rt-2'))
    vault.close()
    expect(await offer(await home.open(), 'a')).toEqual({ generation: 3, refresh: 'rt-2' })
  })
})

describe('locking', () => {
  it('forgets the key, and unlocking finds it again', async () => {
    const vault = await createHome().open()
    await vault.link(account('a'), material('rt-1'))
    vault.lock()
    expect(vault.state()).toBe('locked')
    await expect(vault.grant('a')).rejects.toMatchObject({ code: 'locked', resolve: { command: 'valetkey unlock' } })
    await expect(vault.link(account('b'), material('x'))).rejects.toMatchObject({ code: 'locked' })
    expect(await vault.accounts()).toHaveLength(1)
    await vault.unlock()
    expect(await offer(vault, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
  })

  it('keeps what is written about programs meanwhile, but only what was written here', async () => {
    const home = createHome()
    const slots = [passphraseSlot(systemClock, QUICK_SCRYPT)]
    const first = await home.open({ slots })
    expect(first.state()).toBe('locked')
    await first.saveClient(client)
    await first.unlock(new Secret('correct horse'))
    expect(await first.clients()).toEqual([client])
    first.close()

    const second = await home.open({ slots })
    expect(await second.clients()).toEqual([client])
    await second.saveClient({ ...client, id: 'ours' })
    await second.removeClient('c')
    const other = new DatabaseSync(home.paths.vault)
    other
      .prepare('INSERT INTO clients (id, record) VALUES (?, ?)')
      .run('theirs', JSON.stringify({ ...client, id: 'theirs' }))
    other.close()
    expect((await second.clients()).map(({ id }) => id)).toEqual(['ours'])
    await second.unlock(new Secret('correct horse'))
    expect((await second.clients()).map(({ id }) => id)).toEqual(['ours'])
    expect(second.notice()).toMatch(/did not write itself/u)
  })
})

describe('any sequence of calls', () => {
  type Model = Map<string, { generation: number; refresh: string; quarantined: boolean }>
  const ids = ['a', 'b', 'c'] as const
  const step = fc.record({
    id: fc.constantFrom(...ids),
    act: fc.constantFrom('link', 'commit', 'lazy', 'quarantine', 'unlink', 'begin', 'reopen', 'relock'),
  })

  it('leaves what a simple model says, and a tally that matches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 25 }), async (steps) => {
        const home = createHome()
        const model: Model = new Map()
        let vault: SqliteVault = await home.open({ clock: new ManualClock() })
        let n = 0
        for (const { id, act } of steps) {
          const known = model.get(id)
          n++
          const refresh = `rt-${String(n)}`
          if (act === 'link') {
            await vault.link(account(id), material(refresh))
            const generation = (known?.generation ?? 0) + 1
            model.set(id, { generation, refresh, quarantined: false })
          } else if (act === 'unlink') {
            await vault.unlink(id)
            model.delete(id)
          } else if (act === 'begin') await vault.beginRefresh(id, known?.generation ?? 0)
          else if (act === 'quarantine' && known) {
            await vault.quarantine(account(id), known.generation)
            known.quarantined = true
          } else if ((act === 'commit' || act === 'lazy') && known) {
            await vault.commitRefresh(id, known.generation, material(refresh), { lazy: act === 'lazy' })
            model.set(id, { generation: known.generation + 1, refresh, quarantined: false })
          } else if (act === 'reopen') {
            vault.close()
            vault = await home.open({ clock: new ManualClock() })
          } else if (act === 'relock') {
            vault.lock()
            await vault.unlock()
          }
        }
        for (const id of ids) {
          const { generation, refresh, quarantined } = model.get(id) ?? {}
          const expected = generation === undefined ? null : { generation, refresh: quarantined ? null : refresh }
          expect(await offer(vault, id)).toEqual(expected)
        }
        const findings = await vault.examine()
        expect(findings.filter(({ subject }) => subject === 'records')).toMatchObject([{ level: 'ok' }])
        vault.close()
      }),
      { numRuns: 25 },
    )
  })
})
