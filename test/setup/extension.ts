/**
 * A real Chromium with extensions, in the home of a running daemon, and an API that takes an account's tokens. The rule:
 * extensions are loaded as a person loads them, from folders; what a page of theirs shows is read from the page.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { chromium, type BrowserContext, type Worker } from 'playwright-core'
import type { AccessRequest } from '../../main/contract/model.ts'
import type { IdentityProvider } from '../fakes/identity-provider.ts'
import { type RunningDaemon, until } from './daemon.ts'
import { approve } from './link.ts'
import { chromiumArguments, findChromium } from './system-packages.ts'

/** The sample extension as it was built. */
export const sampleFolder = resolve(import.meta.dirname, '../../dist/browser-extension')

/** Letters from `a` for the digits of a hash (Chromium, crx_file/id_util.cc). */
const idFrom = (bytes: string | Buffer): string =>
  Array.from(createHash('sha256').update(bytes).digest('hex').slice(0, 32))
    .map((digit) => String.fromCodePoint(97 + Number.parseInt(digit, 16)))
    .join('')

interface Manifest {
  readonly key?: string
}

/** An unpacked extension's id: of its key, or else of its path. */
export function idOf(folder: string): string {
  const { key } = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest
  return idFrom(key === undefined ? folder : Buffer.from(key, 'base64'))
}

/** An extension of these files, with more in its manifest. */
export function writeExtension(
  folder: string,
  manifest: Readonly<Record<string, unknown>>,
  files: Readonly<Record<string, string>>,
): string {
  mkdirSync(folder, { recursive: true })
  const whole = { manifest_version: 3, version: '1', ...manifest }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(whole))
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
  return folder
}

/** The sample with a content script of the test's own, under the sample's own id. */
export function sampleWithContentScript(folder: string, matches: readonly string[], script: string): string {
  cpSync(sampleFolder, folder, { recursive: true })
  const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Readonly<Record<string, unknown>>
  return writeExtension(
    folder,
    { ...manifest, content_scripts: [{ matches, js: ['content.js'], run_at: 'document_start' }] },
    { 'content.js': script },
  )
}

/** A browser with these extensions, in the place where a person's Chromium keeps its profile and looks for hosts. */
export async function startBrowser(
  home: string,
  folders: readonly string[],
  args: readonly string[] = [],
): Promise<BrowserContext> {
  return chromium.launchPersistentContext(join(home, '.config/chromium'), {
    executablePath: findChromium() ?? '',
    args: chromiumArguments(
      `--disable-extensions-except=${folders.join(',')}`,
      `--load-extension=${folders.join(',')}`,
      ...args,
    ),
    env: { HOME: home, PATH: process.env['PATH'] ?? '' },
  })
}

/** The extension's service worker, once it runs. */
export const workerOf = (context: BrowserContext, folder: string): Promise<Worker> =>
  until(() => context.serviceWorkers().find((one) => one.url().includes(idOf(folder))))

/** Lets the extension in through native messaging; throws with what was said when that fails. */
export async function install(daemon: RunningDaemon, folder: string): Promise<void> {
  const { code, stderr } = await daemon.cli([
    ...['native-host', 'install', '--browser', 'chromium', '--extension-id', idOf(folder)],
  ])
  if (code !== 0) throw new Error(stderr)
}

/** The questions that wait for the person. */
export async function questions(daemon: RunningDaemon): Promise<readonly AccessRequest[]> {
  const { stdout } = await daemon.cli(['requests', '--json'])
  return (JSON.parse(stdout) as { readonly requests: readonly AccessRequest[] }).requests
}

/** Waits for the one question, types the code that the extension shows, and answers the question. */
export async function allow(daemon: RunningDaemon, code: string): Promise<AccessRequest> {
  const question = await until(async () => (await questions(daemon))[0])
  await approve(daemon, question.id, code, question.kind === 'pair' ? [] : ['--for', 'always'])
  return question
}

export interface Listener {
  readonly origin: string
  readonly port: number
  stop(): Promise<void>
}

/** A server on a free port of 127.0.0.1, or on this one. */
export async function listen(handle: RequestListener, port = 0): Promise<Listener> {
  const server = createServer(handle)
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const actual = (server.address() as AddressInfo).port
  return {
    origin: `http://127.0.0.1:${String(actual)}`,
    port: actual,
    stop: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

export interface Api extends Listener {
  /** What was asked of it: the token, and the status it was answered with. */
  readonly calls: { readonly authorization: string; readonly status: number }[]
  /** Takes this token no more, whatever its provider says. */
  refuse(token: string): void
}

/** An API as OAuth means it (RFC 6750): 200 for a token its provider calls active (RFC 7662), else 401. */
export async function startApi(provider: IdentityProvider): Promise<Api> {
  const calls: Api['calls'] = []
  const refused = new Set<string>()
  const listener = await listen((request, response) => {
    const { authorization = '' } = request.headers
    const token = authorization.replace(/^Bearer /u, '')
    void provider.isActive(token).then((active) => {
      const isActive = active && !refused.has(token)
      calls.push({ authorization, status: isActive ? 200 : 401 })
      response
        .writeHead(isActive ? 200 : 401, {
          'Content-Type': 'application/json',
          ...(!isActive && { 'WWW-Authenticate': 'Bearer error="invalid_token"' }),
        })
        .end(JSON.stringify(isActive ? { hello: 'ada' } : { error: 'invalid_token' }))
    })
  })
  return { ...listener, calls, refuse: (token) => void refused.add(token) }
}
