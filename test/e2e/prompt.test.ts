/** One question in a window of its own: everything that decides is in view, nothing else is there, and it ends in words. */
import type { Page } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { eventually, expectShown } from './browser.ts'
import { openDesktopWindow, type DesktopWindow } from './desktop-window.ts'
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

/** A question of the program's, and the window the desktop app opens for it. */
async function ask(): Promise<{
  readonly answer: Promise<string>
  readonly window: DesktopWindow
  readonly page: Page
}> {
  const answer = outcome(program.token({ account, scope: 'mail', reason: 'release 4.2' }))
  const request = await eventually(
    async () => (await rig.house.deciding.snapshot('window')).requests.find(({ kind }) => kind === 'access'),
    (found) => found !== undefined,
  )
  const window = await openDesktopWindow(
    rig.browser,
    rig.house,
    { width: 480, height: 560 },
    `#/prompt/${request?.id ?? ''}`,
  )
  return { answer, window, page: window.page }
}

const allow = (page: Page): ReturnType<Page['getByRole']> => page.getByRole('button', { name: 'Allow' })

describe('a question in its own window', () => {
  it('shows that question alone, with the focus on its title', async () => {
    rig.house.pair('another')
    const { page, window, answer } = await ask()
    const title = page.getByRole('heading', { level: 1, name: 'deploy-cli wants to use your House account' })
    await expectShown(title)
    expect(await title.evaluate((element) => element === document.activeElement)).toBe(true)
    expect(await page.getByRole('article').count()).toBe(1)
    expect(await page.getByRole('navigation').count()).toBe(0)
    expect(await page.locator('.code').innerText()).toBe(program.code())
    for (const words of ['release 4.2', 'A working access token leaves Valetkey.', 'ada@example.com'])
      await expectShown(page.getByText(words))
    await window.context.close()
    await rig.house.broker.deciding.on('console').lock()
    expect(await answer).not.toBe('given')
  })

  it('keeps what decides in view, however small the window is', async () => {
    const { page, window } = await ask()
    for (const [width, height] of [
      [480, 560],
      [420, 520],
      [360, 320],
    ] as const) {
      await page.setViewportSize({ width, height })
      for (const name of ['Deny', 'Allow']) {
        const box = await page.getByRole('button', { name }).boundingBox()
        expect((box?.y ?? -1) + (box?.height ?? 0), name).toBeLessThanOrEqual(height)
        expect(box?.y, name).toBeGreaterThan(0)
      }
      // What has the focus is not hidden behind it (WCAG 2.4.11).
      await page.getByLabel('Just this once').focus()
      await page.getByLabel('Until I stop it').focus()
      const [under, top] = await page.evaluate(() => [
        document.activeElement?.getBoundingClientRect().bottom ?? 0,
        document.querySelector('.decide')?.getBoundingClientRect().top ?? 0,
      ])
      expect(under, String(height)).toBeLessThanOrEqual(top ?? 0)
    }
    await window.context.close()
  })

  it('keeps Allow off for the first second, again after the window gets the focus, and never as a default', async () => {
    const { page, window, answer } = await ask()
    await page.clock.install()
    await page.reload()
    await expectShown(page.getByText('A moment: read first.'))
    expect(await allow(page).isDisabled()).toBe(true)
    await page.keyboard.press('Enter')
    await page.keyboard.press('Space')
    await page.clock.runFor(1100)
    await eventually(
      () => allow(page).isEnabled(),
      (enabled) => enabled,
    )
    await page.evaluate(() => globalThis.dispatchEvent(new Event('focus')))
    await eventually(
      () => allow(page).isDisabled(),
      (disabled) => disabled,
    )
    await page.keyboard.press('Enter')
    expect(rig.house.vault.grantRecords.size).toBe(0)
    await page.clock.runFor(1100)
    await allow(page).click()
    expect(await answer).toBe('given')
    await expectShown(page.getByText('You allowed deploy-cli.'))
    await window.context.close()
  })

  it('takes Escape for a no', async () => {
    const { page, window, answer } = await ask()
    await expectShown(allow(page))
    await page.keyboard.press('Escape')
    expect(await answer).toBe('access_denied')
    await expectShown(page.getByText('You denied deploy-cli.'))
    await window.context.close()
  })

  it('says how it ended and can then only be closed', async () => {
    const { page, window, answer } = await ask()
    await expectShown(allow(page))
    const deciding = rig.house.broker.deciding.on('window')
    await deciding.deny({ id: (await deciding.snapshot()).requests[0]?.id ?? '' })
    expect(await answer).toBe('access_denied')
    await expectShown(page.getByText('The question from deploy-cli is no longer waiting here.'))
    const title = page.getByRole('heading', { level: 1, name: 'This question is no longer waiting.' })
    expect(await title.evaluate((element) => element === document.activeElement)).toBe(true)
    expect(await page.getByRole('button').allInnerTexts()).toEqual(['Close'])
    await page.evaluate(() => {
      globalThis.close = () => {
        document.title = 'closed'
      }
    })
    await page.getByRole('button', { name: 'Close' }).click()
    expect(await page.title()).toBe('closed')
    await window.context.close()
  })

  it('says that a question is over which it never saw', async () => {
    await rig.go('prompt/nothing-of-this-name')
    await expectShown(rig.page.getByText('It was decided elsewhere, it expired, or the app gave up.'))
    await rig.page.getByRole('link', { name: 'Open Valetkey' }).click()
    await expectShown(rig.page.getByRole('heading', { level: 1, name: 'Approvals' }))
  })
})
