/** The Linux package, made by the real tools and taken apart again: what is in it, and what its scripts do to a machine. */
import { spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { extractFile, listPackage } from '@electron/asar'
import { FuseState, FuseV1Options, getCurrentFuseWire } from '@electron/fuses'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { afterPack } from '../../main/desktop/package/fuses.ts'
import { collect } from '../setup/daemon.ts'
import { startStandIn, tokenAnswer } from '../unit/cli/stand-in-broker.ts'
import { makeWorkplace, ourVersion, root, runProgram, succeed, type Workplace } from './build.ts'
import { factoryFuses, standInExecutable } from './stand-in.ts'

let workplace: Workplace
/** The package's files, laid out as on the machine it is installed on. */
let installed: string
/** Its control files. */
let control: string
let app: string

beforeAll(async () => {
  workplace = await makeWorkplace()
  const output = join(workplace.folder, 'release')
  await succeed(workplace.run(['--linux', 'dir', 'deb', `-c.directories.output=${output}`]))
  const deb = join(output, `valetkey_${ourVersion}_${process.arch === 'x64' ? 'amd64' : process.arch}.deb`)
  installed = join(workplace.folder, 'installed')
  control = join(workplace.folder, 'control')
  await succeed(runProgram('dpkg-deb', ['--extract', deb, installed]))
  await succeed(runProgram('dpkg-deb', ['--control', deb, control]))
  app = join(installed, 'opt/Valetkey')
}, 180_000)
afterAll(() => {
  workplace.remove()
})

/** Every file under `folder`, relative to it. */
function filesUnder(folder: string): readonly string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => !entry.isDirectory())
  return files.map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1)).toSorted()
}

describe('the archive', () => {
  it('holds the app and nothing else', () => {
    const archive = join(app, 'resources/app.asar')
    const paths = listPackage(archive, { isPack: false }).map((path) => path.slice(1))
    const known = /^(?:dist|dist\/renderer|dist\/renderer\/assets)$/u
    const files = paths.filter((path) => !known.test(path))
    expect(files).toEqual(expect.arrayContaining(['dist/desktop.cjs', 'dist/preload.cjs', 'dist/renderer/index.html']))
    const allowed =
      /^(?:package\.json|dist\/(?:desktop(?:-[\w-]+)?|preload)\.cjs|dist\/renderer\/(?:index\.html|icon\.svg|assets\/[\w-]+\.(?:js|css|svg)))$/u
    expect(files.filter((path) => !allowed.test(path))).toEqual([])
  })

  it('holds exactly what was built', () => {
    const archive = join(app, 'resources/app.asar')
    for (const name of filesUnder(join(root, 'dist/renderer')))
      expect(extractFile(archive, `dist/renderer/${name}`), name).toEqual(
        readFileSync(join(root, 'dist/renderer', name)),
      )
    expect(extractFile(archive, 'dist/desktop.cjs')).toEqual(readFileSync(join(root, 'dist/desktop.cjs')))
  })

  it('says what to start, and keeps to itself how it was made', () => {
    const text = extractFile(join(app, 'resources/app.asar'), 'package.json').toString()
    const packed = JSON.parse(text) as Readonly<Record<string, unknown>>
    expect(packed).toMatchObject({ name: 'valetkey', version: ourVersion, main: 'dist/desktop.cjs' })
    expect(packed).toMatchObject({ desktopName: 'valetkey.desktop' })
    for (const key of ['devDependencies', 'scripts']) expect(packed).not.toHaveProperty(key)
  })
})

