/**
 * What somebody achieves who can write the vault's file but has no key. The rule: a record that is not where it was
 * written, or not the latest, is not believed or at least not in silence; and no line of the file pairs, consents or
 * redirects.
 */
import { readFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../main/broker/secret.ts'
import { systemClock } from '../../main/daemon/clock.ts'
import { passphraseSlot } from '../../main/vault/slots/passphrase.ts'
import { account, material, offer } from '../unit/vault/material.ts'
import { edit, plantVault } from '../unit/vault/planted.ts'
import { createHome, filesBelow, QUICK_SCRYPT } from '../unit/vault/rig.ts'

describe('V1: records that were moved about by somebody who can write the file', () => {
  it('V1: two accounts swapped: neither gets the other one’s token', async () => {
    const home = await plantVault()
    edit(
      home,
      `UPDATE generations SET account_id = 'x' WHERE account_id = 'a';
       UPDATE generations SET account_id = 'a' WHERE account_id = 'b';
       UPDATE generations SET account_id = 'b' WHERE account_id = 'x'`,
    )
    const vault = await home.open()
    expect((await offer(vault, 'a'))?.refresh).toBe('rt-1')
    expect((await offer(vault, 'b'))?.refresh).toBe('rt-b')
    expect(vault.notice()).toMatch(/cannot be read; the one in the newest backup/u)
  })

  it('V1: the newest generation with the content of an older one: the one before is used, and refreshing goes on', async () => {
    const home = await plantVault()
    edit(
      home,
      `UPDATE generations SET sealed = (SELECT sealed FROM generations WHERE account_id = 'a' AND generation = 2)
       WHERE account_id = 'a' AND generation = 3`,
    )
    const vault = await home.open()
    expect(await offer(vault, 'a')).toEqual({ generation: 2, refresh: 'rt-2' })
    expect(vault.notice()).toMatch(/the one before it is used/u)
    expect(await vault.commitRefresh('a', 2, material('rt-new'))).toMatchObject({ generation: 3 })
    vault.close()
    expect(await offer(await home.open(), 'a')).toEqual({ generation: 3, refresh: 'rt-new' })
  })

  it('V1: a genuine older record put back in its own place is noticed', async () => {
    const home = createHome()
    const first = await home.open()
    await first.link(account('a'), material('rt-1'))
    await first.link(account('b'), material('rt-b'))
    first.close()
    const old = new DatabaseSync(home.paths.vault)
    const row = old.prepare("SELECT generation, sealed FROM generations WHERE account_id = 'a'").get()
    old.close()
    const second = await home.open()
    await second.commitRefresh('a', 1, material('rt-2'))
    await second.commitRefresh('a', 2, material('rt-3'))
    second.close()
    const db = new DatabaseSync(home.paths.vault)
    db.exec("DELETE FROM generations WHERE account_id = 'a'")
    db.prepare("INSERT INTO generations (account_id, place, generation, sealed) VALUES ('a', 1, ?, ?)").run(
      row?.['generation'] ?? null,
      row?.['sealed'] ?? null,
    )
    db.close()
    const third = await home.open()
    expect((await third.examine()).filter(({ level }) => level === 'error')).toMatchObject([
      { subject: 'records', message: expect.stringContaining('replaced by an older one') as string },
    ])
    expect(third.notice()).toMatch(/replaced by an older one/u)
    // It is said once; then what is there counts.
    expect((await third.examine()).filter(({ level }) => level === 'error')).toEqual([])
  })

  it('V1: a quarantined record cannot be made usable without notice', async () => {
    const home = await plantVault()
    const first = await home.open()
    await first.quarantine(account('a', { standing: 'needs-sign-in' }), 3)
    first.close()
    edit(home, 'UPDATE generations SET quarantined = 0')
    const vault = await home.open()
    expect((await vault.examine()).some(({ level }) => level === 'error')).toBe(true)
  })

  it('V1: a pairing and a consent written into the file give nobody anything', async () => {
    const home = await plantVault()
    const first = await home.open()
    const client = { id: 'mine', name: 'n', kind: 'script', paired_at: 1, token_hash: 'h' } as const
    await first.saveClient(client)
    await first.saveGrant({
      id: 'g',
      client_id: 'mine',
      account_id: 'b',
      scope: '',
      right: 'use',
      granted_at: 1,
      until: 9,
    })
    first.close()
    edit(
      home,
      `INSERT INTO clients SELECT 'evil', replace(record, 'mine', 'evil'), mac FROM clients WHERE id = 'mine';
       UPDATE grants SET record = replace(replace(record, '"use"', '"read"'), '"until":9', '"until":null')`,
    )
    const vault = await home.open()
    expect(await vault.clients()).toEqual([client])
    expect(await vault.grants()).toEqual([])
    expect(vault.notice()).toMatch(/did not write itself/u)
  })

  it('V1: forged while nobody could tell: a vault opened locked refuses to unlock until it is started again', async () => {
    const home = createHome()
    const slots = [passphraseSlot(systemClock, QUICK_SCRYPT)]
    const first = await home.open({ slots })
    await first.unlock(new Secret('correct horse'))
    await first.saveClient({ id: 'mine', name: 'n', kind: 'script', paired_at: 1, token_hash: 'h' })
    first.close()
    edit(home, `UPDATE clients SET record = replace(record, '"h"', '"evil"')`)
    const second = await home.open({ slots })
    expect(await second.clients()).toMatchObject([{ token_hash: 'evil' }])
    for (const _try of [1, 2])
      await expect(second.unlock(new Secret('correct horse'))).rejects.toMatchObject({
        code: 'locked',
        message: expect.stringContaining('restart Valetkey') as string,
      })
    expect(second.state()).toBe('locked')
    second.close()
    const third = await home.open({ slots })
    expect(await third.clients()).toEqual([])
    await third.unlock(new Secret('correct horse'))
    expect(third.state()).toBe('unlocked')
  })

  it('V1: nothing in the file says in the clear where a refresh token is sent', async () => {
    const home = await plantVault()
    for (const path of filesBelow(home.paths.home)) expect(readFileSync(path).includes('op.example/token')).toBe(false)
  })
})
