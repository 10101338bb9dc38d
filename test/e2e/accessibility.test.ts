/**
 * Every screen by axe (WCAG 2.2 A and AA), in light, dark and forced colours, at the widths that must work; where the
 * focus goes; and that a screen at 200 % zoom needs no sideways scrolling (WCAG 1.4.10).
 */
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { eventually, expectShown, openWindow, type View } from './browser.ts'
import { prepareRig } from './rig.ts'
import type { StandIn } from './stand-in-broker.ts'

let account: string
let client: string

/** Something on every screen: accounts in all states, a consent, activity, every kind of question, a sign-in. */
async function furnish(house: StandIn): Promise<void> {
  account = await house.addAccount('ada@example.com', { scope: 'openid mail files' })
  for (const name of ['b', 'c', 'd', 'e', 'f', 'g']) await house.addAccount(`${name}@example.com`)
  const program = await house.addProgram('deploy-cli', 'cli')
  client = program.client.id
  const deciding = house.broker.deciding.on('console')
  const answer = program.token({ account, scope: 'mail' })
  const [request] = await eventually(
    async () => (await deciding.snapshot()).requests,
    (requests) => requests.length > 0,
  )
  await deciding.approve({ id: request?.id ?? '', for: 'always' })
  await answer
  await program.token({ account: 'nobody' }).catch(() => undefined)
  void program.token({ account, scope: 'files', reason: 'to read what was filed' })
  void program.token({ provider: 'house', scope: 'openid' })
  house.pair('nightly-backup', 'agent')
  house.vault.slot = 'key-file'
  const states = ['connected', 'offline', 'needs-sign-in', 'unsaved', 'misconfigured', 'signing-in', 'locked'] as const
  house.patch = (snapshot) => ({
    ...snapshot,
    vault: { ...snapshot.vault, notice: 'Restored from a backup.' },
    accounts: snapshot.accounts.map((entry) => ({
      ...entry,
      state: states[snapshot.accounts.findIndex(({ id }) => id === entry.id)] ?? 'connected',
    })),
    requests: [
      ...snapshot.requests,
      {
        id: 'sign-in-question',
        kind: 'sign-in',
        state: 'pending',
        client: { name: 'deploy-cli', kind: 'cli' },
        account: { id: account, label: 'ada@example.com', provider: 'house', provider_name: 'House' },
        scope: '',
        right: 'use',
        created_at: Date.now() / 1000,
        expires_at: Date.now() / 1000 + 600,
        waiting: 2,
      },
    ],
  })
}

const rig = prepareRig(furnish)

/** Every screen, by the steps that lead to it. */
const screens: readonly (readonly [
  name: string,
  reach: (page: Page, go: (screen: string) => Promise<void>) => Promise<void>,
])[] = [
  ['the accounts', (_page, go) => go('accounts')],
  [
    'an account',
    async (page, go) => {
      await go(`accounts/${account}`)
      await page.getByRole('button', { name: 'Remove…' }).waitFor()
    },
  ],
  [
    'removing an account',
    async (page, go) => {
      await go(`accounts/${account}`)
      await page.getByRole('button', { name: 'Remove…' }).click()
      await page.getByRole('dialog').waitFor()
    },
  ],
  ['the choice of a provider', (_page, go) => go('link')],
  [
    'what a provider needs',
    async (page, go) => {
      await go('link')
      await page.getByRole('button', { name: 'House' }).click()
      await page.getByLabel('Client ID').waitFor()
    },
  ],
  [
    'a sign-in',
    async (page, go) => {
      await go('accounts')
      await go('link')
      await page.getByRole('button', { name: 'House' }).click()
      await page.getByRole('button', { name: 'Continue' }).click()
      await page.getByRole('heading', { name: 'Continue in your browser' }).waitFor()
    },
  ],
  [
    'the questions',
    async (page, go) => {
      await go('approvals')
      await page.getByRole('article').nth(3).waitFor()
      await eventually(
        () => page.getByRole('button', { name: 'Pair', exact: true }).isEnabled(),
        (enabled) => enabled,
      )
    },
  ],
  ['the apps', (_page, go) => go('apps')],
  ['an app', (_page, go) => go(`apps/${client}`)],
  [
    'the activity',
    async (page, go) => {
      await go('activity')
      await page.locator('tbody tr').first().waitFor()
    },
  ],
  [
    'the vault',
    async (page, go) => {
      await go('vault')
      await page.getByRole('button', { name: 'Examine' }).click()
      await page.getByText('Nothing to report.').waitFor()
    },
  ],
]

async function expectAccessible(page: Page, name: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page })
    .withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])
    .analyze()
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`)
  expect(found, name).toEqual([])
}

const looks: readonly (readonly [string, View])[] = [
  ['light, 960 x 640', { colorScheme: 'light' }],
  ['dark, 960 x 640', { colorScheme: 'dark' }],
  ['light, 640 x 480', { colorScheme: 'light', width: 640, height: 480 }],
  ['dark, 640 x 480', { colorScheme: 'dark', width: 640, height: 480 }],
  ['forced colours', { forcedColors: 'active' }],
]

describe('accessibility', () => {
  it.each(looks)('%s: axe finds nothing on any screen', { timeout: 120_000 }, async (_name, view) => {
    const { page, go, context, troubles } = await openWindow(rig.browser, rig.house, view)
    for (const [name, reach] of screens) {
      await reach(page, go)
      await expectAccessible(page, name)
      if (name === 'removing an account') await page.keyboard.press('Escape')
    }
    await context.close()
    expect(troubles).toEqual([])
  })

  it('axe does find what is planted', async () => {
    await rig.page.evaluate(() => {
      const image = document.createElement('img')
      document.querySelector('main')?.append(image)
    })
    await expect(expectAccessible(rig.page, 'a picture without words')).rejects.toThrow('image-alt')
  })

  it.each([
    ['640 x 480', 640, 480],
    ['640 x 480 at 200 %', 320, 240],
  ] as const)('%s: nothing needs scrolling sideways', { timeout: 60_000 }, async (_name, width, height) => {
    const { page, go, context } = await openWindow(rig.browser, rig.house, { width, height })
    for (const [name, reach] of screens) {
      await reach(page, go)
      const [content, window] = await page.evaluate(() => [
        document.documentElement.scrollWidth,
        document.documentElement.clientWidth,
      ])
      expect(content, name).toBeLessThanOrEqual(window ?? 0)
      if (name === 'removing an account') await page.keyboard.press('Escape')
    }
    await context.close()
  })

  it(
    'has one h1 and the landmarks on every screen, and moves the focus to a heading',
    { timeout: 60_000 },
    async () => {
      for (const screen of ['approvals', 'apps', 'activity', 'vault', 'link', 'accounts']) {
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
