/**
 * A frame of a page as the main process sees it (Electron's page "WebFrameMain"). The rule: one object for a frame as long
 * as the frame is there, so that `senderFrame === senderFrame.top` says what it says in Electron; its addresses are the
 * app's, not the browser's.
 *
 * Modelled: `url`, `origin`, `name`, `parent`, `top`, `frames`, `detached`, `isDestroyed`, `frameTreeNodeId`, `send`. Not
 * modelled, and throwing: everything else.
 */
import type Electron from 'electron'
import { fromPage, originOf } from './addresses.ts'
import { modelled } from './modelled.ts'
import type { PageTarget } from './page-target.ts'

/** Gives the frame objects of `page`; `send` delivers a message to the main frame. */
export class WebFrames {
  readonly #page: PageTarget
  readonly #send: Electron.WebContents['send']
  readonly #known = new Map<string, Electron.WebFrameMain>()
  readonly main: Electron.WebFrameMain

  constructor(page: PageTarget, send: Electron.WebContents['send']) {
    this.#page = page
    this.#send = send
    this.main = this.#create(() => page.mainFrameId)
  }

  /** The frame with Chromium's id; `null` when there is none. */
  of(id: string): Electron.WebFrameMain | null {
    if (id === this.#page.mainFrameId) return this.main
    if (!this.#page.frames.has(id)) return null
    const known = this.#known.get(id) ?? this.#create(() => id)
    this.#known.set(id, known)
    return known
  }

  #create(id: () => string): Electron.WebFrameMain {
    const frame = () => this.#page.frames.get(id())
    const url = (): string => fromPage((frame()?.url ?? '') + (frame()?.urlFragment ?? ''))
    const parent = (): Electron.WebFrameMain | null => {
      const parentId = frame()?.parentId
      return parentId === undefined ? null : this.of(parentId)
    }
    const top = (): Electron.WebFrameMain => this.main
    const children = (): Electron.WebFrameMain[] =>
      [...this.#page.frames.values()]
        .filter(({ parentId }) => parentId === id())
        .map((child) => this.of(child.id))
        .filter((child) => child !== null)
    const position = (): number => [...this.#page.frames.keys()].indexOf(id())
    return modelled<Electron.WebFrameMain>('WebFrameMain', {
      get url() {
        return url()
      },
      get origin() {
        return originOf(url())
      },
      get name() {
        return frame()?.name ?? ''
      },
      get parent() {
        return parent()
      },
      get top() {
        return top()
      },
      get frames() {
        return children()
      },
      get detached() {
        return frame() === undefined
      },
      get frameTreeNodeId() {
        return position() + 1
      },
      isDestroyed: () => frame() === undefined,
      send: (channel, ...values: unknown[]) => {
        if (parent() === null) this.#send(channel, ...values)
      },
    } satisfies Partial<Electron.WebFrameMain>)
  }
}
