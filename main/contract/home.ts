/**
 * Where Valetkey lives on disk, as names only. The rule: every process finds every other through this file, so that the
 * command line, the daemon and the desktop cannot disagree. No imports: callers pass the environment in.
 */
import { base64url, integer, object, oneOf, optional, text } from './parse.ts'
import { BrokerError } from './errors.ts'

export interface HomePaths {
  readonly home: string
  readonly vault: string
  readonly activity: string
  readonly backups: string
  readonly preferences: string
  /** The command line's own client token, 0600. */
  readonly cliToken: string
  /** The client tokens of what this program runs for others (`mcp`), 0600 each. */
  readonly clients: string
  /** Provider definitions of the person's own. */
  readonly providers: string
  /** Which of them the person has added. */
  readonly providerMarks: string
  /** Which browser extensions may use the native-messaging host, 0600; and the folder of what browsers start. */
  readonly nativeHost: string
  readonly nativeHostFolder: string
  /** The broker's Ed25519 identity, PKCS #8 PEM, 0600. */
  readonly identity: string
  readonly run: string
  readonly ownerLock: string
  readonly socket: string
  readonly control: string
  readonly endpointFile: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** `VALETKEY_HOME`, else the per-OS data folder. Throws `invalid_request` where no home can be told. */
export function homePaths(env: Environment, platform: string): HomePaths {
  const windows = platform === 'win32'
  const chosen = env['VALETKEY_HOME'] ?? defaultHome(env, platform)
  const home = (windows ? chosen.replaceAll('/', '\\') : chosen).replace(/[\\/]+$/u, '')
  // A folder of its own: the root of a drive or of the file system cannot be closed to others.
  if (!(windows ? /^([a-z]:\\|\\\\)[^\\]/iu : /^\/[^/]/u).test(home))
    throw new BrokerError(
      'invalid_request',
      `The home ${JSON.stringify(chosen)} must be an absolute path of a folder; set VALETKEY_HOME.`,
    )
  const at = (...names: readonly string[]): string => [home, ...names].join(windows ? '\\' : '/')
  const pipe = (name: string): string => `\\\\.\\pipe\\valetkey-${hash(home.toLowerCase())}-${name}`
  return {
    home: at(),
    vault: at('vault.db'),
    activity: at('activity.db'),
    backups: at('backups'),
    preferences: at('preferences.json'),
    cliToken: at('cli.token'),
    clients: at('clients'),
    providers: at('providers'),
    providerMarks: at('providers.json'),
    nativeHost: at('native-host.json'),
    nativeHostFolder: at('native-host'),
    identity: at('identity.pem'),
    run: at('run'),
    ownerLock: at('run', 'owner.lock'),
    socket: windows ? pipe('broker') : at('run', 'broker.sock'),
    control: windows ? pipe('control') : at('run', 'control.sock'),
    endpointFile: at('run', 'endpoint.json'),
  }
}

function defaultHome(env: Environment, platform: string): string {
  const base =
    platform === 'win32'
      ? env['LOCALAPPDATA'] && `${env['LOCALAPPDATA']}\\Valetkey`
      : platform === 'darwin'
        ? env['HOME'] && `${env['HOME']}/Library/Application Support/Valetkey`
        : env['XDG_DATA_HOME']?.startsWith('/')
          ? `${env['XDG_DATA_HOME']}/valetkey`
          : env['HOME'] && `${env['HOME']}/.local/share/valetkey`
  if (!base) throw new BrokerError('invalid_request', 'Cannot tell where to keep data: set HOME or VALETKEY_HOME.')
  return base
}

/** FNV-1a, to give each home its own pipe name; not a secret. */
function hash(value: string): string {
  let h = 0x811c9dc5
  for (let i = 0; i < value.length; i++) h = Math.imul(h ^ value.charCodeAt(i), 0x01000193) >>> 0
  return h.toString(16).padStart(8, '0')
}

/** `run/endpoint.json`: how to reach the broker, and by which key to know it. */
export interface EndpointFile {
  readonly version: string
  readonly host: 'desktop' | 'daemon'
  readonly pid: number
  /** Seconds since the epoch. */
  readonly started_at: number
  readonly socket: string
  readonly control: string
  /** `http://127.0.0.1:port` when loopback HTTP is on. */
  readonly url?: string
  /** Ed25519, raw, base64url. */
  readonly public_key: string
}

export const parseEndpointFile = object({
  version: text(64),
  host: oneOf('desktop', 'daemon'),
  pid: integer(1, Number.MAX_SAFE_INTEGER),
  started_at: integer(0, Number.MAX_SAFE_INTEGER),
  socket: text(4096),
  control: text(4096),
  url: optional(text(256)),
  public_key: base64url(43),
})
