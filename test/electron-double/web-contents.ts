/**
 * `webContents` (Electron's page of that name): a page of the app. The rule: it behaves towards the app as Electron's does
 * with `sandbox` and `contextIsolation` on and `nodeIntegration` off; other preferences than these are refused, because the
 * stand-in could not show what they do.
 *
 * Modelled: loading and its events, navigation and window-open decisions, IPC, `executeJavaScript`, `capturePage`, crashes
 * (`forcefullyCrashRenderer`, `render-process-gone`, `isCrashed`, loading again). Not modelled, and throwing: developer
 * tools, zoom, printing, debugger, every other member. `will-attach-webview`, `context-menu`, `before-input-event` and other
 * events that are not named here never fire. A page
 * whose request for a window is allowed ends the process: opening such windows is not modelled.
 */
import type Electron from 'electron'
import { fromPage, toPage } from './addresses.ts'
import { notModelled, createEvent, modelledEmitter } from './modelled.ts'
import { codec, invoke, IpcMain, ipcMain } from './ipc-main.ts'
import { nativeImage } from './native-image.ts'
import { nativeTheme } from './native-theme.ts'
import type { FromPage } from './page/preload-world.ts'
import type { WindowRequest } from './page/worlds.ts'
import { type PageOptions, PageTarget, type World } from './page-target.ts'
import { applyPermissions } from './permissions.ts'
import { decideRequest } from './requests.ts'
import { sessionFor, stateOf } from './session.ts'
import { WebFrames } from './web-frame.ts'
import { ignoreGone, type PageFrame } from './devtools.ts'
import { chromium, type Popup } from './chromium.ts'
import { control } from './control.ts'

type OpenHandler = Parameters<Electron.WebContents['setWindowOpenHandler']>[0]

/** Chromium's numbers of the errors that are met here (net_error_list.h). */
const errorNumbers: Readonly<Record<string, number>> = {
  ERR_FAILED: -2,
  ERR_ABORTED: -3,
  ERR_BLOCKED_BY_CLIENT: -20,
  ERR_CONNECTION_REFUSED: -102,
  ERR_NAME_NOT_RESOLVED: -105,
  ERR_INVALID_URL: -300,
}

/** What the stand-in itself does with a WebContents, and Electron's offers nobody. */
export interface ContentsInside {
  /** Ends the page at once; `closed` follows when the browser has closed it. */
  readonly destroy: () => void
  readonly closed: Promise<unknown>
  readonly resize: (width: number, height: number) => void
  readonly askToOpen: (request: WindowRequest) => void
}

/** What `loadURL` rejects with. */
function loadError(code: string, url: string): Error & { readonly code: string; readonly errno: number } {
  const errno = errorNumbers[code] ?? -2
  return Object.assign(new Error(`${code} (${String(errno)}) loading '${url}'`), { code, errno, url })
}

const all = new Map<number, WebContents>()
const insides = new WeakMap<Electron.WebContents, ContentsInside>()
let lastId = 0

export function insideOf(contents: Electron.WebContents): ContentsInside {
  const inside = insides.get(contents)
  if (inside === undefined) throw new Error('electron stand-in: not a WebContents')
  return inside
}

/**
 * Decides about a window that Chromium opened for a page (by a form with a target): it is closed unseen, and the opener's
 * handler is asked.
 */
export async function decidePopup({ session, target }: Popup): Promise<void> {
  const { devtools } = chromium()
  const opener = target.openerId === undefined ? undefined : WebContents.fromDevToolsTargetId(target.openerId)
  if (opener === undefined) {
    // Parts of Chromium's own interface may be pages too; anything else is nobody's, and closed.
    if (target.url.startsWith('chrome:')) {
      await devtools.send('Runtime.runIfWaitingForDebugger', {}, session)
      return
    }
    console.error('electron stand-in: closed a window that no page of the app is known to have opened')
    await devtools.send('Target.closeTarget', { targetId: target.targetId })
    return
  }
  devtools.on(
    'Fetch.requestPaused',
    ({ request: { url } }) => {
      devtools.send('Target.closeTarget', { targetId: target.targetId }).catch(ignoreGone)
      insideOf(opener).askToOpen({ url, frameName: '', features: '', disposition: 'foreground-tab' })
    },
    session,
  )
  await devtools.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] }, session)
  await devtools.send('Runtime.runIfWaitingForDebugger', {}, session)
}

