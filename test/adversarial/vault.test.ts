/**
 * Processes that are killed, keys that are gone, files of a later version, and what lies on the disk. The rule: real
 * processes are really killed, and whatever happens the vault holds what it said it holds.
 */
import { randomInt } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { StorageFault } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { systemClock } from '../../main/daemon/clock.ts'
import { openActivity } from '../../main/vault/activity.ts'
import { FORMAT } from '../../main/vault/migrations.ts'
import { takeOwnership } from '../../main/vault/owner-lock.ts'
import { keyFileSlot } from '../../main/vault/slots/key-file.ts'
import { passphraseSlot } from '../../main/vault/slots/passphrase.ts'
import { account, material, offer } from '../unit/vault/material.ts'
import { edit, lastStored, plantVault } from '../unit/vault/planted.ts'
import {
  contents,
  createHome,
  filesBelow,
  QUICK_SCRYPT,
  startChild,
  temporaryFolder,
  until,
} from '../unit/vault/rig.ts'

describe('V3: who owns the vault', () => {
  it('V3: only one process at a time, and another as soon as the first is killed', async () => {
    const lock = join(temporaryFolder(), 'owner.lock')
    const first = startChild(['own', lock])
    await until('the first owner', () => first.output() === 'owner\n')
    const second = startChild(['own', lock])
    expect(await second.ended).toBe(0)
    expect(second.output()).toBe('not owner\n')
    expect(takeOwnership(lock)).toBeNull()
    first.process.kill('SIGKILL')
    await first.ended
    const ownership = takeOwnership(lock)
    expect(ownership).not.toBeNull()
    expect(takeOwnership(lock)).toBeNull()
    ownership?.release()
    const third = startChild(['own', lock])
    await until('the third owner', () => third.output() === 'owner\n')
  })

  it('V3: of five that start at once, exactly one', async () => {
    const lock = join(temporaryFolder(), 'owner.lock')
    const children = Array.from({ length: 5 }, () => startChild(['own', lock]))
    await until('five answers', () => children.every((child) => child.output().endsWith('owner\n')))
    expect(children.filter((child) => child.output() === 'owner\n')).toHaveLength(1)
    expect(children.filter((child) => child.output() === 'not owner\n')).toHaveLength(4)
  })

  it('V3: a lock that is a link, a folder or somebody’s text is refused with what to do', () => {
    const folder = temporaryFolder()
    const text = join(folder, 'text')
    writeFileSync(text, 'important notes '.repeat(100), { mode: 0o600 })
    symlinkSync(text, join(folder, 'link'))
    for (const name of ['text', 'link', '.', 'missing/owner.lock'])
      expect(() => takeOwnership(join(folder, name))).toThrow(expect.objectContaining({ code: 'invalid_request' }))
    expect(readFileSync(text, 'utf8')).toBe('important notes '.repeat(100))
  })
})

