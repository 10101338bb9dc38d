/** What every session and every page is denied. */
import { EventEmitter } from 'node:events'
import type { App, Session, WebContents } from 'electron'
import { describe, expect, it } from 'vitest'
import { harden, hardenContents, hardenSession } from '../../../main/desktop/hardening.ts'
import { webPreferences } from '../../../main/desktop/web-preferences.ts'

type OpenHandler = Parameters<WebContents['setWindowOpenHandler']>[0]

describe('a page', () => {
  const page = Object.assign(new EventEmitter(), {
    open: undefined as OpenHandler | undefined,
    setWindowOpenHandler(handler: OpenHandler) {
      this.open = handler
    },
  })
  const told: string[] = []
  hardenContents(page as unknown as WebContents, (url) => void told.push(url))

  it.each(['will-navigate', 'will-frame-navigate', 'will-redirect', 'will-attach-webview'])('cannot: %s', (name) => {
    let prevented = 0
    page.emit(name, { preventDefault: () => void prevented++ })
    expect(prevented).toBe(1)
  })

  it('opens no window, whatever becomes of the address', () => {
    expect(page.open?.({ url: 'https://example.com/' } as Electron.HandlerDetails)).toEqual({ action: 'deny' })
    expect(told).toEqual(['https://example.com/'])
  })
})

describe('a session', () => {
  it('grants nothing and loads our own files alone', () => {
    const handlers = new Map<string, (...given: never[]) => unknown>()
    const keep = (name: string) => (handler: (...given: never[]) => unknown) => void handlers.set(name, handler)
    const session = Object.assign(new EventEmitter(), {
      setPermissionRequestHandler: keep('request'),
      setPermissionCheckHandler: keep('check'),
      setDevicePermissionHandler: keep('device'),
      webRequest: { onBeforeRequest: keep('before') },
    })
    hardenSession(session as unknown as Session)
    const answers: unknown[] = []
    const answer = (given: unknown): void => void answers.push(given)
    for (const permission of ['clipboard-read', 'openExternal', 'loopback-network', 'unknown'])
      handlers.get('request')?.(...([null, permission, answer] as never[]))
    handlers.get('before')?.(...([{ url: 'https://example.com/' }, answer] as never[]))
    handlers.get('before')?.(...([{ url: 'app://ui/assets/x.js' }, answer] as never[]))
    expect(answers).toEqual([false, false, false, false, { cancel: true }, { cancel: false }])
    expect([handlers.get('check')?.(), handlers.get('device')?.()]).toEqual([false, false])
    let prevented = 0
    session.emit('will-download', { preventDefault: () => void prevented++ })
    expect(prevented).toBe(1)
  })
})

describe('the app', () => {
  it('sandboxes every page, hardens every session and every page there is, and shows no certificate of the person’s', () => {
    let sandboxed = 0
    const app = Object.assign(new EventEmitter(), { enableSandbox: () => void sandboxed++ })
    harden(app as unknown as App, () => undefined)
    expect(sandboxed).toBe(1)
    expect(app.listenerCount('session-created')).toBe(1)
    expect(app.listenerCount('web-contents-created')).toBe(1)
    let prevented = 0
    const chosen: unknown[][] = []
    const event = { preventDefault: () => void prevented++ }
    app.emit('select-client-certificate', event, null, '', [{}], (...given: unknown[]) => void chosen.push(given))
    expect([prevented, chosen]).toEqual([1, [[]]])
  })
})

describe('web preferences', () => {
  it('are the closed ones, spelt out', () => {
    expect(webPreferences('/x/preload.cjs', true)).toEqual({
      preload: '/x/preload.cjs',
      partition: 'broker-ui',
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      allowRunningInsecureContent: false,
      experimentalFeatures: false,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      safeDialogs: true,
      devTools: false,
    })
    expect(webPreferences('/x/preload.cjs', false).devTools).toBe(true)
  })
})
