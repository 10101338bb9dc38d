import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chooseRuntime, describeRuntime, findElectron } from '../electron-double/launch.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'valetkey-electron-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

describe('the runtime of the desktop specs', () => {
  it('is the real one where that is installed, the stand-in where it is not', () => {
    expect(chooseRuntime(undefined, '/somewhere/electron')).toBe('electron')
    expect(chooseRuntime(undefined, null)).toBe('stand-in')
    expect(chooseRuntime(false, '/somewhere/electron')).toBe('stand-in')
  })

  it('never falls back when the real one is demanded', () => {
    expect(chooseRuntime(true, '/somewhere/electron')).toBe('electron')
    expect(() => chooseRuntime(true, null)).toThrow('npx install-electron')
  })

  it('is found only when its executable is there', () => {
    expect(findElectron(folder)).toBeNull()
    writeFileSync(join(folder, 'path.txt'), 'electron')
    expect(findElectron(folder)).toBeNull()
    mkdirSync(join(folder, 'dist'))
    writeFileSync(join(folder, 'dist/electron'), '')
    expect(findElectron(folder)).toBe(join(folder, 'dist/electron'))
  })

  it('says which it is, and the stand-in never calls itself Electron', () => {
    expect(describeRuntime('electron')).toContain('real Electron')
    expect(describeRuntime('stand-in')).toContain('which is not Electron')
  })
})
