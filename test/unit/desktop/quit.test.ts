/** The order in which the app ends, and that it ends. */
import { EventEmitter } from 'node:events'
import type { App } from 'electron'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { whenQuitting } from '../../../main/desktop/quit.ts'

interface Rig {
  readonly app: EventEmitter & { readonly exited: number[]; readonly quits: () => number }
  readonly closed: () => number
  readonly finish: () => void
  readonly fail: () => void
}

function rig(): Rig {
  const exited: number[] = []
  let [quits, closed] = [0, 0]
  const app = Object.assign(new EventEmitter(), {
    exited,
    exit: (code: number) => void exited.push(code),
    quit: () => void quits++,
    quits: () => quits,
  })
  const { promise, resolve, reject } = Promise.withResolvers<undefined>()
  const close = (): Promise<void> => {
    closed++
    return promise
  }
  whenQuitting(app as unknown as App, close, () => undefined)
  return {
    app,
    closed: () => closed,
    finish: () => {
      resolve(undefined)
    },
    fail: () => {
      reject(new Error('a part of it failed'))
    },
  }
}

/** The `will-quit` event; answers whether it was prevented. */
function willQuit(app: EventEmitter): boolean {
  let prevented = false
  app.emit('will-quit', {
    preventDefault: () => {
      prevented = true
    },
  })
  return prevented
}

const signals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const
let before: readonly (readonly [(typeof signals)[number], readonly unknown[]])[]

beforeEach(() => {
  vi.useFakeTimers()
  before = signals.map((signal) => [signal, process.listeners(signal)])
})
afterEach(() => {
  vi.useRealTimers()
  // What listened before us belongs to the test runner.
  for (const [signal, theirs] of before)
    for (const listener of process.listeners(signal)) if (!theirs.includes(listener)) process.off(signal, listener)
})

describe('quitting', () => {
  it('closes everything once, and then exits', async () => {
    const { app, closed, finish } = rig()
    app.emit('before-quit')
    expect([willQuit(app), willQuit(app), closed(), app.exited]).toEqual([true, true, 1, []])
    finish()
    await vi.advanceTimersByTimeAsync(0)
    expect(app.exited).toEqual([0])
  })

  it('does not wait for ever for a window', async () => {
    const { app, closed, finish } = rig()
    app.emit('before-quit')
    await vi.advanceTimersByTimeAsync(2999)
    expect(closed()).toBe(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(closed()).toBe(1)
    finish()
    await vi.advanceTimersByTimeAsync(0)
    expect(app.exited).toEqual([0])
  })

  it('does not wait for ever for anything else, and says that it failed', async () => {
    const stuck = rig()
    willQuit(stuck.app)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(stuck.app.exited).toEqual([1])
    const failing = rig()
    willQuit(failing.app)
    failing.fail()
    await vi.advanceTimersByTimeAsync(0)
    expect(failing.app.exited).toEqual([1])
  })

  it('is what the signals that stop a daemon do', () => {
    const { app } = rig()
    const ours = before.flatMap(([signal, theirs]) => process.listeners(signal).filter((one) => !theirs.includes(one)))
    for (const listener of ours) listener('SIGTERM')
    expect(app.quits()).toBe(3)
  })
})