describe('the resources beside the archive', () => {
  it('are the command, the console’s pages, the keyring library, and what packaging adds', () => {
    const resources = filesUnder(join(app, 'resources'))
    const pages = filesUnder(join(root, 'dist/renderer')).map((name) => `renderer/${name}`)
    expect(pages).toContain('renderer/index.html')
    expect(resources.filter((name) => name.startsWith('renderer/'))).toEqual(pages)
    const others = resources.filter((name) => !name.startsWith('renderer/'))
    const library =
      /^node_modules\/@napi-rs\/keyring(?:\/(?:index\.js|package\.json|LICENSE)|-[\w-]+\/(?:keyring\.[\w-]+\.node|package\.json|LICENSE.*))$/u
    expect(others.filter((name) => !library.test(name))).toEqual([
      ...['app.asar', 'apparmor-profile', 'valetkey', 'valetkey-token'],
    ])
    expect(others.filter((name) => name.endsWith('.node'))).toHaveLength(1)
  })
})

describe('the fuses', () => {
  const expected: Readonly<Record<keyof typeof FuseV1Options, boolean>> = {
    RunAsNode: false,
    EnableCookieEncryption: true,
    EnableNodeOptionsEnvironmentVariable: false,
    EnableNodeCliInspectArguments: false,
    EnableEmbeddedAsarIntegrityValidation: true,
    OnlyLoadAppFromAsar: true,
    LoadBrowserProcessSpecificV8Snapshot: false,
    GrantFileProtocolExtraPrivileges: false,
    WasmTrapHandlers: true,
  }

  it('are all set, and as decided', async () => {
    const { version, ...wire } = await getCurrentFuseWire(join(app, 'valetkey'))
    expect(version).toBe('1')
    const states = Object.entries(expected).map(([name, on]) => [
      String(FuseV1Options[name as keyof typeof FuseV1Options]),
      on ? FuseState.ENABLE : FuseState.DISABLE,
    ])
    expect(wire).toEqual(Object.fromEntries(states))
  })

  it('fail the package when Electron has one that nobody decided on', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'valetkey-fuses-'))
    try {
      const packed = (fuses: string): Parameters<typeof afterPack>[0] => {
        writeFileSync(join(folder, 'valetkey'), standInExecutable(fuses))
        const packager = { executableName: 'valetkey', appInfo: { productFilename: 'Valetkey' } }
        return { appOutDir: folder, electronPlatformName: 'linux', packager }
      }
      await expect(afterPack(packed(`${factoryFuses}1`))).rejects.toThrow('strictlyRequireAllFuses')
      await expect(afterPack(packed(factoryFuses))).resolves.toBeUndefined()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})

describe('the desktop entry', () => {
  const path = (): string => join(installed, 'usr/share/applications/valetkey.desktop')

  it('starts the app, also with an address of our scheme, and its icons are there', () => {
    const [group, ...lines] = readFileSync(path(), 'utf8').trim().split('\n')
    expect(group).toBe('[Desktop Entry]')
    const pairs = lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)])
    expect(new Set(pairs.map(([key]) => key)).size).toBe(pairs.length)
    expect(Object.fromEntries(pairs)).toMatchObject({
      Type: 'Application',
      Name: 'Valetkey',
      Exec: '/opt/Valetkey/valetkey %u',
      Terminal: 'false',
      Icon: 'valetkey',
      MimeType: 'x-scheme-handler/app.valetkey;',
      StartupWMClass: 'valetkey',
    })
    expect(statSync(join(app, 'valetkey')).mode & 0o111).toBe(0o111)
    for (const size of ['16x16', '32x32', '48x48', '64x64', '128x128', '256x256', '512x512'])
      expect(statSync(join(installed, `usr/share/icons/hicolor/${size}/apps/valetkey.png`)).isFile(), size).toBe(true)
  })

  it('is valid: by the specification’s own checker, where there is one, and by what it asks of every line', async () => {
    const valid = { code: 0, stdout: '', stderr: '' }
    const asked = await runProgram('desktop-file-validate', ['--no-hints', path()]).catch((thrown: unknown) => {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return valid
      throw thrown
    })
    expect(asked).toEqual(valid)
    const strings = ['Type', 'Name', 'GenericName', 'Comment', 'Icon', 'Exec', 'Terminal', 'StartupWMClass']
    const keys = `(?:${strings.join('|')})=\\S.*|(?:MimeType|Categories|Keywords)=(?:[^;\\s][^;]*;)+`
    for (const line of readFileSync(path(), 'utf8').trim().split('\n').slice(1))
      expect(line).toMatch(new RegExp(`^(?:${keys})$`, 'u'))
  })
})

