/**
 * `BrowserWindow` (Electron's page of that name; what it inherits is on "BaseWindow"). The rule: a window is a page of
 * Chromium plus what a window manager would know of it, kept here: nothing is drawn round the page, and showing, hiding,
 * focus and position are bookkeeping with Electron's events.
 *
 * Modelled: loading; showing, hiding, focus, minimising; size (the page really has it) and position; always-on-top; title;
 * closing with its events, `ready-to-show`; the menu bar's state. Not modelled, and throwing: parents and modality, full
 * screen, opacity, every other member. The page's `beforeunload` is not asked, and its title does not become the window's.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type Electron from 'electron'
import { control } from './control.ts'
import { createEvent, modelledEmitter } from './modelled.ts'
import { toImage } from './native-image.ts'
import { readiness } from './readiness.ts'
import { settings } from './settings.ts'
import { insideOf, WebContents } from './web-contents.ts'
import { screen } from './screen.ts'

type Statics = Pick<
  typeof Electron.BrowserWindow,
  'getAllWindows' | 'getFocusedWindow' | 'fromId' | 'fromWebContents' | 'fromBrowserView'
>

const all = new Map<number, BrowserWindow>()
const listeners = {
  created: (_window: Electron.BrowserWindow): void => {},
  crashed: (_contents: Electron.WebContents, _details: Electron.RenderProcessGoneDetails): void => {},
  allClosed: (): void => {},
}
/** The window that has the focus. */
const focus: { window: BrowserWindow | null } = { window: null }
let lastId = 0

/** Tells `app` of windows, which it cannot import without a circle. */
export function followWindows(given: typeof listeners): void {
  Object.assign(listeners, given)
}

export class BrowserWindow extends modelledEmitter<Electron.BrowserWindow, Statics>('BrowserWindow') {
  static override getAllWindows(): Electron.BrowserWindow[] {
    return [...all.values()]
  }

  static override getFocusedWindow(): Electron.BrowserWindow | null {
    return focus.window
  }

  static override fromId(id: number): Electron.BrowserWindow | null {
    return all.get(id) ?? null
  }

  static override fromWebContents(webContents: Electron.WebContents): Electron.BrowserWindow | null {
    return [...all.values()].find((window) => window.webContents === webContents) ?? null
  }

  override readonly id = ++lastId
  override readonly webContents: Electron.WebContents
  readonly #bounds: Electron.Rectangle
  #minimumSize = [0, 0]
  #isVisible = false
  #isMinimized = false
  #isAlwaysOnTop: boolean
  #isClosing = false
  #isDestroyed = false
  #isProtected = false
  #isMenuBarVisible: boolean
  #backgroundColor: string
  #title: string

