/** Where things live on each system, and what is said when that cannot be told. */
import { describe, expect, it } from 'vitest'
import { homePaths, parseEndpointFile } from '../../../main/contract/home.ts'
import { refusal } from './refusal.ts'

type Environment = Readonly<Record<string, string | undefined>>

describe('the data folder', () => {
  it.each<[platform: string, env: Environment, home: string]>([
    ['linux', { HOME: '/home/ada' }, '/home/ada/.local/share/valetkey'],
    ['linux', { HOME: '/home/ada', XDG_DATA_HOME: '/data' }, '/data/valetkey'],
    // A relative path there must be ignored (XDG Base Directory Specification).
    ['linux', { HOME: '/home/ada', XDG_DATA_HOME: 'data' }, '/home/ada/.local/share/valetkey'],
    ['linux', { HOME: '/home/ada', XDG_DATA_HOME: '' }, '/home/ada/.local/share/valetkey'],
    ['linux', { XDG_DATA_HOME: '/data' }, '/data/valetkey'],
    ['linux', { HOME: '/home/ada', VALETKEY_HOME: '/srv/keys' }, '/srv/keys'],
    ['linux', { VALETKEY_HOME: '/srv/keys//' }, '/srv/keys'],
    ['freebsd', { HOME: '/home/ada' }, '/home/ada/.local/share/valetkey'],
    ['darwin', { HOME: '/Users/ada' }, '/Users/ada/Library/Application Support/Valetkey'],
    ['darwin', { HOME: '/Users/ada', XDG_DATA_HOME: '/data' }, '/Users/ada/Library/Application Support/Valetkey'],
    ['darwin', { VALETKEY_HOME: '/Volumes/Key/v' }, '/Volumes/Key/v'],
    [
      'win32',
      { LOCALAPPDATA: String.raw`C:\Users\ada\AppData\Local` },
      String.raw`C:\Users\ada\AppData\Local\Valetkey`,
    ],
    ['win32', { VALETKEY_HOME: String.raw`d:\keys` }, String.raw`d:\keys`],
    ['win32', { VALETKEY_HOME: 'D:/keys/' }, 'D:\\keys'],
    ['win32', { VALETKEY_HOME: String.raw`\\server\share\keys` }, String.raw`\\server\share\keys`],
  ])('%s %j: %s', (platform, env, home) => {
    expect(homePaths(env, platform).home).toBe(home)
  })

  it.each<[platform: string, env: Environment]>([
    ['linux', { VALETKEY_HOME: 'keys' }],
    ['linux', { VALETKEY_HOME: './keys' }],
    ['linux', { VALETKEY_HOME: '~/keys', HOME: '/home/ada' }],
    ['linux', { VALETKEY_HOME: '', HOME: '/home/ada' }],
    ['linux', { VALETKEY_HOME: String.raw`C:\keys` }],
    ['darwin', { VALETKEY_HOME: 'keys' }],
    ['win32', { VALETKEY_HOME: 'keys' }],
    ['win32', { VALETKEY_HOME: '/keys' }],
    ['win32', { VALETKEY_HOME: 'C:keys' }],
  ])('refuses, on %s, %j', (platform, env) => {
    expect(refusal(() => homePaths(env, platform))).toMatch(
      / must be an absolute path of a folder; set VALETKEY_HOME\.$/u,
    )
  })

  it.each(['linux', 'darwin', 'win32'])('says what to set when %s tells nothing', (platform) => {
    const sentence = 'Cannot tell where to keep data: set HOME or VALETKEY_HOME.'
    expect(refusal(() => homePaths({}, platform))).toBe(sentence)
    expect(refusal(() => homePaths({ HOME: '', LOCALAPPDATA: '' }, platform))).toBe(sentence)
  })
})

describe('the names in it', () => {
  it('are these', () => {
    expect(homePaths({ VALETKEY_HOME: '/h' }, 'linux')).toStrictEqual({
      home: '/h',
      vault: '/h/vault.db',
      activity: '/h/activity.db',
      backups: '/h/backups',
      preferences: '/h/preferences.json',
      cliToken: '/h/cli.token',
      clients: '/h/clients',
      identity: '/h/identity.pem',
      providers: '/h/providers',
      providerMarks: '/h/providers.json',
      nativeHost: '/h/native-host.json',
      nativeHostFolder: '/h/native-host',
      run: '/h/run',
      ownerLock: '/h/run/owner.lock',
      socket: '/h/run/broker.sock',
      control: '/h/run/control.sock',
      endpointFile: '/h/run/endpoint.json',
    })
  })

  it('are pipes on Windows, of its own for each home, and the same however its case is written', () => {
    const at = (home: string): string => homePaths({ VALETKEY_HOME: home }, 'win32').socket
    expect(at(String.raw`C:\keys`)).toMatch(/^\\\\\.\\pipe\\valetkey-[\da-f]{8}-broker$/u)
    expect(homePaths({ VALETKEY_HOME: String.raw`C:\keys` }, 'win32').control).toBe(
      at(String.raw`C:\keys`).replace('broker', 'control'),
    )
    expect(at(String.raw`c:\KEYS`)).toBe(at(String.raw`C:\keys`))
    expect(at(String.raw`C:\keys2`)).not.toBe(at(String.raw`C:\keys`))
    expect(homePaths({ VALETKEY_HOME: String.raw`C:\keys` }, 'win32').vault).toBe(String.raw`C:\keys\vault.db`)
  })
})

describe('the endpoint file', () => {
  const good = {
    version: '0.1.0',
    host: 'daemon',
    pid: 4711,
    started_at: 1_790_000_000,
    socket: '/h/run/broker.sock',
    control: '/h/run/control.sock',
    public_key: 'A'.repeat(43),
  } as const

  it('is read back as it was written', () => {
    expect(parseEndpointFile(good, '')).toStrictEqual(good)
    const withUrl = { ...good, url: 'http://127.0.0.1:4711' }
    expect(parseEndpointFile(withUrl, '')).toStrictEqual(withUrl)
  })

  it.each<[string, unknown, string]>([
    ['pid', 0, 'pid must be a whole number from 1 to 9007199254740991.'],
    ['pid', undefined, 'pid is missing.'],
    ['host', 'cloud', 'host must be one of desktop, daemon.'],
    ['socket', '', 'socket must be a text of 1 to 4096 characters.'],
    ['public_key', 'A', 'public_key must be base64url of 43 characters.'],
    ['token', 'x', 'token is not a known member.'],
  ])('is refused with %s = %j', (name, value, sentence) => {
    expect(refusal(() => parseEndpointFile({ ...good, [name]: value }, ''))).toBe(sentence)
  })
})
