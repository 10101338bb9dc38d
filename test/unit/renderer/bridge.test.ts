/**
 * Both bridges by one table: what the broker answers arrives the same through the preload script and over the console's
 * HTTP. The preload is played by what preload/index.ts exposes: one function per call, answering the envelope.
 */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BrokerError } from '../../../main/contract/errors.ts'
import { windowCalls, windowPath } from '../../../main/contract/window-api.ts'
import { type Bridge, chooseBridge, type Connection } from '../../../renderer/bridge.ts'

/** What the other side answers to the next call, and what it was called with. */
let next: unknown
let heard: { readonly method: string; readonly argument: unknown } | undefined
/** The other side is gone. */
let isGone = false

let server: Server
beforeAll(async () => {
  server = createServer((request, response) => {
    if (isGone) {
      request.destroy()
      return
    }
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      heard = {
        method: (request.url ?? '').slice(windowPath.length + 1),
        argument: JSON.parse(Buffer.concat(chunks).toString()) as unknown,
      }
      response.setHeader('Content-Type', 'application/json')
      response.end(JSON.stringify(next))
    })
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})
beforeEach(() => {
  next = { ok: true, value: null }
  heard = undefined
  isGone = false
})

const listeners: ((snapshot: unknown) => void)[] = []
function preloadScope(): unknown {
  const calls = Object.keys(windowCalls).map((method): readonly [string, unknown] => [
    method,
    (argument?: unknown) => {
      if (isGone) return Promise.reject(new Error('An object could not be cloned.'))
      heard = { method, argument: argument ?? {} }
      return Promise.resolve(structuredClone(next))
    },
  ])
  return {
    valetkey: {
      ...(Object.fromEntries(calls) as Record<string, unknown>),
      onSnapshot: (listener: (snapshot: unknown) => void) => {
        listeners.push(listener)
      },
    },
  }
}
function consoleScope(): unknown {
  const { port } = server.address() as AddressInfo
  return { document: { baseURI: `http://127.0.0.1:${String(port)}/` } }
}

const bridges: readonly (readonly [string, () => Bridge])[] = [
  ['the preload script', () => chooseBridge(preloadScope() as Window)],
  ['HTTP', () => chooseBridge(consoleScope() as Window)],
]

const refusal = (of: Promise<unknown>): Promise<BrokerError> =>
  of.then(
    () => {
      throw new Error('it was not refused')
    },
    (thrown: unknown) => thrown as BrokerError,
  )

describe.each(bridges)('a call through %s', (_name, open) => {
  it('carries the name, the argument and the value', async () => {
    next = { ok: true, value: { accepted: true } }
    expect(await open().call('rename', { account: 'a', label: 'ä “x”' })).toEqual({ accepted: true })
    expect(heard).toEqual({ method: 'rename', argument: { account: 'a', label: 'ä “x”' } })
  })

  it('carries a call without an argument', async () => {
    next = { ok: true, value: [] }
    expect(await open().call('doctor')).toEqual([])
    expect(heard).toEqual({ method: 'doctor', argument: {} })
  })

  it('throws what was refused, with everything that helps', async () => {
    const error = {
      error: 'account_selection_required',
      error_description: 'Several accounts fit.',
      resolve: { command: 'valetkey accounts' },
      request_id: 'r1',
      candidates: [{ id: 'a', label: 'ada', provider: 'house' }],
      retry_after: 3,
    }
    for (const answer of [{ ok: false, error }, error]) {
      next = answer
      expect(await refusal(open().call('doctor'))).toMatchObject({
        name: 'BrokerError',
        code: 'account_selection_required',
        message: 'Several accounts fit.',
        resolve: error.resolve,
        request_id: 'r1',
        candidates: error.candidates,
        retry_after: 3,
      })
    }
  })

  it('takes what it cannot understand for a fault', async () => {
    for (const odd of [
      null,
      1,
      'x',
      {},
      [],
      { ok: false },
      { ok: 'true', value: 1 },
      { ok: false, error: { error: 'x' } },
    ]) {
      next = odd
      expect((await refusal(open().call('doctor'))).code, JSON.stringify(odd)).toBe('server_error')
    }
  })

  it('says that nobody answers', async () => {
    isGone = true
    expect(await refusal(open().call('doctor'))).toMatchObject({ name: 'BrokerError', code: 'not_running' })
  })
})

describe('what the preload script pushes', () => {
  afterEach(() => {
    listeners.length = 0
    vi.useRealTimers()
  })

  const watch = (): { readonly seen: unknown[]; readonly said: Connection[]; readonly stop: () => void } => {
    const seen: unknown[] = []
    const said: Connection[] = []
    const stop = chooseBridge(preloadScope() as Window).watch(
      (snapshot) => seen.push(snapshot),
      (connection) => said.push(connection),
    )
    return { seen, said, stop }
  }

  it('is taken after the first state was asked for, until watching ends', async () => {
    next = { ok: true, value: 'first' }
    const { seen, said, stop } = watch()
    await vi.waitFor(() => {
      expect(seen).toEqual(['first'])
    })
    expect(heard?.method).toBe('snapshot')
    for (const listener of listeners) listener('second')
    expect(seen).toEqual(['first', 'second'])
    stop()
    for (const listener of listeners) listener('third')
    expect(seen).toEqual(['first', 'second'])
    expect(said).toEqual(['live', 'live'])
  })

  it('is asked for again when there was no first state', async () => {
    vi.useFakeTimers()
    isGone = true
    const { seen, said, stop } = watch()
    await vi.advanceTimersByTimeAsync(0)
    expect(said).toEqual(['lost'])
    isGone = false
    next = { ok: true, value: 'late' }
    await vi.advanceTimersByTimeAsync(1000)
    expect(seen).toEqual(['late'])
    expect(said.at(-1)).toBe('live')
    stop()
  })
})
