/**
 * The Chromium that shows the windows, driven over a pipe; Playwright reaches the same browser through its debugging port.
 * The rule: it never outlives this process (the end of the pipe ends it), it keeps its profile inside the app's own data
 * folder, and it reaches nothing but this machine's loopback.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { DevTools, ignoreGone, type TargetInfo } from './devtools.ts'

export interface Chromium {
  readonly process: ChildProcess
  readonly devtools: DevTools
  /** What Playwright connects to. */
  readonly debuggingUrl: string
}

/** The environment variable with a JSON array: the browser's executable and its arguments. Set by `launch.ts`. */
export const commandVariable = 'VALETKEY_STAND_IN_BROWSER'

let current: Chromium | undefined
const sessions = new Map<string, PromiseWithResolvers<string>>()
const ours = new Set<string>()
const openings = new Set<Promise<string>>()

/** A page that a page opened; it waits and loads nothing yet. */
export interface Popup {
  readonly session: string
  readonly target: TargetInfo
}

/** The running browser. Throws before the app is ready. */
export function chromium(): Chromium {
  if (current === undefined) throw new Error('electron stand-in: there is no window before the app is ready')
  return current
}

export function chromiumIfRunning(): Chromium | undefined {
  return current
}

async function browserCommand(): Promise<readonly string[]> {
  const given = process.env[commandVariable]
  if (given !== undefined) return JSON.parse(given) as string[]
  const { chromiumArguments, findChromium } = await import('../setup/system-packages.ts')
  const path = findChromium()
  if (path === null) throw new Error('electron stand-in: no Chromium was found; name one in CHROMIUM_PATH')
  return [path, ...chromiumArguments()]
}

/** Starts the browser with its profile in the folder `profile`. */
export async function startChromium(profile: string, onPopup: (popup: Popup) => void): Promise<Chromium> {
  const [command = '', ...args] = await browserCommand()
  const child = spawn(
    command,
    [
      ...args,
      ...['--disable-extensions', '--no-default-browser-check', '--disable-popup-blocking', '--no-startup-window'],
      ...['--password-store=basic', '--use-mock-keychain', '--disable-search-engine-choice-screen'],
      '--disable-features=HttpsUpgrades,HttpsFirstBalancedModeAutoEnable,MediaRouter,OptimizationHints',
      '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost',
      ...[`--user-data-dir=${profile}`, '--remote-debugging-pipe', '--remote-debugging-port=0'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] },
  )
  process.once('exit', () => child.kill('SIGKILL'))
  const debuggingUrl = await readDebuggingUrl(child)
  const devtools = new DevTools(child.stdio[3] as Writable, child.stdio[4] as Readable)
  devtools.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
    if (targetInfo.type !== 'page') {
      devtools.send('Runtime.runIfWaitingForDebugger', {}, sessionId).catch(ignoreGone)
      return
    }
    // Only when what we are opening is known is what we did not open.
    void Promise.allSettled(openings).then(() => {
      if (ours.has(targetInfo.targetId)) sessionOf(targetInfo.targetId).resolve(sessionId)
      else onPopup({ session: sessionId, target: targetInfo })
    })
  })
  await devtools.send('Target.setDiscoverTargets', { discover: true })
  await devtools.send('Target.setAutoAttach', { autoAttach: true, waitForDebuggerOnStart: true, flatten: true })
  current = { process: child, devtools, debuggingUrl }
  return current
}

/** Opens an empty page and answers its target and the session that drives it. It waits for the debugger's go. */
export async function openTarget(options: object): Promise<{ readonly targetId: string; readonly session: string }> {
  const { devtools } = chromium()
  const opening = devtools
    .send('Target.createTarget', { url: 'about:blank', newWindow: true, ...options })
    .then(({ targetId }) => {
      ours.add(targetId)
      return targetId
    })
  openings.add(opening)
  const targetId = await opening.finally(() => openings.delete(opening))
  return { targetId, session: await sessionOf(targetId).promise }
}

/** Closes the browser, by force when it does not go in three seconds. */
export async function stopChromium(): Promise<void> {
  const running = current
  if (running === undefined || running.process.exitCode !== null || running.process.signalCode !== null) return
  const gone = new Promise((done) => running.process.once('exit', done))
  const force = setTimeout(() => running.process.kill('SIGKILL'), 3000)
  running.devtools.send('Browser.close').catch(ignoreGone)
  await gone
  clearTimeout(force)
}

function sessionOf(targetId: string): PromiseWithResolvers<string> {
  const known = sessions.get(targetId) ?? Promise.withResolvers<string>()
  sessions.set(targetId, known)
  return known
}

function readDebuggingUrl(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  let printed = ''
  child.once('error', reject)
  child.once('exit', (code) => reject(new Error(`electron stand-in: Chromium ended with ${String(code)}\n${printed}`)))
  child.stderr?.on('data', (chunk: Buffer) => {
    if (printed.length > 20_000) return
    printed += chunk.toString()
    const [, url] = /DevTools listening on (ws:\S+)/u.exec(printed) ?? []
    if (url !== undefined) resolve(url)
  })
  return promise
}
