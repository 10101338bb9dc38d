/**
 * What may happen to a vault's files and to the processes that hold them. The rule: real files are really damaged, real
 * disks are really full, real processes are really killed; and whatever happens, nobody is given a wrong token, an empty
 * vault instead of a damaged one, or a new key over old records.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import {
  chmodSync,
  chownSync,
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
import { describe, expect, it, onTestFinished } from 'vitest'
import { StorageFault } from '../../main/broker/ports.ts'
import { Secret } from '../../main/broker/secret.ts'
import { systemClock } from '../../main/daemon/clock.ts'
import { openActivity } from '../../main/vault/activity.ts'
import { takeOwnership } from '../../main/vault/owner-lock.ts'
import { keyFileSlot } from '../../main/vault/slots/key-file.ts'
import { passphraseSlot } from '../../main/vault/slots/passphrase.ts'
import { account, material, offer } from '../unit/vault/material.ts'
import {
  contents,
  createHome,
  filesBelow,
  movedAside,
  QUICK_SCRYPT,
  startChild,
  temporaryFolder,
  until,
  type Home,
} from '../unit/vault/rig.ts'

const isRoot = process.getuid?.() === 0

/** A closed vault with account `a` at generation 3 (rt-3, before it rt-2) and a backup made at generation 1 (rt-1). */
async function plantVault(home: Home = createHome(), backup = true): Promise<Home> {
  const vault = await home.open()
  await vault.link(account('a'), material('rt-1'))
  await vault.link(account('b'), material('rt-b'))
  if (backup) await vault.tend()
  await vault.commitRefresh('a', 1, material('rt-2'))
  await vault.commitRefresh('a', 2, material('rt-3'))
  vault.close()
  return home
}

/** Runs SQL on a vault that is closed. */
function edit(home: Home, sql: string): void {
  const db = new DatabaseSync(home.paths.vault)
  db.exec(sql)
  db.close()
}

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
        await expect(vault.saveAccount(account('z'))).rejects.toThrow(StorageFault)
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
      if (vault.state() === 'unlocked') {
        for (const [id, tokens] of [
          ['a', ['rt-3', 'rt-2', 'rt-1']],
          ['b', ['rt-b']],
        ] as const) {
          const found = await offer(vault, id)
          expect(tokens, what).toContain(found?.refresh)
          if (found?.refresh !== tokens[0]) expect(vault.notice(), what).toBeDefined()
        }
      } else expect(vault.notice(), what).toBeDefined()
      vault.close()
    }
    expect(contents(home.paths.backups)).toEqual(backups)
  })
})

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

