/**
 * `native-host`: the way in for browser extensions. The rule: only what was written by us is written over or removed, a
 * link in its place is refused, and an extension is let in by its id alone, named by the person.
 */
import { lstatSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isSea } from 'node:sea'
import { BrokerError } from '../../contract/errors.ts'
import type { HomePaths } from '../../contract/home.ts'
import {
  browsers,
  type Browser,
  isChromeId,
  isMozillaId,
  launcherText,
  manifestPath,
  manifestText,
} from '../native-manifests.ts'
import { printJson, say } from '../output.ts'
import { printTable } from '../table.ts'
import { pathsOf } from '../place.ts'
import { readPrivateFile } from '../trust.ts'
import { writeWhole } from '../whole-file.ts'
import type { Session } from './session.ts'

export interface NativeHostOptions {
  readonly browser?: readonly string[]
  readonly extensionId?: readonly string[]
}

interface State {
  readonly browser: Browser
  readonly manifest: string
  readonly state: 'installed' | 'not installed' | 'not ours'
  readonly extensions: readonly string[]
}

/** Writes the manifests and lets the extensions in, beside those let in before. */
export function installNativeHost(session: Session, options: NativeHostOptions): void {
  const paths = pathsOf(session.env)
  const wanted = options.extensionId ?? []
  const odd = wanted.find((id) => !isChromeId(id) && !isMozillaId(id))
  if (odd !== undefined)
    throw new BrokerError('invalid_request', `${JSON.stringify(odd.slice(0, 64))} is no extension id.`)
  const extensions = [...new Set([...allowed(paths), ...wanted])]
  if (extensions.length === 0)
    throw new BrokerError('invalid_request', 'Say which extension may use it.', {
      resolve: { command: 'valetkey native-host install --extension-id ID' },
    })
  const places = chosen(session, options)
  for (const { path } of places) requireOurs(path)
  mkdirSync(paths.home, { recursive: true, mode: 0o700 })
  const program = programFor(paths)
  writeWhole(paths.nativeHost, `${JSON.stringify({ extensions })}\n`, 0o600)
  for (const { browser, path } of places) {
    const text = manifestText(browser, program, extensions)
    if (text === undefined) continue
    mkdirSync(dirname(path), { recursive: true })
    writeWhole(path, text, 0o644)
  }
  report(session, places)
}

/** Removes every manifest of ours, or those of the browsers named; with the last one goes the list of extensions. */
export function uninstallNativeHost(session: Session, options: NativeHostOptions): void {
  const paths = pathsOf(session.env)
  const places = chosen(session, options)
  for (const { path } of places) if (stateOf(path) === 'installed') rmSync(path)
  if (chosen(session, {}).every(({ path }) => stateOf(path) !== 'installed')) {
    rmSync(paths.nativeHost, { force: true })
    rmSync(paths.nativeHostFolder, { recursive: true, force: true })
  }
  report(session, places)
}

export function showNativeHost(session: Session, options: NativeHostOptions): void {
  report(session, chosen(session, options))
}

interface Place {
  readonly browser: Browser
  readonly path: string
}

function chosen({ env }: Session, { browser: named }: NativeHostOptions): readonly Place[] {
  const { HOME: home = '' } = env
  const all = named ?? browsers
  const odd = all.find((name) => !browsers.some((browser) => browser === name))
  if (odd !== undefined)
    throw new BrokerError(
      'invalid_request',
      `There is no browser ${JSON.stringify(odd.slice(0, 64))} here; there is: ${browsers.join(', ')}.`,
    )
  return browsers.flatMap((browser) => {
    const path = all.includes(browser) ? manifestPath(browser, home, process.platform) : undefined
    if (path === undefined && all.includes(browser))
      throw new BrokerError('invalid_request', 'On this system the native-messaging host has to be registered by hand.')
    return path === undefined ? [] : [{ browser, path }]
  })
}

/** What the manifest names: a script that starts the host in this home, on this Node or from this single executable. */
function programFor(paths: HomePaths): string {
  const script = join(paths.nativeHostFolder, 'valetkey-native-host')
  mkdirSync(paths.nativeHostFolder, { recursive: true, mode: 0o700 })
  const command = isSea() ? [process.execPath] : [process.execPath, join(import.meta.dirname, 'native-host.cjs')]
  writeWhole(script, launcherText(command, paths.home), 0o700)
  return script
}

function allowed(paths: HomePaths): readonly string[] {
  const text = readPrivateFile(paths.nativeHost)
  if (text === null) return []
  try {
    const { extensions } = JSON.parse(text) as { readonly extensions?: unknown }
    return Array.isArray(extensions) ? extensions.filter((id): id is string => typeof id === 'string') : []
  } catch {
    return []
  }
}

function stateOf(path: string): State['state'] {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (!found) return 'not installed'
  return found.isFile() && nameIn(path) === 'app.valetkey' ? 'installed' : 'not ours'
}

function nameIn(path: string): unknown {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { readonly name?: unknown }).name
  } catch {
    return undefined
  }
}

function requireOurs(path: string): void {
  if (stateOf(path) === 'not ours')
    throw new BrokerError('access_denied', `${path} is a link or not a manifest of Valetkey; nothing was written.`)
}

function report(session: Session, places: readonly Place[]): void {
  const extensions = allowed(pathsOf(session.env))
  const states: readonly State[] = places.map(({ browser, path }) => ({
    ...{ browser, manifest: path, state: stateOf(path) },
    extensions: extensions.filter(browser === 'firefox' ? isMozillaId : isChromeId),
  }))
  if (session.json) printJson({ browsers: states })
  else {
    printTable(
      ['browser', 'state', 'manifest'],
      states.map(({ browser, state, manifest }) => [browser, state, manifest]),
      '',
    )
    say(extensions.length === 0 ? 'no extension may use it' : `extensions that may use it: ${extensions.join(' ')}`)
  }
}
