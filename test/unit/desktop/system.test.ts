/** What the operating system is told and asked: the scheme, the login item, the lock on the home. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { homePaths } from '../../../main/contract/home.ts'
import { followLoginItem, setLoginItem } from '../../../main/desktop/login-item.ts'
import { ownHome } from '../../../main/desktop/ownership.ts'
import { registerScheme, schemeIsOurs, type SchemeHost } from '../../../main/desktop/scheme.ts'
import { registerSchemeHandler } from '../../../main/oauth/linux-scheme.ts'
import { prepareHome } from '../../../main/vault/home.ts'
import { snapshot } from './snapshot.ts'

const nothing = (): undefined => undefined

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'valetkey-desktop-'))
  onTestFinished(() => {
    rmSync(path, { recursive: true, force: true })
  })
  return path
}

/** A Linux session with its own MIME database; `getApplicationNameForProtocol` asks it as Electron does. */
function linux(): SchemeHost & { readonly logged: string[] } {
  const home = folder()
  const env = {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_DATA_HOME: join(home, 'data'),
    XDG_CONFIG_HOME: join(home, 'config'),
  }
  mkdirSync(env.XDG_CONFIG_HOME)
  const logged: string[] = []
  return {
    env,
    logged,
    platform: 'linux',
    command: ['/opt/electron dist/electron', '/work/100% mine'],
    packaged: false,
    log: (_level, event, fields) => void logged.push(`${event} ${String(fields?.['file'] ?? '')}`),
    app: {
      getApplicationNameForProtocol: () => {
        const list = join(env.XDG_CONFIG_HOME, 'mimeapps.list')
        const text = existsSync(list) ? readFileSync(list, 'utf8') : ''
        return /^x-scheme-handler\/app\.valetkey=([^;\n]*)/mu.exec(text)?.[1] ?? ''
      },
      isDefaultProtocolClient: () => false,
      setAsDefaultProtocolClient: () => {
        throw new Error('runs xdg-settings on Linux')
      },
    },
  }
}

describe('the scheme on Linux', () => {
  it('is ours once development has registered it, with a command that stays as many words', async () => {
    const host = linux()
    expect(await schemeIsOurs(host)).toBe(false)
    await registerScheme(host)
    expect(await schemeIsOurs(host)).toBe(true)
    const entry = readFileSync(
      join(host.env['XDG_DATA_HOME'] ?? '', 'applications', 'valetkey-development.desktop'),
      'utf8',
    )
    expect(entry).toContain('Exec=env "/opt/electron dist/electron" "/work/100%% mine" %u\n')
  })

  it('is not taken from another program, nor used while another has it', async () => {
    const host = linux()
    await registerSchemeHandler({ id: 'other.desktop', name: 'Other', command: ['env'] }, host.env)
    await registerScheme(host)
    expect(await schemeIsOurs(host)).toBe(false)
    expect(host.logged).toEqual(['scheme.taken other.desktop'])
  })

  it('is taken over from our own daemon', async () => {
    const host = linux()
    await registerSchemeHandler({ id: 'valetkey-callback.desktop', name: 'Daemon', command: ['env'] }, host.env)
    await registerScheme(host)
    expect(await schemeIsOurs(host)).toBe(true)
  })

  it('is the package’s to register, and development’s handler is not the package’s', async () => {
    const host = linux()
    await registerScheme(host)
    expect(await schemeIsOurs({ ...host, packaged: true })).toBe(false)
    const fresh = linux()
    await registerScheme({ ...fresh, packaged: true })
    expect(existsSync(join(fresh.env['XDG_DATA_HOME'] ?? '', 'applications'))).toBe(false)
  })
})

describe('the scheme elsewhere', () => {
  const windows = (now: string): { readonly host: SchemeHost; readonly set: unknown[] } => {
    const set: unknown[] = []
    const app = {
      getApplicationNameForProtocol: () => now,
      isDefaultProtocolClient: (...given: unknown[]) => now === 'Valetkey' && given.length === 3,
      setAsDefaultProtocolClient: (...given: unknown[]) => set.push(given) > 0,
    }
    return { set, host: { app, platform: 'win32', env: {}, command: ['C:\\v.exe'], packaged: true, log: nothing } }
  }

  it('is registered on Windows when nobody has it', async () => {
    const { host, set } = windows('')
    await registerScheme(host)
    expect(set).toEqual([['app.valetkey', 'C:\\v.exe', []]])
    expect(await schemeIsOurs(host)).toBe(false)
  })

  it('is left to who has it', async () => {
    const { host, set } = windows('Other')
    await registerScheme(host)
    expect(set).toEqual([])
    expect(await schemeIsOurs(host)).toBe(false)
    expect(await schemeIsOurs(windows('Valetkey').host)).toBe(true)
  })
})

describe('the login item', () => {
  it('is a file of the session’s autostart on Linux, and goes again', () => {
    const { env, command, log } = linux()
    const host = { app: { setLoginItemSettings: nothing }, platform: 'linux', env, command, log }
    const file = join(env['XDG_CONFIG_HOME'] ?? '', 'autostart', 'valetkey.desktop')
    setLoginItem(host, true)
    expect(readFileSync(file, 'utf8')).toContain('Exec="/opt/electron dist/electron" "/work/100%% mine" --hidden\n')
    setLoginItem(host, false)
    expect(existsSync(file)).toBe(false)
  })

  it('is the system’s own setting elsewhere, told once per change', () => {
    const told: unknown[] = []
    const app = { setLoginItemSettings: (settings: unknown) => void told.push(settings) }
    const follow = followLoginItem({ app, platform: 'win32', env: {}, command: ['C:\\v.exe'], log: nothing })
    const { preferences } = snapshot()
    for (const launch_at_login of [false, true, true, false])
      follow(snapshot({ preferences: { ...preferences, launch_at_login } }))
    const settings = { path: 'C:\\v.exe', args: ['--hidden'] }
    expect(told).toEqual([false, true, false].map((openAtLogin) => ({ openAtLogin, ...settings })))
  })
})

describe('the lock on the home', () => {
  it('is had at once when nobody has it', async () => {
    const paths = homePaths({ VALETKEY_HOME: join(folder(), 'home') }, process.platform)
    prepareHome(paths)
    const ownership = await ownHome(paths, nothing)
    ownership.release()
    expect(await ownHome(paths, nothing)).toHaveProperty('release')
  })

  it('is refused, with a sentence, when its owner is no daemon and keeps it; and had when that process dies', async () => {
    const paths = homePaths({ VALETKEY_HOME: join(folder(), 'home') }, process.platform)
    prepareHome(paths)
    const lock = new URL('../../../main/vault/owner-lock.ts', import.meta.url).href
    const script = `const { takeOwnership } = await import(${JSON.stringify(lock)})
      takeOwnership(process.argv[1]); process.stdout.write('held'); setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, paths.ownerLock], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => {
      child.kill('SIGKILL')
    })
    await new Promise((resolve) => child.stdout.once('data', resolve))
    await expect(ownHome(paths, nothing, 200)).rejects.toMatchObject({ code: 'temporarily_unavailable' })
    const waiting = ownHome(paths, nothing)
    child.kill('SIGKILL')
    expect(await waiting).toHaveProperty('release')
  })
})