describe('V2: a disk that takes no more', () => {
  it.runIf(isRoot && canMount())(
    'V2: a full file system (ENOSPC) leaves the last commit in force, and room brings writing back',
    async () => {
      const mount = join(temporaryFolder(), 'small')
      mkdirSync(mount)
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=700', 'tmpfs', mount])
      onTestFinished(() => {
        spawnSync('umount', ['-l', mount])
      })
      const home = await plantSmall(createHome(mount))
      const child = startChild(['fill', home.paths.home, 'wait'])
      await until('the disk to be full', () => child.output().includes('waiting'))
      expect(child.output().match(/^fault The disk is full.*$/gmu)).toHaveLength(2)
      expect(child.output()).toContain('offers {"generation":1,"refresh":"rt-1"}')
      execFileSync('mount', ['-o', 'remount,size=8m', mount])
      child.process.kill('SIGUSR2')
      await until('the write to succeed', () => child.output().includes('saved after all'))
      expect(await child.ended).toBe(0)
      const vault = await home.open()
      expect(await offer(vault, 'a')).toEqual({ generation: 2, refresh: 'rt-2' })
      expect((await vault.examine()).filter(({ level }) => level === 'error')).toEqual([])
    },
  )

  it('V2: a limit on the size of files (ulimit -f) leaves the last commit in force', async () => {
    const home = await plantSmall(createHome())
    // In blocks of 1024 bytes; with the signal ignored a write comes back short or with EFBIG.
    const before = ['bash', '-c', 'ulimit -f 700; trap "" XFSZ; exec "$@"', 'bash']
    const child = startChild(['fill', home.paths.home], { before })
    expect(await child.ended).toBe(0)
    expect(child.output()).toMatch(/linked \d/u)
    expect(child.output().match(/^fault .*$/gmu)).toHaveLength(2)
    expect(child.output()).not.toContain('unexpected')
    expect(child.output()).toContain('offers {"generation":1,"refresh":"rt-1"}')
    const linked = [...child.output().matchAll(/^linked (\d+)$/gmu)].map(([, n]) => Number(n))
    const vault = await home.open()
    expect(await offer(vault, 'a')).toEqual({ generation: 1, refresh: 'rt-1' })
    for (const n of linked) expect(await offer(vault, `b${String(n)}`)).toMatchObject({ generation: 1 })
    expect(await vault.accounts()).toHaveLength(linked.length + 1)
  })

  it.runIf(hasCompiler())(
    'V2: a synchronisation that fails (EIO) is a fault, and the last commit is in force',
    async () => {
      const home = await plantSmall(createHome())
      const folder = temporaryFolder()
      const [source, library, flag] = [join(folder, 'eio.c'), join(folder, 'eio.so'), join(folder, 'broken')]
      writeFileSync(
        source,
        `#include <errno.h>
       #include <stdlib.h>
       #include <sys/syscall.h>
       #include <unistd.h>
       static int broken(void) { return access(getenv("BROKEN"), F_OK) == 0; }
       int fdatasync(int fd) { if (broken()) { errno = EIO; return -1; } return syscall(SYS_fdatasync, fd); }
       int fsync(int fd) { if (broken()) { errno = EIO; return -1; } return syscall(SYS_fsync, fd); }`,
      )
      execFileSync('cc', ['-shared', '-fPIC', '-o', library, source])
      const child = startChild(['refresh', home.paths.home], {
        env: { ...process.env, LD_PRELOAD: library, BROKEN: flag },
      })
      await until('some refreshes', () => child.output().includes('stored 20'))
      writeFileSync(flag, '')
      await until('a fault', () => child.output().includes('fault'))
      const stored = lastStored(child.output())
      expect(child.output()).toContain(
        `fault The disk reports an error while the vault is written. offers {"generation":${String(stored)},"refresh":"rt-${String(stored)}"}`,
      )
      rmSync(flag)
      await until('more refreshes', () => lastStored(child.output()) > stored + 5)
      // A commit that was not acknowledged may still turn out to have reached the disk: one more, never one less.
      writeFileSync(flag, '')
      await until('another fault', () => child.output().endsWith('}\n'))
      child.process.kill('SIGKILL')
      await child.ended
      const last = lastStored(child.output())
      const found = await offer(await home.open(), 'a')
      expect([last, last + 1]).toContain(found?.generation)
      expect(found?.refresh).toBe(`rt-${String(found?.generation)}`)
    },
  )

  it('V2: a folder that may only be read: the vault is read, says so, and writes are refused', async () => {
    // The super-user may write everywhere, so somebody else has to look.
    const uid = isRoot ? 65_534 : undefined
    const folder = temporaryFolder()
    if (isRoot) chmodSync(folder, 0o755)
    const home = await plantSmall(createHome(folder))
    const all = [home.paths.home, ...filesBelow(home.paths.home), home.paths.run, home.paths.backups]
    if (uid !== undefined) for (const path of all) chownSync(path, uid, uid)
    const before = contents(home.paths.home)
    chmodSync(home.paths.home, 0o500)
    onTestFinished(() => {
      chmodSync(home.paths.home, 0o700)
    })
    const child = startChild(['look', home.paths.home], uid === undefined ? {} : { uid })
    expect(await child.ended).toBe(0)
    const [looked = '', wrote] = child.output().split('\n')
    expect(JSON.parse(looked)).toMatchObject({
      state: 'read-only',
      notice: expect.stringContaining('cannot be written: check the permissions') as string,
      offer: { generation: 1, refresh: 'rt-1' },
    })
    expect(wrote).toMatch(/^fault The vault cannot be written/u)
    expect(contents(home.paths.home)).toEqual(before)
  })
})

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
    edit(home, 'PRAGMA user_version = 2; ALTER TABLE accounts ADD COLUMN colour TEXT; CREATE TABLE more (x)')
    const before = contents(home.paths.home)
    const vault = await home.open()
    expect(vault.state()).toBe('read-only')
    expect(vault.notice()).toMatch(/written by a newer Valetkey \(format 2, this one knows 1\)/u)
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

  it('V5: a sealed record with a member this one does not know is not read as something else', async () => {
    const home = await plantVault()
    edit(home, `UPDATE accounts SET record = json_set(record, '$.colour', 'red') WHERE id = 'a'`)
    const vault = await home.open()
    expect((await vault.accounts()).map(({ id }) => id)).toEqual(['b'])
    expect(vault.notice()).toMatch(/record a in the vault cannot be read/u)
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
  })
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

/** The generation a child last said was stored; 0 when it said none. */
function lastStored(output: string): number {
  return Math.max(0, ...[...output.matchAll(/^stored (\d+)$/gmu)].map(([, n]) => Number(n)))
}

/** A closed vault with account `a` at generation 1. */
async function plantSmall(home: Home): Promise<Home> {
  const vault = await home.open()
  await vault.link(account('a'), material('rt-1'))
  vault.close()
  return home
}

function canMount(): boolean {
  const probe = join('/tmp', `valetkey-mount-${String(process.pid)}`)
  mkdirSync(probe)
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe]).status === 0
  if (mounted) spawnSync('umount', [probe])
  rmSync(probe, { recursive: true })
  return mounted
}

function hasCompiler(): boolean {
  return process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0
}
