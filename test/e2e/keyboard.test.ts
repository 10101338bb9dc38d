/** One whole day without a mouse: link an account, allow an app, stop it again. Only keys are pressed here. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'

const rig = prepareRig()

/** Presses Tab until `name` (an accessible name's beginning) has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press('Tab')
    const focused = await page.evaluate(() => {
      const element = document.activeElement
      if (!(element instanceof HTMLElement)) return ''
      const label = element instanceof HTMLInputElement ? element.labels?.[0]?.innerText : undefined
      const words = element.cloneNode(true) as HTMLElement
      for (const hidden of words.querySelectorAll('[aria-hidden]')) hidden.remove()
      return (label ?? words.textContent).trim()
    })
    if (focused.startsWith(name)) return
  }
  throw new Error(`“${name}” cannot be reached with Tab`)
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
  })
})
