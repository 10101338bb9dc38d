/** Linking an account: the wizard, the sign-in in another tab, the pasted address, and every way it can go wrong. */
import { describe, expect, it } from 'vitest'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'

const rig = prepareRig()

const expectHeading = (name: string): Promise<void> => expectShown(rig.page.getByRole('heading', { level: 1, name }))

async function choose(provider: string): Promise<void> {
  await rig.go('link')
  await rig.page.getByRole('button', { name: provider }).click()
  await expectHeading(`Link an account at ${provider}`)
}

async function begin(): Promise<void> {
  await choose('House')
  await rig.page.getByRole('button', { name: 'Continue' }).click()
  await expectHeading('Continue in your browser')
}

describe('linking an account', () => {
  it('signs in in a tab the person opens, and ends on the account', async () => {
    await choose('House')
    await rig.page.getByLabel('mail').check()
    await rig.page.getByLabel('Other scopes').fill('calendar, mail')
    await rig.page.getByLabel('Name for this account').fill('Work')
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectHeading('Continue in your browser')
    const open = rig.page.getByRole('link', { name: /^Open 127\.0\.0\.1/u })
    expect(await open.getAttribute('rel')).toBe('noopener noreferrer')
    const [tab] = await Promise.all([rig.context.waitForEvent('page'), open.click()])
    await tab.getByRole('link', { name: 'Sign in' }).click()
    await expectShown(tab.getByText('You can close this tab'))
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'Work' }))
    expect(new URL(rig.page.url()).hash).toMatch(/^#\/accounts\//u)
    expect(rig.house.servers.waiting[0]?.plan).toMatchObject({ provider: 'house', scope: 'mail calendar' })
  })

  it('sends the client id and secret it was given and nothing that was left empty', async () => {
    await choose('House')
    await rig.page.getByLabel('Client ID').fill(' my-client ')
    await rig.page.getByLabel('Client secret').fill('s3cret')
    expect(await rig.page.getByLabel('Client secret').getAttribute('type')).toBe('password')
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectHeading('Continue in your browser')
    const plan = rig.house.servers.waiting[0]?.plan
    expect(plan).toMatchObject({ client_id: 'my-client', params: {} })
    expect(plan?.client_secret?.reveal()).toBe('s3cret')
    expect(plan && Object.hasOwn(plan, 'scope')).toBe(false)
    expect(await rig.page.content()).not.toContain('s3cret')
  })

  it('asks what the provider needs and shows a refusal at that field, keeping what was typed', async () => {
    await choose('Any OpenID provider')
    await rig.page.getByLabel('Issuer URL').fill('http://login.example')
    await rig.page.getByLabel('Client ID').fill('mine')
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    const field = rig.page.getByLabel('Issuer URL')
    await expectShown(rig.page.getByText('params.issuer must be an https URL.'))
    expect(await field.getAttribute('aria-invalid')).toBe('true')
    const described = (await field.getAttribute('aria-describedby')) ?? ''
    const texts = await Promise.all(described.split(' ').map((id) => rig.page.locator(`[id="${id}"]`).innerText()))
    expect(texts.join(' ')).toContain('must be an https URL')
    expect(await rig.page.getByLabel('Client ID').inputValue()).toBe('mine')
    await field.fill('https://login.example')
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectHeading('Continue in your browser')
  })

  it('takes a pasted address, and says at the field what is wrong with another', async () => {
    await begin()
    const field = rig.page.getByLabel('Address the browser ended on')
    await field.fill('https://elsewhere.example/')
    await rig.page.getByRole('button', { name: 'Finish sign-in' }).click()
    await expectShown(rig.page.getByText('This address holds no answer of the provider.'))
    expect(await field.inputValue()).toBe('https://elsewhere.example/')
    await field.fill('http://127.0.0.1:1/callback/house?code=abc&state=x')
    await rig.page.getByRole('button', { name: 'Finish sign-in' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'ada@house.example' }))
  })

  it('copies the link, and shows it where the browser refuses to copy', async () => {
    await rig.context.grantPermissions(['clipboard-read', 'clipboard-write'])
    await begin()
    await rig.page.getByRole('button', { name: 'Copy link' }).click()
    await expectShown(rig.page.getByText('Copied', { exact: true }))
    const copied = await rig.page.evaluate(() => navigator.clipboard.readText())
    expect(copied).toBe(`${rig.house.servers.address}/authorize?n=0`)
    // As in the app's window, which grants its pages no permission: the press alone has to do.
    await rig.page.evaluate(async () => {
      await navigator.clipboard.writeText('something else')
      navigator.clipboard.writeText = () => Promise.reject(new Error('refused'))
    })
    await rig.page.getByRole('button', { name: 'Copy link' }).click()
    await eventually(
      () => rig.page.evaluate(() => navigator.clipboard.readText()),
      (text) => text === `${rig.house.servers.address}/authorize?n=0`,
    )
    await expectShown(rig.page.getByText('Copied', { exact: true }))
    await rig.page.evaluate(() => {
      Object.assign(document, { execCommand: () => false })
    })
    await rig.page.getByRole('button', { name: 'Copy link' }).click()
    const field = rig.page.getByLabel('Show the link')
    await expectShown(field)
    expect(await field.inputValue()).toBe(`${rig.house.servers.address}/authorize?n=0`)
  })

  it('cancels', async () => {
    await begin()
    await rig.page.getByRole('button', { name: 'Cancel' }).click()
    await expectHeading('The sign-in was cancelled. Nothing was changed.')
    await rig.page.getByRole('link', { name: 'Start a new sign-in' }).click()
    await expectHeading('Link an account')
  })

  it('says why it failed, in bounds, and tries again with what was typed', async () => {
    await choose('House')
    await rig.page.getByLabel('Client ID').fill('mine')
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectHeading('Continue in your browser')
    const { BrokerError } = await import('../../main/contract/errors.ts')
    rig.house.servers.waiting[0]?.end({
      kind: 'refused',
      error: new BrokerError('access_denied', 'The person said no at House.'),
    })
    await expectHeading('The sign-in did not work')
    await expectShown(rig.page.getByText('The person said no at House.'))
    await rig.page.getByRole('button', { name: 'Try again' }).click()
    await expectHeading('Link an account at House')
    expect(await rig.page.getByLabel('Client ID').inputValue()).toBe('mine')
  })

  it('shows a sign-in under way among the accounts, also after a reload', async () => {
    await begin()
    await rig.page.reload()
    await expectHeading('Continue in your browser')
    await rig.go('accounts')
    await rig.page.getByRole('link', { name: /Signing in to House/u }).click()
    await expectHeading('Continue in your browser')
  })

  it('signs an account in again without asking for anything', async () => {
    const id = await rig.house.addAccount('ada')
    await rig.go(`accounts/${id}`)
    await rig.page.getByRole('button', { name: 'Sign in again' }).click()
    await expectHeading('Continue in your browser')
    const signIn = rig.house.servers.waiting.length - 1
    rig.house.servers.finish(signIn)
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'ada' }))
    expect([...rig.house.vault.records.keys()]).toEqual([id])
  })

  it('refuses to show an address of another scheme as a link', async () => {
    rig.house.servers.address = 'javascript:alert(1)//'
    await begin()
    await expectShown(rig.page.getByText('neither https nor on this computer'))
    expect(await rig.page.locator('a[href^="javascript"]').count()).toBe(0)
    expect(await rig.page.getByRole('link', { name: /^Open/u }).count()).toBe(0)
  })

  it('says that a forgotten sign-in is over', async () => {
    await rig.go('link/nothing-of-this-name')
    await expectHeading('This sign-in is over and no longer remembered.')
    const count = await eventually(
      () => rig.page.getByRole('link', { name: 'Start a new sign-in' }).count(),
      (n) => n === 1,
    )
    expect(count).toBe(1)
  })

  it('says beforehand how the browser will come back', async () => {
    for (const [redirect, words] of [
      ['custom-scheme', 'the browser asks whether to open Valetkey'],
      ['loopback', 'the browser ends on a page of Valetkey on this computer'],
      ['paste', 'the browser ends on a page that does not load'],
    ] as const) {
      rig.house.servers.ladder = [redirect]
      await begin()
      await expectShown(rig.page.getByText(words))
      await expectShown(rig.page.getByRole('progressbar', { name: 'Waiting for your browser…' }))
      await expectShown(rig.page.getByText(/^[45] min left$/u))
      // The only way there is needs no others beside it.
      expect(await rig.page.getByText('It does not come back?').count()).toBe(0)
      const open = rig.page.getByRole('link', { name: /^Open 127\.0\.0\.1/u })
      const [tab] = await Promise.all([rig.context.waitForEvent('page'), open.click()])
      await tab.close()
      await expectShown(rig.page.getByRole('link', { name: /^Open 127\.0\.0\.1:\d+ again$/u }))
      await rig.page.getByRole('button', { name: 'Cancel' }).click()
      await expectHeading('The sign-in was cancelled. Nothing was changed.')
      await rig.go('accounts')
    }
  })

  it('tries the next way in the same place, with everything that was typed', async () => {
    rig.house.servers.ladder = ['custom-scheme', 'loopback', 'paste']
    await choose('House')
    await rig.page.getByLabel('mail').check()
    await rig.page.getByLabel('Client ID').fill('mine')
    await rig.page.getByLabel('Client secret').fill('s3cret')
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectHeading('Continue in your browser')
    await rig.page.getByText('It does not come back?').click()
    await expectShown(rig.page.getByText('what you typed is kept'))
    await rig.page.getByRole('button', { name: 'Try another way: over a page on this computer' }).click()
    await expectShown(rig.page.getByText('the browser ends on a page of Valetkey on this computer'))
    await expectHeading('Continue in your browser')
    const [first, second] = rig.house.servers.waiting.map(({ plan }) => plan)
    expect(second).toMatchObject({ provider: 'house', scope: 'mail', client_id: 'mine', redirect: 'loopback' })
    expect(second?.client_secret?.reveal()).toBe('s3cret')
    expect(first?.redirect).toBeUndefined()
    const { sign_ins } = await rig.house.deciding.snapshot('console')
    expect(sign_ins.map(({ state }) => state)).toEqual(['cancelled', 'waiting'])
    // And on to the last, from which the account comes.
    await rig.page.getByText('It does not come back?').click()
    await rig.page.getByRole('button', { name: 'Try another way: paste the address yourself' }).click()
    await expectShown(rig.page.getByText('the browser ends on a page that does not load'))
    await rig.page.getByLabel('Address the browser ended on').fill('http://127.0.0.1:1/callback/house?code=a&state=x')
    await rig.page.getByRole('button', { name: 'Finish sign-in' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'ada@house.example' }))
  })

  it('offers the next way by itself after a while, and moves nothing that was there', async () => {
    await rig.page.clock.install()
    await begin()
    const cancel = rig.page.getByRole('button', { name: 'Cancel' })
    const before = await cancel.boundingBox()
    const offer = rig.page.getByRole('button', { name: 'Try another way: paste the address yourself' })
    await rig.page.clock.runFor(19_000)
    expect(await offer.isVisible()).toBe(false)
    await rig.page.clock.runFor(2000)
    await expectShown(offer)
    expect(await cancel.boundingBox()).toEqual(before)
  })

  it('asks for the form again where it no longer knows what was typed', async () => {
    await begin()
    await rig.page.reload()
    await expectHeading('Continue in your browser')
    await rig.page.getByText('It does not come back?').click()
    await expectShown(rig.page.getByText('the form comes first'))
    await rig.page.getByRole('button', { name: 'Try another way: paste the address yourself' }).click()
    await expectHeading('Link an account at House')
    await expectShown(rig.page.getByText('the browser ends on a page that does not load'))
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectHeading('Continue in your browser')
    expect(rig.house.servers.waiting.map(({ plan }) => plan.redirect)).toEqual([undefined, 'paste'])
  })

  it('says why the next way could not be begun, and offers to try again', async () => {
    await begin()
    rig.house.vault.current = 'locked'
    await rig.page.getByText('It does not come back?').click()
    await rig.page.getByRole('button', { name: 'Try another way: paste the address yourself' }).click()
    await expectShown(rig.page.locator('.problem-slot').getByText('The vault is locked.').first())
    rig.house.vault.current = 'unlocked'
    await rig.page.getByRole('button', { name: 'Try another way: paste the address yourself' }).click()
    await expectHeading('Continue in your browser')
    expect(rig.house.servers.waiting.at(-1)?.plan.redirect).toBe('paste')
  })

  it('offers the other ways when one has failed', async () => {
    await begin()
    rig.house.servers.waiting[0]?.end({ kind: 'expired' })
    await expectHeading('The sign-in did not work')
    await expectShown(rig.page.getByText('The browser did not come back in time.'))
    await rig.page.getByRole('button', { name: 'Try another way: paste the address yourself' }).click()
    await expectHeading('Continue in your browser')
    expect(rig.house.servers.waiting.at(-1)?.plan.redirect).toBe('paste')
  })

  it('says when the account was linked already, and what the provider did not confirm', async () => {
    await begin()
    rig.house.servers.finish(0)
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'ada@house.example' }))
    await choose('House')
    await rig.page.getByLabel('Other scopes').fill('calendar')
    await rig.page.getByRole('button', { name: 'Continue' }).click()
    await expectHeading('Continue in your browser')
    const waiting = rig.house.servers.waiting[1]
    Object.assign(waiting?.plan ?? {}, { scope: 'openid' })
    rig.house.servers.finish(1)
    const notices = rig.page.locator('.notices')
    await expectShown(notices.getByText('This account was linked already; it has been signed in again.'))
    await expectShown(notices.getByText('Not confirmed: calendar'))
  })

  it('cancels an account’s own sign-in from the account', async () => {
    const id = await rig.house.addAccount('ada')
    await rig.go(`accounts/${id}`)
    await rig.page.getByRole('button', { name: 'Sign in again' }).click()
    await expectHeading('Continue in your browser')
    await rig.go(`accounts/${id}`)
    await rig.page.getByRole('button', { name: 'Cancel sign-in' }).click()
    await rig.page.getByRole('button', { name: 'Cancel sign-in' }).waitFor({ state: 'hidden' })
    const { sign_ins } = await rig.house.deciding.snapshot('console')
    expect(sign_ins.at(-1)?.state).toBe('cancelled')
  })
})
