/** The programs and their consents, the record of what happened, and the vault’s own panel. */
import { describe, expect, it } from 'vitest'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'
import type { Program } from './stand-in-broker.ts'

const rig = prepareRig()

async function allowedProgram(): Promise<{ readonly program: Program; readonly account: string }> {
  const account = await rig.house.addAccount('ada')
  const program = await rig.house.addProgram('deploy-cli', 'cli')
  const answer = program.token({ account })
  const deciding = rig.house.broker.deciding.on('console')
  const [request] = await eventually(
    async () => (await deciding.snapshot()).requests,
    (requests) => requests.length > 0,
  )
  await deciding.approve({ id: request?.id ?? '', for: 'always' })
  await answer
  return { program, account }
}

describe('apps', () => {
  it('says how the first one comes', async () => {
    await rig.go('apps')
    await expectShown(rig.page.getByText('No app has asked yet.'))
    await expectShown(rig.page.getByText('valetkey token github'))
  })

  it('shows what an app may do, and stops one access', async () => {
    const { program, account } = await allowedProgram()
    await rig.go('apps')
    await rig.page.getByRole('link', { name: /deploy-cli/u }).click()
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'deploy-cli' }))
    await expectShown(rig.page.locator('.grant').getByText('read tokens, until you stop it'))
    await rig.page.getByRole('button', { name: 'Stop access' }).click()
    await expectShown(rig.page.getByText('It may do nothing now; it has to ask first.'))
    await expect(program.token({ account, interaction: 'never' })).rejects.toMatchObject({ code: 'consent_required' })
  })

  it('removes an app after a confirmation, and at once', async () => {
    const { program } = await allowedProgram()
    await rig.go(`apps/${program.client.id}`)
    await rig.page.getByRole('button', { name: 'Remove…' }).click()
    await rig.page.keyboard.press('Escape')
    expect(rig.house.vault.clientRecords.size).toBe(1)
    await rig.page.getByRole('button', { name: 'Remove…' }).click()
    const dialog = rig.page.getByRole('dialog', { name: 'Remove deploy-cli?' })
    await expectShown(dialog.getByText('It loses every access at once'))
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await expectShown(rig.page.getByText('The app was removed.'))
    expect(rig.house.vault.clientRecords.size).toBe(0)
    expect(rig.house.vault.grantRecords.size).toBe(0)
  })
})

describe('activity', () => {
  it('says what will be here', async () => {
    await rig.go('activity')
    await expectShown(rig.page.getByText('Nothing yet. Each time an app asks, it is written here.'))
  })

  it('lists newest first, with names and results in words, and grows while it is watched', async () => {
    const { program, account } = await allowedProgram()
    await rig.go('activity')
    const rows = rig.page.locator('.activity tbody tr')
    await expectShown(rows.first().getByText('Allowed'))
    const before = await rows.count()
    expect(await rows.first().locator('td').nth(1).innerText()).toBe('deploy-cli')
    expect(await rows.first().locator('td').nth(2).innerText()).toBe('ada')
    await program.token({ account: 'nobody' }).catch(() => undefined)
    await expectShown(rows.first().getByText('No such account', { exact: true }))
    expect(await rows.count()).toBe(before + 1)
    await program.token({ account })
    await eventually(
      () => rows.count(),
      (count) => count === before + 2,
    )
    expect(await rig.page.content()).not.toContain('canary-')
  })

  it('loads what is older on demand, each row once', async () => {
    for (let n = 1; n <= 120; n++)
      rig.house.activity.append({ at: n, action: 'refresh', outcome: 'refreshed', detail: `row ${String(n)}` })
    await rig.go('activity')
    const rows = rig.page.locator('.activity tbody tr')
    await eventually(
      () => rows.count(),
      (count) => count === 50,
    )
    await rig.page.getByRole('button', { name: 'Load more' }).click()
    await eventually(
      () => rows.count(),
      (count) => count === 100,
    )
    await rig.page.getByRole('button', { name: 'Load more' }).click()
    await expectShown(rig.page.getByText('That is everything.'))
    const details = await rig.page.locator('.activity tbody .row-more').allInnerTexts()
    expect(details).toEqual(Array.from({ length: 120 }, (_, index) => `row ${String(120 - index)}`))
  })
})

describe('the vault', () => {
  it('asks for the passphrase when locked, says when it is wrong, and opens', async () => {
    rig.house.vault.slot = 'passphrase'
    rig.house.vault.passphrase = 'open sesame'
    await rig.go('vault')
    await rig.page.getByRole('button', { name: 'Lock now' }).click()
    await expectShown(rig.page.getByRole('heading', { name: 'The vault is locked' }))
    await rig.page.getByLabel('Passphrase').fill('wrong')
    await rig.page.getByRole('button', { name: 'Unlock' }).click()
    await expectShown(rig.page.getByText('That is not the passphrase.'))
    await rig.page.getByLabel('Passphrase').fill('open sesame')
    await rig.page.keyboard.press('Enter')
    await rig.page.getByRole('heading', { name: 'The vault is locked' }).waitFor({ state: 'hidden' })
    expect(rig.house.vault.current).toBe('unlocked')
  })

  it('unlocks without a passphrase where the key is kept by the keyring', async () => {
    await rig.go('vault')
    await rig.page.getByRole('button', { name: 'Lock now' }).click()
    await expectShown(rig.page.getByRole('button', { name: 'Unlock' }))
    expect(await rig.page.getByLabel('Passphrase').count()).toBe(0)
    await rig.page.getByRole('button', { name: 'Unlock' }).click()
    await expectShown(rig.page.getByRole('button', { name: 'Lock now' }))
  })

  it('shows a key file as a warning on every screen, with no way to close it', async () => {
    rig.house.vault.slot = 'key-file'
    rig.house.nudge()
    for (const screen of ['accounts', 'approvals', 'apps', 'activity', 'vault', 'link']) {
      await rig.go(screen)
      const banner = rig.page.locator('.note-warning', { hasText: 'The vault’s key lies in a file beside it' })
      await expectShown(banner)
      expect(await banner.getByRole('button').count()).toBe(0)
    }
  })

  it.each([
    ['read-only', 'Vault: Read-only'],
    ['damaged', 'Vault: Damaged'],
  ] as const)('says that it is %s and why', async (state, words) => {
    rig.house.patch = (snapshot) => ({
      ...snapshot,
      vault: { ...snapshot.vault, state, notice: 'Restored from a backup of Monday.' },
    })
    await expectShown(rig.page.getByText(words, { exact: true }))
    await expectShown(rig.page.getByText('Restored from a backup of Monday.'))
  })

  it('pauses all access, says so everywhere, and resumes', async () => {
    await rig.go('vault')
    await rig.page.getByRole('button', { name: 'Pause all access' }).click()
    await rig.go('accounts')
    await expectShown(rig.page.getByText('All access is paused'))
    const program = await rig.house.broker.deciding.snapshot('console')
    expect(program.paused).toBe(true)
    await rig.page.getByRole('button', { name: 'Resume' }).click()
    await rig.page.getByText('All access is paused').waitFor({ state: 'hidden' })
    expect((await rig.house.broker.deciding.snapshot('console')).paused).toBe(false)
  })

  it('examines itself on demand', async () => {
    await rig.go('vault')
    await rig.page.getByRole('button', { name: 'Examine' }).click()
    await expectShown(rig.page.getByText('Nothing to report.'))
  })
})
