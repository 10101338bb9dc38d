/**
 * The built desktop app in a throw-away home, for a spec. The rule: what a spec starts it ends, by pid, and its home goes
 * with it; nothing is waited for but a condition; and no app is ended before everything it showed, said and sent to its
 * pages was searched for tokens.
 */
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { errors, type Page } from 'playwright-core'
import { homePaths, parseEndpointFile, type EndpointFile, type HomePaths } from '../../main/contract/home.ts'
import type { Snapshot, WindowApi, WindowResult } from '../../main/contract/window-api.ts'
import { type Desktop, type DesktopOptions, launchDesktop } from '../electron-double/launch.ts'
import { issuedTokens } from '../fakes/identity-provider.ts'
import { collect, type CommandResult, runCli, startCli, until } from '../setup/daemon.ts'
import { writeWitness } from './witness.ts'

export interface Place {
  /** Stands for the person's home folder. */
  readonly folder: string
  /** Valetkey's own. */
  readonly paths: HomePaths
  remove(): void
}

export interface DesktopApp extends Desktop {
  readonly place: Place
  readonly paths: HomePaths
  /** The main window's page; waits for one that is not in `seen`. */
  main(seen?: readonly Page[]): Promise<Page>
  /** The page of the question that stands on the screen; waits for one that is not in `seen`. */
  prompt(seen?: readonly Page[]): Promise<Page>
  /** What the app wrote to standard error so far. */
  output(): string
  /** Addresses the person's browser was asked to open. */
  opened(): readonly string[]
  cli(args: readonly string[], input?: string): Promise<CommandResult>
  /** Starts the app once more, with these arguments, and waits for the end of that process. */
  second(...args: readonly string[]): Promise<number | null>
  /** Quits as a person does, waits, and answers the exit status. */
  quit(): Promise<number | null>
  readonly pid: number
  /** Its exit status, when it has ended by whatever cause. */
  readonly ended: Promise<number | null>
  /** Ends it however it stands; the place goes too if it is its own. */
  end(): Promise<void>
}

interface Preload {
  readonly valetkey: Readonly<Record<string, (argument?: unknown) => Promise<WindowResult<unknown>>>>
}

/** A folder whose name leaves room for a socket's. */
export function newPlace(): Place {
  const folder = mkdtempSync(join(tmpdir(), 'vkd-'))
  return {
    folder,
    paths: homePaths({ VALETKEY_HOME: join(folder, 'vk') }, process.platform),
    remove: () => {
      rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

export interface StartOptions {
  readonly place?: Place
  readonly args?: readonly string[]
  readonly env?: DesktopOptions['env']
}

export async function startApp(options: StartOptions = {}): Promise<DesktopApp> {
  const place = options.place ?? newPlace()
  const openedFile = join(place.folder, 'opened.txt')
  const browser = join(place.folder, 'browser.sh')
  writeFileSync(browser, `#!/bin/sh\nprintf '%s\\n' "$1" >> '${openedFile}'\n`, { mode: 0o755 })
  const env = { VALETKEY_HOME: place.paths.home, BROWSER: browser, ...options.env }
  const desktop = await launchDesktop({
    home: place.folder,
    preloads: [writeWitness(place.folder)],
    args: options.args ?? [],
    env,
  })
  const child = desktop.app.process()
  const output: string[] = []
  child.stderr?.setEncoding('utf8').on('data', (text: string) => output.push(text))
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  const isRunning = (): boolean => child.exitCode === null && child.signalCode === null
  const pageWhere = (fits: (page: Page) => boolean): Promise<Page> => until(() => desktop.app.windows().find(fits))
  const app: DesktopApp = {
    ...desktop,
    place,
    paths: place.paths,
    main: (seen = []) =>
      pageWhere((page) => page.url() !== '' && page.url() !== 'about:blank' && !isPrompt(page) && !seen.includes(page)),
    prompt: (seen = []) => pageWhere((page) => isPrompt(page) && !seen.includes(page)),
    output: () => output.join(''),
    opened: () => (existsSync(openedFile) ? readFileSync(openedFile, 'utf8').trim().split('\n') : []),
    cli: (args, input = '') => runCli(place.paths.home, args, { input }),
    second: async (...args) => {
      const { executable, args: first, env: given } = desktop.command
      const { code } = await collect(spawn(executable, [...first, ...args], { env: given }))
      return code
    },
    pid: child.pid ?? 0,
    ended,
    quit: async () => {
      await expectNoToken(app)
      await desktop.app.evaluate(({ app: electron }) => {
        electron.quit()
      })
      return ended
    },
    end: async () => {
      try {
        if (isRunning()) await expectNoToken(app)
      } finally {
        if (isRunning()) await desktop.app.close()
      }
      if (options.place === undefined) place.remove()
    },
  }
  await until(() => {
    if (!isRunning()) throw new Error(`the app ended before it was ready:\n${output.join('')}`)
    return readEndpoint(place.paths)?.pid === child.pid ? true : undefined
  })
  return app
}

/** A client token, or a signed one of a provider (RFC 7519); opaque ones are known by name. */
const tokenShaped = /vkc_[\w-]{40}|\beyJ[\w-]{8,}\.[\w-]{8,}\./u

/** Searches the log, what every window holds and every message to and from the pages. */
async function expectNoToken(app: DesktopApp): Promise<void> {
  const windows = app.app.windows().map((page) =>
    page
      .evaluate(
        () =>
          document.documentElement.outerHTML +
          JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)]),
      )
      // It is closing, or about to be drawn anew.
      .catch(() => ''),
  )
  const messages = await app.app.evaluate(() => witness.messages.join('\n')).catch(() => '')
  const text = [app.output(), ...(await Promise.all(windows)), messages].join('\n')
  const found = [tokenShaped.exec(text)?.[0], ...(await issuedTokens()).filter((token) => text.includes(token))]
  for (const token of found) if (token !== undefined) throw new Error(`a token left the broker: ${token.slice(0, 8)}…`)
}

