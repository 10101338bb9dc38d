/**
 * Vault files that were damaged, lost or put in another's place. The rule: nobody is given a wrong token, an empty vault
 * instead of a damaged one, or a new key over old records; what was there is kept, and said.
 */
import { execFileSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { Secret } from '../../main/broker/secret.ts'
import { account, material, offer } from '../unit/vault/material.ts'
import { plantVault } from '../unit/vault/planted.ts'
import { contents, createHome, movedAside, temporaryFolder } from '../unit/vault/rig.ts'

describe('V1: a vault file that was damaged as a whole', () => {
  const damages: Readonly<Record<string, (path: string) => void>> = {
    'is empty': (path) => {
      truncateSync(path, 0)
    },
    'is shorter than a header': (path) => {
      truncateSync(path, 50)
    },
    'is cut in half': (path) => {
      truncateSync(path, Math.floor(statSync(path).size / 2))
    },
    'lost its last byte': (path) => {
      truncateSync(path, statSync(path).size - 1)
    },
    'is all NUL': (path) => {
      writeFileSync(path, Buffer.alloc(statSync(path).size))
    },
    'is text': (path) => {
      writeFileSync(path, '{"accounts": {}}'.repeat(4096))
    },
    'is another database': (path) => {
      rmSync(path)
      const db = new DatabaseSync(path)
      db.exec('CREATE TABLE notes (text)')
      db.close()
    },
    'lost a page in the middle': (path) => {
      const bytes = readFileSync(path)
      bytes.fill(0xff, 4096, 8192)
      writeFileSync(path, bytes)
    },
  }

  for (const [name, damage] of Object.entries(damages)) {
    it(`V1: ${name}: is kept aside, and the backup takes its place with a word about it`, async () => {
      const home = await plantVault()
      damage(home.paths.vault)
      const broken = readFileSync(home.paths.vault)
      const vault = await home.open()
      expect(vault.state()).toBe('unlocked')
      expect(vault.notice()).toMatch(/damaged; the backup of .* has taken its place/u)
      expect((await offer(vault, 'a'))?.refresh).toMatch(/^rt-[123]$/u)
      expect(await offer(vault, 'b')).toEqual({ generation: 1, refresh: 'rt-b' })
      expect(readFileSync(movedAside(home.paths)).equals(broken)).toBe(true)
    })

    it(`V1: ${name}, without a backup: stays closed, now and at the next start, and nothing is lost`, async () => {
      const home = await plantVault(createHome(), false)
      damage(home.paths.vault)
      const broken = readFileSync(home.paths.vault)
      for (const _start of [1, 2]) {
        const vault = await home.open()
        expect(vault.state()).toBe('damaged')
        expect(vault.notice()).toMatch(/no backup of it verifies/u)
        expect([await vault.accounts(), await vault.clients(), await vault.grants()]).toEqual([[], [], []])
        await expect(vault.grant('a')).rejects.toMatchObject({ code: 'locked' })
        await expect(vault.unlock(new Secret('anything'))).rejects.toMatchObject({ code: 'locked' })
        await expect(vault.saveAccount(account('z'))).rejects.toMatchObject({ code: 'locked' })
        vault.close()
        expect(existsSync(home.paths.vault)).toBe(false)
        expect(readFileSync(movedAside(home.paths)).equals(broken)).toBe(true)
      }
    })
  }

  it('V1: a vault file that is gone is restored, or waited for', async () => {
    const home = await plantVault()
    rmSync(home.paths.vault)
    const vault = await home.open()
    expect(await offer(vault, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
    expect(vault.notice()).toMatch(/gone; the backup/u)
  })

  it('V1: a damaged backup is passed over for an older one that verifies', async () => {
    const home = await plantVault()
    const [name = ''] = readdirSync(home.paths.backups)
    const older = join(home.paths.backups, 'vault-2020-01-01T00-00-00-000Z.db')
    copyFileSync(join(home.paths.backups, name), older)
    truncateSync(join(home.paths.backups, name), 5000)
    truncateSync(home.paths.vault, 0)
    const vault = await home.open()
    expect(await offer(vault, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
    expect(vault.notice()).toMatch(/2020-01-01/u)
  })

  it('V1: a restore that was cut short is done again, and a stale write-ahead log is not replayed into it', async () => {
    const home = await plantVault()
    renameSync(home.paths.vault, `${home.paths.vault}.damaged-2026-01-01T00-00-00-000Z`)
    writeFileSync(`${home.paths.vault}-wal`, Buffer.alloc(50_000, 7))
    writeFileSync(`${home.paths.vault}.new`, 'half a copy')
    const vault = await home.open()
    expect(await offer(vault, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
    expect(existsSync(`${home.paths.vault}.new`)).toBe(false)
    expect((await vault.examine()).find(({ subject }) => subject === 'records')?.level).toBe('ok')
  })

  it('V1: what the damaged file still holds and verifies is taken over into the backup', async () => {
    const home = createHome()
    const first = await home.open()
    const ids = Array.from({ length: 60 }, (_, n) => `acc-${String(n)}`)
    for (const id of ids) await first.link(account(id), material(`old-${id}`))
    await first.tend()
    for (const id of ids) await first.commitRefresh(id, 1, material(`new-${id}`))
    await first.link(account('late'), material('late'))
    first.close()
    // A page somewhere among the records.
    const bytes = readFileSync(home.paths.vault)
    const at = bytes.lastIndexOf('acc-30')
    bytes.fill(0xa5, at - (at % 4096), at - (at % 4096) + 4096)
    writeFileSync(home.paths.vault, bytes)
    const vault = await home.open()
    expect(vault.notice()).toMatch(/newer in the old file and have been taken over/u)
    const offers = await Promise.all(ids.map((id) => offer(vault, id)))
    for (const [n, found] of offers.entries())
      expect(found?.refresh).toMatch(new RegExp(`^(?:old|new)-acc-${String(n)}$`, 'u'))
    expect(offers.filter((found) => found?.refresh?.startsWith('new')).length).toBeGreaterThan(20)
    expect(await offer(vault, 'late')).toEqual({ generation: 1, refresh: 'late' })
  })

  it('V1: one bit flipped anywhere gives the right token, or an earlier one with a word about it, or none', async () => {
    const home = await plantVault()
    const whole = readFileSync(home.paths.vault)
    const size = whole.length * 8
    const sample = [
      ...Array.from({ length: 70 }, () => randomInt(size)),
      ...Array.from({ length: 30 }, () => randomInt(100 * 8)),
    ]
    const backups = contents(home.paths.backups)
    for (const bit of sample) {
      for (const name of readdirSync(home.paths.home))
        if (name.startsWith('vault.db')) rmSync(join(home.paths.home, name))
      const bytes = Buffer.from(whole)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      writeFileSync(home.paths.vault, bytes, { mode: 0o600 })
      const vault = await home.open()
      const what = `bit ${String(bit)}`
      for (const [id, tokens] of [
        ['a', ['rt-3', 'rt-2', 'rt-1']],
        ['b', ['rt-b']],
      ] as const) {
        const found = vault.state() === 'unlocked' || vault.state() === 'read-only' ? await offer(vault, id) : null
        // The right one; or another one, or none, and a word about it.
        const good = found?.refresh === tokens[0] || vault.notice() !== undefined
        expect(good, `${what}: ${String(found?.refresh)} of ${id} without a word`).toBe(true)
        expect([...tokens, undefined], what).toContain(found?.refresh)
      }
      vault.close()
    }
    expect(contents(home.paths.backups)).toEqual(backups)
  })
})

describe('V1: another machine’s file', () => {
  it('V1: in the vault’s place, with backups of our own: ours are used, theirs is kept aside', async () => {
    const [ours, theirs] = [await plantVault(), await plantVault()]
    copyFileSync(theirs.paths.vault, ours.paths.vault)
    const vault = await ours.open()
    expect(await offer(vault, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
    expect(vault.notice()).toMatch(/belongs to another key/u)
    expect(readFileSync(movedAside(ours.paths)).equals(readFileSync(theirs.paths.vault))).toBe(true)
  })

  it('V1: without backups: locked, saying why, and not one byte of it is changed', async () => {
    const [ours, theirs] = [await plantVault(createHome(), false), await plantVault(createHome(), false)]
    copyFileSync(theirs.paths.vault, ours.paths.vault)
    const vault = await ours.open()
    expect(vault.state()).toBe('locked')
    expect(vault.notice()).toMatch(/is not the one of this vault/u)
    await expect(vault.grant('a')).rejects.toMatchObject({ code: 'locked' })
    await expect(vault.link(account('a'), material('x'))).rejects.toMatchObject({ code: 'locked' })
    vault.close()
    expect(readFileSync(ours.paths.vault).equals(readFileSync(theirs.paths.vault))).toBe(true)
  })

  it('V1: a link, a folder or a FIFO in the vault’s place is refused and left alone', async () => {
    const home = await plantVault(createHome(), false)
    const elsewhere = join(temporaryFolder(), 'elsewhere.db')
    renameSync(home.paths.vault, elsewhere)
    const before = readFileSync(elsewhere)
    symlinkSync(elsewhere, home.paths.vault)
    await expect(home.open()).rejects.toMatchObject({ code: 'invalid_request' })
    expect(readFileSync(elsewhere).equals(before)).toBe(true)
    rmSync(home.paths.vault)
    mkdirSync(home.paths.vault)
    await expect(home.open()).rejects.toMatchObject({ code: 'invalid_request' })
    rmSync(home.paths.vault, { recursive: true })
    execFileSync('mkfifo', [home.paths.vault])
    await expect(home.open()).rejects.toMatchObject({ code: 'invalid_request' })
  })
})
