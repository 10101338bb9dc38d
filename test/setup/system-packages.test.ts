/** Finding the browser: who may name it, in which order it is looked for, and that what is no program is not taken. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { chromiumArguments, findChromium } from './system-packages.ts'

let scratch = ''

beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'valetkey-setup-'))
})

afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(scratch, { recursive: true, force: true })
})

/** A file under the scratch folder, executable or not; its path. */
function program(name: string, mode = 0o755): string {
  const path = join(scratch, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, '#!/bin/sh\n')
  chmodSync(path, mode)
  return path
}

describe('findChromium', () => {
  it('takes the one that is named', () => {
    const named = program('mine/browser')
    program('bin/chromium')
    vi.stubEnv('PATH', join(scratch, 'bin'))
    vi.stubEnv('CHROMIUM_PATH', named)
    expect(findChromium()).toBe(named)
  })

  it('takes no other when the named one is no program', () => {
    program('bin/chromium')
    vi.stubEnv('PATH', join(scratch, 'bin'))
    vi.stubEnv('CHROMIUM_PATH', join(scratch, 'bin'))
    expect(findChromium()).toBeNull()
    vi.stubEnv('CHROMIUM_PATH', program('mine/browser', 0o644))
    expect(findChromium()).toBeNull()
  })

  it('looks on PATH, by name first, then by folder', () => {
    program('a/chromium', 0o644)
    program('a/google-chrome')
    const chromium = program('b/chromium')
    vi.stubEnv('CHROMIUM_PATH', '')
    vi.stubEnv('PATH', ['', join(scratch, 'a'), join(scratch, 'b')].join(delimiter))
    expect(findChromium()).toBe(chromium)
    rmSync(chromium)
    expect(findChromium()).toBe(join(scratch, 'a/google-chrome'))
  })
})

describe('chromiumArguments', () => {
  it('gives up the sandbox for root alone', () => {
    for (const [uid, without] of [
      [0, true],
      [1000, false],
    ] as const) {
      vi.spyOn(process, 'getuid').mockReturnValue(uid)
      expect(chromiumArguments().includes('--no-sandbox')).toBe(without)
    }
    vi.restoreAllMocks()
  })

  it('ends with what the caller adds', () => {
    expect(chromiumArguments('--lang=de').at(-1)).toBe('--lang=de')
  })
})
