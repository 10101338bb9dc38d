/** The questions: who asks for what with which account, and that nothing but a deliberate press says yes. */
import type { Locator } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'
import type { Program } from './stand-in-broker.ts'

let account: string
let program: Program
const rig = prepareRig(async (house) => {
  account = await house.addAccount('ada@example.com', { scope: 'openid mail files' })
  program = await house.addProgram('deploy-cli')
})

const outcome = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'given',
    (thrown: unknown) => (thrown as { code?: string }).code ?? 'fault',
  )
const question = (name: string | RegExp): Locator => rig.page.getByRole('article', { name })
const allow = (of: Locator): Locator => of.getByRole('button', { name: 'Allow' })

describe('approvals', () => {
  it('says that nothing waits', async () => {
    await rig.go('approvals')
    await expectShown(rig.page.getByText('Nothing is waiting for you.'))
  })

  it('counts what waits in the navigation and the title', async () => {
    void program.token({ account })
    rig.house.pair('other')
    await expectShown(rig.page.getByRole('link', { name: 'Approvals 2 waiting' }))
    await eventually(
      () => rig.page.title(),
      (title) => title === '(2) Accounts – Valetkey',
    )
    await rig.page
      .locator('[aria-live]')
      .getByText(/asking for something/u)
      .waitFor()
    await rig.go('approvals')
    await question('deploy-cli').getByRole('button', { name: 'Deny' }).click()
    await eventually(
      () => rig.page.title(),
      (title) => title === '(1) Approvals – Valetkey',
    )
  })

  it('shows who, what, which and the code the program shows, and gives the token when allowed', async () => {
    const answer = program.token({ account, scope: 'mail', reason: 'release 4.2' })
    await rig.go('approvals')
    const card = question('deploy-cli wants to use your House account')
    await expectShown(card.getByText('release 4.2'))
    expect(await card.locator('.code').innerText()).toBe(program.code())
    await expectShown(card.getByText('A working access token leaves Valetkey.'))
    await expectShown(card.getByText('ada@example.com'))
    await expectShown(card.locator('.scopes').getByText('mail', { exact: true }))
    await card.getByLabel('For 8 hours').check()
    await allow(card).click()
    await expectShown(rig.page.getByText('You allowed deploy-cli.'))
    expect((await answer).scope).toContain('mail')
    const [grant] = rig.house.vault.grantRecords.values()
    expect(grant).toMatchObject({ account_id: account, client_id: program.client.id, scope: 'mail', right: 'read' })
    expect((grant?.until ?? 0) - Date.now() / 1000).toBeGreaterThan(7 * 3600)
  })

  it('tells using an account from reading its tokens, and allowing the one is not allowing the other', async () => {
    const { client } = await rig.house.addProgram('scribe', 'agent')
    const line = { signal: new AbortController().signal, pending: () => undefined }
    const answer = rig.house.broker.asking.use(client, { account, method: 'GET' }, line)
    await rig.go('approvals')
    const card = question('scribe wants to use your House account')
    await expectShown(card.getByText('Use it through Valetkey.'))
    await expectShown(card.getByText('The app never sees a token.'))
    expect(await card.getByText('A working access token leaves Valetkey.').count()).toBe(0)
    await allow(card).click()
    expect((await answer).account.id).toBe(account)
    const grants = [...rig.house.vault.grantRecords.values()].filter(({ client_id }) => client_id === client.id)
    expect(grants).toMatchObject([{ right: 'use' }])
    const asked = rig.house.broker.asking.token(client, { account, interaction: 'never' }, line)
    expect(await outcome(asked)).toBe('consent_required')
  })

  it('offers first what the preferences say', async () => {
    await rig.house.broker.deciding.on('console').configure({ approval_duration: '1h' })
    void program.token({ account })
    await rig.go('approvals')
    await expectShown(question(/deploy-cli/u))
    expect(
      await question(/deploy-cli/u)
        .getByLabel('For 1 hour')
        .isChecked(),
    ).toBe(true)
  })

  it('allows once', async () => {
    const answer = program.token({ account })
    await rig.go('approvals')
    const card = question(/deploy-cli/u)
    await card.getByLabel('Just this once').check()
    await allow(card).click()
    expect(await outcome(answer)).toBe('given')
    await eventually(
      () => rig.house.vault.grantRecords.size,
      (size) => size === 0,
    )
  })

  it('keeps Allow off for the first second, and off again after every change of what waits', async () => {
    await rig.page.clock.install()
    await rig.go('approvals')
    await rig.page.clock.pauseAt(Date.now() + 60_000)
    void program.token({ account })
    const card = question(/deploy-cli/u)
    await expectShown(card.getByText('A moment: read first.'))
    await rig.page.clock.runFor(990)
    expect(await allow(card).isDisabled()).toBe(true)
    await rig.page.clock.runFor(20)
    await eventually(
      () => allow(card).isEnabled(),
      (enabled) => enabled,
    )
    rig.house.pair('newcomer')
    await expectShown(question(/newcomer/u))
    expect(await allow(card).isDisabled()).toBe(true)
    await rig.page.clock.runFor(990)
    expect(await allow(card).isDisabled()).toBe(true)
    await rig.page.clock.runFor(20)
    await eventually(
      () => allow(card).isEnabled(),
      (enabled) => enabled,
    )
  })

  it('takes neither Enter nor Escape nor leaving for a yes', async () => {
    const answer = program.token({ account })
    await rig.go('approvals')
    await eventually(
      () => allow(question(/deploy-cli/u)).isEnabled(),
      (enabled) => enabled,
    )
    await rig.page.keyboard.press('Enter')
    await question(/deploy-cli/u)
      .getByLabel('For 1 hour')
      .focus()
    await rig.page.keyboard.press('Enter')
    await rig.page.keyboard.press('Escape')
    await rig.go('accounts')
    await rig.page.close()
    const deciding = rig.house.broker.deciding.on('console')
    expect((await deciding.snapshot()).requests.map(({ state }) => state)).toEqual(['pending'])
    await deciding.deny({ id: (await deciding.snapshot()).requests[0]?.id ?? '' })
    expect(await outcome(answer)).toBe('access_denied')
    expect(rig.house.vault.grantRecords.size).toBe(0)
  })

  it('denies', async () => {
    const answer = program.token({ account })
    await rig.go('approvals')
    await question(/deploy-cli/u)
      .getByRole('button', { name: 'Deny' })
      .click()
    await expectShown(rig.page.getByText('You denied deploy-cli.'))
    expect(await outcome(answer)).toBe('access_denied')
  })

  it('lets the person choose when several accounts fit, and allows nothing before', async () => {
    await rig.house.addAccount('grace@example.com', { scope: 'openid mail' })
    const answer = program.token({ provider: 'house', scope: 'mail' })
    await rig.go('approvals')
    const card = question('deploy-cli wants to use one of your accounts')
    await expectShown(card.getByText('Choose which account it may use.'))
    const chooser = card.getByLabel('Account')
    expect(await chooser.locator('option').allInnerTexts()).toEqual([
      'Choose an account',
      'ada@example.com (House)',
      'grace@example.com (House)',
    ])
    expect(await allow(card).isDisabled()).toBe(true)
    await chooser.selectOption({ label: 'grace@example.com (House)' })
    await allow(card).click()
    expect((await answer).account.label).toBe('grace@example.com')
  })

  it('pairs a program, which then may do nothing yet', async () => {
    const { done, code } = rig.house.pair('nightly-backup', 'agent')
    await rig.go('approvals')
    const card = question('nightly-backup wants to be paired with Valetkey')
    expect(await card.locator('.code').innerText()).toBe(code())
    await expectShown(card.getByText('AI agent. The name is the app’s own claim; nobody has verified it.'))
    expect(await card.getByRole('radio').count()).toBe(0)
    await card.getByRole('button', { name: 'Pair' }).click()
    expect((await done).client_token).toMatch(/^vkc_/u)
    expect(rig.house.vault.grantRecords.size).toBe(0)
  })

  it('shows which extension a browser says it is, unverified, in the question and with the program', async () => {
    const origin = 'chrome-extension://abcdefghijklmnopabcdefghijklmnop'
    const asking = { signal: new AbortController().signal, pending: () => undefined, origin }
    const done = rig.house.broker.asking.pair({ name: 'Inbox helper', kind: 'extension' }, asking)
    await rig.go('approvals')
    const card = question('Inbox helper wants to be paired with Valetkey')
    const claim = 'Its browser calls it extension abcdefghijklmnopabcdefghijklmnop; nobody has verified that.'
    await expectShown(card.getByText(claim))
    await card.getByRole('button', { name: 'Pair' }).click()
    const { client_id } = await done
    await rig.go(`apps/${client_id}`)
    await expectShown(rig.page.getByText('abcdefghijklmnopabcdefghijklmnop'))
  })

  it('says when a question has expired or was taken back, and leaves everything in its place', async () => {
    rig.house.patch = (snapshot) => ({
      ...snapshot,
      requests: snapshot.requests.map((request) => ({ ...request, expires_at: Date.now() / 1000 + 3 })),
    })
    void program.token({ account })
    await rig.go('approvals')
    await expectShown(question(/deploy-cli/u))
    await expectShown(rig.page.getByText('The question from deploy-cli expired. Nothing was allowed.'))
    expect(await question(/deploy-cli/u).count()).toBe(0)
    rig.house.patch = (snapshot) => snapshot
    await rig.go('accounts')
    const { done } = rig.house.pair('second')
    await rig.go('approvals')
    await expectShown(question(/second/u))
    const deciding = rig.house.broker.deciding.on('terminal')
    const requests = (await rig.house.broker.deciding.on('console').snapshot()).requests
    await deciding.deny({ id: requests.find(({ kind }) => kind === 'pair')?.id ?? '' })
    await expectShown(rig.page.getByText('The question from second is no longer waiting here.'))
    expect(await outcome(done)).toBe('access_denied')
  })

  it('shows why an approval was refused, and the question stays', async () => {
    const answer = program.token({ account })
    await rig.go('approvals')
    const card = question(/deploy-cli/u)
    await eventually(
      () => allow(card).isEnabled(),
      (enabled) => enabled,
    )
    rig.house.vault.full = true
    await allow(card).click()
    await expectShown(card.locator('.note-bad'))
    rig.house.vault.full = false
    await allow(card).click()
    expect(await outcome(answer)).toBe('given')
  })
})
