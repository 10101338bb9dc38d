/**
 * A real Chromium for the tests of the window. The rule: a test that has no browser fails with the sentence that says
 * what to install, and every page is watched: an error in it, or something the content security policy stopped, fails
 * the test that caused it.
 */
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core'
import { chromiumArguments, findChromium } from '../setup/system-packages.ts'
import type { StandIn } from './stand-in-broker.ts'

/** `more`: arguments for this browser alone. */
export async function launchBrowser(...more: readonly string[]): Promise<Browser> {
  const executablePath = findChromium()
  if (executablePath === null)
    throw new Error(
      'No Chromium found. Install one (Debian and Ubuntu: apt-get install chromium; Fedora: dnf install chromium; macOS: brew install --cask chromium), or name an executable in CHROMIUM_PATH.',
    )
  return chromium.launch({ executablePath, args: chromiumArguments(...more) })
}

export interface View {
  readonly width?: number
  readonly height?: number
  readonly colorScheme?: 'light' | 'dark'
  readonly forcedColors?: 'active' | 'none'
}

export interface OpenWindow {
  readonly context: BrowserContext
  readonly page: Page
  /** What went wrong in the page so far; a test ends by finding it empty. */
  readonly troubles: string[]
  /** A screen by its address, e.g. `accounts`, and its heading in view. */
  readonly go: (screen: string) => Promise<void>
}

export async function newPage(
  browser: Browser,
  view: View,
): Promise<Pick<OpenWindow, 'context' | 'page' | 'troubles'>> {
  const { width = 960, height = 640, colorScheme = 'light', forcedColors = 'none' } = view
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme,
    forcedColors,
    reducedMotion: 'reduce',
  })
  context.setDefaultTimeout(15_000)
  const page = await context.newPage()
  const troubles: string[] = []
  page.on('pageerror', (error) => troubles.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text())
  })
  return { context, page, troubles }
}

export const goIn =
  (page: Page): OpenWindow['go'] =>
  async (screen) => {
    await page.evaluate((hash) => {
      window.location.hash = hash
    }, `#/${screen}`)
    await page.locator('h1').waitFor()
  }

/** Signs a fresh browser profile in to the console and waits for the first screen. */
export async function openWindow(browser: Browser, house: StandIn, view: View = {}): Promise<OpenWindow> {
  const opened = await newPage(browser, view)
  // The page behind the link moves on by itself, so its own load may never be reported.
  await opened.page.goto(house.console.newUrl(), { waitUntil: 'commit' })
  await opened.page.getByRole('heading', { level: 1, name: 'Accounts' }).waitFor()
  return { ...opened, go: goIn(opened.page) }
}

/** Polls `read` until `done`, for what no locator can wait for. Throws after `timeout` milliseconds. */
export async function eventually<T>(
  read: () => T | Promise<T>,
  done: (value: T) => boolean,
  timeout = 10_000,
): Promise<T> {
  const deadline = performance.now() + timeout
  for (;;) {
    const value = await read()
    if (done(value)) return value
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(value)} after ${String(timeout)} ms`)
    await new Promise((wake) => setTimeout(wake, 20))
  }
}

/** Waits until it is visible; throws when it does not come. */
export function expectShown(of: Locator): Promise<void> {
  return of.waitFor()
}
