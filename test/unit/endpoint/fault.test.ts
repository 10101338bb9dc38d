/** What the log is told of a fault: where, and nothing it says. */
import { describe, expect, it } from 'vitest'
import { describeFault } from '../../../main/endpoint/fault.ts'

const secret = 'rt-0123456789-canary'

describe('describeFault', () => {
  it('names the class and where in our code it happened', () => {
    const { name, at } = describeFault(new TypeError(secret))
    expect(name).toBe('TypeError')
    expect(at).toMatch(/^fault\.test\.ts:\d+/u)
  })

  it.each<readonly [string, unknown]>([
    ['a message', new Error(secret)],
    ['a message with lines like those of a stack', new Error(`x\n    at ${secret} (${secret}.ts:1:1)`)],
    ['a message that was changed', Object.assign(new Error(`\n    at x (${secret}.ts:1:1)`), { message: 'other' })],
    ['a name', Object.assign(new Error('x'), { name: secret })],
    ['a stack', Object.assign(new Error('x'), { stack: secret })],
    ['a cause', new Error('x', { cause: secret })],
    ['a text', secret],
    ['an object', { secret }],
  ])('tells nothing of %s', (_, thrown) => {
    expect(JSON.stringify(describeFault(thrown))).not.toContain('canary')
  })
})
