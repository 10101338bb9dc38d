/** The window of one question: everything but a deliberate yes is a no. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Page } from 'playwright-core'
import { expectShown } from '../e2e/browser.ts'
import { until } from '../setup/daemon.ts'
import { pair } from './programs.ts'
import { allow, call, type DesktopApp, pressEscape, snapshotOf, startApp } from './rig.ts'

let app: DesktopApp

// One app per question: a refusal makes everybody who is not paired wait before they may ask again.
beforeEach(async () => {
  app = await startApp()
  await app.main()
})
afterEach(async () => {
  await app.end()
})

/** A program asks; the answer that it will get, and the window of its question. */
async function ask(
  name: string,
): Promise<{ readonly answer: Promise<unknown>; readonly page: Page; readonly id: string }> {
  const answer = pair(app.paths, name)
  const page = await app.prompt()
  return { answer, page, id: decodeURIComponent(page.url().split('#/prompt/')[1] ?? '') }
}

/** What Electron knows of the question's window. */
const windowState = (): Promise<unknown> =>
  app.app.evaluate(({ BrowserWindow }) => {
    const [window] = BrowserWindow.getAllWindows().filter((one) => one.webContents.getURL().includes('#/prompt/'))
    return window && { visible: window.isVisible(), focused: window.isFocused(), onTop: window.isAlwaysOnTop() }
  })

const closePrompt = (): Promise<void> =>
  app.app.evaluate(({ BrowserWindow }) => {
    for (const window of BrowserWindow.getAllWindows())
      if (window.webContents.getURL().includes('#/prompt/')) window.close()
  })

interface Early {
  /** What the two windows were answered when they tried to allow the question. */
  readonly own: unknown
  readonly main: unknown
  /** Whether the button could be pressed. */
  readonly enabled: unknown
}

/** Acts in the very moment in which the next question's window is on the screen: from out here it may be a second later. */
async function actWhenShown(): Promise<() => Promise<Early>> {
  await app.app.evaluate(({ app: electron, BrowserWindow }) => {
    electron.once('browser-window-created', (_event, window) => {
      window.once('show', () => {
        const id = decodeURIComponent(window.webContents.getURL().split('#/prompt/')[1] ?? '')
        const approve = `window.valetkey.approve({ id: ${JSON.stringify(id)} })`
        const other = BrowserWindow.getAllWindows().find((one) => one !== window)
        const enabled = `[...document.querySelectorAll('button')].some((one) => one.textContent.trim() === 'Pair' && !one.disabled)`
        const run = (target: typeof window | undefined, code: string): Promise<unknown> =>
          Promise.resolve(target?.webContents.executeJavaScript(code))
        const seen = Promise.all([run(window, approve), run(other, approve), run(window, enabled)])
        ;(globalThis as { early?: Promise<unknown[]> }).early = seen
      })
    })
  })
  return () =>
    until(async () => {
      const seen = await app.app.evaluate(() => (globalThis as { early?: Promise<unknown[]> }).early)
      return seen && { own: seen[0], main: seen[1], enabled: seen[2] }
    })
}

describe('a question', () => {
  it('comes in a window of its own, above the others, without taking the focus', { timeout: 90_000 }, async () => {
    const { answer, page } = await ask('quiet-cli')
    await expectShown(page.getByText('quiet-cli').first())
    await until(async () => (((await windowState()) as { visible?: boolean }).visible === true ? true : undefined))
    expect(await windowState()).toEqual({ visible: true, focused: false, onTop: true })
    await closePrompt()
    expect(await answer).toMatchObject({ error: 'access_denied' })
  })

  it('cannot be allowed in its first second, neither by its button nor by its page', { timeout: 90_000 }, async () => {
    const early = await actWhenShown()
    const { answer, page } = await ask('quick-cli')
    // Its page asks the moment it is on the screen, as one that was taken over would, and so does the main window's.
    const refused = { ok: false, error: { error: 'slow_down' } }
    const { enabled, ...answers } = await early()
    expect(answers).toMatchObject({ own: refused, main: refused })
    expect(enabled).toBe(false)
    const button = page.getByRole('button', { name: 'Pair', exact: true })
    await until(async () => ((await button.isEnabled()) ? true : undefined))
    await allow(page, /^Pair$/u)
    expect(await answer).toMatchObject({ client_id: expect.any(String) as string })
    await until(() => (page.isClosed() ? true : undefined))
  })

  it('is denied when its window is closed', { timeout: 90_000 }, async () => {
    const { answer, page } = await ask('closed-cli')
    await expectShown(page.getByText('closed-cli').first())
    await closePrompt()
    expect(await answer).toMatchObject({ error: 'access_denied' })
    await until(() => (page.isClosed() ? true : undefined))
  })

  it('is denied when its page crashes', { timeout: 90_000 }, async () => {
    const { answer, page } = await ask('crash-cli')
    // Not while it loads: there the stand-in's browser may move the page to another process, and the crash with the old one.
    await expectShown(page.getByText('crash-cli').first())
    await app.app.evaluate(({ BrowserWindow }) => {
      for (const window of BrowserWindow.getAllWindows())
        if (window.webContents.getURL().includes('#/prompt/')) window.webContents.forcefullyCrashRenderer()
    })
    expect(await answer).toMatchObject({ error: 'access_denied' })
    await until(async () => ((await windowState()) === undefined ? true : undefined))
  })

  it('is decided in its own window, and that window decides nothing else', { timeout: 90_000 }, async () => {
    const { answer, page } = await ask('narrow-cli')
    const refused = { ok: false, error: { error: 'access_denied' } }
    expect(await call(page, 'lock')).toMatchObject(refused)
    expect(await call(page, 'configure', { lock_with_screen: false })).toMatchObject(refused)
    expect(await call(page, 'deny', { id: 'another' })).toMatchObject(refused)
    expect((await snapshotOf(page)).requests).toHaveLength(1)
    // The calls above need no picture; a key does, because nothing listens before the question is drawn.
    await expectShown(page.getByText('narrow-cli').first())
    await pressEscape(page)
    expect(await answer).toMatchObject({ error: 'access_denied' })
  })

  it('goes when nobody asks any more, or the vault is locked', { timeout: 90_000 }, async () => {
    const { answer, page } = await ask('locked-cli')
    await call(await app.main(), 'lock')
    expect(await answer).not.toHaveProperty('client_token')
    await until(() => (page.isClosed() ? true : undefined))
    await call(await app.main(), 'unlock', {})
    expect((await snapshotOf(await app.main())).vault.state).toBe('unlocked')
  })
})
