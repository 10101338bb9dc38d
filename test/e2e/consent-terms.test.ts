/** On what terms a question is answered: less than asked, using without reading, until the vault locks; and what is taken back. */
import type { Locator } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import type { AccessRequest } from '../../main/contract/model.ts'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'
import type { Program } from './stand-in-broker.ts'

let account: string
let program: Program
let agent: Program
const rig = prepareRig(async (house) => {
  account = await house.addAccount('ada@example.com', { scope: 'openid mail files' })
  program = await house.addProgram('deploy-cli')
  agent = await house.addProgram('scribe', 'agent')
})

const outcome = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'given',
    (thrown: unknown) => (thrown as { code?: string }).code ?? 'fault',
  )
const question = (name: string | RegExp): Locator => rig.page.getByRole('article', { name })
const allow = (of: Locator): Locator => of.getByRole('button', { name: 'Allow' })
const grants = (): readonly unknown[] => [...rig.house.vault.grantRecords.values()]

/** Changes what the surfaces are told of every question. */
function tell(change: Partial<AccessRequest>): void {
  rig.house.patch = (snapshot) => ({
    ...snapshot,
    requests: snapshot.requests.map((request) => ({ ...request, ...change })),
  })
}

describe('an agent’s question', () => {
  it('is about using, and a plain press allows that and no more', async () => {
    const answer = outcome(agent.token({ account }))
    await rig.go('approvals')
    const card = question(/scribe/u)
    await expectShown(card.getByText('Use it through Valetkey.'))
    expect(await card.getByRole('switch', { name: 'Let it read tokens as well' }).isChecked()).toBe(false)
    await allow(card).click()
    expect(await answer).toBe('access_denied')
    expect(grants()).toMatchObject([{ right: 'use' }])
  })

  it('becomes one about reading by a switch of its own, with what that means', async () => {
    const answer = outcome(agent.token({ account }))
    await rig.go('approvals')
    const card = question(/scribe/u)
    await expectShown(card.getByText('what the agent reads it can pass on'))
    await card.getByRole('switch', { name: 'Let it read tokens as well' }).check()
    await expectShown(card.getByText('Read its tokens.'))
    await expectShown(card.getByText('A working access token leaves Valetkey. The app can act as you'))
    await card.getByLabel('For 1 hour').check()
    await allow(card).click()
    expect(await answer).toBe('given')
    expect(grants()).toMatchObject([{ right: 'read' }])
  })

  it('is the only one with that switch', async () => {
    void program.token({ account })
    await rig.go('approvals')
    await expectShown(question(/deploy-cli/u).getByText('Read its tokens.'))
    expect(
      await question(/deploy-cli/u)
        .getByRole('switch')
        .count(),
    ).toBe(0)
  })
})

describe('how much', () => {
  it('is what stays ticked', async () => {
    void outcome(program.token({ account, scope: 'openid mail files' }))
    await rig.go('approvals')
    const card = question(/deploy-cli/u)
    await card.getByRole('checkbox', { name: 'files' }).uncheck()
    await card.getByRole('checkbox', { name: 'openid' }).uncheck()
    await card.getByLabel('For 1 hour').check()
    await allow(card).click()
    await expectShown(rig.page.getByText('You allowed deploy-cli.'))
    expect(grants()).toMatchObject([{ scope: 'mail' }])
  })

  it('is never nothing', async () => {
    void outcome(program.token({ account, scope: 'mail files' }))
    await rig.go('approvals')
    const card = question(/deploy-cli/u)
    await eventually(
      () => allow(card).isEnabled(),
      (enabled) => enabled,
    )
    for (const name of ['mail', 'files']) await card.getByRole('checkbox', { name }).uncheck()
    await expectShown(card.getByText('Leave at least one scope ticked, or deny.'))
    expect(await allow(card).isDisabled()).toBe(true)
    await card.getByRole('checkbox', { name: 'mail' }).check()
    expect(await allow(card).isEnabled()).toBe(true)
  })

  it('is no choice where there is one scope', async () => {
    void outcome(program.token({ account, scope: 'mail' }))
    await rig.go('approvals')
    await expectShown(
      question(/deploy-cli/u)
        .locator('.scopes')
        .getByText('mail'),
    )
    expect(
      await question(/deploy-cli/u)
        .getByRole('checkbox')
        .count(),
    ).toBe(0)
  })
})

