/**
 * What strangers write: markup, direction tricks, a hundred kilobytes. It is shown as text, all of it can be read, it
 * runs nothing and it pushes nothing off the screen.
 */
import { describe, expect, it } from 'vitest'
import type { Snapshot } from '../../main/contract/window-api.ts'
import { eventually, expectShown } from './browser.ts'
import { prepareRig } from './rig.ts'

const markup = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>{{7*7}}'
const reversed = 'invoice\u202Egpj.exe\u2066\u200B'
const long = `start ${'x'.repeat(100_000)} end`
const strings: readonly (readonly [string, string])[] = [
  ['markup', markup],
  ['direction controls', reversed],
  ['100 kB without a space', long],
  ['100 kB of combining marks', `a${'\u0300'.repeat(100_000)}`],
  ['a javascript address', 'javascript:window.pwned=1'],
  ['right-to-left letters', 'עברית العربية'],
]

const rig = prepareRig()

/** The same hostile text in every place a stranger can write. */
function poison(snapshot: Snapshot, value: string): Snapshot {
  const now = Math.floor(Date.now() / 1000)
  const account = { id: 'acc', label: value, provider: value, provider_name: value }
  return {
    ...snapshot,
    home: value,
    vault: { ...snapshot.vault, notice: value },
    accounts: [
      {
        ...account,
        issuer: value,
        subject: value,
        state: 'needs-sign-in',
        problem: value,
        scope: value,
        renewable: true,
        linked_at: now,
      },
    ],
    clients: [{ id: 'cli', name: value, kind: 'script', paired_at: now }],
    grants: [
      { id: 'g', client_id: 'cli', account_id: 'acc', scope: value, right: 'read', granted_at: now, until: 1e308 },
    ],
    requests: [
      {
        id: 'r',
        kind: 'access',
        state: 'pending',
        client: { id: 'cli', name: value, kind: 'script' },
        account,
        scope: value,
        right: 'read',
        reason: value,
        code: '123-456',
        created_at: now,
        expires_at: now + 600,
        waiting: 1,
      },
    ],
    sign_ins: [
      {
        id: 's',
        provider: value,
        provider_name: value,
        flow: 'browser',
        redirect: 'loopback',
        rungs: ['paste'],
        state: 'waiting',
        authorization_url: value,
        expires_at: now + 300,
      },
      {
        id: 'f',
        provider: value,
        provider_name: value,
        flow: 'browser',
        redirect: 'loopback',
        rungs: ['paste'],
        state: 'failed',
        authorization_url: value,
        expires_at: now + 300,
        error: { code: value, description: value },
      },
    ],
    providers: [
      {
        id: 'p',
        name: value,
        documentation: value,
        variables: [{ name: 'v', title: value, example: value, required: true, secret: false }],
        scopes: [value],
      },
    ],
  }
}

const screens = [
  'accounts',
  'accounts/acc',
  'apps',
  'apps/cli',
  'approvals',
  'link',
  'link/s',
  'link/f',
  'settings',
  'prompt/r',
  'prompt/gone',
  'activity',
]

describe('hostile text', () => {
  it.each(strings)('%s is harmless on every screen', { timeout: 60_000 }, async (_name, value) => {
    rig.house.activity.append({
      at: 1,
      action: 'token',
      outcome: value,
      detail: value,
      scope: value,
      client_id: 'cli',
      account_id: 'acc',
    })
    rig.house.patch = (snapshot) => poison(snapshot, value)
    await expectShown(rig.page.locator('.rows .row').first())
    for (const screen of screens) {
      await rig.go(screen)
      const facts = await rig.page.evaluate(() => ({
        pwned: Object.hasOwn(window, 'pwned'),
        foreign: document.querySelectorAll('img, script:not([src]), iframe, object, embed, [onerror], [style]').length,
        addresses: [...document.querySelectorAll<HTMLAnchorElement>('a[href]')].filter(
          ({ protocol }) => !/^https?:$/u.test(protocol),
        ).length,
        wide: document.documentElement.scrollWidth - document.documentElement.clientWidth,
        // Where the way out is: the navigation, or in a window of one question what ends it.
        navigation: document.querySelector('nav a, .prompt button')?.getBoundingClientRect().left ?? -1,
      }))
      expect(facts, screen).toEqual({ pwned: false, foreign: 0, addresses: 0, wide: 0, navigation: facts.navigation })
      expect(facts.navigation).toBeGreaterThanOrEqual(0)
    }
    await rig.go('link')
    await rig.page.locator('.provider').click()
    await expectShown(rig.page.locator('form .field').first())
    expect(
      await rig.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth),
    ).toBe(0)
  })

  it('is shown letter by letter, and direction controls are made visible', async () => {
    rig.house.patch = (snapshot) => poison(snapshot, markup)
    await rig.go('accounts/acc')
    await expectShown(rig.page.locator('.facts').getByText(markup).first())
    rig.house.patch = (snapshot) => poison(snapshot, reversed)
    await expectShown(rig.page.getByRole('heading', { level: 2, name: 'invoice\uFFFDgpj.exe\uFFFD\uFFFD' }))
    expect(await rig.page.evaluate(() => document.body.innerText.includes('\u202E'))).toBe(false)
  })

  it('keeps Allow, the code and the truth about the request in view, whatever the program wrote', async () => {
    rig.house.patch = (snapshot) => poison(snapshot, long)
    await rig.go('approvals')
    const card = rig.page.getByRole('article')
    await expectShown(card.getByText('123-456'))
    await expectShown(card.getByText('A working access token leaves Valetkey.'))
    const height = await card.evaluate((element) => element.getBoundingClientRect().height)
    expect(height).toBeLessThan(2000)
  })

  it('can be read whole', async () => {
    rig.house.patch = (snapshot) => poison(snapshot, long)
    await rig.go('accounts/acc')
    const folded = rig.page.locator('.facts details.long').first()
    await folded.locator('summary').focus()
    await rig.page.keyboard.press('Enter')
    await expectShown(folded.locator('.long-text'))
    const shown = await folded.locator('.long-text').innerText()
    expect(shown.endsWith(' end')).toBe(true)
    expect(shown).toHaveLength(long.length)
  })

  it('stays a small window with a thousand accounts', { timeout: 60_000 }, async () => {
    rig.house.patch = (snapshot) => {
      const [account] = poison(snapshot, 'x').accounts
      return account
        ? {
            ...snapshot,
            accounts: Array.from({ length: 1000 }, (_, index) => ({
              ...account,
              id: `a${String(index)}`,
              label: `account ${String(index)}`,
            })),
          }
        : snapshot
    }
    await eventually(
      () => rig.page.locator('.rows > li').count(),
      (count) => count === 1000,
    )
    await rig.page.getByLabel('Find an account').fill('account 999')
    await eventually(
      () => rig.page.locator('.rows > li').count(),
      (count) => count === 1,
    )
    await expectShown(rig.page.locator('.rows').getByText('account 999'))
  })
})
