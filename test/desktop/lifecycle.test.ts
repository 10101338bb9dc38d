/** The tray, the notifications, the screen's lock, crashes: what happens around the windows. */
import type { Page } from 'playwright-core'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { expectShown } from '../e2e/browser.ts'
import { until } from '../setup/daemon.ts'
import { pair } from './programs.ts'
import { call, type DesktopApp, pressEscape, snapshotOf, startApp } from './rig.ts'

let app: DesktopApp

beforeEach(async () => {
  app = await startApp()
  await expectShown((await app.main()).getByRole('heading', { level: 1 }))
})
afterEach(async () => {
  await app.end()
})

const trayIds = (): Promise<readonly string[]> =>
  app.app.evaluate(() => witness.trays[0]?.menu?.items.map(({ id }) => id) ?? [])
const trayTip = (): Promise<string | undefined> => app.app.evaluate(() => witness.trays[0]?.toolTip)
const press = (id: string): Promise<void> =>
  app.app.evaluate((_electron, name) => {
    witness.trays[0]?.menu?.getMenuItemById(name)?.click()
  }, id)
const power = (event: 'lock-screen' | 'unlock-screen' | 'resume' | 'suspend'): Promise<unknown> =>
  app.app.evaluate(({ powerMonitor }, name) => powerMonitor.emit(name), event)
const vaultBecomes = (state: string): Promise<true> =>
  until(async () => ((await snapshotOf(await app.main())).vault.state === state ? true : undefined))
const closeAll = (): Promise<void> =>
  app.app.evaluate(({ BrowserWindow }) => {
    for (const window of BrowserWindow.getAllWindows()) window.close()
  })

describe('the tray', () => {
  it('locks, unlocks, pauses, opens and quits', async () => {
    await until(async () => ((await trayIds()).includes('lock') ? true : undefined))
    await press('lock')
    await vaultBecomes('locked')
    await until(async () => ((await trayTip()) === 'Valetkey: locked' ? true : undefined))
    await press('unlock')
    await vaultBecomes('unlocked')
    await press('pause')
    await until(async () => ((await snapshotOf(await app.main())).paused ? true : undefined))
    await press('pause')
    await until(async () => ((await snapshotOf(await app.main())).paused ? undefined : true))
    await closeAll()
    await until(() => (app.app.windows().length === 0 ? true : undefined))
    await press('open')
    await expectShown((await app.main()).getByRole('heading', { level: 1, name: 'Accounts' }))
    await press('quit')
    expect(await app.ended).toBe(0)
  })

  it('begins with what waits for the person, and opens where it is decided', async () => {
    const answer = pair(app.paths, 'deploy-cli')
    await app.prompt()
    const [first = ''] = await until(async () => {
      const ids = await trayIds()
      return ids[0]?.startsWith('request-') ? ids : undefined
    })
    expect(await trayTip()).toBe('Valetkey: 1 question for you')
    await press(first)
    const page = await app.main()
    await expectShown(page.getByRole('heading', { level: 1, name: 'Approvals' }))
    await call(page, 'deny', { id: first.replace('request-', '') })
    expect(await answer).toMatchObject({ error: 'access_denied' })
    await until(async () => ((await trayIds())[0] === 'open' ? true : undefined))
  })
})

describe('notifications', () => {
  const titles = (): Promise<readonly string[]> =>
    app.app.evaluate(() => witness.notifications.map(({ title }) => title))

  it('tell of a question while no window is there, have no buttons, and open the window', async () => {
    await closeAll()
    await until(() => (app.app.windows().length === 0 ? true : undefined))
    const answer = pair(app.paths, 'deploy-cli')
    await until(async () => ((await titles()).length > 0 ? true : undefined))
    expect(await titles()).toEqual(['“deploy-cli” wants to be paired'])
    expect(
      await app.app.evaluate(() =>
        witness.notifications.map((one) => (one as { actions?: unknown[] }).actions?.length ?? 0),
      ),
    ).toEqual([0])
    await app.app.evaluate(() => witness.notifications[0]?.emit('click'))
    const page = await app.main()
    await expectShown(page.getByRole('heading', { level: 1, name: 'Approvals' }))
    const [question] = (await snapshotOf(page)).requests
    await call(page, 'deny', { id: question?.id ?? '' })
    expect(await answer).toMatchObject({ error: 'access_denied' })
  })

  it('say nothing while the person can see the window', async () => {
    const answer = pair(app.paths, 'deploy-cli')
    const prompt = await app.prompt()
    await expectShown(prompt.getByText('deploy-cli').first())
    expect(await titles()).toEqual([])
    await pressEscape(prompt)
    await answer
  })
})

describe('the screen', () => {
  it('locks the vault with it', async () => {
    await power('lock-screen')
    await vaultBecomes('locked')
    expect((await app.cli(['status', '--json'])).stdout).toMatch(/"locked"/u)
  })

  it('does not, when the person does not want it', async () => {
    await call(await app.main(), 'configure', { lock_with_screen: false })
    await until(async () => ((await snapshotOf(await app.main())).preferences.lock_with_screen ? undefined : true))
    await power('suspend')
    await power('resume')
    await until(() => (/"state":"resume"/u.test(app.output()) ? true : undefined))
    expect((await snapshotOf(await app.main())).vault.state).toBe('unlocked')
  })
})

describe('a crash of the main window’s page', () => {
  const crash = (): Promise<void> =>
    app.app.evaluate(({ BrowserWindow }) => {
      for (const window of BrowserWindow.getAllWindows()) window.webContents.forcefullyCrashRenderer()
    })

  const heading = { level: 1 } as const

  it('brings a new window, and costs the programs nothing', async () => {
    const before = await app.main()
    await expectShown(before.getByRole('heading', heading))
    await crash()
    const after = await app.main([before])
    await expectShown(after.getByRole('heading', { ...heading, name: 'Accounts' }))
    expect((await snapshotOf(after)).vault.state).toBe('unlocked')
    expect((await app.cli(['status', '--json'])).code).toBe(0)
  })

  it('is not repeated for ever', async () => {
    const seen: Page[] = []
    for (let times = 1; times <= 3; times++) {
      const page = await app.main(seen)
      await expectShown(page.getByRole('heading', heading))
      seen.push(page)
      await crash()
      await until(() => (app.output().match(/"window.gone"/gu)?.length === times ? true : undefined))
    }
    const left = (): Promise<number> => app.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)
    await until(async () => ((await left()) === 0 ? true : undefined))
    expect((await app.cli(['status', '--json'])).code).toBe(0)
    // The person may try again.
    await press('open')
    await expectShown((await app.main(seen)).getByRole('heading', heading))
  })
})

describe('closing the window', () => {
  it('ends the app when the person wants that', async () => {
    await call(await app.main(), 'configure', { close_to_tray: false })
    await until(async () => ((await snapshotOf(await app.main())).preferences.close_to_tray ? undefined : true))
    await closeAll().catch(() => undefined)
    expect(await app.ended).toBe(0)
  })
})
