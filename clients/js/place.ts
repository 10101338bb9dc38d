/**
 * Where the broker is on this machine, and whether what is there can only be ours. The rule: a socket in a folder that is
 * ours alone is trusted by its place; everything else has to prove itself with the key the broker left in that folder.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, type Stats } from 'node:fs'
import { dirname, join } from 'node:path'
import type { EndpointFile } from '../../main/contract/home.ts'
import { ValetkeyError } from './error.ts'

export interface ConnectOptions {
  /** The broker's socket (or pipe); by default `VALETKEY_SOCK`, else the one of the home folder. */
  readonly socket?: string
  /** `http://127.0.0.1:PORT` instead; by default `VALETKEY_URL` where there is no `VALETKEY_SOCK`. */
  readonly url?: string
  /** The token this program was given when it was paired; by default `VALETKEY_CLIENT_TOKEN`. */
  readonly clientToken?: string
  /** Valetkey's folder; by default `VALETKEY_HOME`, else the usual place. */
  readonly home?: string
  /** The broker's key (Ed25519, raw, base64url), if it is known better than from the home folder. */
  readonly publicKey?: string
}

export type Environment = Readonly<Record<string, string | undefined>>

export type Address =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'tcp'; readonly port: number; readonly name: string }

/** The usual home folder. Throws `invalid_request` where none can be told. */
export function homeFolder(env: Environment, platform: string): string {
  const given = env['VALETKEY_HOME']
  if (given !== undefined) return given
  if (platform === 'win32' && env['LOCALAPPDATA']) return `${env['LOCALAPPDATA']}\\Valetkey`
  if (platform === 'darwin' && env['HOME']) return `${env['HOME']}/Library/Application Support/Valetkey`
  if (platform !== 'win32' && env['XDG_DATA_HOME']?.startsWith('/')) return `${env['XDG_DATA_HOME']}/valetkey`
  if (platform !== 'win32' && env['HOME']) return `${env['HOME']}/.local/share/valetkey`
  throw new ValetkeyError('invalid_request', 'Cannot tell where Valetkey lives: set VALETKEY_HOME.')
}

/** Where to connect to. Throws `invalid_request`, and `not_running` where a pipe's name is not announced. */
export function findBroker(options: ConnectOptions, env: Environment, platform: string): Address {
  const named =
    options.socket ?? (options.url === undefined && options.home === undefined ? env['VALETKEY_SOCK'] : undefined)
  if (named) return { kind: 'socket', path: named }
  const url = options.url ?? (options.home === undefined ? env['VALETKEY_URL'] : undefined)
  if (url) {
    const port = Number(/^http:\/\/127\.0\.0\.1:(\d{1,5})\/?$/u.exec(url)?.[1])
    if (!(port >= 1 && port <= 65_535))
      throw new ValetkeyError('invalid_request', 'The URL must be http://127.0.0.1:PORT.')
    return { kind: 'tcp', port, name: `127.0.0.1:${String(port)}` }
  }
  const home = options.home ?? homeFolder(env, platform)
  if (platform !== 'win32') return { kind: 'socket', path: join(home, 'run', 'broker.sock') }
  const announced = readEndpointFile(home)
  if (announced === null) throw notRunning(home)
  return { kind: 'socket', path: announced.socket }
}

export function notRunning(where: string, cause?: unknown): ValetkeyError {
  return new ValetkeyError('not_running', `Valetkey is not running (nothing answers at ${where}).`, {
    cause,
    resolve: { command: 'valetkey daemon' },
  })
}

/** Whether only we could have put this socket there: it and its folder are ours, and nobody else may enter the folder. */
export function isOurs(path: string): boolean {
  const uid = process.geteuid?.()
  if (uid === undefined) return false
  const folder = look(dirname(path))
  const socket = look(path)
  return isPrivateFolder(folder, uid) && socket?.isSocket() === true && socket.uid === uid
}

function isPrivateFolder(stats: Stats | undefined, uid: number): boolean {
  return stats?.isDirectory() === true && stats.uid === uid && (stats.mode & 0o077) === 0
}

function look(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false })
}

/** `run/endpoint.json`, if it is there and only we could have written it; else `null`. */
export function readEndpointFile(home: string): EndpointFile | null {
  const uid = process.geteuid?.()
  const folder = join(home, 'run')
  if (uid !== undefined && !isPrivateFolder(look(folder), uid)) return null
  let descriptor: number | undefined
  try {
    const flags = uid === undefined ? 'r' : constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    descriptor = openSync(join(folder, 'endpoint.json'), flags)
    const stats = fstatSync(descriptor)
    if (!stats.isFile() || (uid !== undefined && (stats.uid !== uid || (stats.mode & 0o077) !== 0))) return null
    const file = JSON.parse(readFileSync(descriptor, 'utf8')) as Partial<EndpointFile>
    return typeof file.public_key === 'string' && typeof file.socket === 'string' ? (file as EndpointFile) : null
  } catch {
    return null
  } finally {
    if (descriptor !== undefined) closeSync(descriptor)
  }
}
