import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Members } from '../electron-double/list-members.ts'

const run = promisify(execFile)
const root = resolve(import.meta.dirname, '../..')
const folder = join(root, 'test/electron-double')
const electronTypes = join(dirname(createRequire(import.meta.url).resolve('electron/package.json')), 'electron.d.ts')

let home = ''
let members: Members
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'valetkey-stand-in-'))
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home }
  const { stdout } = await run(join(folder, 'runtime/electron'), [join(folder, 'list-members.ts')], { env })
  members = JSON.parse(stdout) as Members
})
afterAll(() => rmSync(home, { recursive: true, force: true }))

/** What the compiler says, in its own order; empty when it is content. */
async function compile(project: string): Promise<string> {
  return run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', project, '--noEmit']).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error as { readonly stdout: string }).stdout,
  )
}

/** Compiles lists of names against Electron's types. */
async function compileNames(offered: Members['offered']): Promise<string> {
  const lists = Object.entries(offered).map(
    ([type, names], at) => `export const list${String(at)}: (keyof ${type})[] = ${JSON.stringify(names)}`,
  )
  const project = join(home, 'names')
  rmSync(project, { recursive: true, force: true })
  const options = {
    strict: true,
    noEmit: true,
    composite: false,
    emitDeclarationOnly: false,
    rootDir: '/',
    types: [],
    lib: ['ES2024', 'DOM'],
  }
  mkdirSync(project)
  writeFileSync(
    join(project, 'names.mts'),
    `/// <reference path=${JSON.stringify(electronTypes)} />\n${lists.join('\n')}\n`,
  )
  writeFileSync(
    join(project, 'tsconfig.json'),
    JSON.stringify({
      extends: join(root, 'tsconfig.json'),
      compilerOptions: options,
      files: ['names.mts'],
      references: [],
    }),
  )
  return compile(project)
}

describe('the stand-in, held against the type file of Electron', () => {
  it('compiles, with nothing of it skipped', async () => {
    expect(await compile(folder)).toBe('')
  })

  it('offers no name that Electron has not', async () => {
    const names = Object.values(members.offered).flat()
    expect(names.length).toBeGreaterThan(150)
    expect(await compileNames(members.offered)).toBe('')
  })

  it('would be caught with one', async () => {
    const [[type, names] = ['', []]] = Object.entries(members.offered)
    expect(await compileNames({ [type]: [...names, 'getLastWebPreferences'] })).toContain('getLastWebPreferences')
  })

  it('throws for every member of Electron that it does not offer', () => {
    expect(members.silent).toEqual([])
    expect(members.thrown).toBeGreaterThan(400)
  })
})
