/**
 * A broker, its console and a signed-in browser window for every test of a file. The rule: each test has its own broker
 * and its own browser profile, and a page that threw, warned or ran into the content security policy fails its test.
 */
import type { Browser, BrowserContext, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { launchBrowser, openWindow, type OpenWindow, type View } from './browser.ts'
import { startStandIn, type StandIn } from './stand-in-broker.ts'

export interface Rig {
  readonly browser: Browser
  readonly house: StandIn
  readonly window: OpenWindow
  readonly page: Page
  readonly context: BrowserContext
  readonly go: OpenWindow['go']
}

/** Registers the hooks of the calling file. `prepare` runs before the window opens. */
export function prepareRig(prepare: (house: StandIn) => Promise<void> = () => Promise.resolve(), view: View = {}): Rig {
  let browser: Browser | undefined
  let house: StandIn | undefined
  let window: OpenWindow | undefined
  beforeAll(async () => {
    browser = await launchBrowser()
  })
  afterAll(() => browser?.close())
  beforeEach(async () => {
    house = await startStandIn()
    await prepare(house)
    window = await openWindow(required(browser), house, view)
  })
  afterEach(async () => {
    const troubles = [...(window?.troubles ?? [])]
    const pages = window?.context.pages() ?? []
    const shown = await Promise.all(pages.map((page) => page.evaluate(everything).catch(() => '')))
    const told = JSON.stringify(await house?.deciding.snapshot('console'))
    if (`${shown.join('\n')}${told}`.includes('canary-')) troubles.push('a token left the broker')
    await window?.context.close()
    await house?.close()
    if (troubles.length > 0) throw new Error(`the page is in trouble: ${troubles.join('\n')}`)
  })
  return {
    get browser() {
      return required(browser)
    },
    get house() {
      return required(house)
    },
    get window() {
      return required(window)
    },
    get page() {
      return required(window).page
    },
    get context() {
      return required(window).context
    },
    go: (screen) => required(window).go(screen),
  }
}

/** What a page holds: its tree and its storage. */
const everything = (): string =>
  document.documentElement.outerHTML + JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage)])

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the rig is there only inside tests')
  return value
}
