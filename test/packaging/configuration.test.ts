/** electron-builder.yml, as electron-builder itself judges it, and what would be wrong with a machine that packages. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { misfitOf } from '../../main/desktop/package/distribution.ts'
import { electronVersion, makeWorkplace, root, runProgram, type Workplace } from './build.ts'
import { standInExecutable } from './stand-in.ts'

interface Configuration {
  readonly publish: unknown
  readonly mac: { readonly icon: string; readonly entitlements: string; readonly entitlementsInherit: string }
  readonly win: { readonly icon: string }
  readonly directories: { readonly buildResources: string }
}

const file = readFileSync(join(root, 'electron-builder.yml'), 'utf8')
const configuration = parse(file) as Configuration
const resources = join(root, configuration.directories.buildResources)

let workplace: Workplace
beforeAll(async () => {
  workplace = await makeWorkplace()
})
afterAll(() => {
  workplace.remove()
})

describe('electron-builder.yml', () => {
  /** The configuration changed by `change`, up to where electron-builder has judged it: the targets are none. */
  async function judge(change: (text: string) => string): Promise<string> {
    const path = join(workplace.folder, 'electron-builder.yml')
    writeFileSync(path, change(file))
    const builder = join(root, 'node_modules/electron-builder/cli.js')
    const words = [builder, '--linux', 'dir', '--publish', 'never', '--config', path]
    const result = await runProgram(
      process.execPath,
      [...words, `--projectDir=${root}`, `-c.electronDist=${join(workplace.folder, 'nothing')}`],
      { PATH: process.env['PATH'] ?? '', HOME: workplace.folder },
    )
    expect(result.code).not.toBe(0)
    return result.stdout + result.stderr
  }

  it('is valid: electron-builder gets as far as looking for Electron', async () => {
    expect(await judge((text) => `${text}\n# unchanged\n`)).toContain('The specified electronDist does not exist')
  })

  const typos: readonly (readonly [where: string, right: string, wrong: string, named: string])[] = [
    ['at the top', 'publish: null', 'publishes: null', "unknown property 'publishes'"],
    ['in a section of another platform', 'hardenedRuntime: true', 'hardenedRuntimes: true', 'configuration.mac '],
    ['in a value', 'perMachine: false', 'perMachine: perhaps', 'configuration.nsis '],
  ]
  it.each(typos)('is refused with a mistake %s', async (_where, right, wrong, named) => {
    expect(file.split(right)).toHaveLength(2)
    const output = await judge((text) => text.replace(right, wrong))
    expect(output).toContain('Invalid configuration object')
    expect(output).toContain(named)
  })

  it('publishes nowhere until somebody says where', () => {
    expect(configuration.publish).toBeNull()
  })

  it('gives up nothing of the hardened runtime but what V8 needs', () => {
    expect(configuration.mac).toMatchObject({ hardenedRuntime: true, notarize: false })
    for (const path of [configuration.mac.entitlements, configuration.mac.entitlementsInherit]) {
      const keys = readFileSync(join(root, path), 'utf8').match(/<key>.*<\/key>/gu)
      expect(keys).toEqual(['<key>com.apple.security.cs.allow-jit</key>'])
    }
  })

  it.each([configuration.mac.icon, configuration.win.icon])('has an icon that can become any other: %s', (icon) => {
    const png = readFileSync(join(resources, icon))
    expect(png.toString('latin1', 1, 4)).toBe('PNG')
    // Width and height in the header chunk.
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([512, 512])
  })
})

describe('without an Electron distribution', () => {
  it('packages nothing, and says what is missing and what brings it', async () => {
    const nowhere = join(workplace.folder, 'nowhere')
    const { code, stderr, stdout } = await workplace.run(['--linux', 'dir'], { ELECTRON_OVERRIDE_DIST_PATH: nowhere })
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' })
    expect(stderr).toContain(`${nowhere} has no version and no electron.`)
    expect(stderr).toContain('npx install-electron --no')
  })

  it('takes none of another version and none of another platform', () => {
    const folder = join(workplace.folder, 'other')
    mkdirSync(folder)
    writeFileSync(join(folder, 'electron'), standInExecutable())
    writeFileSync(join(folder, 'version'), '45.0.0')
    expect(misfitOf(folder, electronVersion, 'linux')).toContain(`holds Electron 45.0.0 and the app is for`)
    expect(misfitOf(folder, '45.0.0', 'linux')).toBeNull()
    expect(misfitOf(folder, '45.0.0', 'win32')).toContain('has no electron.exe')
    expect(misfitOf(folder, '45.0.0', 'darwin')).toContain('has no Electron.app')
  })
})
