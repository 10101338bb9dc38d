/** A house with something on every screen, and the way to each: for checks that look at all of them. */
import type { ProviderSummary } from '../../main/contract/model.ts'
import type { Page } from 'playwright-core'
import { eventually, type OpenWindow } from './browser.ts'
import type { StandIn } from './stand-in-broker.ts'

export interface Furnished {
  readonly account: string
  readonly client: string
}

/** One with several flows, and one that the person has not added. */
const desk: ProviderSummary = {
  ...{ id: 'desk', name: 'Desk', variables: [], scopes: [], flows: ['browser', 'device', 'password'] },
  client_fields: { secret: 'optional', not_for: ['password'] },
}

/** Accounts in all states, a consent, activity, every kind of question, a sign-in. */
export async function furnish(house: StandIn): Promise<Furnished> {
  house.servers.summaries = [...house.servers.summaries, desk, { ...desk, id: 'odd', name: 'Odd', unconfirmed: true }]
  const account = await house.addAccount('ada@example.com', { scope: 'openid mail files' })
  for (const name of ['b', 'c', 'd', 'e', 'f', 'g']) await house.addAccount(`${name}@example.com`)
  const program = await house.addProgram('deploy-cli', 'cli')
  const deciding = house.broker.deciding.on('console')
  const answer = program.token({ account, scope: 'mail' })
  const [request] = await eventually(
    async () => (await deciding.snapshot()).requests,
    (requests) => requests.length > 0,
  )
  await deciding.approve({ id: request?.id ?? '', for: 'always' })
  await answer
  await program.token({ account: 'nobody' }).catch(() => undefined)
  void program.token({ account, scope: 'files', reason: 'to read what was filed' })
  void program.token({ provider: 'house', scope: 'openid' })
  house.pair('nightly-backup', 'agent')
  house.vault.slot = 'key-file'
  const states = ['connected', 'offline', 'needs-sign-in', 'unsaved', 'misconfigured', 'signing-in', 'locked'] as const
  house.patch = (snapshot) => ({
    ...snapshot,
    host: 'desktop',
    paused: true,
    vault: { ...snapshot.vault, notice: 'Restored from a backup.' },
    accounts: snapshot.accounts.map((entry) => ({
      ...entry,
      state: states[snapshot.accounts.findIndex(({ id }) => id === entry.id)] ?? 'connected',
    })),
    requests: [
      ...snapshot.requests,
      {
        id: 'sign-in-question',
        kind: 'sign-in',
        state: 'pending',
        client: { name: 'deploy-cli', kind: 'cli' },
        account: { id: account, label: 'ada@example.com', provider: 'house', provider_name: 'House' },
        scope: '',
        right: 'use',
        created_at: Date.now() / 1000,
        expires_at: Date.now() / 1000 + 600,
        waiting: 2,
      },
    ],
  })
  return { account, client: program.client.id }
}

export interface Screen {
  readonly name: string
  readonly reach: (window: Pick<OpenWindow, 'page' | 'go'>, furnished: Furnished) => Promise<void>
  /** What has to be done before the next is reached. */
  readonly leave?: (page: Page) => Promise<void>
}

const armed = (page: Page, name: string): Promise<boolean> =>
  eventually(
    () => page.getByRole('button', { name, exact: true }).first().isEnabled(),
    (enabled) => enabled,
  )

/** Every screen, by the steps that lead to it. */
export const screens: readonly Screen[] = [
  { name: 'the accounts', reach: ({ go }) => go('accounts') },
  {
    name: 'an account',
    async reach({ page, go }, { account }) {
      await go(`accounts/${account}`)
      await page.getByRole('button', { name: 'Remove…' }).waitFor()
    },
  },
  {
    name: 'removing an account',
    async reach({ page, go }, { account }) {
      await go(`accounts/${account}`)
      await page.getByRole('button', { name: 'Remove…' }).click()
      await page.getByRole('dialog').waitFor()
    },
    leave: (page) => page.keyboard.press('Escape'),
  },
  { name: 'the choice of a provider', reach: ({ go }) => go('link') },
  {
    name: 'what a provider needs',
    async reach({ page, go }) {
      await go('link')
      await page.getByRole('button', { name: 'House' }).click()
      await page.getByLabel('Client ID').waitFor()
    },
  },
  {
    name: 'a choice of flows, with email and password',
    async reach({ page, go }) {
      await go('accounts')
      await go('link')
      await page.getByRole('button', { name: 'Desk' }).click()
      await page.getByLabel('With email and password').check()
      await page.getByLabel('Password', { exact: true }).waitFor()
    },
  },
  {
    name: 'a sign-in with its ladder',
    async reach({ page, go }) {
      await go('accounts')
      await go('link')
      await page.getByRole('button', { name: 'House' }).click()
      await page.getByRole('button', { name: 'Continue' }).click()
      await page.getByRole('heading', { name: 'Continue in your browser' }).waitFor()
      await page.getByText('It does not come back?').click()
      await page.getByRole('button', { name: /^Try another way/u }).waitFor()
    },
  },
  {
    name: 'a cancelled sign-in',
    async reach({ page }) {
      await page.getByRole('button', { name: 'Cancel' }).click()
      await page.getByRole('link', { name: 'Start a new sign-in' }).waitFor()
    },
  },
  {
    name: 'the questions',
    async reach({ page, go }) {
      await go('approvals')
      await page.getByRole('article').nth(3).waitFor()
      await armed(page, 'Pair')
    },
  },
  {
    name: 'a question in its own window',
    async reach({ page, go }) {
      await go('prompt/sign-in-question')
      await page.getByRole('article').waitFor()
      await armed(page, 'Sign in')
    },
  },
  { name: 'a question that is over', reach: ({ go }) => go('prompt/nothing') },
  { name: 'the apps', reach: ({ go }) => go('apps') },
  { name: 'an app', reach: ({ go }, { client }) => go(`apps/${client}`) },
  {
    name: 'the activity',
    async reach({ page, go }) {
      await go('activity')
      await page.locator('.activity tbody tr').first().waitFor()
      await page.getByText('As a table').click()
      await page.locator('.numbers').waitFor()
    },
  },
  {
    name: 'the activity with nothing that fits',
    async reach({ page }) {
      await page.getByLabel('App', { exact: true }).selectOption({ label: 'deploy-cli' })
      await page.getByLabel('Result', { exact: true }).selectOption({ label: 'Linked' })
      await page.getByText('None of the rows loaded so far fits.').waitFor()
    },
  },
  {
    name: 'the settings, one of which could not be saved',
    async reach({ page, go }) {
      await go('settings')
      await page.getByRole('button', { name: 'Examine' }).click()
      await page.getByText('Nothing to report.').waitFor()
      await page.getByRole('switch', { name: 'Notifications' }).click()
      await page.getByText('The disk is full.').waitFor()
    },
  },
]
