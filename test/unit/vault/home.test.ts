/** The home folder and the files in it. */
import { chmodSync, chownSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkPrivateFile, createPrivateFile, prepareHome } from '../../../main/vault/home.ts'
import { temporaryFolder } from './rig.ts'

const paths = (home: string): { home: string; run: string; backups: string } => ({
  home,
  run: join(home, 'run'),
  backups: join(home, 'backups'),
})

const mode = (path: string): number => statSync(path).mode & 0o777

describe('the home folder', () => {
  it('is made for its owner only, with the folders above it', () => {
    const home = join(temporaryFolder(), 'a', 'b', 'home')
    prepareHome(paths(home))
    expect([mode(home), mode(join(home, 'run')), mode(join(home, 'backups'))]).toEqual([0o700, 0o700, 0o700])
    expect(() => {
      prepareHome(paths(home))
    }).not.toThrow()
  })

  it('is closed when it is open to others and empty, and refused when something is in it', () => {
    const home = join(temporaryFolder(), 'home')
    mkdirSync(home)
    chmodSync(home, 0o755)
    prepareHome(paths(home))
    expect(mode(home)).toBe(0o700)
    chmodSync(home, 0o750)
    expect(() => {
      prepareHome(paths(home))
    }).toThrow(expect.objectContaining({ code: 'invalid_request', resolve: { command: `chmod 700 '${home}'` } }))
    expect(mode(home)).toBe(0o750)
  })

  it('is refused as a link, as a file, and with a linked run folder', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'elsewhere'), { mode: 0o700 })
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'link'))
    writeFileSync(join(folder, 'file'), '')
    mkdirSync(join(folder, 'home'), { mode: 0o700 })
    symlinkSync(join(folder, 'elsewhere'), join(folder, 'home', 'run'))
    for (const [name, what] of [
      ['link', 'a link'],
      ['file', 'a file'],
      ['home', 'a link'],
    ] as const)
      expect(() => {
        prepareHome(paths(join(folder, name)))
      }).toThrow(expect.objectContaining({ code: 'invalid_request', message: expect.stringContaining(what) as string }))
  })

  it('is refused when it belongs to another user', () => {
    const home = join(temporaryFolder(), 'home')
    mkdirSync(home, { mode: 0o700 })
    // Only the super-user can give a folder away; for everybody else one of the system's will do.
    const isRoot = process.getuid?.() === 0
    if (isRoot) chownSync(home, 65_534, 65_534)
    expect(() => {
      prepareHome(paths(isRoot ? home : '/usr'))
    }).toThrow(/another user/u)
  })

  it('that cannot be made is an error that says which', () => {
    const file = join(temporaryFolder(), 'file')
    writeFileSync(file, '')
    expect(() => {
      prepareHome(paths(join(file, 'home')))
    }).toThrow(/file/u)
  })
})

describe('a private file', () => {
  it('is made once, closed, and never through a link', () => {
    const folder = temporaryFolder()
    createPrivateFile(join(folder, 'one'))
    expect(mode(join(folder, 'one'))).toBe(0o600)
    expect(() => {
      createPrivateFile(join(folder, 'one'))
    }).toThrow('EEXIST')
    symlinkSync(join(folder, 'target'), join(folder, 'two'))
    expect(() => {
      createPrivateFile(join(folder, 'two'))
    }).toThrow('EEXIST')
  })

  it('is closed to others when it is found open, and refused when it is a link or a folder', () => {
    const folder = temporaryFolder()
    writeFileSync(join(folder, 'open'), '')
    chmodSync(join(folder, 'open'), 0o666)
    checkPrivateFile(join(folder, 'open'))
    expect(mode(join(folder, 'open'))).toBe(0o600)
    symlinkSync(join(folder, 'open'), join(folder, 'link'))
    for (const path of [join(folder, 'link'), folder])
      expect(() => {
        checkPrivateFile(path)
      }).toThrow(/not a regular file/u)
  })
})
