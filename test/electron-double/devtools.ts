/**
 * A connection to a browser over the DevTools protocol's pipe: messages are JSON, each ended by a zero byte
 * (https://chromedevtools.github.io/devtools-protocol/). The rule: only the calls and events that the stand-in uses are
 * typed, and a call that can no longer be answered rejects.
 */
import type { Readable, Writable } from 'node:stream'

export interface PageFrame {
  readonly id: string
  readonly parentId?: string
  readonly url: string
  readonly urlFragment?: string
  readonly name?: string
}

export interface PausedRequest {
  readonly requestId: string
  readonly frameId: string
  readonly resourceType: string
  readonly redirectedRequestId?: string
  readonly request: {
    readonly url: string
    readonly urlFragment?: string
    readonly method: string
    readonly headers: Readonly<Record<string, string>>
    readonly postData?: string
  }
}

export interface TargetInfo {
  readonly targetId: string
  readonly type: string
  readonly url: string
  readonly openerId?: string
}

interface RemoteValue {
  readonly value?: unknown
  readonly description?: string
}

/** What arrives unasked. */
export interface DevToolsEvents {
  'Target.attachedToTarget': { readonly sessionId: string; readonly targetInfo: TargetInfo }
  'Target.targetDestroyed': { readonly targetId: string }
  'Page.frameNavigated': { readonly frame: PageFrame }
  'Page.frameAttached': { readonly frameId: string; readonly parentFrameId: string }
  'Page.frameDetached': { readonly frameId: string }
  'Page.domContentEventFired': object
  'Page.loadEventFired': object
  'Page.navigatedWithinDocument': { readonly frameId: string; readonly url: string }
  'Runtime.executionContextCreated': {
    readonly context: { readonly id: number; readonly name: string; readonly auxData: { readonly frameId: string } }
  }
  'Runtime.executionContextDestroyed': { readonly executionContextId: number }
  'Runtime.executionContextsCleared': object
  'Runtime.bindingCalled': { readonly name: string; readonly payload: string; readonly executionContextId: number }
  'Runtime.exceptionThrown': {
    readonly exceptionDetails: { readonly text: string; readonly url?: string; readonly exception?: RemoteValue }
  }
  'Runtime.consoleAPICalled': { readonly type: string; readonly args: readonly RemoteValue[] }
  'Fetch.requestPaused': PausedRequest
  'Inspector.targetCrashed': object
}

/** What calls answer, where the answer is used. */
export interface DevToolsAnswers {
  'Target.createTarget': { readonly targetId: string }
  'Target.createBrowserContext': { readonly browserContextId: string }
  'Page.getFrameTree': { readonly frameTree: { readonly frame: PageFrame } }
  'Page.navigate': { readonly errorText?: string; readonly loaderId?: string }
  'Page.captureScreenshot': { readonly data: string }
  'Runtime.evaluate': {
    readonly result: RemoteValue
    readonly exceptionDetails?: { readonly text: string; readonly exception?: RemoteValue }
  }
}

export type Answer<Method extends string> = Method extends keyof DevToolsAnswers ? DevToolsAnswers[Method] : unknown

/** The browser refused a call, or is gone. */
export class DevToolsError extends Error {
  override readonly name = 'DevToolsError'
}

/** For a call whose failure only says that the page or the browser has gone already; anything else is thrown on. */
export function ignoreGone(error: unknown): void {
  if (!(error instanceof DevToolsError)) throw error
}

interface Waiting {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: Error) => void
  readonly method: string
}

interface Message {
  readonly id?: number
  readonly method?: string
  readonly sessionId?: string
  readonly params?: unknown
  readonly result?: unknown
  readonly error?: { readonly message: string }
}

export class DevTools {
  readonly #to: Writable
  readonly #waiting = new Map<number, Waiting>()
  readonly #listeners = new Map<string, ((payload: never) => void)[]>()
  #lastId = 0

  constructor(to: Writable, from: Readable) {
    this.#to = to
    let rest: Buffer[] = []
    from.on('data', (chunk: Buffer) => {
      let start = 0
      for (let end = chunk.indexOf(0); end !== -1; end = chunk.indexOf(0, start)) {
        const text = Buffer.concat([...rest, chunk.subarray(start, end)]).toString()
        rest = []
        start = end + 1
        this.#take(JSON.parse(text) as Message)
      }
      if (start < chunk.length) rest.push(chunk.subarray(start))
    })
    for (const stream of [to, from]) {
      stream.on('close', () => this.#end())
      stream.on('error', () => this.#end())
    }
  }

  /** Calls `method` of the browser, or of the target of `session`. Rejects with `DevToolsError`. */
  send<Method extends string>(method: Method, params: object = {}, session?: string): Promise<Answer<Method>> {
    const id = ++this.#lastId
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#waiting.set(id, { resolve, reject, method })
    this.#to.write(`${JSON.stringify({ id, method, params, sessionId: session })}\0`)
    return promise as Promise<Answer<Method>>
  }

  /** Listens to the browser, or to the target of `session`. */
  on<Name extends keyof DevToolsEvents>(
    name: Name,
    listener: (payload: DevToolsEvents[Name]) => void,
    session = '',
  ): void {
    const key = `${session} ${name}`
    this.#listeners.set(key, [...(this.#listeners.get(key) ?? []), listener])
  }

  #take(message: Message): void {
    if (message.id === undefined) {
      const key = `${message.sessionId ?? ''} ${message.method ?? ''}`
      for (const listener of this.#listeners.get(key) ?? []) listener(message.params as never)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.error) waiting?.reject(new DevToolsError(`${waiting.method}: ${message.error.message}`))
    else waiting?.resolve(message.result)
  }

  #end(): void {
    for (const { reject, method } of this.#waiting.values()) reject(new DevToolsError(`${method}: the browser is gone`))
    this.#waiting.clear()
  }
}
