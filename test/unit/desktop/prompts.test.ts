/** Which question stands on the screen, and what becomes of it. */
import { describe, expect, it } from 'vitest'
import { ARMING, chooseQuestion, createPrompts, type Prompts } from '../../../main/desktop/prompts.ts'
import { request } from './snapshot.ts'

interface Shown {
  readonly id: string
  readonly appear: () => void
  readonly dismiss: () => void
  closed: boolean
}

function rig(): {
  readonly prompts: Prompts
  readonly windows: Shown[]
  readonly denied: string[]
  readonly pass: (milliseconds: number) => void
} {
  let now = 0
  const windows: Shown[] = []
  const denied: string[] = []
  const prompts = createPrompts({
    open: (id, appear, dismiss) => {
      const shown: Shown = { id, appear, dismiss, closed: false }
      windows.push(shown)
      return {
        close: () => {
          shown.closed = true
        },
      }
    },
    deny: (id) => void denied.push(id),
    now: () => now,
  })
  return { prompts, windows, denied, pass: (milliseconds) => void (now += milliseconds) }
}

describe('questions', () => {
  it('stand on the screen one at a time, oldest first', () => {
    const { prompts, windows } = rig()
    prompts.update([request('b', 2), request('a', 1), request('c', 3)])
    expect(windows.map(({ id }) => id)).toEqual(['a'])
    prompts.update([request('c', 3), request('b', 2)])
    expect(windows.map(({ id, closed }) => [id, closed])).toEqual([
      ['a', true],
      ['b', false],
    ])
  })

  it('do not push each other away', () => {
    expect(chooseQuestion('b', [request('a', 1), request('b', 2)])).toBe('b')
    expect(chooseQuestion('x', [request('a', 1), request('b', 2)])).toBe('a')
    expect(chooseQuestion('x', [])).toBeUndefined()
  })

  it('are denied when their window goes, and do not come back', () => {
    const { prompts, windows, denied } = rig()
    const both = [request('a', 1), request('b', 2)]
    prompts.update(both)
    windows[0]?.dismiss()
    expect(denied).toEqual(['a'])
    // The broker has not said so yet.
    prompts.update(both)
    expect(windows.map(({ id }) => id)).toEqual(['a', 'b'])
    windows[1]?.dismiss()
    prompts.update(both)
    expect([denied, windows.length]).toEqual([['a', 'b'], 2])
  })

  it('are not denied when somebody has decided, or nobody asks any more', () => {
    const { prompts, windows, denied } = rig()
    prompts.update([request('a', 1)])
    prompts.update([])
    expect([windows[0]?.closed, denied, prompts.current]).toEqual([true, [], undefined])
  })

  it('cannot be allowed in the first second, counted from when they can be read', () => {
    const { prompts, windows, pass } = rig()
    expect(prompts.isArmed('a')).toBe(false)
    prompts.update([request('a', 1)])
    // Its window takes its time, and the question is told once more.
    pass(ARMING * 3)
    prompts.update([request('a', 1)])
    pass(ARMING * 3)
    expect(prompts.isArmed('a')).toBe(false)
    windows[0]?.appear()
    pass(ARMING - 1)
    expect(prompts.isArmed('a')).toBe(false)
    pass(1)
    expect(prompts.isArmed('a')).toBe(true)
    prompts.update([])
    expect(prompts.isArmed('a')).toBe(false)
  })
})