describe('the Debian package', () => {
  it('says what it is and what it needs', () => {
    const fields = readFileSync(join(control, 'control'), 'utf8')
    expect(fields).toMatch(/^Package: valetkey$/mu)
    expect(fields).toMatch(new RegExp(`^Version: ${ourVersion.replaceAll('.', '\\.')}$`, 'mu'))
    expect(fields).toMatch(/^Maintainer: Valetkey <[^<>@\s]+@[^<>\s]+>$/mu)
    expect(fields).toMatch(/^Depends: .*libsecret-1-0/mu)
  })

  /** Runs a script of the package where every program it could call only writes down that it was called. */
  async function callsOf(
    script: string,
    args: readonly string[],
    programs: Readonly<Record<string, number>>,
    place = app,
  ): Promise<readonly string[]> {
    const folder = mkdtempSync(join(tmpdir(), 'valetkey-scripts-'))
    try {
      const bin = join(folder, 'bin')
      const log = join(folder, 'calls')
      mkdirSync(bin)
      writeFileSync(log, '')
      for (const [name, code] of Object.entries(programs))
        writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >>'${log}'\nexit ${String(code)}\n`, {
          mode: 0o755,
        })
      // As if the package's files were where it would put them.
      const moved = join(folder, script)
      writeFileSync(moved, readFileSync(join(control, script), 'utf8').replaceAll('/opt/Valetkey', place))
      expect(await runProgram('/bin/sh', [moved, ...args], { PATH: bin })).toMatchObject({ code: 0 })
      return readFileSync(log, 'utf8').replaceAll(place, '/opt/Valetkey').split('\n').slice(0, -1)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }

  const debian = { 'update-alternatives': 0, unshare: 0, chmod: 0, cp: 0, rm: 0, 'update-desktop-database': 0 }

  it('puts the command line on the PATH, and not the app', async () => {
    const calls = await callsOf('postinst', ['configure'], debian)
    expect(calls).toEqual([
      ...['valetkey 100', 'valetkey-token 110'].map((command) =>
        [
          `update-alternatives --install /usr/bin/valetkey valetkey /opt/Valetkey/resources/${command}`,
          '--slave /usr/bin/git-credential-valetkey git-credential-valetkey /opt/Valetkey/resources/valetkey',
          '--slave /usr/bin/docker-credential-valetkey docker-credential-valetkey /opt/Valetkey/resources/valetkey',
        ].join(' '),
      ),
      'unshare --user true',
      'chmod 0755 /opt/Valetkey/chrome-sandbox',
      'update-desktop-database /usr/share/applications',
    ])
    expect(statSync(join(app, 'resources/valetkey')).mode & 0o111).toBe(0o111)
    expect(statSync(join(app, 'resources/valetkey-token')).mode & 0o111).toBe(0o111)
    expect(statSync(join(app, 'chrome-sandbox')).isFile()).toBe(true)
  })

  it('does without the fast path where there was no compiler', async () => {
    const calls = await callsOf('postinst', ['configure'], debian, join(workplace.folder, 'nowhere'))
    expect(calls.filter((call) => call.startsWith('update-alternatives'))).toEqual([
      expect.stringMatching(
        /^update-alternatives --install \/usr\/bin\/valetkey valetkey \/opt\/Valetkey\/resources\/valetkey 100 --slave /u,
      ),
    ])
  })

  it('installs where there are no user namespaces, and where the name is taken', async () => {
    const calls = await callsOf('postinst', ['configure'], { ...debian, 'update-alternatives': 2, unshare: 1 })
    expect(calls).toContain('chmod 4755 /opt/Valetkey/chrome-sandbox')
  })

  it('makes itself known to AppArmor, and unknown again when it goes', async () => {
    const ubuntu = { ...debian, apparmor_status: 0, apparmor_parser: 0 }
    const installing = await callsOf('postinst', ['configure'], ubuntu)
    expect(installing).toContain('cp -f /opt/Valetkey/resources/apparmor-profile /etc/apparmor.d/valetkey')
    expect(installing.at(-1)).toBe('apparmor_parser --replace --write-cache --skip-read-cache /etc/apparmor.d/valetkey')
    expect(readFileSync(join(app, 'resources/apparmor-profile'), 'utf8')).toContain('"/opt/Valetkey/valetkey"')
    expect(await callsOf('postinst', ['configure'], { ...ubuntu, apparmor_parser: 1 })).not.toContain(
      'cp -f /opt/Valetkey/resources/apparmor-profile /etc/apparmor.d/valetkey',
    )
  })

  it('takes back what it added, when it is removed and not when it is replaced', async () => {
    const removing = await callsOf('postrm', ['remove'], debian)
    for (const name of ['valetkey', 'valetkey-token'])
      expect(removing).toContain(`update-alternatives --remove valetkey /opt/Valetkey/resources/${name}`)
    expect(await callsOf('postrm', ['upgrade', '0.2.0'], debian)).toEqual([])
  })
})

describe('the packaged app and the packaged command', () => {
  it('call the keyring the same way: the app, which is no Node, through the command', async () => {
    const archive = join(app, 'resources/app.asar')
    const programs = listPackage(archive, { isPack: false }).filter((path) => path.endsWith('.cjs'))
    const text = programs.map((path) => extractFile(archive, path.slice(1)).toString()).join('')
    const script = /`(\nconst chunks = [^`]+)`/u.exec(text)?.[1] ?? ''
    // As the app looks for it: up from its file in the archive.
    const library = createRequire(join(archive, 'dist/desktop.cjs')).resolve('@napi-rs/keyring')
    expect(library.startsWith(join(app, 'resources/node_modules'))).toBe(true)
    const command = join(app, 'resources/valetkey')
    const env = { PATH: '/nonexistent', DBUS_SESSION_BUS_ADDRESS: `unix:path=${join(workplace.folder, 'no-bus')}` }
    const child = spawn(command, ['-e', script, library], { env })
    child.stdin.end(JSON.stringify({ service: 'app.valetkey.test', account: 'nobody' }))
    const { stdout } = await collect(child)
    expect(JSON.parse(stdout)).toEqual({ words: expect.stringMatching(/^(?!.*Cannot find)./u) as string })
  })
})

describe('the packaged command', () => {
  it('is the one the tests of the executable are about', async () => {
    const { stdout } = await runProgram(join(app, 'resources/valetkey'), ['--version'], { PATH: '/nonexistent' })
    expect(stdout).toBe(`${ourVersion}\n`)
  })

  it('is reached through the fast path, which gives tokens itself', async () => {
    const broker = await startStandIn()
    broker.routes.set('token', () => ({ value: tokenAnswer('at-packaged') }))
    const command = join(workplace.folder, 'valetkey')
    symlinkSync(join(app, 'resources/valetkey-token'), command)
    try {
      const env = { PATH: '/nonexistent', HOME: broker.home, VALETKEY_HOME: broker.home }
      const full = { code: 0, stdout: `${ourVersion}\n`, stderr: '' }
      expect(await runProgram(command, ['--version'], env)).toEqual(full)
      const fast = { code: 0, stdout: 'at-packaged\n', stderr: '' }
      expect(await runProgram(command, ['token', 'ada'], env)).toEqual(fast)
      const unknown = await runProgram(command, ['token', 'ada', '--unknown'], env)
      expect(unknown).toMatchObject({ code: 2, stdout: '' })
      expect(unknown.stderr).toContain('There is no option "--unknown".')
    } finally {
      await broker.close()
    }
  })
})