/** The preferences under which a real window would not be what the stand-in shows. */
function refuseOtherPreferences(preferences: Electron.WebPreferences): void {
  const required = {
    ...{ sandbox: true, contextIsolation: true, nodeIntegration: false, nodeIntegrationInWorker: false },
    ...{ nodeIntegrationInSubFrames: false, webSecurity: true, webviewTag: false, allowRunningInsecureContent: false },
  }
  for (const [name, value] of Object.entries(required))
    if ((preferences as Readonly<Record<string, unknown>>)[name] === !value)
      throw notModelled('BrowserWindow', `webPreferences.${name}: ${String(!value)}`)
}

export class WebContents extends modelledEmitter<Electron.WebContents>('webContents') {
  static getAllWebContents(): Electron.WebContents[] {
    return [...all.values()]
  }

  static fromId(id: number): Electron.WebContents | undefined {
    return all.get(id)
  }

  static fromDevToolsTargetId(targetId: string): Electron.WebContents | undefined {
    return [...all.values()].find((contents) => contents.#page.targetId === targetId)
  }

  static getFocusedWebContents(): Electron.WebContents | null {
    return [...all.values()].find((contents) => contents.isFocused()) ?? null
  }

  override readonly id = ++lastId
  override readonly ipc = new IpcMain()
  override readonly session: Electron.Session
  override readonly mainFrame: Electron.WebFrameMain
  readonly #page: PageTarget
  readonly #frames: WebFrames
  readonly #opened: Promise<void>
  readonly #closed = Promise.withResolvers<undefined>()
  readonly #isFocused: () => boolean
  #openHandler: OpenHandler | undefined
  #load: { readonly url: string; readonly settled: PromiseWithResolvers<undefined>; pageUrl: string | null } | undefined
  #isLoading = false
  #isCrashed = false
  #isDestroyed = false

  constructor(preferences: Electron.WebPreferences, size: PageOptions, isFocused: () => boolean) {
    super()
    refuseOtherPreferences(preferences)
    this.#isFocused = isFocused
    this.session = sessionFor(preferences)
    this.#page = new PageTarget({
      committed: (frame, isMainFrame) => this.#committed(frame, isMainFrame),
      movedWithinDocument: (url, isMainFrame) =>
        this.emit('did-navigate-in-page', createEvent(), url, isMainFrame, 1, this.id),
      parsed: () => this.emit('dom-ready', createEvent()),
      loaded: () => this.#loaded(),
      crashed: () => this.#crashed(),
      told: (message, world) => this.#told(message, world),
      printed: (type, text) => this.#printed(type, text),
      requested: (request) => decideRequest(this.#page, request, this.#requestRules()),
    })
    this.#frames = new WebFrames(this.#page, (channel, ...values: unknown[]) => this.send(channel, ...values))
    this.mainFrame = this.#frames.main
    all.set(this.id, this)
    const { preload, additionalArguments } = preferences
    this.#opened = stateOf(this.session)
      .browserContextId()
      .then((browserContextId) =>
        this.#page.open({ ...size, preload, preloadArguments: additionalArguments, browserContextId }),
      )
    const showTheme = (): void => {
      this.#opened.then(() => this.#page.setDark(nativeTheme.shouldUseDarkColors)).catch(ignoreGone)
    }
    showTheme()
    nativeTheme.on('updated', showTheme)
    insides.set(this, {
      destroy: () => {
        if (this.#isDestroyed) return
        this.#isDestroyed = true
        all.delete(this.id)
        nativeTheme.off('updated', showTheme)
        this.#load?.settled.reject(loadError('ERR_FAILED', this.#load.url))
        this.emit('destroyed')
        this.#opened
          .then(() => this.#page.close())
          .catch(ignoreGone)
          .finally(() => this.#closed.resolve(undefined))
      },
      closed: this.#closed.promise,
      resize: (width, height) => {
        this.#opened.then(() => this.#page.resize(width, height)).catch(ignoreGone)
      },
      askToOpen: (request) => this.#askToOpen(request),
    })
  }

  override async loadURL(url: string): Promise<void> {
    await this.#opened
    await applyPermissions(this, url)
    if (this.#isDestroyed) throw loadError('ERR_FAILED', url)
    const settled = Promise.withResolvers<undefined>()
    settled.promise.catch(() => {})
    this.#load = { url, settled, pageUrl: toPage(url).split('#')[0] ?? '' }
    this.#isLoading = true
    this.#isCrashed = false
    this.emit('did-start-loading')
    const failed = { errorText: 'net::ERR_FAILED', loaderId: undefined }
    const navigated = this.#page.send('Page.navigate', { url: toPage(url) }).catch((gone: unknown) => {
      ignoreGone(gone)
      return failed
    })
    // Chromium may leave a navigation unanswered whose page is closed meanwhile.
    const closed = settled.promise.then(
      () => navigated,
      () => failed,
    )
    const { errorText, loaderId } = await Promise.race([navigated, closed])
    if (errorText !== undefined) {
      const error = loadError(errorText.replace('net::', ''), url)
      this.#load = undefined
      this.#isLoading = false
      if (!this.#isDestroyed) this.emit('did-fail-load', createEvent(), error.errno, error.code, url, true, 1, this.id)
      throw error
    }
    // Only the fragment changed: nothing is loaded.
    if (loaderId === undefined) this.#loaded()
    await settled.promise
  }

  override reload(): void {
    void this.loadURL(this.getURL()).catch(() => {})
  }

  override getURL(): string {
    return this.mainFrame.url
  }

  override isLoading(): boolean {
    return this.#isLoading
  }

  override isCrashed(): boolean {
    return this.#isCrashed
  }

  override isDestroyed(): boolean {
    return this.#isDestroyed
  }

  override isFocused(): boolean {
    return this.#isFocused()
  }

  override focus(): void {}

  override getType(): ReturnType<Electron.WebContents['getType']> {
    return 'window'
  }

  override send(channel: string, ...values: unknown[]): void {
    const encoded = codec.encode(values)
    control.messages.push(JSON.stringify([channel, encoded]))
    this.#page.preloadWorld()?.call('deliver', channel, encoded)
  }

  override async executeJavaScript(code: string): Promise<unknown> {
    await this.#opened
    return this.#page.evaluate(code)
  }

  override async capturePage(): Promise<Electron.NativeImage> {
    await this.#opened
    const { data } = await this.#page.send('Page.captureScreenshot', { format: 'png' })
    return nativeImage.createFromBuffer(Buffer.from(data, 'base64'))
  }

  override setWindowOpenHandler(handler: OpenHandler): void {
    this.#openHandler = handler
  }

  override forcefullyCrashRenderer(): void {
    // The call itself is never answered, for the renderer is gone.
    this.#opened.then(() => this.#page.send('Page.crash')).catch(ignoreGone)
  }

  /** Closes without the window's `close` event, as Electron does: there the page goes first and takes the window along. */
  override close(): void {
    insideOf(this).destroy()
  }

  #committed(frame: PageFrame, isMainFrame: boolean): void {
    if (!isMainFrame) return
    const url = fromPage(frame.url + (frame.urlFragment ?? ''))
    this.emit('did-navigate', createEvent(), url, 200, 'OK')
  }

  #loaded(): void {
    this.#isLoading = false
    this.emit('did-finish-load')
    this.emit('did-stop-loading')
    this.#load?.settled.resolve(undefined)
    this.#load = undefined
  }

  #crashed(): void {
    this.#isCrashed = true
    this.#isLoading = false
    this.emit('render-process-gone', createEvent(), { reason: 'crashed', exitCode: 1 })
  }

