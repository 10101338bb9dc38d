/** The accounts: what is shown of each state, and what the person can do with one. */
import { describe, expect, it } from 'vitest'
import type { Account, AccountState } from '../../main/contract/model.ts'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'

const rig = prepareRig()

/** Shows `id` as it would be in another state. */
function inState(id: string, change: { readonly [Name in keyof Account]?: Account[Name] | undefined }): void {
  rig.house.patch = (snapshot) => ({
    ...snapshot,
    accounts: snapshot.accounts.map((account) =>
      account.id === id ? ({ ...account, ...change } as Account) : account,
    ),
  })
}

describe('accounts', () => {
  it('says what to do when there are none', async () => {
    await expectShown(rig.page.getByText('No accounts yet. Link one and your tools can ask for tokens'))
    await rig.page.getByRole('link', { name: 'Link an account' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 1, name: 'Link an account' }))
  })

  it('shows a new account by itself, by label, with its host and how many apps use it', async () => {
    const id = await rig.house.addAccount('ada@example.com')
    const row = rig.page.getByRole('link', { name: /ada@example\.com/u })
    await expectShown(row.getByText('house.example · No apps'))
    const program = await rig.house.addProgram('deploy-cli')
    const answer = program.token({ account: id })
    const deciding = rig.house.broker.deciding.on('console')
    const [request] = await eventually(
      async () => (await deciding.snapshot()).requests,
      (requests) => requests.length > 0,
    )
    await deciding.approve({ id: request?.id ?? '', for: '8h' })
    await answer
    await expectShown(row.getByText('house.example · 1 app'))
    await expectShown(row.getByText('Connected'))
    await expectShown(row.getByText(/last used/u))
  })

  it('opens the detail in place, with the focus on its heading', async () => {
    await rig.house.addAccount('ada@example.com', { scope: 'openid mail' })
    await rig.page.getByRole('link', { name: /ada@example\.com/u }).click()
    const heading = rig.page.getByRole('heading', { level: 2, name: 'ada@example.com' })
    await expectShown(heading)
    expect(await heading.evaluate((element) => element === document.activeElement)).toBe(true)
    const facts = rig.page.locator('.facts').first()
    for (const words of ['https://house.example', 'Next renewal', 'Good until'])
      await expectShown(facts.getByText(words).first())
    await expectShown(rig.page.locator('.scopes').getByText('mail'))
    await expectShown(rig.page.getByText('No app may use this account yet.'))
  })

  const states: readonly (readonly [AccountState, string, string | null])[] = [
    ['connected', 'Connected', null],
    ['signing-in', 'Waiting for your browser…', null],
    ['offline', 'Can’t reach House', 'Retry now'],
    ['needs-sign-in', 'Sign in again', 'Sign in again'],
    ['unsaved', 'Not saved to disk', 'Retry now'],
    ['misconfigured', 'Client refused', 'Sign in again'],
    ['locked', 'Locked', null],
  ]
  it.each(states)('says %s in words, with what to do about it', async (state, words, action) => {
    const id = await rig.house.addAccount('ada@example.com')
    inState(id, { state, problem: 'The provider said something.' })
    await rig.go(`accounts/${id}`)
    const shown = rig.page.locator(`.detail-head .state[data-state="${state}"]`)
    await expectShown(shown.getByText(words))
    expect(await shown.locator('svg').count()).toBe(1)
    expect(await rig.page.locator('.split-detail .button.primary').allInnerTexts()).toEqual(
      action === null ? [] : [action],
    )
    if (state !== 'connected') await expectShown(rig.page.getByText('The provider said something.'))
  })

  it('renames, and shows a refusal at the field', async () => {
    await rig.house.addAccount('grace')
    const id = await rig.house.addAccount('ada')
    await rig.go(`accounts/${id}`)
    await rig.page.getByRole('button', { name: 'Rename…' }).click()
    const dialog = rig.page.getByRole('dialog', { name: 'Rename this account' })
    const field = dialog.getByLabel('Name')
    await field.fill('grace')
    await dialog.getByRole('button', { name: 'Rename' }).click()
    await expectShown(dialog.getByText('Another account at House is called “grace”.'))
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    expect(await field.inputValue()).toBe('grace')
    await field.fill('Ada Lovelace')
    await dialog.getByRole('button', { name: 'Rename' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'Ada Lovelace' }))
    expect(rig.house.vault.records.get(id)?.label).toBe('Ada Lovelace')
  })

  it('removes only by its own button, after saying what happens', async () => {
    const id = await rig.house.addAccount('ada')
    await rig.go(`accounts/${id}`)
    const dialog = rig.page.getByRole('dialog', { name: 'Remove ada?' })
    await rig.page.getByRole('button', { name: 'Remove…' }).click()
    await dialog
      .getByText('Valetkey signs out at House and deletes the tokens from this computer. No app uses it.')
      .waitFor()
    await rig.page.keyboard.press('Enter')
    await rig.page.keyboard.press('Escape')
    await dialog.waitFor({ state: 'hidden' })
    expect(rig.house.vault.records.has(id)).toBe(true)
    await rig.page.getByRole('button', { name: 'Remove…' }).click()
    await dialog.getByRole('button', { name: 'Cancel' }).click()
    await dialog.waitFor({ state: 'hidden' })
    expect(rig.house.vault.records.has(id)).toBe(true)
    await rig.page.getByRole('button', { name: 'Remove…' }).click()
    await dialog.getByRole('button', { name: 'Remove' }).click()
    await expectShown(rig.page.getByText('the provider has ended its session'))
    await expectShown(rig.page.getByText('No accounts yet.'))
    expect(rig.house.vault.records.has(id)).toBe(false)
  })

  it('reports when the provider could not be told, in the provider’s words too', async () => {
    const id = await rig.house.addAccount('ada')
    rig.house.servers.revocation = { kind: 'failed', detail: 'connect ECONNREFUSED' }
    await rig.go(`accounts/${id}`)
    await rig.page.getByRole('button', { name: 'Remove…' }).click()
    await rig.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    const notice = rig.page.locator('.notices')
    await expectShown(notice.getByText('the provider could not be told. End the session on its own website.'))
    await expectShown(notice.getByText('connect ECONNREFUSED'))
    await notice.getByRole('button', { name: 'Close' }).click()
    await notice.getByText('could not be told').waitFor({ state: 'hidden' })
  })

  it('keeps the session at the provider when asked to', async () => {
    const id = await rig.house.addAccount('ada')
    rig.house.servers.revocation = { kind: 'failed' }
    await rig.go(`accounts/${id}`)
    await rig.page.getByRole('button', { name: 'Remove…' }).click()
    await rig.page.getByLabel('Keep the session at the provider').check()
    await rig.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click()
    await expectShown(rig.page.getByText('The session at the provider goes on, as you asked.'))
  })

  it('keeps its order while accounts are used, and finds one among many', async () => {
    for (const name of ['b2', 'b10', 'a', 'd', 'e', 'f', 'g', 'h', 'c']) await rig.house.addAccount(name)
    const titles = rig.page.locator('.rows .row-title')
    await eventually(
      () => titles.allInnerTexts(),
      (names) => names.length === 9,
    )
    expect(await titles.allInnerTexts()).toEqual(['a', 'b2', 'b10', 'c', 'd', 'e', 'f', 'g', 'h'])
    await rig.page.getByLabel('Find an account').fill('B1')
    await eventually(
      () => titles.allInnerTexts(),
      (names) => names.length === 1,
    )
    expect(await titles.allInnerTexts()).toEqual(['b10'])
  })

  it('shows how fresh the token is, and when it renews', { timeout: 60_000 }, async () => {
    const id = await rig.house.addAccount('ada')
    const now = Math.floor(Date.now() / 1000)
    const cases: readonly (readonly [change: Parameters<typeof inState>[1], part: number, words: string])[] = [
      // Half a minute more than is said, for the time the test takes.
      [
        { token: { obtained_at: now - 1800, expires_at: now + 1770, renews_at: now + 1470 } },
        0.5,
        'Good for 29 min, renews in 24 min',
      ],
      [
        { token: { obtained_at: now - 3400, expires_at: now + 210, renews_at: now - 1 } },
        0.05,
        'Good for 3 min, renews now',
      ],
      [
        { renewable: false, token: { obtained_at: now - 1800, expires_at: now + 1770, renews_at: null } },
        0.5,
        'Good for 29 min, then you sign in again',
      ],
      [{ token: { obtained_at: now, expires_at: null, renews_at: null } }, 1, 'Does not expire'],
      [
        { token: { obtained_at: now - 7200, expires_at: now - 3700, renews_at: null } },
        0,
        'Expired 1 h ago, the next request renews it',
      ],
      [{ token: undefined }, 0, 'No token held, the next request fetches one'],
      [{ state: 'locked', token: undefined }, 0, 'Not known while locked'],
      [{ state: 'needs-sign-in', token: undefined }, 0, 'No token held'],
    ]
    const row = rig.page.locator('.row-account .lifetime-words')
    const meter = rig.page.getByRole('meter', { name: 'How much of the access token’s life is left' })
    for (const [change, part, words] of cases) {
      inState(id, change)
      await rig.go('accounts')
      await eventually(
        () => row.innerText(),
        (shown) => shown === words,
      )
      await rig.go(`accounts/${id}`)
      await expectShown(meter)
      expect(await meter.getAttribute('aria-valuetext'), words).toBe(words)
      expect(Number(await meter.getAttribute('value')), words).toBeCloseTo(part, 1)
      // Heard once: in the row the bar is only for the eye, its words are the row's.
      expect(await rig.page.getByRole('meter').count()).toBe(1)
    }
  })

  it('keeps a row as it was when its token is renewed', async () => {
    const id = await rig.house.addAccount('ada')
    const now = Math.floor(Date.now() / 1000)
    const row = rig.page.getByRole('link', { name: /ada/u })
    await row.waitFor()
    const before = await row.boundingBox()
    for (const [token, words] of [
      [{ obtained_at: now - 3000, expires_at: now + 590, renews_at: now + 300 }, '9 min'],
      [{ obtained_at: now, expires_at: now + 86_000, renews_at: now + 85_000 }, '23 h'],
      [undefined, 'No token held'],
    ] as const) {
      inState(id, { token })
      await expectShown(rig.page.locator('.lifetime-words').filter({ hasText: words }))
      expect(await row.boundingBox(), words).toEqual(before)
    }
  })
})