  constructor(options: Electron.BrowserWindowConstructorOptions = {}) {
    super()
    if (!readiness.isReady) throw new Error('Cannot create BrowserWindow before app is ready')
    const { width: screenWidth, height: screenHeight } = screen.getPrimaryDisplay().workArea
    const { width = 800, height = 600 } = options
    const { x = Math.round((screenWidth - width) / 2), y = Math.round((screenHeight - height) / 2) } = options
    this.#bounds = { x, y, width, height }
    this.#title = options.title ?? settings().manifest.productName ?? settings().manifest.name
    this.#isAlwaysOnTop = options.alwaysOnTop ?? false
    this.#isMenuBarVisible = !(options.autoHideMenuBar ?? false)
    this.#backgroundColor = options.backgroundColor ?? '#FFFFFF'
    if (options.icon !== undefined) toImage(options.icon)
    this.webContents = new WebContents(options.webPreferences ?? {}, { width, height }, () => focus.window === this)
    this.webContents.once('did-finish-load', () => {
      if (!this.#isDestroyed) this.emit('ready-to-show')
    })
    this.webContents.on('render-process-gone', (_event, details) => listeners.crashed(this.webContents, details))
    this.webContents.once('destroyed', () => this.#closed())
    control.windowOptions.set(this.id, options)
    all.set(this.id, this)
    listeners.created(this)
    if (options.show ?? true) this.show()
  }

  override async loadURL(url: string): Promise<void> {
    await this.webContents.loadURL(url)
  }

  override async loadFile(filePath: string): Promise<void> {
    await this.loadURL(pathToFileURL(resolve(settings().root, filePath)).href)
  }

  override reload(): void {
    this.webContents.reload()
  }

  override show(): void {
    this.showInactive()
    this.focus()
  }

  override showInactive(): void {
    const wasVisible = this.isVisible()
    this.#isVisible = true
    if (!wasVisible) this.emit('show')
  }

  override hide(): void {
    if (!this.#isVisible) return
    this.#isVisible = false
    this.blur()
    this.emit('hide')
  }

  override focus(): void {
    if (!this.#isVisible || focus.window === this) return
    focus.window?.blur()
    focus.window = this
    this.emit('focus')
  }

  override blur(): void {
    if (focus.window !== this) return
    focus.window = null
    this.emit('blur')
  }

  override minimize(): void {
    this.#isMinimized = true
    this.blur()
    this.emit('minimize')
  }

  override restore(): void {
    if (!this.#isMinimized) return
    this.#isMinimized = false
    this.emit('restore')
  }

  override isVisible(): boolean {
    return this.#isVisible && !this.#isDestroyed
  }

  override isMinimized(): boolean {
    return this.#isMinimized
  }

  override isFocused(): boolean {
    return focus.window === this
  }

  override isDestroyed(): boolean {
    return this.#isDestroyed
  }

  override setAlwaysOnTop(flag: boolean): void {
    if (flag === this.#isAlwaysOnTop) return
    this.#isAlwaysOnTop = flag
    this.emit('always-on-top-changed', createEvent(), flag)
  }

  override isAlwaysOnTop(): boolean {
    return this.#isAlwaysOnTop
  }

  // There is one screen with nothing else on it: no order, no taskbar, nobody to call.
  override moveTop(): void {}
  override flashFrame(): void {}
  override setSkipTaskbar(): void {}

  override center(): void {
    const { width, height } = screen.getPrimaryDisplay().workArea
    this.setPosition(Math.round((width - this.#bounds.width) / 2), Math.round((height - this.#bounds.height) / 2))
  }

  override getBounds(): Electron.Rectangle {
    return { ...this.#bounds }
  }

  override setBounds(bounds: Partial<Electron.Rectangle>): void {
    const before = this.getBounds()
    Object.assign(this.#bounds, bounds)
    const { x, y, width, height } = this.#bounds
    if (width !== before.width || height !== before.height) {
      insideOf(this.webContents).resize(width, height)
      this.emit('resize')
    }
    if (x !== before.x || y !== before.y) this.emit('move')
  }

  override getSize(): number[] {
    return [this.#bounds.width, this.#bounds.height]
  }

  override setSize(width: number, height: number): void {
    this.setBounds({ width, height })
  }

  // There is no frame round the content: its size is the window's.
  override getContentSize(): number[] {
    return this.getSize()
  }

  override setContentSize(width: number, height: number): void {
    this.setSize(width, height)
  }

  override getMinimumSize(): number[] {
    return this.#minimumSize
  }

  override setMinimumSize(width: number, height: number): void {
    this.#minimumSize = [width, height]
  }

  override getPosition(): number[] {
    return [this.#bounds.x, this.#bounds.y]
  }

  override setPosition(x: number, y: number): void {
    this.setBounds({ x, y })
  }

  override getTitle(): string {
    return this.#title
  }

  override setTitle(title: string): void {
    this.#title = title
  }

  override setIcon(icon: Electron.NativeImage | string): void {
    toImage(icon)
  }

  override getBackgroundColor(): string {
    return this.#backgroundColor
  }

  override setBackgroundColor(backgroundColor: string): void {
    this.#backgroundColor = backgroundColor
  }

  override setContentProtection(enable: boolean): void {
    this.#isProtected = enable
  }

  override isContentProtected(): boolean {
    return this.#isProtected
  }

  override setMenu(menu: Electron.Menu | null): void {
    this.#isMenuBarVisible = menu !== null
  }

  override removeMenu(): void {
    this.setMenu(null)
  }

  override setMenuBarVisibility(visible: boolean): void {
    this.#isMenuBarVisible = visible
  }

  override isMenuBarVisible(): boolean {
    return this.#isMenuBarVisible
  }

  override async capturePage(): Promise<Electron.NativeImage> {
    return this.webContents.capturePage()
  }

  override close(): void {
    if (this.#isClosing || this.#isDestroyed) return
    const event = createEvent()
    this.#isClosing = true
    this.emit('close', event)
    this.#isClosing = false
    if (!event.defaultPrevented) this.destroy()
  }

  override destroy(): void {
    insideOf(this.webContents).destroy()
  }

  #closed(): void {
    this.#isDestroyed = true
    all.delete(this.id)
    if (focus.window === this) focus.window = null
    this.emit('closed')
    if (all.size === 0) listeners.allClosed()
  }
}
