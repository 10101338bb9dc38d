/**
 * One page of the browser, driven over the DevTools protocol: what stands behind a WebContents. The rule: this file knows
 * Chromium and nothing of Electron's events; it says what happened, and who owns it decides.
 */
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fromPage } from './addresses.ts'
import { chromium, openTarget } from './chromium.ts'
import { type Answer, ignoreGone, type PageFrame, type PausedRequest } from './devtools.ts'
import type { FromPage } from './page/preload-world.ts'
import { pageScript, preloadScript, preloadWorldName, preloadWorldScript, tellFunction } from './page/scripts.ts'

/** Where a message came from: the world it was said in, which may be gone by the time it is answered. */
export interface World {
  readonly isAlive: () => boolean
  /** Calls `method` of the preload world; nothing happens when that is gone. */
  readonly call: (method: 'deliver' | 'reply', ...values: readonly unknown[]) => void
}

export interface PageOwner {
  readonly committed: (frame: PageFrame, isMainFrame: boolean) => void
  readonly movedWithinDocument: (url: string, isMainFrame: boolean) => void
  readonly parsed: () => void
  readonly loaded: () => void
  readonly crashed: () => void
  readonly told: (message: FromPage, world: World) => void
  readonly printed: (type: string, text: string) => void
  readonly requested: (request: PausedRequest) => Promise<void>
}

export interface PageOptions {
  readonly width: number
  readonly height: number
  readonly preload?: string | undefined
  readonly preloadArguments?: readonly string[] | undefined
  /** The browser context of a session that is not the default one. */
  readonly browserContextId?: string | undefined
}

interface WorldContext {
  readonly name: string
  readonly frameId: string
}

export class PageTarget {
  readonly #owner: PageOwner
  readonly #frames = new Map<string, PageFrame>()
  readonly #contexts = new Map<number, WorldContext>()
  #session = ''
  #dark = false
  targetId = ''
  mainFrameId = ''

  constructor(owner: PageOwner) {
    this.#owner = owner
  }

  /** Opens the page, empty, with everything in place for the first document. */
  async open(options: PageOptions): Promise<void> {
    const { width, height, browserContextId } = options
    const opened = await openTarget({ width, height, browserContextId })
    this.targetId = opened.targetId
    this.#session = opened.session
    this.#listen()
    const { frameTree } = await this.send('Page.getFrameTree')
    this.mainFrameId = frameTree.frame.id
    this.#frames.set(frameTree.frame.id, frameTree.frame)
    await Promise.all([
      ...['Page', 'Runtime', 'Inspector'].map((domain) => this.send(`${domain}.enable`)),
      this.send('Fetch.enable', { patterns: [{ urlPattern: '*' }] }),
      this.resize(width, height),
      this.#showTheme(),
      ...this.#installScripts(options),
      this.send('Runtime.runIfWaitingForDebugger'),
    ])
  }

  get frames(): ReadonlyMap<string, PageFrame> {
    return this.#frames
  }

