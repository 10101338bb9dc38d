/** Profiles in the window: an account joins one, its shift gets an end, and one button ends it and says what became of it. */
import { describe, expect, it } from 'vitest'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'

const rig = prepareRig()

async function putInto(profile: string, label: string): Promise<void> {
  const { page } = rig
  await rig.go('accounts')
  await page.getByRole('link', { name: new RegExp(label, 'u') }).click()
  await page.getByRole('button', { name: 'Profile…' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'Profile' }).fill(profile)
  await dialog.getByRole('button', { name: 'Save' }).click()
  await expectShown(page.locator('.facts').getByText(profile))
}

describe('a profile', () => {
  it('stands above the accounts, takes an end, and ends with one button and a report', async () => {
    await rig.house.addAccount('ada@example.com')
    await rig.house.addAccount('grace@example.com')
    await rig.house.addAccount('mallory@example.com')
    await putInto('Desk', 'ada')
    await putInto('Desk', 'grace')
    const { page } = rig
    const shift = page.getByRole('article', { name: 'Desk' })
    await expectShown(shift.getByText('2 accounts · until you end it'))
    await shift.getByRole('button', { name: 'Ends at…' }).click()
    const until = page.getByRole('dialog')
    await until.getByLabel('Time').fill('18:30')
    await until.getByRole('button', { name: 'Save' }).click()
    await expectShown(shift.getByText(/removed at .*6:30 PM/u))
    await shift.getByRole('button', { name: 'Ends at…' }).click()
    await page.getByRole('dialog').getByRole('button', { name: 'No fixed end' }).click()
    await expectShown(shift.getByText('until you end it'))

    rig.house.servers.revocation = { kind: 'failed', detail: 'The provider did not answer.' }
    await shift.getByRole('button', { name: 'End shift…' }).click()
    const asking = page.getByRole('dialog', { name: 'End the shift of Desk?' })
    await expectShown(asking.getByText(/Its 2 accounts are signed out.*the vault is locked/u))
    await asking.getByRole('button', { name: 'Cancel' }).click()
    expect((await rig.house.broker.deciding.on('console').snapshot()).accounts).toHaveLength(3)
    await shift.getByRole('button', { name: 'End shift…' }).click()
    await asking.getByRole('button', { name: 'End shift' }).click()
    const report = page.getByRole('dialog', { name: 'The shift has ended' })
    await expectShown(report.getByText(/ada@example\.com.*could not be told: sign out on its own website/u))
    await expectShown(report.getByText('The provider did not answer.').first())
    await expectShown(report.getByText('The vault is locked.'))
    await report.getByRole('button', { name: 'Close' }).click()
    const left = await eventually(
      async () => (await rig.house.broker.deciding.on('console').snapshot()).accounts,
      (accounts) => accounts.length === 1,
    )
    expect(left.map(({ label }) => label)).toEqual(['mallory@example.com'])
    expect(await shift.count()).toBe(0)
  })
})
