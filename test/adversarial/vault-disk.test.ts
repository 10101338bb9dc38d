/**
 * Disks that are full, limited, broken or read-only. The rule: real ones, as far as this machine lets a test make them
 * (mounting takes the super-user, a failing fsync a C compiler; a limit on file sizes and a read-only folder work for
 * everybody); the last commit stays in force, the fault is said, and writing goes on when the disk does.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { offer } from '../unit/vault/material.ts'
import { lastStored, plantSmall } from '../unit/vault/planted.ts'
import { contents, createHome, filesBelow, startChild, temporaryFolder, until } from '../unit/vault/rig.ts'

const isRoot = process.getuid?.() === 0

/** Whether a file system of a size of our choice can be mounted here. */
function smallDisks(): readonly 'tmpfs'[] {
  const probe = mkdtempSync(join(tmpdir(), 'valetkey-mount-'))
  const mounted = isRoot && spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', probe]).status === 0
  if (mounted) spawnSync('umount', [probe])
  rmSync(probe, { recursive: true })
  return mounted ? ['tmpfs'] : []
}

function compilers(): readonly string[] {
  return process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0 ? ['cc'] : []
}

describe('V2: a disk that takes no more', () => {
  for (const _mount of smallDisks())
    it('V2: a full file system (ENOSPC) leaves the last commit in force, and room brings writing back', async () => {
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
    })

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

  for (const compiler of compilers())
    it('V2: a synchronisation that fails (EIO) is a fault, and the last commit is in force', async () => {
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
      execFileSync(compiler, ['-shared', '-fPIC', '-o', library, source])
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
    })

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
