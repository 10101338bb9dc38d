/** Where the focus goes, and that a screen at 200 % zoom needs no sideways scrolling (WCAG 1.4.10). */
import { describe, expect, it } from 'vitest'
import { eventually, expectShown, openWindow } from './browser.ts'
import { furnish, type Furnished, screens } from './furnished.ts'
import { prepareRig } from './rig.ts'

let furnished: Furnished
const rig = prepareRig(async (house) => {
  furnished = await furnish(house)
  house.preferences.full = true
})

describe('accessibility', () => {
  it.each([
    ['640 x 480', 640, 480],
    ['640 x 480 at 200 %', 320, 240],
  ] as const)('%s: nothing needs scrolling sideways', { timeout: 60_000 }, async (_name, width, height) => {
    const window = await openWindow(rig.browser, rig.house, { width, height })
    const { page, context } = window
    for (const { name, reach, leave } of screens) {
      await reach(window, furnished)
      const [content, room] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        document.documentElement.clientWidth,
      ])
      expect(content, name).toBeLessThanOrEqual(room ?? 0)
      await leave?.(page)
    }
    await context.close()
  })

  it(
    'has one h1 and the landmarks on every screen, and moves the focus to a heading',
    { timeout: 60_000 },
    async () => {
      for (const screen of ['approvals', 'apps', 'activity', 'settings', 'link', 'accounts']) {
        await rig.go(screen)
        await eventually(
          () => rig.page.evaluate(() => document.activeElement?.tagName),
          (tag) => tag === 'H1',
        )
        expect(await rig.page.locator('h1').count(), screen).toBe(1)
        expect(await rig.page.getByRole('main').count()).toBe(1)
        expect(await rig.page.getByRole('navigation', { name: 'Main' }).count()).toBe(1)
        expect(await rig.page.locator('nav a[aria-current="page"]').count()).toBe(1)
      }
    },
  )

  it('shows where the focus is on everything that takes it', async () => {
    await rig.go('approvals')
    await rig.page.reload()
    await expectShown(rig.page.getByRole('article').first())
    await eventually(
      () => rig.page.getByRole('button', { name: 'Pair', exact: true }).isEnabled(),
      (enabled) => enabled,
    )
    let seen = 0
    for (let presses = 0; presses < 40; presses++) {
      await rig.page.keyboard.press('Tab')
      const at = await rig.page.evaluate(() => {
        const element = document.activeElement
        if (!element || element === document.body) return null
        const { outlineStyle, outlineWidth } = getComputedStyle(element)
        return {
          name: `${element.tagName} ${element.textContent.slice(0, 30)}`,
          shown: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 1,
        }
      })
      if (!at) break
      expect(at.shown, at.name).toBe(true)
      seen++
    }
    expect(seen).toBeGreaterThan(13)
  })

  it('skips to the content', async () => {
    await rig.page.reload()
    await expectShown(rig.page.getByRole('heading', { level: 1 }))
    await rig.page.keyboard.press('Tab')
    expect(await rig.page.evaluate(() => document.activeElement?.textContent)).toBe('Skip to content')
    await rig.page.keyboard.press('Enter')
    expect(await rig.page.evaluate(() => document.activeElement?.tagName)).toBe('H1')
  })
})
