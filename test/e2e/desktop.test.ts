/** The window of the desktop app: the same screens through the preload script, its keys, and what it may not do. */
import { describe, expect, it } from 'vitest'
import { eventually, expectShown } from './browser.ts'
import { openDesktopWindow } from './desktop-window.ts'
import { prepareRig } from './rig.ts'

const rig = prepareRig()

const heading = (name: string): { readonly name: string; readonly level: 1 } => ({ level: 1, name })

describe('the desktop window', () => {
  it('shows the state, takes what is pushed, and carries answers and refusals', async () => {
    const { page, go, invoked, context, troubles } = await openDesktopWindow(rig.browser, rig.house)
    await expectShown(page.getByText('No accounts yet.'))
    await rig.house.addAccount('grace')
    const id = await rig.house.addAccount('ada')
    await expectShown(page.getByRole('link', { name: /ada/u }))
    await go(`accounts/${id}`)
    await page.getByRole('button', { name: 'Rename…' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByLabel('Name').fill('grace')
    await dialog.getByRole('button', { name: 'Rename' }).click()
    await expectShown(dialog.getByText('Another account at House is called “grace”.'))
    await dialog.getByLabel('Name').fill('Ada Lovelace')
    await dialog.getByRole('button', { name: 'Rename' }).click()
    await expectShown(page.getByRole('heading', { level: 2, name: 'Ada Lovelace' }))
    expect(invoked).toContain('/v1/window/rename')
    await context.close()
    expect(troubles).toEqual([])
  })

  it('says so when the process behind it does not answer', async () => {
    const window = await openDesktopWindow(rig.browser, rig.house, {}, '#/settings')
    window.cut()
    await window.page.getByRole('button', { name: 'Examine' }).click()
    await expectShown(window.page.getByText('Valetkey does not answer.'))
    await window.context.close()
  })

  it('has keys for the screens, and Escape leads back from a detail', async () => {
    const id = await rig.house.addAccount('ada')
    const { page, go, context, troubles } = await openDesktopWindow(rig.browser, rig.house)
    for (const [key, name] of [
      ['2', 'Apps'],
      ['3', 'Activity'],
      ['4', 'Settings'],
      ['1', 'Accounts'],
      [',', 'Settings'],
      ['n', 'Link an account'],
    ] as const) {
      await page.keyboard.press(`Control+${key}`)
      await expectShown(page.getByRole('heading', heading(name)))
    }
    expect(await page.getByRole('link', { name: 'Apps' }).getAttribute('aria-keyshortcuts')).toBe('Control+2 Meta+2')
    await go(`accounts/${id}`)
    await expectShown(page.getByRole('heading', { level: 2, name: 'ada' }))
    await page.getByRole('button', { name: 'Rename…' }).click()
    await expectShown(page.getByRole('dialog'))
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    await expectShown(page.getByRole('heading', { level: 2, name: 'ada' }))
    await page.keyboard.press('Escape')
    await page.getByRole('heading', { level: 2, name: 'ada' }).waitFor({ state: 'hidden' })
    expect(new URL(page.url()).hash).toBe('#/accounts')
    await context.close()
    expect(troubles).toEqual([])
  })

  it('leaves the browser its own keys on the console', async () => {
    await rig.page.keyboard.press('Control+4')
    await rig.page.keyboard.press('Control+,')
    expect(new URL(rig.page.url()).hash).not.toContain('settings')
    expect(await rig.page.locator('[aria-keyshortcuts]').count()).toBe(0)
  })

  it('copies without any permission', async () => {
    const { page, go, context } = await openDesktopWindow(rig.browser, rig.house)
    await context.grantPermissions(['clipboard-read'])
    await go('settings')
    await page.getByRole('button', { name: 'Copy' }).click()
    await expectShown(page.getByText('Copied', { exact: true }))
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('valetkey token github')
    rig.house.activity.append({ at: 1, action: 'lock', outcome: 'paused' })
    await go('activity')
    await page.getByRole('button', { name: 'Copy as JSON' }).click()
    await expectShown(page.getByText('1 row', { exact: true }))
    const copied = JSON.parse(await page.evaluate(() => navigator.clipboard.readText())) as { rows: unknown[] }
    expect(copied.rows).toHaveLength(1)
    await context.close()
  })

  it('has the sign-in opened by its host, so that what is offered is to open it again', async () => {
    rig.house.servers.ladder = ['custom-scheme', 'loopback', 'paste']
    const { page, go, context } = await openDesktopWindow(rig.browser, rig.house)
    await go('link')
    await page.getByRole('button', { name: 'House' }).click()
    await page.getByRole('button', { name: 'Continue' }).click()
    await expectShown(page.getByText('the browser asks whether to open Valetkey'))
    await expectShown(page.getByRole('link', { name: /^Open 127\.0\.0\.1:\d+ again$/u }))
    await context.close()
  })
})

describe('settings', () => {
  const switchNames = [
    'Start at login',
    'Keep running when the window is closed',
    'Lock with the screen',
    'Notifications',
  ]

  it('has switches only where there is a desktop', async () => {
    await rig.go('settings')
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'Approvals' }))
    expect(await rig.page.getByRole('switch').count()).toBe(0)
    rig.house.patch = (snapshot) => ({ ...snapshot, host: 'desktop' })
    await rig.page.getByRole('switch').first().waitFor()
    for (const name of switchNames) expect(await rig.page.getByRole('switch', { name }).count(), name).toBe(1)
    expect(await rig.page.getByRole('switch').count()).toBe(switchNames.length)
  })

  it('saves at once, and shows what another surface has changed', async () => {
    rig.house.patch = (snapshot) => ({ ...snapshot, host: 'desktop' })
    await rig.go('settings')
    const login = rig.page.getByRole('switch', { name: 'Start at login' })
    expect(await login.isChecked()).toBe(false)
    await login.click()
    await eventually(
      () => rig.house.preferences.kept.launch_at_login,
      (kept) => kept,
    )
    expect(await login.isChecked()).toBe(true)
    await rig.house.broker.deciding.on('console').configure({ launch_at_login: false })
    await eventually(
      () => login.isChecked(),
      (checked) => !checked,
    )
    const duration = rig.page.getByLabel('What an approval offers first')
    expect(await duration.inputValue()).toBe('8h')
    await duration.selectOption({ label: 'Just this once' })
    await eventually(
      () => rig.house.preferences.kept.approval_duration,
      (kept) => kept === 'once',
    )
  })

  it('shows at the switch why it could not be saved, and what is in force', async () => {
    rig.house.patch = (snapshot) => ({ ...snapshot, host: 'desktop' })
    await rig.go('settings')
    const notifications = rig.page.getByRole('switch', { name: 'Notifications' })
    await notifications.waitFor()
    rig.house.preferences.full = true
    await notifications.click()
    await expectShown(rig.page.getByText('The disk is full.'))
    expect(await notifications.isChecked()).toBe(true)
    const described = (await notifications.getAttribute('aria-describedby')) ?? ''
    const texts = await Promise.all(described.split(' ').map((id) => rig.page.locator(`[id="${id}"]`).innerText()))
    expect(texts.join(' ')).toContain('The disk is full.')
    rig.house.preferences.full = false
    await notifications.click()
    await rig.page.getByText('The disk is full.').waitFor({ state: 'hidden' })
    expect(await notifications.isChecked()).toBe(false)
  })

  it('says how the key is kept, what that protects from and what not', async () => {
    await rig.go('settings')
    const vault = rig.page.getByRole('region', { name: 'Vault' })
    for (const [slot, words] of [
      ['os-keyring', 'your desktop’s keyring'],
      ['safe-storage', 'the operating system, for your login'],
      ['passphrase', 'your passphrase'],
      ['key-file', 'a file beside the vault'],
    ] as const) {
      rig.house.vault.slot = slot
      rig.house.nudge()
      await expectShown(vault.getByText(words, { exact: true }))
      expect(await vault.locator('dt').allInnerTexts(), slot).toEqual([
        'State',
        'Key kept by',
        'Protection',
        'Its limits',
        'Folder',
      ])
    }
    await expectShown(vault.getByText('/home/ada/.local/share/valetkey'))
  })

  it('shows why there is no link for another browser', async () => {
    await rig.go('settings')
    await rig.page.getByRole('button', { name: 'Make a link' }).click()
    await expectShown(rig.page.getByText('This broker serves no console.'))
  })
})