describe('V4: a key that cannot be had', () => {
  it('V4: gone, refused and replaced are told apart, wipe nothing and make no new key', async () => {
    const home = await plantVault(createHome(), false)
    const before = contents(home.paths.home)
    const key = readFileSync(home.keyFile)
    const cases: readonly [string, () => void, RegExp][] = [
      [
        'lost',
        () => {
          rmSync(home.keyFile)
        },
        /is gone; put it back/u,
      ],
      [
        'denied',
        () => {
          writeFileSync(home.keyFile, key)
          chmodSync(home.keyFile, 0o644)
        },
        /Other users may read/u,
      ],
      [
        'lost',
        () => {
          writeFileSync(home.keyFile, Buffer.from(key).toReversed())
          chmodSync(home.keyFile, 0o600)
        },
        /damaged|not the one/u,
      ],
    ]
    for (const [, act, words] of cases) {
      act()
      const vault = await home.open()
      expect(vault.state()).toBe('locked')
      expect(vault.notice()).toMatch(words)
      expect(vault.protection()).toBe('key-file')
      await expect(vault.unlock()).rejects.toMatchObject({
        code: 'locked',
        message: expect.stringMatching(words) as string,
      })
      await expect(vault.link(account('z'), material('z'))).rejects.toMatchObject({ code: 'locked' })
      expect(await vault.accounts()).toHaveLength(2)
      vault.close()
    }
    writeFileSync(home.keyFile, key, { mode: 0o600 })
    expect(contents(home.paths.home)).toEqual(before)
    expect(await offer(await home.open(), 'a')).toEqual({ generation: 3, refresh: 'rt-3' })
  })

  it('V4: a host that brings other slots than the vault has gets it locked, not downgraded', async () => {
    const home = createHome()
    const passphrase = passphraseSlot(systemClock, QUICK_SCRYPT)
    const first = await home.open({ slots: [passphrase] })
    await first.unlock(new Secret('correct horse'))
    await first.link(account('a'), material('rt-1'))
    first.close()
    const second = await home.open({ slots: [keyFileSlot(home.keyFile)] })
    expect(second.state()).toBe('locked')
    expect(second.notice()).toMatch(/protected by passphrase, which cannot be used here/u)
    expect(existsSync(home.keyFile)).toBe(false)
    second.close()
    const third = await home.open({ slots: [keyFileSlot(home.keyFile), passphrase] })
    expect([third.state(), third.protection()]).toEqual(['locked', 'passphrase'])
    await third.unlock(new Secret('correct horse'))
    expect(existsSync(home.keyFile)).toBe(false)
  })

  it('V4: a new vault whose first slot is not there stays without a key instead of taking the next', async () => {
    const home = createHome()
    const [nowhere, reachable] = [
      keyFileSlot(join(home.paths.home, 'missing', 'key')),
      passphraseSlot(systemClock, QUICK_SCRYPT),
    ]
    const vault = await home.open({ slots: [nowhere, reachable] })
    expect(vault.state()).toBe('locked')
    await expect(vault.unlock(new Secret('correct horse'))).rejects.toMatchObject({ code: 'locked' })
    expect(vault.protection()).toBeNull()
  })

  it('V4: key slots that were deleted or damaged: restored from a backup, else locked, never made anew', async () => {
    for (const sql of ['DELETE FROM key_slots', 'UPDATE key_slots SET wrapped = zeroblob(61)']) {
      const home = await plantVault()
      edit(home, sql)
      const vault = await home.open()
      expect(await offer(vault, 'a')).toEqual({ generation: 3, refresh: 'rt-3' })
      expect(vault.notice()).toMatch(/repaired from a backup/u)
      vault.close()
      expect((await home.open()).notice()).toBeUndefined()
      const alone = await plantVault(createHome(), false)
      edit(alone, sql)
      const locked = await alone.open()
      expect(locked.state()).toBe('locked')
      await expect(locked.link(account('z'), material('z'))).rejects.toMatchObject({ code: 'locked' })
    }
  })
})

