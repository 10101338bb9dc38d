/** One whole day without a mouse: link an account (by the second way), allow an app, stop it again, look back, set things. Only keys are pressed here. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'

const rig = prepareRig()

/** Presses Tab until `name` (an accessible name, or its beginning) has the focus. */
async function tabTo(page: Page, name: string | RegExp): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => {
      const element = document.activeElement
      if (!(element instanceof HTMLElement)) return ''
      const label =
        element instanceof HTMLInputElement || element instanceof HTMLSelectElement
          ? element.labels?.[0]?.innerText
          : undefined
      const words = element.cloneNode(true) as HTMLElement
      for (const hidden of words.querySelectorAll('[aria-hidden]')) hidden.remove()
      return (label ?? words.textContent).trim()
    })
    if (typeof name === 'string' ? focused.startsWith(name) : name.test(focused)) return
  }
  throw new Error(`“${String(name)}” cannot be reached with Tab`)
}

const press = (key: string): Promise<void> => rig.page.keyboard.press(key)

describe('the keyboard alone', () => {
  it('links, allows and stops', { timeout: 60_000 }, async () => {
    const { page, house } = rig
    await tabTo(page, 'Link an account')
    await press('Enter')
    await expectShown(page.getByRole('heading', { level: 1, name: 'Link an account' }))
    await tabTo(page, 'House')
    await press('Enter')
    await expectShown(page.getByRole('heading', { level: 1, name: 'Link an account at House' }))
    await tabTo(page, 'mail')
    await press('Space')
    await tabTo(page, 'Continue')
    await press('Enter')
    await expectShown(page.getByRole('heading', { level: 1, name: 'Continue in your browser' }))
    // The first way is tried, does not suit, and the next is taken.
    await tabTo(page, 'It does not come back?')
    await press('Enter')
    await tabTo(page, 'Try another way: paste the address yourself')
    await press('Enter')
    await expectShown(page.getByText('the browser ends on a page that does not load'))
    await tabTo(page, 'Open 127.0.0.1')
    const [tab] = await Promise.all([rig.context.waitForEvent('page'), press('Enter')])
    await tab.getByRole('link', { name: 'Sign in' }).waitFor()
    await tabTo(tab, 'Sign in')
    await tab.keyboard.press('Enter')
    await expectShown(tab.getByText('You can close this tab'))
    await tab.close()
    await page.bringToFront()
    await expectShown(page.getByRole('heading', { level: 2, name: 'ada@house.example' }))

    const program = await house.addProgram('deploy-cli')
    const answer = program.token({ account: 'ada@house.example' })
    await expectShown(page.getByRole('link', { name: 'Approvals 1 waiting' }))
    // The focus is on the account's heading; the navigation lies before it.
    await page.keyboard.press('Shift+Tab')
    await page.evaluate(() => {
      ;(document.activeElement as HTMLElement | null)?.blur()
    })
    await tabTo(page, 'Approvals')
    await press('Enter')
    const card = page.getByRole('article', { name: /deploy-cli/u })
    await expectShown(card)
    await tabTo(page, 'For 8 hours')
    await press('ArrowRight')
    expect(await card.getByLabel('Until Valetkey locks').isChecked()).toBe(true)
    await press('ArrowRight')
    expect(await card.getByLabel('Until I stop it').isChecked()).toBe(true)
    await eventually(
      () => card.getByRole('button', { name: 'Allow' }).isEnabled(),
      (enabled) => enabled,
    )
    await tabTo(page, 'Allow')
    await press('Enter')
    expect((await answer).account.label).toBe('ada@house.example')

    await tabTo(page, 'Apps')
    await press('Enter')
    await expectShown(page.getByRole('heading', { level: 1, name: 'Apps' }))
    await tabTo(page, 'deploy-cli')
    await press('Enter')
    await expectShown(page.getByRole('heading', { level: 2, name: 'deploy-cli' }))
    await tabTo(page, 'Remove…')
    await press('Enter')
    await expectShown(page.getByRole('dialog', { name: 'Remove deploy-cli?' }))
    await tabTo(page, 'Remove')
    await press('Enter')
    await expectShown(page.getByText('The app was removed.'))
    expect(house.vault.clientRecords.size).toBe(0)

    await tabTo(page, 'Activity')
    await press('Enter')
    await expectShown(page.getByRole('heading', { level: 1, name: 'Activity' }))
    const accounts = page.getByLabel('Account', { exact: true })
    await accounts.locator('option', { hasText: 'ada@house.example' }).waitFor({ state: 'attached' })
    await tabTo(page, /^Account$/u)
    await press('a')
    await eventually(
      () => accounts.locator('option:checked').innerText(),
      (chosen) => chosen === 'ada@house.example',
    )

    house.patch = (snapshot) => ({ ...snapshot, host: 'desktop' })
    await page.evaluate(() => {
      ;(document.activeElement as HTMLElement | null)?.blur()
    })
    await tabTo(page, 'Settings')
    await press('Enter')
    await expectShown(page.getByRole('heading', { level: 1, name: 'Settings' }))
    await tabTo(page, 'Start at login')
    await press('Space')
    await eventually(
      () => house.preferences.kept.launch_at_login,
      (kept) => kept,
    )
    await tabTo(page, 'What an approval offers first')
    await press('ArrowUp')
    await eventually(
      () => house.preferences.kept.approval_duration,
      (kept) => kept === '1h',
    )
    await tabTo(page, 'Pause all access')
    await press('Enter')
    await expectShown(page.getByText('All access is paused'))
    await page.evaluate(() => {
      ;(document.activeElement as HTMLElement | null)?.blur()
    })
    await tabTo(page, 'Resume')
    await press('Enter')
    await page.getByText('All access is paused').waitFor({ state: 'hidden' })
  })
})
