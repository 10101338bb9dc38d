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

describe('the activity of a day', () => {
  /** One row an hour for `hours`, each allowed but every fourth, which is denied; by two apps in turn. */
  async function aDay(): Promise<{ readonly allowed: number; readonly refused: number }> {
    const first = await rig.house.addProgram('deploy-cli')
    const second = await rig.house.addProgram('nightly-report')
    const account_id = await rig.house.addAccount('ada')
    rig.house.activity.rows.length = 0
    const now = Date.now() / 1000
    for (let hour = 19; hour >= 0; hour--)
      rig.house.activity.append({
        at: now - hour * 3600,
        action: 'token',
        outcome: hour % 4 === 0 ? 'access_denied' : 'ok',
        client_id: (hour % 2 === 0 ? first : second).client.id,
        account_id,
        scope: 'mail',
      })
    rig.house.activity.append({ at: now, action: 'lock', outcome: 'paused' })
    rig.house.activity.append({ at: now, action: 'unlock', outcome: 'resumed' })
    return { allowed: 15, refused: 5 }
  }
  const rows = (): ReturnType<typeof rig.page.locator> => rig.page.locator('.activity tbody tr')

  it('shows the requests per hour as a drawing with a name, and as a table', async () => {
    const { allowed, refused } = await aDay()
    await rig.go('activity')
    const chart = rig.page.getByRole('img', { name: /^Requests of apps in the last 24 hours/u })
    expect(await chart.getAttribute('aria-label')).toContain(
      `${String(allowed)} allowed, ${String(refused)} not allowed; most at `,
    )
    expect(await chart.locator('.bar-allowed').count()).toBe(allowed)
    expect(await chart.locator('.bar-refused').count()).toBe(refused)
    await rig.page.getByText('As a table').click()
    const table = rig.page.locator('.numbers')
    await expectShown(table)
    const cells = (await table.locator('td').allInnerTexts()).map(Number)
    expect(cells.filter((_, index) => index % 2 === 0).reduce((a, b) => a + b)).toBe(allowed)
    expect(cells.filter((_, index) => index % 2 === 1).reduce((a, b) => a + b)).toBe(refused)
    expect(await rig.page.getByText(/^Counted since/u).count()).toBe(0)
  })

  it('says since when it counts while older rows are not loaded', async () => {
    const { client } = await rig.house.addProgram('deploy-cli')
    const now = Date.now() / 1000
    for (let n = 0; n < 700; n++)
      rig.house.activity.append({ at: now - 700 + n, action: 'token', outcome: 'ok', client_id: client.id })
    await rig.go('activity')
    await expectShown(rig.page.getByText(/^Counted since/u))
    expect(await rig.page.locator('.legend strong').first().innerText()).toBe('500')
    await rig.page.getByRole('button', { name: 'Count what is older' }).click()
    await rig.page.getByText(/^Counted since/u).waitFor({ state: 'hidden' })
    expect(await rig.page.locator('.legend strong').first().innerText()).toBe('700')
  })

  it('is narrowed by app, account and result, and says what pausing was', async () => {
    const { refused } = await aDay()
    await rig.go('activity')
    await eventually(
      () => rows().count(),
      (count) => count === 22,
    )
    expect(await rows().locator('.outcome').allInnerTexts()).toEqual(expect.arrayContaining(['Paused', 'Resumed']))
    await rig.page.getByLabel('App', { exact: true }).selectOption({ label: 'deploy-cli' })
    await eventually(
      () => rows().count(),
      (count) => count === 10,
    )
    await rig.page.getByLabel('Result', { exact: true }).selectOption({ label: 'Denied' })
    await eventually(
      () => rows().count(),
      (count) => count === refused,
    )
    await rig.page.getByLabel('App', { exact: true }).selectOption({ label: 'nightly-report' })
    await expectShown(rig.page.getByText('None of the rows loaded so far fits.'))
    await rig.page.getByRole('button', { name: 'Show all' }).click()
    await rig.page.getByLabel('Account', { exact: true }).selectOption({ label: 'ada' })
    await eventually(
      () => rows().count(),
      (count) => count === 20,
    )
  })

  it('begins with one app’s rows when it is opened from that app', async () => {
    await aDay()
    await rig.go('apps')
    await rig.page.getByRole('link', { name: /nightly-report/u }).click()
    await rig.page.getByRole('link', { name: 'What it has asked for' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 1, name: 'Activity' }))
    await eventually(
      () => rows().count(),
      (count) => count === 10,
    )
    expect(await rows().first().locator('td').nth(1).innerText()).toBe('nightly-report')
  })

  it('goes into a file, everything that fits and no token', async () => {
    for (let n = 1; n <= 1200; n++)
      rig.house.activity.append({ at: n, action: 'refresh', outcome: 'refreshed', detail: `row ${String(n)}` })
    const { program } = await allowedProgram()
    await rig.go('activity')
    const save = async (): Promise<{ rows: readonly Readonly<Record<string, unknown>>[] }> => {
      const [download] = await Promise.all([
        rig.page.waitForEvent('download'),
        rig.page.getByRole('button', { name: 'Export JSON' }).click(),
      ])
      expect(download.suggestedFilename()).toBe('valetkey-activity.json')
      const chunks: Buffer[] = []
      for await (const chunk of await download.createReadStream()) chunks.push(chunk as Buffer)
      const file = Buffer.concat(chunks).toString()
      expect(file).not.toContain('canary-')
      return JSON.parse(file) as { rows: readonly Readonly<Record<string, unknown>>[] }
    }
    expect((await save()).rows).toHaveLength(rig.house.activity.rows.length)
    await rig.page.getByLabel('App', { exact: true }).selectOption({ label: 'Valetkey' })
    await eventually(
      () => rows().first().locator('td').nth(1).innerText(),
      (name) => name === 'Valetkey',
    )
    const narrowed = await save()
    expect(narrowed.rows).toHaveLength(1200)
    expect(narrowed.rows[0]).toMatchObject({ time: '1970-01-01T00:20:00.000Z', action: 'refresh', detail: 'row 1200' })
    await rig.page.getByLabel('App', { exact: true }).selectOption({ label: 'deploy-cli' })
    expect((await save()).rows.find(({ action }) => action === 'token')).toMatchObject({
      client_id: program.client.id,
      client: 'deploy-cli',
      account: 'ada',
      outcome: 'ok',
    })
  })
})

describe('the vault', () => {
  it('asks for the passphrase when locked, says when it is wrong, and opens', async () => {
    rig.house.vault.slot = 'passphrase'
    rig.house.vault.passphrase = 'open sesame'
    await rig.go('settings')
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
    await rig.go('settings')
    await rig.page.getByRole('button', { name: 'Lock now' }).click()
    await expectShown(rig.page.getByRole('button', { name: 'Unlock' }))
    expect(await rig.page.getByLabel('Passphrase').count()).toBe(0)
    await rig.page.getByRole('button', { name: 'Unlock' }).click()
    await expectShown(rig.page.getByRole('button', { name: 'Lock now' }))
  })

  it('shows a key file as a warning on every screen, with no way to close it', async () => {
    rig.house.vault.slot = 'key-file'
    rig.house.nudge()
    for (const screen of ['accounts', 'approvals', 'apps', 'activity', 'settings', 'link']) {
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
    await rig.go('settings')
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
    await rig.go('settings')
    await rig.page.getByRole('button', { name: 'Examine' }).click()
    await expectShown(rig.page.getByText('Nothing to report.'))
  })
})
