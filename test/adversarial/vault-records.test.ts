/**
 * What somebody achieves who can write the vault's file but has no key. The rule: a record that is not where it was
 * written, or not the latest, is not believed or at least not in silence; and no line of the file pairs, consents or
 * redirects.
 */
import { readFileSync } from 'node:fs'
import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../main/broker/secret.ts'
import { systemClock } from '../../main/daemon/clock.ts'
import { passphraseSlot } from '../../main/vault/slots/passphrase.ts'
import { account, material, offer } from '../unit/vault/material.ts'
import { plantFormatOne } from '../unit/vault/format-one.ts'
import { edit, plantVault } from '../unit/vault/planted.ts'
import { createHome, filesBelow, QUICK_SCRYPT, type Home } from '../unit/vault/rig.ts'

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

  it('V1: a scope, a label or a standing written into an account’s row is not believed, and the sign-in is not lost', async () => {
    for (const backup of [true, false]) {
      const home = await plantVault(createHome(), backup)
      const sealed = column(home, 'generations', 'sealed')
      edit(
        home,
        `UPDATE accounts SET record = json_set(record, '$.scope', 'mail', '$.label', 'boss', '$.standing', 'misconfigured')
         WHERE id = 'a'`,
      )
      const vault = await home.open()
      const label = backup ? 'a@example' : 'generic-oidc (a)'
      expect(await vault.accounts()).toMatchObject([
        { id: 'a', scope: 'openid mail', label, provider: 'generic-oidc', standing: 'connected', renewable: true },
        account('b'),
      ])
      expect(vault.notice()).toMatch(/record of account a was not as Valetkey wrote it/u)
      expect(await offer(vault, 'a')).toEqual({ generation: 3, refresh: 'rt-3' })
      vault.close()
      expect(column(home, 'generations', 'sealed')).toEqual(sealed)
      const again = await home.open()
      expect(await again.accounts()).toMatchObject([{ id: 'a', scope: 'openid mail', label }, account('b')])
      expect(again.notice()).toBeUndefined()
    }
  })

  it('V1: an account’s row without its authentication, or with another account’s, is not believed', async () => {
    for (const mac of ['NULL', "(SELECT mac FROM accounts WHERE id = 'b')", "x''"]) {
      const home = await plantVault()
      edit(home, `UPDATE accounts SET record = json_set(record, '$.scope', 'mail'), mac = ${mac} WHERE id = 'a'`)
      const vault = await home.open()
      expect((await vault.accounts()).map(({ scope }) => scope)).toEqual(['openid mail', 'openid mail'])
    }
  })

  it('V1: an account that was refused and whose row was changed asks to sign in again', async () => {
    const home = await plantVault()
    const first = await home.open()
    await first.quarantine(account('a', { standing: 'needs-sign-in' }), 3)
    first.close()
    edit(home, `UPDATE accounts SET record = json_set(record, '$.standing', 'connected') WHERE id = 'a'`)
    const vault = await home.open()
    expect(await vault.accounts()).toMatchObject([{ id: 'a', standing: 'needs-sign-in' }, { id: 'b' }])
    expect(await offer(vault, 'a')).toEqual({ generation: 3, refresh: null })
  })

  it('V1: an invented account is not shown, and one whose sign-in cannot be read either is shown as a backup has it', async () => {
    const home = await plantVault()
    edit(
      home,
      `INSERT INTO accounts (id, record, mac) SELECT 'z', replace(record, '"a"', '"z"'), mac FROM accounts WHERE id = 'a';
       UPDATE accounts SET record = json_set(record, '$.scope', 'mail') WHERE id = 'a';
       UPDATE generations SET sealed = zeroblob(40) WHERE account_id = 'a'`,
    )
    const vault = await home.open()
    expect(await vault.accounts()).toEqual([account('a'), account('b')])
    expect(vault.notice()).toMatch(/did not write itself are in the vault/u)
    expect(await offer(vault, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
  })

  it('V1: what a locked vault shows of its accounts is judged as soon as it is unlocked', async () => {
    const home = createHome()
    const slots = [passphraseSlot(systemClock, QUICK_SCRYPT)]
    const first = await home.open({ slots })
    await first.unlock(new Secret('correct horse'))
    await first.link(account('a'), material('rt-1'))
    first.close()
    edit(home, `UPDATE accounts SET record = json_set(record, '$.scope', 'mail')`)
    const second = await home.open({ slots })
    expect(await second.accounts()).toMatchObject([{ scope: 'mail' }])
    // What nobody could authenticate is not written back with an authentication.
    await expect(second.saveAccount(account('a', { scope: 'mail' }))).rejects.toMatchObject({ code: 'locked' })
    await second.unlock(new Secret('correct horse'))
    expect(await second.accounts()).toMatchObject([{ scope: 'openid mail' }])
  })

  it('V1: a vault of format 1 is believed once, and not again when its old marks are put back', async () => {
    const home = plantFormatOne(createHome())
    const old = column(home, 'vault', 'tally')[0] ?? null
    const first = await home.open()
    expect(await first.accounts()).toMatchObject([
      { id: 'a', label: 'ada', scope: 'openid mail' },
      { id: 'b', label: 'bob' },
    ])
    expect(first.notice()).toBeUndefined()
    expect(await offer(first, 'a')).toEqual({ generation: 2, refresh: 'rt-2' })
    expect((await first.examine()).filter(({ level }) => level === 'error')).toEqual([])
    await first.commitRefresh('a', 2, material('rt-3'))
    first.close()
    // The next start changes nothing and finds nothing to say.
    const second = await home.open()
    expect(await second.accounts()).toMatchObject([{ label: 'ada' }, { label: 'bob' }])
    expect(second.notice()).toBeUndefined()
    second.close()
    edit(home, `UPDATE accounts SET record = json_set(record, '$.scope', 'mail', '$.label', 'boss'), mac = NULL`)
    const db = new DatabaseSync(home.paths.vault)
    db.prepare('UPDATE vault SET tally = ?').run(old)
    db.close()
    const third = await home.open()
    expect((await third.accounts()).map(({ scope }) => scope)).toEqual(['openid mail', 'openid mail'])
    expect((await third.accounts()).map(({ label }) => label)).not.toContain('boss')
    expect((await third.examine()).some(({ level }) => level === 'error')).toBe(true)
  })

  it('V1: nothing in the file says in the clear where a refresh token is sent', async () => {
    const home = await plantVault()
    for (const path of filesBelow(home.paths.home)) expect(readFileSync(path).includes('op.example/token')).toBe(false)
  })
})

function column(home: Home, table: string, name: string): readonly SQLOutputValue[] {
  const db = new DatabaseSync(home.paths.vault, { readOnly: true })
  const values = db.prepare(`SELECT ${name} AS value FROM ${table}`).all()
  db.close()
  return values.map(({ value = null }) => value)
}