describe('until Valetkey locks', () => {
  it('is offered, listed with the app, and over with the lock', async () => {
    const answer = outcome(program.token({ account, scope: 'mail' }))
    await rig.go('approvals')
    await question(/deploy-cli/u)
      .getByLabel('Until Valetkey locks')
      .check()
    await allow(question(/deploy-cli/u)).click()
    expect(await answer).toBe('given')
    expect(grants()).toEqual([])
    await rig.go(`apps/${program.client.id}`)
    await expectShown(rig.page.getByText('until Valetkey locks'))
    await rig.house.broker.deciding.on('console').lock()
    await expectShown(rig.page.getByText('It may do nothing now; it has to ask first.'))
  })
})

describe('who asks', () => {
  it('is said by the system, or plainly not verified', async () => {
    void outcome(program.token({ account }))
    await rig.go('approvals')
    const card = question(/deploy-cli/u)
    await expectShown(card.getByText('Not verified: the system did not say which program asked.'))
    tell({ peer: { verified: true, pid: 4711, executable: '/opt/deploy/bin/deploy', uid: 1000 } })
    await expectShown(card.getByText('The system says: asked by /opt/deploy/bin/deploy, process 4711, user 1000.'))
    tell({ peer: { verified: false, executable: '/opt/deploy/bin/deploy' } })
    await expectShown(card.getByText('Not verified: the system did not say which program asked.'))
    expect(await card.getByText('/opt/deploy').count()).toBe(0)
  })

  it.each([
    ['key-changed', 'The key of deploy-cli has changed.', '.note-bad'],
    ['same-key', 'This program holds the key of deploy-cli.', '.note-warning'],
    ['same-name', 'Another app of this name is paired.', '.note-warning'],
  ] as const)('is compared with who is paired: %s', async (namesake, words, tone) => {
    rig.house.pair('deploy-cli')
    tell({ namesake })
    await rig.go('approvals')
    await expectShown(
      question(/deploy-cli/u)
        .locator(tone)
        .getByText(words),
    )
  })
})

describe('which account', () => {
  it('is asked among those that fit, remembered for the app, and forgotten there', async () => {
    await rig.house.addAccount('grace@example.com', { scope: 'openid mail' })
    await rig.house.addAccount('mail@elsewhere.example', { provider: 'elsewhere', provider_name: 'Elsewhere' })
    const answer = program.token({ provider: 'house', scope: 'mail' })
    await rig.go('approvals')
    const card = question(/deploy-cli/u)
    const chooser = card.getByLabel('Account')
    expect(await chooser.locator('option').allInnerTexts()).toEqual([
      'Choose an account',
      'ada@example.com (House)',
      'grace@example.com (House)',
    ])
    await expectShown(card.getByText('Valetkey remembers the choice for this app'))
    await chooser.selectOption({ label: 'grace@example.com (House)' })
    await allow(card).click()
    expect((await answer).account.label).toBe('grace@example.com')
    await rig.go(`apps/${program.client.id}`)
    await expectShown(rig.page.getByText('house means grace@example.com'))
    await rig.page.getByRole('button', { name: 'Ask again' }).click()
    await expectShown(rig.page.getByText('You will be asked next time.'))
    await eventually(
      () => rig.page.getByText('house means').count(),
      (count) => count === 0,
    )
  })
})

describe('sessions', () => {
  it('are shown under their app, and end there', async () => {
    await rig.house.broker.asking.startSession(agent.client, { name: 'build 7' })
    await rig.go(`apps/${agent.client.id}`)
    await expectShown(rig.page.getByText('build 7: use through Valetkey, until'))
    await rig.page.getByRole('button', { name: 'End', exact: true }).click()
    await expectShown(rig.page.getByText('The session is over.'))
    await eventually(
      () => rig.page.getByText('build 7').count(),
      (count) => count === 0,
    )
  })
})
