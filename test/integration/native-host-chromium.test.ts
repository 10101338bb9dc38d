/** A real extension in a real Chromium, through the browser's own channel to the real daemon: paired, allowed, served. */
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium, type BrowserContext, type Worker } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startIdentityProvider, type IdentityProvider } from '../fakes/identity-provider.ts'
import { startDaemon, until, type RunningDaemon } from '../setup/daemon.ts'
import { approve, linkAccount } from '../setup/link.ts'
import { chromiumArguments, findChromium } from '../setup/system-packages.ts'

type Message = Readonly<Record<string, unknown>>

let daemon: RunningDaemon
let provider: IdentityProvider
let context: BrowserContext
let known: Worker
let stranger: Worker

/** An unpacked extension's id: its path's hash, hex digits as letters from `a` (Chromium, crx_file/id_util.cc). */
const idOf = (folder: string): string =>
  Array.from(createHash('sha256').update(folder).digest('hex').slice(0, 32))
    .map((digit) => String.fromCodePoint(97 + Number.parseInt(digit, 16)))
    .join('')

function writeExtension(folder: string, name: string): void {
  mkdirSync(folder, { recursive: true })
  const manifest = { manifest_version: 3, name, version: '1', permissions: ['nativeMessaging'] }
  writeFileSync(
    join(folder, 'manifest.json'),
    JSON.stringify({ ...manifest, background: { service_worker: 'worker.js' } }),
  )
  writeFileSync(
    join(folder, 'worker.js'),
    `self.answers = []
    self.open = () => {
      const port = chrome.runtime.connectNative('app.valetkey')
      port.onMessage.addListener((message) => self.answers.push(message))
      port.onDisconnect.addListener(() => self.answers.push({ id: 'gone', why: chrome.runtime.lastError?.message }))
      self.port = port
    }`,
  )
}

beforeAll(async () => {
  provider = await startIdentityProvider({ access_ttl: 3600 })
  daemon = await startDaemon({ args: ['--insecure-key-file'] })
  await linkAccount(daemon, provider, { login: 'ada' })
  const { home } = daemon.paths
  const folders = [join(home, 'known'), join(home, 'stranger')] as const
  writeExtension(folders[0], 'Known')
  writeExtension(folders[1], 'Stranger')
  const installed = await daemon.cli([
    'native-host',
    'install',
    '--browser',
    'chromium',
    '--extension-id',
    idOf(folders[0]),
  ])
  if (installed.code !== 0) throw new Error(installed.stderr)
  // The place where a person's Chromium keeps its profile, and looks for hosts.
  context = await chromium.launchPersistentContext(join(home, '.config/chromium'), {
    executablePath: findChromium() ?? '',
    args: chromiumArguments(
      `--disable-extensions-except=${folders.join(',')}`,
      `--load-extension=${folders.join(',')}`,
    ),
    env: { HOME: home, PATH: process.env['PATH'] ?? '' },
  })
  const worker = (folder: string): Promise<Worker> =>
    until(() => context.serviceWorkers().find((one) => one.url().includes(idOf(folder))))
  known = await worker(folders[0])
  stranger = await worker(folders[1])
}, 60_000)
afterAll(async () => {
  await context.close()
  await daemon.stop()
  await provider.stop()
})

interface Extension {
  answers: Message[]
  open(): void
}
const answersOf = (worker: Worker): Promise<readonly Message[]> =>
  worker.evaluate(() => (globalThis as unknown as Extension).answers)
const open = (worker: Worker): Promise<void> =>
  worker.evaluate(() => {
    ;(globalThis as unknown as Extension).open()
  })
const post = (message: Message): Promise<unknown> => known.evaluate(`self.port.postMessage(${JSON.stringify(message)})`)
const answer = (id: string, member: string): Promise<Message> =>
  until(async () => (await answersOf(known)).find((one) => one['id'] === id && member in one))

/** Types the code the extension was shown. */
async function allow(id: string): Promise<void> {
  const { pending } = (await answer(id, 'pending')) as {
    readonly pending: { readonly request_id: string; readonly code: string }
  }
  await approve(daemon, pending.request_id, pending.code)
}

describe('an extension', () => {
  it('that the person named is paired, asks, and gets a token that works', { timeout: 60_000 }, async () => {
    await open(known)
    await post({ id: 'pair', call: 'pair', argument: { name: 'Known', kind: 'extension' } })
    await allow('pair')
    const { value } = (await answer('pair', 'value')) as { readonly value: { readonly client_token: string } }
    await post({
      ...{ id: 'token', call: 'token', client_token: value.client_token },
      argument: { account: 'ada', interaction: 'prompt', timeout: 30 },
    })
    await allow('token')
    const token = (await answer('token', 'value')) as { readonly value: { readonly access_token: string } }
    expect(await provider.isActive(token.value.access_token)).toBe(true)
    await post({ id: 'accounts', call: 'accounts', client_token: value.client_token })
    expect(await answer('accounts', 'value')).toMatchObject({ value: { accounts: [{ label: 'ada' }] } })
  })

  it('that the person did not name gets nothing from browser or host', { timeout: 30_000 }, async () => {
    await open(stranger)
    const [gone] = await until(async () => {
      const answers = await answersOf(stranger)
      return answers.length > 0 ? answers : undefined
    })
    expect(gone).toMatchObject({ id: 'gone', why: expect.stringMatching(/forbidden/u) as string })
  })
})
