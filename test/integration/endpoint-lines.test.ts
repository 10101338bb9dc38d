/**
 * Answers in lines, for callers that cannot see an informational answer: a browser's `fetch`, and most HTTP libraries.
 */
import { describe, expect, it } from 'vitest'
import { accessToken } from '../unit/endpoint/stand-in-doors.ts'
import { ask, startStage, until } from '../unit/endpoint/wire.ts'

describe('an answer in lines', () => {
  const inLines = { headers: { accept: 'application/x-ndjson' } }
  const post = { method: 'POST', body: '{"account":"ask"}' }

  it('is the question, then the answer, for who cannot see an informational one', async () => {
    const { port, asking } = await startStage()
    const asked = ask(port, '/v1/token', { ...post, ...inLines })
    await until(() => asking.signals.length === 1, 'the question')
    asking.release()
    const { status, headers, text, hints } = await asked
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'application/x-ndjson',
      'no-store',
    ])
    expect(hints).toEqual([])
    expect(JSON.stringify(headers)).not.toMatch(/access-control/iu)
    const [first = '', second = '', rest] = text.split('\n')
    expect(JSON.parse(first)).toEqual({ pending: { request_id: 'q-1', code: 'ABCD-1234' } })
    expect(JSON.parse(second)).toMatchObject({ value: { access_token: accessToken } })
    expect(rest).toBe('')
  })

  it('is as ever when nobody has to be asked, and when it is refused at once', async () => {
    const { port } = await startStage()
    const plain = await ask(port, '/v1/token', { ...post, body: '{"account":"github"}', ...inLines })
    expect([plain.status, plain.headers['content-type']]).toEqual([200, 'application/json'])
    const refused = await ask(port, '/v1/token', { ...post, ...inLines, credential: null })
    expect([refused.status, refused.headers['content-type']]).toEqual([401, 'application/json'])
  })

  it('takes the question with it when the caller goes', async () => {
    const { port, asking } = await startStage()
    const abort = new AbortController()
    const gone = ask(port, '/v1/token', { ...post, ...inLines, signal: abort.signal }).catch(() => 'gone')
    await until(() => asking.signals.length === 1, 'the question')
    abort.abort()
    await until(() => asking.signals[0]?.aborted === true, 'the end of the question')
    expect(await gone).toBe('gone')
  })
})
