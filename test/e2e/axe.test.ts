/**
 * Every screen by axe (WCAG 2.2 A and AA), in light, dark and forced colours, at the widths that must work, and the small
 * window of one question at its own.
 */
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { openWindow } from './browser.ts'
import { furnish, type Furnished, screens } from './furnished.ts'
import { prepareRig } from './rig.ts'

let furnished: Furnished
const rig = prepareRig(async (house) => {
  furnished = await furnish(house)
  house.preferences.full = true
})

/** The legacy mode differs only in not looking into frames of other origins, of which there are none. */
async function expectAccessible(page: Page, name: string): Promise<void> {
  // Its half a megabyte is parsed once for a page, not once for a look.
  const isThere = await page.evaluate(() => 'axe' in globalThis)
  const { violations } = await new AxeBuilder({ page, ...(isThere && { axeSource: '0' }) })
    .setLegacyMode(true)
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
  expect(found, name).toEqual([])
}

const light = { colorScheme: 'light', forcedColors: 'none' } as const
const dark = { colorScheme: 'dark', forcedColors: 'none' } as const
const forced = { colorScheme: 'light', forcedColors: 'active' } as const

describe('axe', () => {
  it.each([
    ['960 x 640 in light, dark and forced colours', 960, 640, [light, dark, forced]],
    ['640 x 480 in light and dark', 640, 480, [light, dark]],
  ] as const)('%s: finds nothing on any screen', { timeout: 120_000 }, async (_name, width, height, looks) => {
    const window = await openWindow(rig.browser, rig.house, { width, height })
    const { page, context, troubles } = window
    let seen = 0
    for (const { name, reach, leave } of screens) {
      // A question has a window of its own, and that is small.
      const size = name.includes('question ') ? { width: 480, height: 560 } : { width, height }
      await page.setViewportSize(size)
      await reach(window, furnished)
      for (const look of looks) {
        await page.emulateMedia(look)
        await expectAccessible(page, `${name}, ${JSON.stringify(look)}`)
        seen++
      }
      await leave?.(page)
    }
    expect(seen).toBe(screens.length * looks.length)
    await context.close()
    expect(troubles).toEqual([])
  })

  it('does find what is planted', async () => {
    await rig.page.evaluate(() => {
      const image = document.createElement('img')
      document.querySelector('main')?.append(image)
    })
    await expect(expectAccessible(rig.page, 'a picture without words')).rejects.toThrow('image-alt')
  })
})