describe('V5: a vault of a newer Valetkey', () => {
  it('V5: is read and not written, and says so', async () => {
    const home = await plantVault()
    edit(
      home,
      `PRAGMA user_version = ${String(FORMAT + 1)}; ALTER TABLE accounts ADD COLUMN colour TEXT; CREATE TABLE more (x)`,
    )
    const before = contents(home.paths.home)
    const vault = await home.open()
    expect(vault.state()).toBe('read-only')
    expect(vault.notice()).toContain(
      `written by a newer Valetkey (format ${String(FORMAT + 1)}, this one knows ${String(FORMAT)})`,
    )
    expect(await offer(vault, 'a')).toEqual({ generation: 3, refresh: 'rt-3' })
    expect(await vault.accounts()).toHaveLength(2)
    for (const write of [
      () => vault.beginRefresh('a', 3),
      () => vault.commitRefresh('a', 3, material('x')),
      () => vault.commitRefresh('a', 3, material('x'), { lazy: true }),
      () => vault.saveAccount(account('a')),
      () => vault.saveAccount(account('a'), { lazy: true }),
      () => vault.link(account('z'), material('z')),
      () => vault.unlink('a'),
      () => vault.quarantine(account('a'), 3),
    ])
      await expect(write()).rejects.toThrow(StorageFault)
    await vault.tend()
    vault.close()
    expect(contents(home.paths.home)).toEqual(before)
  })

  it('V5: whose tables this one cannot read stays shut and untouched', async () => {
    const home = await plantVault()
    edit(
      home,
      'PRAGMA user_version = 9; ALTER TABLE generations RENAME TO records; ALTER TABLE vault RENAME COLUMN vault_id TO name',
    )
    const before = contents(home.paths.home)
    const vault = await home.open()
    expect(vault.state()).toBe('locked')
    expect(vault.notice()).toMatch(/newer Valetkey \(format 9/u)
    vault.close()
    expect(contents(home.paths.home)).toEqual(before)
  })

  it('V5: an account with a member this one does not know is answered as its sealed sign-in and the backup have it, and said', async () => {
    for (const backup of [true, false]) {
      const home = await plantVault(createHome(), backup)
      edit(home, `UPDATE accounts SET record = json_set(record, '$.colour', 'red') WHERE id = 'a'`)
      const vault = await home.open()
      const generic = { provider_name: 'generic-oidc', label: 'generic-oidc (a)' }
      expect(await vault.accounts()).toEqual([account('a', backup ? {} : generic), account('b')])
      expect(vault.notice()).toMatch(/record of account a was not as Valetkey wrote it/u)
    }
  })
})

describe('P9: a process that is killed while it refreshes', () => {
  it('P9: 24 times at any moment: the vault opens, and holds what was stored last or what was being stored', async () => {
    const home = createHome()
    const first = await home.open()
    await first.link(account('a'), material('rt-1'))
    first.close()
    let generation = 1
    for (let round = 0; round < 24; round++) {
      const child = startChild(['refresh', home.paths.home])
      const steps = randomInt(60)
      await until('some steps', () => child.output().split('\n').length > steps + 1)
      child.process.kill('SIGKILL')
      await child.ended
      const stored = Math.max(generation, lastStored(child.output()))
      const vault = await home.open()
      const found = await offer(vault, 'a')
      expect(vault.state()).toBe('unlocked')
      expect(vault.notice()).toBeUndefined()
      expect([stored, stored + 1]).toContain(found?.generation)
      expect(found?.refresh).toBe(`rt-${String(found?.generation)}`)
      const records = (await vault.examine()).filter(({ subject }) => subject === 'records')
      expect(records).toMatchObject([{ level: 'ok' }])
      generation = found?.generation ?? 0
      vault.close()
    }
    expect(generation).toBeGreaterThan(24)
  }, 180_000)
})

describe('R1: what is on the disk', () => {
  it('R1: no file of the home holds a token or a client secret in the clear, while it is open and after', async () => {
    const canaries = [
      'canary-refresh-1',
      'canary-refresh-2',
      'canary-refresh-3',
      'at-canary-refresh',
      'cs-of-the-client',
    ]
    const home = createHome()
    const vault = await home.open()
    const activity = openActivity({ path: home.paths.activity, clock: systemClock, log: () => undefined })
    await vault.link(account('a'), material('canary-refresh-1'))
    await vault.tend()
    await vault.commitRefresh('a', 1, material('canary-refresh-2'))
    await vault.commitRefresh('a', 2, material('canary-refresh-3'), { lazy: true })
    activity.append({ at: 1, action: 'token', outcome: 'ok', account_id: 'a' })
    await activity.list({ limit: 1 })
    const look = (): readonly string[] => {
      const files = filesBelow(home.paths.home)
      for (const path of files) {
        expect(statSync(path).mode & 0o077, path).toBe(0)
        const bytes = readFileSync(path)
        for (const canary of canaries)
          for (const form of [
            canary,
            Buffer.from(canary).toString('base64').slice(0, -3),
            Buffer.from(canary).toString('hex'),
          ])
            expect(bytes.includes(form), `${form} in ${path}`).toBe(false)
        expect(bytes.includes(Buffer.from('canary', 'utf16le')), path).toBe(false)
      }
      return files.map((path) => path.slice(home.paths.home.length + 1))
    }
    expect(look()).toEqual(
      expect.arrayContaining(['vault.db', 'vault.db-wal', 'vault.db-shm', 'activity.db', 'activity.db-wal']),
    )
    vault.close()
    activity.close()
    expect(look().filter((name) => name.startsWith('backups/'))).toHaveLength(1)
    // The search finds what is there.
    expect(readFileSync(home.paths.vault).includes('a@example')).toBe(true)
  })
})
