/** What an agent is shown of an answer: cut between characters, and only what is text as text. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ApiAnswer } from '../../../main/cli/mcp/api-call.ts'
import { showAnswer } from '../../../main/cli/mcp/show.ts'

function textOf(body: Buffer, isWhole: boolean, type = 'text/plain'): string {
  const answer: ApiAnswer = { status: 200, headers: new Map([['content-type', type]]), body, isWhole }
  const [, shown] = showAnswer(answer).content
  return shown?.type === 'text' ? shown.text : ''
}

describe('an answer', () => {
  it('is cut between characters, wherever it is cut', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 2 }), fc.nat(), (any, at) => {
        const text = any.replaceAll(/\p{Cc}/gu, '')
        fc.pre(text !== '')
        const bytes = Buffer.from(text)
        const cut = 1 + (at % bytes.length)
        const shown = textOf(bytes.subarray(0, cut), false)
        expect(text.startsWith(shown)).toBe(true)
        expect(Buffer.byteLength(shown)).toBeGreaterThan(cut - 4)
      }),
    )
  })

  it('is not shown when it is no text', () => {
    for (const body of [[0xff, 0xfe], [0x41, 0], [0xc3], [0x1f, 0x8b, 8]])
      expect(textOf(Buffer.from(body), true, 'text/html')).toMatch(
        /^\[\d bytes of text\/html; not text, so not shown\]$/u,
      )
  })

  it('has the headers that tell how to go on, and no cookies', () => {
    const headers = new Map([
      ['content-type', 'text/plain'],
      ['link', '</next>; rel="next"'],
      ['x-ratelimit-remaining', '3'],
      ['set-cookie', 'a=b'],
      ['server', 'x'],
    ])
    const [head] = showAnswer({ status: 200, headers, body: Buffer.from(''), isWhole: true }).content
    expect(JSON.parse(head?.type === 'text' ? head.text : '')).toEqual({
      status: 200,
      headers: { 'content-type': 'text/plain', link: '</next>; rel="next"', 'x-ratelimit-remaining': '3' },
    })
  })
})