  /** A DevTools call to this page. */
  send<Method extends string>(method: Method, params: object = {}): Promise<Answer<Method>> {
    return chromium().devtools.send(method, params, this.#session)
  }

  /** The preload's world in the main frame, while there is one. */
  preloadWorld(): World | undefined {
    const [id] =
      [...this.#contexts].findLast(
        ([, { name, frameId }]) => name === preloadWorldName && frameId === this.mainFrameId,
      ) ?? []
    return id === undefined ? undefined : this.#world(id)
  }

  /** Sets the size of the content, in CSS pixels. */
  async resize(width: number, height: number): Promise<void> {
    await this.send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 0, mobile: false })
  }

  async setDark(dark: boolean): Promise<void> {
    this.#dark = dark
    await this.#showTheme()
  }

  /** Evaluates in the page's own world and answers the value, awaited. */
  async evaluate(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.send('Runtime.evaluate', {
      expression,
      awaitPromise: true,
      returnByValue: true,
    })
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text)
    return result.value
  }

  async close(): Promise<void> {
    if (this.targetId === '') return
    const { devtools } = chromium()
    const gone = new Promise<void>((done) => {
      devtools.on('Target.targetDestroyed', ({ targetId }) => {
        if (targetId === this.targetId) done()
      })
    })
    await devtools.send('Target.closeTarget', { targetId: this.targetId })
    await gone
  }

  async #showTheme(): Promise<void> {
    const value = this.#dark ? 'dark' : 'light'
    await this.send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] })
  }

  #world(id: number): World {
    return {
      isAlive: () => this.#contexts.has(id),
      call: (method, ...values) => {
        const expression = `electronStandIn.${method}(${values.map((value) => JSON.stringify(value)).join(',')})`
        this.send('Runtime.evaluate', { expression, contextId: id }).catch(ignoreGone)
      },
    }
  }

  #installScripts({ preload, preloadArguments }: PageOptions): readonly Promise<unknown>[] {
    const key = randomBytes(16).toString('hex')
    const run = (source: string, worldName?: string): Promise<unknown> =>
      this.send('Page.addScriptToEvaluateOnNewDocument', { source, worldName })
    const sandboxProcess = {
      ...{ type: 'renderer', sandboxed: true, contextIsolated: true },
      ...{ platform: process.platform, arch: process.arch, versions: process.versions, env: {} },
      argv: preloadArguments ?? [],
    }
    return [
      this.send('Runtime.addBinding', { name: tellFunction, executionContextName: preloadWorldName }),
      run(pageScript(key)),
      run(preloadWorldScript(key, sandboxProcess), preloadWorldName),
      ...(preload === undefined ? [] : [run(preloadScript(readFileSync(preload, 'utf8'), preload), preloadWorldName)]),
    ]
  }

  #listen(): void {
    const { devtools } = chromium()
    const session = this.#session
    const isMain = (frameId: string): boolean => frameId === this.mainFrameId
    devtools.on(
      'Page.frameNavigated',
      ({ frame }) => {
        if (frame.parentId === undefined) this.mainFrameId = frame.id
        this.#frames.set(frame.id, frame)
        this.#owner.committed(frame, frame.parentId === undefined)
        // A new document may be in a new process, where Playwright's emulation was restored after ours.
        this.#showTheme().catch(ignoreGone)
      },
      session,
    )
    devtools.on('Page.frameDetached', ({ frameId }) => this.#frames.delete(frameId), session)
    devtools.on(
      'Page.navigatedWithinDocument',
      ({ frameId, url }) => {
        const frame = this.#frames.get(frameId)
        const [address = '', fragment] = url.split(/(?=#)/u)
        if (frame) this.#frames.set(frameId, { ...frame, url: address, urlFragment: fragment ?? '' })
        this.#owner.movedWithinDocument(fromPage(url), isMain(frameId))
      },
      session,
    )
    devtools.on('Page.domContentEventFired', () => this.#owner.parsed(), session)
    devtools.on(
      'Page.loadEventFired',
      () => {
        this.#showTheme().catch(ignoreGone)
        this.#owner.loaded()
      },
      session,
    )
    devtools.on(
      'Runtime.executionContextCreated',
      ({ context: { id, name, auxData } }) => this.#contexts.set(id, { name, frameId: auxData.frameId }),
      session,
    )
    devtools.on('Runtime.executionContextDestroyed', (gone) => this.#contexts.delete(gone.executionContextId), session)
    devtools.on('Runtime.executionContextsCleared', () => this.#contexts.clear(), session)
    devtools.on(
      'Runtime.bindingCalled',
      ({ name, payload, executionContextId }) => {
        if (name === tellFunction) this.#owner.told(JSON.parse(payload) as FromPage, this.#world(executionContextId))
      },
      session,
    )
    devtools.on(
      'Runtime.consoleAPICalled',
      ({ type, args }) =>
        this.#owner.printed(type, args.map(({ value, description }) => description ?? String(value)).join(' ')),
      session,
    )
    devtools.on(
      'Fetch.requestPaused',
      (request) => {
        this.#owner.requested(request).catch(ignoreGone)
      },
      session,
    )
    devtools.on(
      'Inspector.targetCrashed',
      () => {
        this.#contexts.clear()
        this.#owner.crashed()
      },
      session,
    )
  }
}
