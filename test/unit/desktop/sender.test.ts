/** Who may send an IPC message, and what each window may ask. */
import type { IpcMain } from 'electron'
import { describe, expect, it } from 'vitest'
import { Broker } from '../../../main/broker/broker.ts'
import { apiFor, type Role, serveWindows } from '../../../main/desktop/ipc.ts'
import { senderProblem, type Sent } from '../../../main/desktop/sender.ts'
import { windowCalls, type WindowApi, windowPath } from '../../../main/contract/window-api.ts'
import { createRig } from '../../fakes/broker-ports.ts'

const ours = { sender: { id: 1 }, senderFrame: { origin: 'app://ui', parent: null, detached: false } }

describe('the sender of a message', () => {
  const table: readonly (readonly [why: string | undefined, sent: Sent])[] = [
    [undefined, ours],
    ['frame-gone', { ...ours, senderFrame: null }],
    ['frame-detached', { ...ours, senderFrame: { ...ours.senderFrame, detached: true } }],
    ['not-top-frame', { ...ours, senderFrame: { ...ours.senderFrame, parent: {} } }],
    ['foreign-origin', { ...ours, senderFrame: { ...ours.senderFrame, origin: 'https://evil.example' } }],
    ['foreign-origin', { ...ours, senderFrame: { ...ours.senderFrame, origin: 'app://ui.evil' } }],
    ['foreign-origin', { ...ours, senderFrame: { ...ours.senderFrame, origin: 'null' } }],
    ['foreign-origin', { ...ours, senderFrame: { ...ours.senderFrame, origin: '' } }],
    ['foreign-window', { ...ours, sender: { id: 2 } }],
  ]
  it.each(table)('%s: %o', (why, sent) => {
    expect(senderProblem(sent, (id) => id === 1)).toBe(why)
  })
})

type Listener = Parameters<IpcMain['handle']>[1]

/** The channels as `ipcMain` keeps them; a message is a call of the listener. */
function served(isArmed = true): {
  readonly send: (channel: string, sent: Sent, argument?: unknown) => Promise<unknown>
  readonly channels: readonly string[]
  readonly logged: readonly string[]
} {
  const listeners = new Map<string, Listener>()
  const logged: string[] = []
  const roles = new Map<number, Role>([
    [1, { kind: 'main' }],
    [3, { kind: 'prompt', request_id: 'q' }],
  ])
  const broker = new Broker(createRig().ports, { version: '0', host: 'desktop', home: '/home/x' })
  const ipc = { handle: (channel: string, listener: Listener) => void listeners.set(channel, listener) } as IpcMain
  const log = (_level: string, event: string, fields?: object): void =>
    void logged.push(`${event} ${JSON.stringify(fields)}`)
  serveWindows(ipc, { roles }, { deciding: broker.deciding, isArmed: () => isArmed, log })
  return {
    channels: [...listeners.keys()],
    logged,
    send: async (channel, sent, argument) =>
      (await listeners.get(channel)?.(sent as Electron.IpcMainInvokeEvent, argument)) as unknown,
  }
}

describe('IPC', () => {
  it('has one channel per call and none besides', () => {
    expect(served().channels).toEqual(Object.keys(windowCalls).map((name) => `${windowPath}/${name}`))
  })

  it('answers our window', async () => {
    const { send } = served()
    expect(await send(`${windowPath}/snapshot`, ours)).toMatchObject({ ok: true, value: { surface: 'window' } })
  })

  it('refuses a frame that is not ours, without looking at what it says', async () => {
    const { send, logged } = served()
    const foreign = { ...ours, senderFrame: { ...ours.senderFrame, origin: 'https://evil.example' } }
    const trap = new Proxy(
      {},
      {
        get: () => {
          throw new Error('looked at')
        },
        ownKeys: () => {
          throw new Error('looked at')
        },
      },
    )
    expect(await send(`${windowPath}/configure`, foreign, trap)).toMatchObject({
      ok: false,
      error: { error: 'access_denied' },
    })
    expect(logged).toEqual(['ipc.refused {"method":"configure","code":"foreign-origin"}'])
  })

  it('parses what it is told', async () => {
    const { send } = served()
    const refused = { ok: false, error: { error: 'invalid_request' } }
    for (const argument of [undefined, null, 7, [], { paused: 'yes' }, { paused: true, more: 1 }])
      expect(await send(`${windowPath}/setPaused`, ours, argument)).toMatchObject(refused)
  })

  it('lets the window of one question decide nothing else', async () => {
    const { send } = served()
    const prompt = { ...ours, sender: { id: 3 } }
    const refused = { ok: false, error: { error: 'access_denied' } }
    expect(await send(`${windowPath}/approve`, prompt, { id: 'another' })).toMatchObject(refused)
    expect(await send(`${windowPath}/deny`, prompt, { id: 'another' })).toMatchObject(refused)
    expect(await send(`${windowPath}/approve`, prompt, { id: 'q' })).toMatchObject({ error: { error: 'not_found' } })
    const others = Object.keys(windowCalls).filter((name) => !['snapshot', 'approve', 'deny'].includes(name))
    const argument: Partial<Record<string, object>> = {
      link: { provider: 'p' },
      describeProvider: { id: 'p' },
      addProvider: { text: 'x' },
      removeProvider: { id: 'p' },
      testProvider: { id: 'p' },
      awaitSignIn: { id: 'a', timeout: 0 },
      submitRedirect: { id: 'a', url: 'x' },
      deliverRedirect: { url: 'x' },
      cancelSignIn: { id: 'a' },
      unlink: { account: 'a' },
      rename: { account: 'a', label: 'b' },
      retry: { account: 'a' },
      setProfile: { account: 'a' },
      setShiftEnd: { profile: 'p' },
      endShift: { profile: 'p' },
      verifyActivity: {},
      revokeClient: { client: 'a' },
      revokeGrant: { id: 'a' },
      forgetChoice: { id: 'a' },
      stopSession: { id: 'a' },
      activity: {},
      unlock: {},
      configure: {},
      setPaused: { paused: true },
    }
    for (const name of others)
      expect(await send(`${windowPath}/${name}`, prompt, argument[name]), name).toMatchObject(refused)
    expect(await send(`${windowPath}/snapshot`, prompt)).toMatchObject({ ok: true })
  })
})

describe('a window’s approval', () => {
  const api = { approve: (given: unknown) => Promise.resolve(given) } as unknown as WindowApi

  it('waits until the question has been there for a while, in every window', async () => {
    for (const role of [{ kind: 'main' }, { kind: 'prompt', request_id: 'q' }] as const) {
      await expect(apiFor(role, api, () => false).approve({ id: 'q' })).rejects.toMatchObject({ code: 'slow_down' })
      expect(await apiFor(role, api, (id) => id === 'q').approve({ id: 'q' })).toEqual({ id: 'q' })
    }
  })
})
