/** The deciding door's carrier: closed calls, and snapshots that never pile up, over a real HTTP connection. */
import { createServer, get, type IncomingMessage } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { windowCalls } from '../../../main/contract/window-api.ts'
import { handleWindowCall, streamSnapshots } from '../../../main/endpoint/window-door.ts'
import { faultSecret, StandInDeciding } from './stand-in-doors.ts'
import { until } from './wire.ts'

describe('handleWindowCall', () => {
  it('calls what exists, with a parsed argument', async () => {
    const deciding = new StandInDeciding()
    const approve = await handleWindowCall(deciding.on('console'), 'approve', { id: 'q1', for: '8h' })
    expect(approve).toEqual({ ok: true, value: { name: 'approve', argument: { id: 'q1', for: '8h' } } })
    expect((await handleWindowCall(deciding.on('console'), 'snapshot', undefined)).ok).toBe(true)
    for (const name of Object.keys(windowCalls)) expect(typeof deciding.on('window')[name as 'lock']).toBe('function')
  })

  it('refuses unknown and inherited names, and arguments that do not parse, without a call', async () => {
    const deciding = new StandInDeciding()
    for (const name of ['', 'token', 'constructor', '__proto__', 'toString', 'Approve', 'approve/']) {
      const result = await handleWindowCall(deciding.on('window'), name, {})
      expect(result, name).toMatchObject({ ok: false, error: { error: 'not_found' } })
    }
    for (const argument of [
      undefined,
      {},
      { id: 1 },
      { id: 'q', code: '1', extra: true },
      ['q'],
      { id: 'q', for: 'ever' },
    ]) {
      const result = await handleWindowCall(deciding.on('window'), 'approve', argument)
      expect(result).toMatchObject({ ok: false, error: { error: 'invalid_request' } })
    }
    expect(deciding.calls).toEqual([])
  })

  it('carries refusals whole and faults without their message', async () => {
    const deciding = new StandInDeciding()
    const faults: unknown[] = []
    const listen = (thrown: unknown): void => {
      faults.push(thrown)
    }
    const refused = await handleWindowCall(deciding.on('window'), 'deny', { id: 'q' }, listen)
    expect(refused).toEqual({
      ok: false,
      error: { error: 'not_found', error_description: 'There is no such question.' },
    })
    expect(faults).toEqual([])
    const fault = await handleWindowCall(deciding.on('window'), 'doctor', {}, listen)
    expect(fault).toMatchObject({ ok: false, error: { error: 'server_error' } })
    expect(JSON.stringify(fault)).not.toContain(faultSecret)
    expect(faults).toMatchObject([{ message: faultSecret }])
  })
})

async function openStream(deciding: StandInDeciding): Promise<{ response: IncomingMessage; faults: unknown[] }> {
  const faults: unknown[] = []
  const server = createServer((_request, response) => {
    streamSnapshots(deciding, 'console', response, (thrown) => faults.push(thrown))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const place = server.address()
  const port = typeof place === 'object' && place ? place.port : 0
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const response = await new Promise<IncomingMessage>((resolve) =>
    get({ host: '127.0.0.1', port, agent: false }, resolve),
  )
  return { response, faults }
}

/** The `home` of every snapshot in the text so far; the stand-in numbers them there. */
const homes = (text: string): string[] =>
  [...text.matchAll(/^event: snapshot\ndata: (.*)\n\n/gmu)].map(
    ([, data]) => (JSON.parse(data ?? '') as { home: string }).home,
  )

describe('streamSnapshots', () => {
  it('sends one at once and one after each change, and lets go when the reader leaves', async () => {
    const deciding = new StandInDeciding()
    const { response } = await openStream(deciding)
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    expect(response.headers).toMatchObject({ 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    expect(Object.keys(response.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    await until(() => homes(text).length === 1, 'the first snapshot')
    deciding.change()
    await until(() => homes(text).length === 2, 'the second')
    expect(homes(text)).toEqual(['/nowhere/1', '/nowhere/2'])
    expect(deciding.listeners).toBe(1)
    response.destroy()
    await until(() => deciding.listeners === 0, 'the subscription to end')
    const { snapshots } = deciding
    deciding.change()
    expect(deciding.snapshots).toBe(snapshots)
  })

  it('gives a slow reader the newest snapshot and none of those between', async () => {
    const deciding = new StandInDeciding()
    deciding.padding = ' '.repeat(4_000_000)
    const { response } = await openStream(deciding)
    response.pause()
    await until(() => deciding.snapshots === 1, 'the first snapshot')
    for (let i = 0; i < 1000; i++) {
      deciding.change()
      await new Promise((resolve) => setImmediate(resolve))
    }
    // The first one filled every buffer on the way; nothing more was even asked for.
    expect(deciding.snapshots).toBeLessThanOrEqual(2)
    deciding.padding = ''
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    response.resume()
    await until(
      () => homes(text).at(-1) === `/nowhere/${String(deciding.snapshots)}` && deciding.snapshots > 1,
      'the newest',
    )
    expect(homes(text).length).toBe(deciding.snapshots)
    expect(homes(text).at(-1)).not.toContain(' ')
  })

  it('ends when a snapshot cannot be had, and says so to its host', async () => {
    const deciding = new StandInDeciding()
    deciding.snapshot = () => Promise.reject(new Error(faultSecret))
    const { response, faults } = await openStream(deciding)
    let text = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
    })
    await until(() => response.complete, 'the end')
    expect(text).not.toContain(faultSecret)
    expect(faults).toMatchObject([{ message: faultSecret }])
    await until(() => deciding.listeners === 0, 'the subscription to end')
  })
})