  #printed(type: string, message: string): void {
    const level = type === 'warning' || type === 'error' || type === 'debug' ? type : 'info'
    const details = { message, level, lineNumber: 0, sourceId: '', frame: this.mainFrame }
    this.emit('console-message', createEvent(details))
  }

  #told(message: FromPage, world: World): void {
    const { mainFrame } = this
    control.messages.push(JSON.stringify(message))
    const sender = {
      ...{ sender: this as Electron.WebContents, frameId: 1, processId: 1, type: 'frame' as const },
      ...{ ports: [], returnValue: undefined },
      reply: (channel: string, ...values: unknown[]) => this.send(channel, ...values),
    }
    const isGone = (): boolean => this.#isDestroyed || !world.isAlive()
    const event = createEvent({
      ...sender,
      get senderFrame() {
        return isGone() ? null : mainFrame
      },
    }) as Electron.IpcMainEvent & Electron.IpcMainInvokeEvent
    switch (message.kind) {
      case 'open':
        this.#askToOpen(message.request)
        break
      case 'preload-error':
        console.error('Unable to load preload script:', message.message)
        this.emit('preload-error', event, '', new Error(message.message))
        break
      case 'send': {
        const values = codec.decode(message.values) as unknown[]
        this.emit('ipc-message', event, message.channel, ...values)
        for (const target of [this.ipc, ipcMain]) target.emit(message.channel, event, ...values)
        break
      }
      case 'invoke':
        void invoke([this.ipc, ipcMain], event, message.channel, codec.decode(message.values) as unknown[]).then(
          ({ error, value }) => {
            control.messages.push(JSON.stringify([message.channel, error, value]))
            world.call('reply', message.call, error, value)
          },
        )
    }
  }

  #askToOpen({ url, ...request }: WindowRequest): void {
    const referrer = { url: '', policy: 'strict-origin-when-cross-origin' as const }
    const answer = this.#openHandler?.({ ...request, url: fromPage(url), referrer })
    if (answer?.action !== 'deny') throw notModelled('webContents', 'setWindowOpenHandler answering anything but deny')
  }

  #requestRules(): Parameters<typeof decideRequest>[2] {
    const state = stateOf(this.session)
    return {
      isPrevented: (name, url, frameId) => {
        const frame = this.#frames.of(frameId)
        const details = { url, isSameDocument: false, isMainFrame: frame === this.mainFrame, frame, initiator: frame }
        const event = createEvent(details)
        this.emit(name, event, url, false, details.isMainFrame, 1, this.id)
        return event.defaultPrevented
      },
      isOwnLoad: (pageUrl) => {
        if (this.#load?.pageUrl !== pageUrl) return false
        this.#load.pageUrl = null
        return true
      },
      isCancelled: async ({ url, ...rest }) => {
        const { beforeRequest } = state
        if (!beforeRequest?.urls.some((pattern) => pattern.test(url))) return false
        const details = { ...rest, url, id: 0, webContentsId: this.id, webContents: this, timestamp: Date.now() }
        const answered = await new Promise<Electron.CallbackResponse>((resolve) =>
          beforeRequest.listener({ ...details, uploadData: [] }, resolve),
        )
        if (answered.redirectURL !== undefined) throw notModelled('webRequest', 'onBeforeRequest with redirectURL')
        return answered.cancel === true
      },
      handlerOf: (scheme) => state.handlers.get(scheme),
    }
  }
}
