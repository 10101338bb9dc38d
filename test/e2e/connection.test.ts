/** What the window says when the broker goes away, comes back, or no longer knows this browser. */
import { describe, expect, it } from 'vitest'
import { expectShown, launchBrowser, openWindow } from './browser.ts'
import { startStandIn } from './stand-in-broker.ts'

describe('the connection', () => {
  it(
    'says that it is lost, offers nothing to allow, and says when this browser is signed out',
    { timeout: 60_000 },
    async () => {
      const browser = await launchBrowser()
      const first = await startStandIn()
      const { page, go } = await openWindow(browser, first)
      first.pair('someone')
      await go('approvals')
      const card = page.getByRole('article', { name: /someone/u })
      await expectShown(card)
      const port = Number(new URL(first.console.url).port)
      await first.close()
      await expectShown(page.getByText(/Connection lost|Reconnecting…/u))
      await expectShown(card.getByText('The connection is lost; nothing can be allowed now.'))
      expect(await card.getByRole('button', { name: 'Pair' }).isDisabled()).toBe(true)
      // Another process at the same address knows none of the old sessions.
      const second = await startStandIn({ port })
      await expectShown(page.getByText('Signed out'))
      await page.goto(second.console.newUrl(), { waitUntil: 'commit' })
      await expectShown(page.getByText('Nothing is waiting for you.').or(page.getByText('No accounts yet.')))
      expect(await page.getByText('Signed out').count()).toBe(0)
      await browser.close()
      await second.close()
    },
  )

  it('comes back by itself', { timeout: 60_000 }, async () => {
    const browser = await launchBrowser()
    const house = await startStandIn()
    const { page, context } = await openWindow(browser, house)
    await context.setOffline(true)
    await page.reload().catch(() => undefined)
    await context.setOffline(false)
    await page.goto(new URL('/', house.console.url).href)
    await expectShown(page.getByText('No accounts yet.'))
    await house.addAccount('ada')
    await expectShown(page.getByRole('link', { name: /ada/u }))
    expect(await page.locator('.connection .note').count()).toBe(0)
    await browser.close()
    await house.close()
  })
})
