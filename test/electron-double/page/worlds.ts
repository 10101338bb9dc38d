/**
 * The two worlds of a page: the page's own scripts, and the preload's isolated one. They share the document and nothing
 * else, so calls cross as events on it, by name known to neither the page nor its scripts; an event's listeners run before
 * `dispatchEvent` returns, so a call between worlds is synchronous as it is in Electron ("contextBridge").
 *
 * These functions run in the page, as text: each may use only its arguments, the page, and the functions named in
 * `scripts.ts` as standing before it.
 */
import type { Codec, Encoded, MoreKinds } from './codec.ts'

export interface Bridge {
  /** Makes `value` a property of the other world's `window`. */
  readonly expose: (name: string, value: unknown) => void
  readonly note: (value: unknown) => void
  readonly listen: (listeners: {
    readonly exposed?: (name: string, value: unknown) => void
    readonly noted?: (value: unknown) => void
  }) => void
}

interface Settled {
  readonly resolve: (value: unknown) => void
  readonly reject: (reason: unknown) => void
}

type Message =
  | { readonly kind: 'call'; readonly target: number; readonly call: number; readonly values: readonly Encoded[] }
  | { readonly kind: 'returned'; readonly call: number; readonly failed: boolean; readonly value: Encoded }
  | { readonly kind: 'settled'; readonly promise: number; readonly failed: boolean; readonly value: Encoded }
  | { readonly kind: 'exposed'; readonly name: string; readonly value: Encoded }
  | { readonly kind: 'noted'; readonly value: Encoded }

/** Joins this world, called `here`, with the one called `there`, by events whose names begin with the secret `key`. */
export function joinWorlds(key: string, here: string, there: string, makeCodec: (more: MoreKinds) => Codec): Bridge {
  // Taken now, before any script of the page can have replaced them.
  const dispatch = document.dispatchEvent.bind(document)
  const Custom = CustomEvent
  const { parse, stringify } = JSON
  const functions = new Map<number, (...values: unknown[]) => unknown>()
  const numbers = new WeakMap<object, number>()
  const proxies = new Map<number, (...values: unknown[]) => unknown>()
  const returned = new Map<number, Message & { readonly kind: 'returned' }>()
  const promises = new Map<number, Settled>()
  let last = 0
  let listeners: Parameters<Bridge['listen']>[0] = {}

  const post = (message: Message): void => {
    dispatch(new Custom(key + there, { detail: stringify(message) }))
  }
  const codec = makeCodec({
    encode(value) {
      if (typeof value === 'function') {
        const number = numbers.get(value) ?? ++last
        numbers.set(value, number)
        functions.set(number, value as (...values: unknown[]) => unknown)
        return ['function', number]
      }
      if (value instanceof Promise) {
        const promise = ++last
        const settle = (failed: boolean) => (outcome: unknown) =>
          post({ kind: 'settled', promise, failed, value: codec.encode(outcome) })
        void value.then(settle(false), settle(true))
        return ['promise', promise]
      }
      // An error keeps its message and loses its class, as "contextBridge" says.
      if (value instanceof Error) return ['error', ['Error', value.message, value.stack ?? '']]
      return undefined
    },
    decode(tag, payload) {
      const number = payload as number
      if (tag === 'promise') return new Promise((resolve, reject) => promises.set(number, { resolve, reject }))
      const proxy = proxies.get(number) ?? ((...values: unknown[]) => call(number, values))
      proxies.set(number, proxy)
      return proxy
    },
  })
  const call = (target: number, values: readonly unknown[]): unknown => {
    const number = ++last
    post({ kind: 'call', target, call: number, values: values.map(codec.encode) })
    const answer = returned.get(number)
    returned.delete(number)
    if (!answer) throw new Error('electron stand-in: the other world is gone')
    if (answer.failed) throw codec.decode(answer.value)
    return codec.decode(answer.value)
  }
  const answerCall = ({ target, call: number, values }: Message & { readonly kind: 'call' }): void => {
    try {
      const value = codec.encode(functions.get(target)?.(...values.map(codec.decode)))
      post({ kind: 'returned', call: number, failed: false, value })
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      post({ kind: 'returned', call: number, failed: true, value: codec.encode(error) })
    }
  }

  document.addEventListener(key + here, (event) => {
    event.stopImmediatePropagation()
    const message = parse((event as CustomEvent<string>).detail) as Message
    switch (message.kind) {
      case 'call':
        answerCall(message)
        break
      case 'returned':
        returned.set(message.call, message)
        break
      case 'settled': {
        const settled = promises.get(message.promise)
        promises.delete(message.promise)
        if (message.failed) settled?.reject(codec.decode(message.value))
        else settled?.resolve(codec.decode(message.value))
        break
      }
      case 'exposed':
        listeners.exposed?.(message.name, codec.decode(message.value))
        break
      case 'noted':
        listeners.noted?.(codec.decode(message.value))
        break
    }
  })
  return {
    expose: (name, value) => post({ kind: 'exposed', name, value: codec.encode(value) }),
    note: (value) => post({ kind: 'noted', value: codec.encode(value) }),
    listen: (given) => {
      listeners = given
    },
  }
}

/** A window that the page asks for, as `setWindowOpenHandler` is told of it. */
export interface WindowRequest {
  readonly url: string
  readonly frameName: string
  readonly features: string
  readonly disposition: 'foreground-tab' | 'background-tab' | 'new-window'
}

/**
 * In the page's own world: puts what the preload exposes on `window`, frozen, and hands over every way of asking for a
 * window: `window.open`, links with a target, links clicked with the middle button or with Ctrl, Meta or Shift.
 */
export function installInPage(bridge: Bridge): void {
  if (window !== window.parent) return
  const freeze = <T>(value: T): T => {
    if (typeof value !== 'object' || value === null || value instanceof Promise || ArrayBuffer.isView(value))
      return value
    for (const part of Object.values(value)) freeze(part)
    return Object.freeze(value)
  }
  bridge.listen({
    exposed: (name, value) => {
      Object.defineProperty(window, name, { value: freeze(value), enumerable: true })
    },
  })
  const ask = (request: WindowRequest): void => bridge.note(request)
  window.open = (url = 'about:blank', frameName = '', features = '') => {
    ask({ url: new URL(String(url), location.href).href, frameName, features, disposition: 'foreground-tab' })
    return null
  }
  const onClick = (event: MouseEvent): void => {
    const link = event.composedPath().find((node) => node instanceof HTMLAnchorElement && node.href !== '')
    if (!(link instanceof HTMLAnchorElement) || event.defaultPrevented || event.button === 2) return
    const isBackground = event.button === 1 || event.ctrlKey || event.metaKey
    const isElsewhere = !['', '_self', '_parent', '_top'].includes(link.target)
    if (!isBackground && !event.shiftKey && !isElsewhere) return
    event.preventDefault()
    const disposition = isBackground ? 'background-tab' : event.shiftKey ? 'new-window' : 'foreground-tab'
    ask({ url: link.href, frameName: link.target.replace('_blank', ''), features: '', disposition })
  }
  window.addEventListener('click', onClick)
  window.addEventListener('auxclick', onClick)
}
