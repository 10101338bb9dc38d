/**
 * The native-messaging transport against a browser's port as Chrome documents it (Native messaging, runtime.Port): what it
 * sends, what it makes of frames, and how it says that there is no host.
 */
import { describe, expect, it } from 'vitest'
import { type Client, createClient } from '../../../clients/js/client.ts'
import { createNativeTransport } from '../../../clients/js/native.ts'

type Frame = Readonly<Record<string, unknown>>

class StandInPort {
  readonly sent: Frame[] = []
  isOpen = true
  readonly #message: ((message: unknown) => void)[] = []
  readonly #disconnect: ((port: StandInPort) => void)[] = []
  readonly onMessage = { addListener: (listener: (message: unknown) => void) => void this.#message.push(listener) }
  readonly onDisconnect = {
    addListener: (listener: (port: StandInPort) => void) => void this.#disconnect.push(listener),
  }

  postMessage(message: unknown): void {
    if (!this.isOpen) throw new Error('Attempting to use a disconnected port object')
    this.sent.push(message as Frame)
  }

  /** Our own side; Chrome tells only the other one. */
  disconnect(): void {
    this.isOpen = false
  }

  say(message: Frame): void {
    for (const listener of this.#message) listener(message)
  }

  drop(): void {
    this.isOpen = false
    for (const listener of this.#disconnect) listener(this)
  }
}

function stage(): {
  readonly client: Client
  readonly ports: StandInPort[]
  readonly port: () => StandInPort
  readonly fail: (message: string) => void
} {
  const ports: StandInPort[] = []
  const runtime = {
    id: 'abcdefghijklmnopabcdefghijklmnop',
    lastError: undefined as { readonly message: string } | undefined,
    connectNative: (host: string) => {
      expect(host).toBe('app.valetkey')
      ports.push(new StandInPort())
      return port()
    },
  }
  const port = (): StandInPort => ports.at(-1) ?? new StandInPort()
  const client = createClient({ clientToken: 'c', transport: createNativeTransport(runtime) })
  const fail = (message: string): void => {
    runtime.lastError = { message }
    port().drop()
    runtime.lastError = undefined
  }
  return { client, ports, port, fail }
}

describe('over native messaging', () => {
  it('each call is a message with the contract’s name, its argument and the client token', async () => {
    const { client, ports, port } = stage()
    const asked = [
      client.getToken({ account: 'ada' }),
      client.invalidate({ account: 'ada', token_id: 't' }),
      client.accounts(),
      client.status(),
      client.request('r/1'),
      client.pair({ name: 'x', kind: 'extension' }),
    ]
    await expect.poll(() => port().sent.length).toBe(6)
    const sent = port().sent.map(({ id: _id, ...rest }) => rest)
    expect(sent).toEqual(
      [
        { call: 'token', argument: { account: 'ada' }, client_token: 'c' },
        { call: 'invalidate', argument: { account: 'ada', token_id: 't' }, client_token: 'c' },
        { call: 'accounts', client_token: 'c' },
        { call: 'status', client_token: 'c' },
        { call: 'request', argument: { id: 'r/1' }, client_token: 'c' },
        { call: 'pair', argument: { name: 'x', kind: 'extension' } },
      ].toSorted(
        (a, b) => sent.findIndex(({ call }) => call === a.call) - sent.findIndex(({ call }) => call === b.call),
      ),
    )
    // The last asked is the first answered.
    for (const { id, call } of port().sent.toReversed()) port().say({ id, value: { call } })
    expect(await Promise.all(asked)).toEqual(
      ['token', 'invalidate', 'accounts', 'status', 'request', 'pair'].map((call) => ({ call })),
    )
    expect(ports).toHaveLength(1)
  })

  it('a question is told, and a refusal is thrown with all it says', async () => {
    const { client, port } = stage()
    const told: unknown[] = []
    const asked = client.getToken({ account: 'ada' }, { onPending: (pending) => told.push(pending) })
    await expect.poll(() => port().sent.length).toBe(1)
    const id = port().sent[0]?.['id']
    port().say({ id, pending: { request_id: 'r1', code: '123-456' } })
    port().say({
      id,
      error: { error: 'slow_down', error_description: 'Later.', retry_after: 7, resolve: { command: 'valetkey x' } },
    })
    await expect(asked).rejects.toMatchObject({ code: 'slow_down', retryAfter: 7, resolve: { command: 'valetkey x' } })
    expect(told).toEqual([{ requestId: 'r1', code: '123-456' }])
  })

  it.each([
    ['Specified native messaging host not found.', 'not_running'],
    ['Native host has exited.', 'not_running'],
    ['Access to the specified native messaging host is forbidden.', 'access_denied'],
  ])('“%s” is %s, with the command that installs the host', async (message, code) => {
    const { client, ports, port, fail } = stage()
    const asked = Promise.allSettled([client.status(), client.accounts()])
    await expect.poll(() => port().sent.length).toBe(2)
    fail(message)
    for (const one of await asked)
      expect(one).toMatchObject({
        reason: {
          code,
          resolve: { command: 'valetkey native-host install --extension-id abcdefghijklmnopabcdefghijklmnop' },
        },
      })
    const again = client.status()
    await expect.poll(() => ports.length).toBe(2)
    await expect.poll(() => port().sent.length).toBe(1)
    port().say({ id: port().sent[0]?.['id'], value: 1 })
    expect(await again).toBe(1)
  })

  it('who gives up hears nothing more, and with the last of them the host ends, and the question with it', async () => {
    const { client, port } = stage()
    const one = new AbortController()
    const asked = client.getToken({ account: 'ada' }, { signal: one.signal })
    const other = client.getToken({ account: 'grace' })
    await expect.poll(() => port().sent.length).toBe(2)
    one.abort()
    await expect(asked).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }) as Error)
    expect(port().isOpen).toBe(true)
    port().say({ id: port().sent[1]?.['id'], value: 1 })
    expect(await other).toBe(1)
    const two = new AbortController()
    const last = client.getToken({ account: 'ada' }, { signal: two.signal })
    await expect.poll(() => port().sent.length).toBe(3)
    two.abort()
    await expect(last).rejects.toThrow(expect.objectContaining({ name: 'AbortError' }) as Error)
    expect(port().isOpen).toBe(false)
  })

  it('where a browser offers none, as to a content script, it says who has it', async () => {
    const client = createClient({ clientToken: 'c', transport: createNativeTransport({}) })
    await expect(client.status()).rejects.toMatchObject({
      code: 'access_denied',
      message: expect.stringContaining('service worker') as string,
    })
  })
})
