/** The ways an account is linked, in the wizard: in the browser, on another device, with a password, by a page of one's own. */
import { describe, expect, it } from 'vitest'
import type { ProviderSummary } from '../../main/contract/model.ts'
import { expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'

const desk: ProviderSummary = {
  id: 'desk',
  name: 'Desk',
  variables: [],
  scopes: [],
  flows: ['browser', 'device', 'password'],
  client_fields: { client_id: { label: 'App ID' }, secret: 'required', not_for: ['password'] },
}
const rig = prepareRig((house) => {
  house.servers.summaries = [
    desk,
    { ...desk, id: 'door', name: 'Door', flows: ['password'] },
    { ...desk, id: 'open', name: 'Open', flows: ['browser'], client_fields: { secret: 'none' } },
    { ...desk, id: 'odd', name: 'Odd', unconfirmed: true, built_in: false },
  ]
  return Promise.resolve()
})

const expectHeading = (name: string): Promise<void> => expectShown(rig.page.getByRole('heading', { level: 1, name }))
async function choose(provider: string): Promise<void> {
  await rig.go('link')
  await rig.page.getByRole('button', { name: provider }).click()
  await expectHeading(`Link an account at ${provider}`)
}
const next = (): Promise<void> => rig.page.getByRole('button', { name: 'Continue' }).click()
/** The browser's own word on a field that has to be filled in. */
const isMissing = (label: string): Promise<boolean> =>
  rig.page
    .getByLabel(label, { exact: true })
    .evaluate((field) => field instanceof HTMLInputElement && field.validity.valueMissing)

describe('the client', () => {
  it('is asked for where it is needed, and the form does not go on without it', async () => {
    await choose('Desk')
    await next()
    expect([await isMissing('App ID'), await isMissing('Client secret')]).toEqual([true, true])
    expect(rig.house.servers.waiting).toHaveLength(0)
    await rig.page.getByLabel('App ID').fill('mine')
    await rig.page.getByLabel('Client secret').fill('s3cret')
    await next()
    await expectHeading('Continue in your browser')
    expect(rig.house.servers.waiting[0]?.plan).toMatchObject({ client_id: 'mine' })
  })

  it('has no secret where the provider takes none', async () => {
    await choose('Open')
    expect(await rig.page.getByLabel('Client secret').count()).toBe(0)
    expect(await rig.page.getByText('How to sign in').count()).toBe(0)
    await rig.page.getByLabel('Client ID').fill('mine')
    await next()
    await expectHeading('Continue in your browser')
    const plan = rig.house.servers.waiting[0]?.plan
    expect(plan && ['flow', 'client_secret'].filter((name) => Object.hasOwn(plan, name))).toEqual([])
  })
})

describe('a choice of ways', () => {
  it('begins with the provider’s first, and another one is asked for by name', async () => {
    await choose('Desk')
    expect(await rig.page.getByLabel('In the browser').isChecked()).toBe(true)
    await rig.page.getByLabel('On another device').check()
    await rig.page.getByLabel('App ID').fill('mine')
    await rig.page.getByLabel('Client secret').fill('s3cret')
    await next()
    await expectHeading('Continue in your browser')
    expect(rig.house.servers.waiting[0]?.plan).toMatchObject({ flow: 'device' })
  })

  it('never begins with a password', async () => {
    await choose('Door')
    expect(await rig.page.getByLabel('With email and password').isChecked()).toBe(false)
    expect(await rig.page.getByLabel('Email', { exact: true }).count()).toBe(0)
    await next()
    await expectHeading('Link an account at Door')
    expect(rig.house.servers.waiting).toHaveLength(0)
  })
})

describe('email and password', () => {
  const PASSWORD = 'hunter2-hunter2'

  it('are turned on by the person, sent once, and in no snapshot, page or memory afterwards', async () => {
    await choose('Desk')
    expect(await rig.page.getByLabel('Password', { exact: true }).count()).toBe(0)
    await rig.page.getByLabel('With email and password').check()
    await expectShown(rig.page.getByText('It is not kept'))
    expect(await rig.page.getByLabel('App ID').count()).toBe(0)
    expect(await rig.page.getByLabel('Password', { exact: true }).getAttribute('type')).toBe('password')
    await next()
    expect([await isMissing('Email'), await isMissing('Password')]).toEqual([true, true])
    await rig.page.getByLabel('Email', { exact: true }).fill('ada@desk.example')
    await rig.page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await next()
    await expectHeading('Asking the provider…')
    const plan = rig.house.servers.waiting[0]?.plan
    expect(plan).toMatchObject({ flow: 'password', person: { username: 'ada@desk.example' } })
    expect(plan?.person?.password.reveal()).toBe(PASSWORD)
    expect(JSON.stringify(await rig.house.deciding.snapshot('console'))).not.toContain(PASSWORD)
    expect(await rig.page.content()).not.toContain(PASSWORD)
    const { BrokerError } = await import('../../main/contract/errors.ts')
    rig.house.servers.waiting[0]?.end({
      kind: 'refused',
      error: new BrokerError('provider_error', 'The provider answered "bad_credentials".'),
    })
    await expectHeading('The sign-in did not work')
    await rig.page.getByRole('button', { name: 'Try again' }).click()
    await expectHeading('Link an account at Desk')
    expect(await rig.page.getByLabel('Email', { exact: true }).inputValue()).toBe('ada@desk.example')
    expect(await rig.page.getByLabel('Password', { exact: true }).inputValue()).toBe('')
    await rig.page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await next()
    await expectHeading('Asking the provider…')
    rig.house.servers.finish(1)
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'ada@house.example' }))
    expect(JSON.stringify(rig.house.activity.rows)).not.toContain(PASSWORD)
  })

  it('are forgotten when another way is chosen', async () => {
    await choose('Desk')
    await rig.page.getByLabel('With email and password').check()
    await rig.page.getByLabel('Password', { exact: true }).fill(PASSWORD)
    await rig.page.getByLabel('In the browser').check()
    await rig.page.getByLabel('With email and password').check()
    expect(await rig.page.getByLabel('Password', { exact: true }).inputValue()).toBe('')
  })
})

describe('a page of one’s own', () => {
  it('is named beforehand, and its address is what is pasted', async () => {
    rig.house.servers.ladder = ['paste']
    rig.house.servers.landsOn = 'https://example.com/callback'
    await choose('Open')
    await rig.page.getByLabel('Client ID').fill('mine')
    await next()
    await expectShown(rig.page.getByText('the browser ends on your own page at example.com'))
    await expectShown(rig.page.getByText('even if the page shows an error'))
    await rig.page.getByLabel('Address the browser ended on').fill('https://example.com/callback?code=abc&state=x')
    await rig.page.getByRole('button', { name: 'Finish sign-in' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'ada@house.example' }))
  })
})

describe('a definition that the person has not added', () => {
  it('is shown and cannot be chosen', async () => {
    await rig.go('link')
    const button = rig.page.getByRole('button', { name: 'Odd' })
    await expectShown(button)
    expect(await button.isDisabled()).toBe(true)
    await expectShown(rig.page.getByText('Not added by you, or changed since.'))
  })
})
