import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Sample, sampleFolder, startSample } from './sample.ts'

let house: Sample
beforeEach(async () => {
  house = await startSample()
})
afterEach(() => house.end())

const countWindows = (): Promise<number> =>
  house.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows().length)

interface Process {
  readonly pid: number
  readonly parent: number
}

/** Every process that runs; one that has ended and was not waited for (`Z`) runs no more. proc_pid_stat(5). */
function running(): readonly Process[] {
  return globSync('/proc/[0-9]*/stat').flatMap((file) => {
    try {
      // The fields follow the name, which may hold anything but ends in `)`.
      const stat = readFileSync(file, 'utf8')
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
      return state === 'Z' ? [] : [{ pid: Number.parseInt(stat, 10), parent: Number(parent) }]
    } catch {
      return []
    }
  })
}

/** The process and all that descend from it. */
function family(pid: number): ReadonlySet<number> {
  const all = running()
  const found = new Set([pid])
  for (const member of found) for (const { pid: child, parent } of all) if (parent === member) found.add(child)
  return found
}

const stillRunning = (processes: ReadonlySet<number>): readonly number[] =>
  running()
    .map(({ pid }) => pid)
    .filter((pid) => processes.has(pid))

describe('the life of the app', () => {
  it('is handed to the first process by a second one, link, folder and data', async () => {
    const link = 'app.valetkey:/callback/x?code=abc&state=s'
    const { executable, args, env } = house.command
    const second = spawn(executable, [...args, link], { env, cwd: house.home, stdio: 'inherit' })
    const [exitCode] = (await once(second, 'exit')) as [number | null]
    expect(exitCode).toBe(0)
    await expect.poll(house.log).toContain(`link ${link}`)
    expect(await house.log()).toContain(`second ${house.home} ["from"]`)
    await house.page.getByText(link).waitFor()
    expect(await countWindows()).toBe(1)
  })

  it('takes many second processes at once and loses none', async () => {
    const { executable, args, env } = house.command
    const links = Array.from({ length: 4 }, (_, at) => `app.valetkey:/callback/x?state=${String(at)}`)
    await Promise.all(links.map((link) => once(spawn(executable, [...args, link], { env, stdio: 'ignore' }), 'exit')))
    await expect.poll(house.log).toEqual(expect.arrayContaining(links.map((link) => `link ${link}`)))
  })

  it('takes a link the way macOS brings it', async () => {
    await house.app.evaluate(() => electronStandIn.openUrl('app.valetkey:/callback/y'))
    expect(await house.log()).toContain('link app.valetkey:/callback/y')
  })

  it('goes on without windows, and the count is right at once', async () => {
    await house.page.close()
    expect(await countWindows()).toBe(0)
    expect(await house.log()).toEqual(expect.arrayContaining(['closed', 'window-all-closed']))
  })

  it('lets a window refuse to close, and hide instead', async () => {
    const state = await house.app.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows()
      window?.on('close', (event) => {
        event.preventDefault()
        window.hide()
      })
      window?.close()
      return [window?.isVisible(), window?.isDestroyed()]
    })
    expect(state).toEqual([false, false])
    expect(await countWindows()).toBe(1)
    await house.app.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]?.destroy())
    expect(await countWindows()).toBe(0)
  })

  it('knows what is shown, focused and on top', async () => {
    const seen = await house.app.evaluate(({ BrowserWindow }) => {
      const [window] = BrowserWindow.getAllWindows()
      const states: unknown[] = []
      const look = (): number => states.push([window?.isVisible(), window?.isFocused(), window?.isAlwaysOnTop()])
      look()
      window?.hide()
      look()
      window?.showInactive()
      window?.setAlwaysOnTop(true)
      look()
      window?.focus()
      look()
      return states
    })
    expect(seen).toEqual([
      [true, true, false],
      [false, false, false],
      [true, false, true],
      [true, true, true],
    ])
  })

  it('ends in order and leaves no process', async () => {
    const pid = house.app.process().pid ?? 0
    const processes = family(pid)
    expect(processes.size).toBeGreaterThan(2)
    await house.app.close()
    await expect.poll(() => stillRunning(processes)).toEqual([])
    expect(readFileSync(join(house.home, 'quit.log'), 'utf8')).toBe('before-quit\nwill-quit\nquit\n')
  })

  it('ends in order while a page is still loading', async () => {
    const child = house.app.process()
    const failed = await house.app.evaluate(async ({ BrowserWindow, session }) => {
      const ui = session.fromPartition('never answering')
      const asked = Promise.withResolvers<null>()
      ui.protocol.handle('app', () => {
        asked.resolve(null)
        return new Promise<Response>(() => {})
      })
      const [first, second] = [0, 1].map(() => new BrowserWindow({ show: false, webPreferences: { session: ui } }))
      const load = first?.loadURL('app://ui/').catch(String)
      void second?.loadURL('app://ui/')
      await asked.promise
      first?.destroy()
      return load
    })
    expect(failed).toBe("Error: ERR_FAILED (-2) loading 'app://ui/'")
    await house.app.close()
    expect([child.exitCode, child.signalCode]).toEqual([0, null])
  })

  it('ends in order on a signal', async () => {
    const child = house.app.process()
    const processes = family(child.pid ?? 0)
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
    await expect.poll(() => stillRunning(processes)).toEqual([])
    expect(readFileSync(join(house.home, 'quit.log'), 'utf8')).toBe('before-quit\nwill-quit\nquit\n')
  })

  it('takes the browser along when it is killed', async () => {
    const child = house.app.process()
    const processes = family(child.pid ?? 0)
    const ended = once(child, 'exit')
    child.kill('SIGKILL')
    await ended
    await expect.poll(() => stillRunning(processes), { timeout: 10_000 }).toEqual([])
  })

  it('does not stay behind when what drives it dies', async () => {
    const program = `
      const { launchDesktop } = await import(${JSON.stringify(join(import.meta.dirname, '../electron-double/launch.ts'))})
      const { app } = await launchDesktop(${JSON.stringify({ app: sampleFolder, home: join(house.home, 'other'), real: false })})
      await app.firstWindow()
      console.log(app.process().pid)`
    const driver = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [printed] = (await once(driver.stdout, 'data')) as [Buffer]
    const processes = family(Number(printed.toString()))
    expect(processes.size).toBeGreaterThan(2)
    driver.kill('SIGKILL')
    await expect.poll(() => stillRunning(processes), { timeout: 10_000 }).toEqual([])
  })
})
