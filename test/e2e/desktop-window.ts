/**
 * The renderer as the desktop app shows it: under its content security policy, with the built preload script for a bridge
 * and no permission for anything. The rule: the page, the preload and the door behind it are the real ones; only Electron
 * is played: what `contextBridge` and `ipcRenderer` do (Electron's documentation, API "contextBridge" and "ipcRenderer":
 * `invoke` answers a copy, `on` passes an event first) and that a refused clipboard permission rejects.
 */
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Browser } from 'playwright-core'
import { type WindowApi, windowEventsPath, windowPath } from '../../main/contract/window-api.ts'
import { loadAssets } from '../../main/daemon/console-assets.ts'
import { contentSecurityPolicy } from '../../main/desktop/app-scheme.ts'
import { handleWindowCall } from '../../main/endpoint/window-door.ts'
import { newPage, type OpenWindow, goIn, type View } from './browser.ts'
import type { StandIn } from './stand-in-broker.ts'

const dist = resolve(import.meta.dirname, '../../dist')
const origin = 'https://ui.valetkey.invalid'

export interface DesktopWindow extends OpenWindow {
  /** The channels that were called, in order. */
  readonly invoked: readonly string[]
  /** Ends the process behind the window: calls are not answered any more. */
  readonly cut: () => void
}

/** Opens `hash` and waits for a heading. */
export async function openDesktopWindow(
  browser: Browser,
  house: StandIn,
  view: View = {},
  hash = '#/accounts',
): Promise<DesktopWindow> {
  const opened = await newPage(browser, view)
  const { context, page } = opened
  const assets = await loadAssets(resolve(dist, 'renderer'))
  await context.route(`${origin}/**`, async (route) => {
    const asset = assets.get(new URL(route.request().url()).pathname)
    await route.fulfill(
      asset
        ? {
            body: asset.body,
            headers: { 'Content-Type': asset.type, 'Content-Security-Policy': contentSecurityPolicy },
          }
        : { status: 404 },
    )
  })

  const invoked: string[] = []
  let isCut = false
  const api: WindowApi = { ...house.deciding.on('window'), snapshot: () => house.deciding.snapshot('window') }
  await context.exposeFunction('hostInvoke', (channel: string, argument: unknown) => {
    invoked.push(channel)
    if (isCut) throw new Error('the process is gone')
    return handleWindowCall(api, channel.slice(windowPath.length + 1), argument ?? undefined)
  })
  const preload = await readFile(resolve(dist, 'preload.cjs'), 'utf8')
  await context.addInitScript({ content: played(preload) })
  const cancel = house.deciding.onChange(() => {
    void (async () => {
      const snapshot = await house.deciding.snapshot('window')
      await page.evaluate(
        ([channel, value]) => {
          ;(window as unknown as Played).hostSend(channel, value)
        },
        [windowEventsPath, snapshot] as const,
      )
    })().catch(() => undefined)
  })
  page.on('close', cancel)
  await page.goto(`${origin}/${hash}`)
  await page.locator('h1').waitFor()
  return {
    ...opened,
    invoked,
    go: goIn(page),
    cut: () => {
      isCut = true
    },
  }
}

interface Played {
  hostSend(channel: string, value: unknown): void
}

/** Runs `preload` with a module `electron` made of what the page was given. */
function played(preload: string): string {
  return `(() => {
    const listeners = new Map()
    window.hostSend = (channel, value) => listeners.get(channel)?.forEach((listener) => listener({}, value))
    const electron = {
      contextBridge: { exposeInMainWorld: (name, value) => { window[name] = Object.freeze(value) } },
      ipcRenderer: {
        invoke: (channel, argument) => window.hostInvoke(channel, argument),
        on: (channel, listener) => listeners.set(channel, [...(listeners.get(channel) ?? []), listener]),
      },
    }
    if (navigator.clipboard) navigator.clipboard.writeText = () => Promise.reject(new DOMException('', 'NotAllowedError'))
    const module = { exports: {} }
    ;((require, module, exports) => {${preload}
    })((name) => { if (name === 'electron') return electron; throw new Error(name) }, module, module.exports)
  })()`
}