const isPrompt = (page: Page): boolean => page.url().includes('#/prompt/')

export function readEndpoint(paths: HomePaths): EndpointFile | undefined {
  try {
    return parseEndpointFile(JSON.parse(readFileSync(paths.endpointFile, 'utf8')), '')
  } catch {
    return undefined
  }
}

/** One call from a page, as its own scripts make it. */
export function call<Name extends keyof WindowApi>(
  page: Page,
  name: Name,
  argument?: Parameters<WindowApi[Name]>[0],
): Promise<WindowResult<Awaited<ReturnType<WindowApi[Name]>>>> {
  return page.evaluate(([method, given]) => (window as unknown as Preload).valetkey[method]?.(given), [
    name,
    argument,
  ] as const) as Promise<WindowResult<Awaited<ReturnType<WindowApi[Name]>>>>
}

export async function snapshotOf(page: Page): Promise<Snapshot> {
  const result = await call(page, 'snapshot')
  if (!result.ok) throw new Error(result.error.error_description)
  return result.value
}

/**
 * Says yes with the button of this name, as soon as that counts: the page counts its second from its first picture, the app
 * from the moment the window is on the screen, so on a slow machine a first press may still be too early.
 */
export async function allow(page: Page, name: string | RegExp): Promise<void> {
  const button = page.getByRole('button', { name })
  await until(async () => {
    if (page.isClosed()) return true
    await button.click({ timeout: 2000 }).catch((thrown: unknown) => {
      if (!page.isClosed() && !(thrown instanceof errors.TimeoutError)) throw thrown
    })
    return page.isClosed() ? true : undefined
  }, 45_000)
}

/** Says no from the keyboard. The window goes with the key, so the press itself may never be reported. */
export async function pressEscape(page: Page): Promise<void> {
  await page.keyboard.press('Escape').catch((thrown: unknown) => {
    if (!page.isClosed()) throw thrown
  })
}

/** A program that asks to be paired, by the command line; it waits for the person. */
export function askToPair(app: DesktopApp, name: string): Promise<CommandResult> {
  const child = startCli(app.paths.home, ['pair', name, '--json'])
  child.stdin?.end()
  return collect(child)
}
