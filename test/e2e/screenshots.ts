/**
 * `node test/e2e/screenshots.ts [FOLDER]`: pictures of every screen, light and dark, into docs/screenshots. The rule: taken
 * of the built renderer in a real browser, so a picture shows what a person sees; each stays a small file.
 */
import { mkdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Page } from 'playwright-core'
import { launchBrowser, openWindow, type OpenWindow, type View } from './browser.ts'
import { furnishSample, questionsAt } from './sample-house.ts'
import { startStandIn, type StandIn } from './stand-in-broker.ts'

/** Bytes. */
const MOST = 150 * 1024

const main = { width: 960, height: 640 }
const prompt = { width: 480, height: 560 }

interface Picture {
  readonly name: string
  readonly size: { readonly width: number; readonly height: number }
  readonly reach: (window: OpenWindow) => Promise<void>
}

const at =
  (screen: string, then: (page: Page) => Promise<unknown> = () => Promise.resolve()): Picture['reach'] =>
  async ({ page, go }) => {
    await go(screen)
    await then(page)
  }

const pictures: readonly Picture[] = [
  { name: 'accounts', size: main, reach: at('accounts') },
  { name: 'account', size: main, reach: at('accounts/github-ada') },
  { name: 'link', size: main, reach: at('link') },
  {
    name: 'sign-in',
    size: main,
    reach: at('link', async (page) => {
      await page.getByRole('button', { name: 'GitHub' }).click()
      await page.getByRole('button', { name: 'Continue' }).click()
      await page.getByRole('heading', { name: 'Continue in your browser' }).waitFor()
      await page.getByText('It does not come back?').click()
    }),
  },
  { name: 'apps', size: main, reach: at('apps/deploy') },
  {
    name: 'activity',
    size: main,
    reach: at('activity', (page) => page.locator('.activity tbody tr').first().waitFor()),
  },
  { name: 'settings', size: main, reach: at('settings') },
  {
    name: 'approvals',
    size: main,
    reach: at('approvals', (page) => page.getByRole('button', { name: 'Allow', disabled: false }).waitFor()),
  },
  {
    name: 'prompt',
    size: prompt,
    reach: at('prompt/question', (page) => page.getByRole('button', { name: 'Allow', disabled: false }).waitFor()),
  },
]

function furnish(house: StandIn): void {
  furnishSample(house, (snapshot) => ({
    ...snapshot,
    host: 'desktop',
    surface: 'window',
    sign_ins: snapshot.sign_ins.map((sign_in) => ({
      ...sign_in,
      authorization_url: 'https://github.com/login/oauth/authorize?client_id=Iv1.8a61f9b3a7aba766&response_type=code',
      redirect: 'custom-scheme',
      rungs: ['loopback', 'paste'],
    })),
    requests: questionsAt(Math.floor(Date.now() / 1000)),
  }))
}

async function takeAll(folder: string): Promise<void> {
  mkdirSync(folder, { recursive: true })
  const browser = await launchBrowser()
  try {
    for (const colorScheme of ['light', 'dark'] as const) {
      const house = await startStandIn()
      furnish(house)
      const view: View = { colorScheme }
      const window = await openWindow(browser, house, view)
      for (const { name, size, reach } of pictures) {
        await window.page.setViewportSize(size)
        await reach(window)
        await window.page.evaluate(() => {
          if (document.activeElement instanceof HTMLElement) document.activeElement.blur()
        })
        const path = join(folder, `${name}-${colorScheme}.png`)
        await window.page.screenshot({ path })
        const bytes = statSync(path).size
        if (bytes > MOST) throw new Error(`${path} has ${String(bytes)} bytes; at most ${String(MOST)} are wanted`)
        process.stdout.write(`${path} ${String(Math.round(bytes / 1024))} kB\n`)
      }
      await window.context.close()
      await house.close()
      if (window.troubles.length > 0) throw new Error(window.troubles.join('\n'))
    }
  } finally {
    await browser.close()
  }
}

await takeAll(resolve(process.argv[2] ?? join(import.meta.dirname, '../../docs/screenshots')))
