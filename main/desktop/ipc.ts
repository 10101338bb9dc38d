/**
 * The window's door into the broker. The rule: one channel per call of window-api and none besides; a message is answered
 * when its sender is one of our windows, its argument parses, and that window is for that call.
 */
import type { IpcMain, WebContents } from 'electron'
import type { DecidingDoor } from '../broker/doors.ts'
import type { Log } from '../broker/ports.ts'
import { BrokerError } from '../contract/errors.ts'
import { type WindowApi, windowCalls, type WindowResult, windowPath } from '../contract/window-api.ts'
import { handleWindowCall } from '../endpoint/window-door.ts'
import { senderProblem } from './sender.ts'

/** What a window of ours is for: everything, or one question. */
export type Role = { readonly kind: 'main' } | { readonly kind: 'prompt'; readonly request_id: string }

/** Our windows, by the id of their web contents. */
export interface Windows {
  readonly roles: ReadonlyMap<number, Role>
}

export interface Door {
  readonly deciding: DecidingDoor
  /** Whether a question has been on the screen long enough to be allowed. */
  isArmed(request_id: string): boolean
  readonly log: Log
}

/** Answers every call of window-api from our windows. */
export function serveWindows(ipc: IpcMain, { roles }: Windows, door: Door): void {
  for (const name of Object.keys(windowCalls))
    ipc.handle(`${windowPath}/${name}`, (event, argument: unknown): Promise<WindowResult<unknown>> => {
      const problem = senderProblem(event, (id) => roles.has(id))
      const role = roles.get(event.sender.id)
      if (problem !== undefined || !role) {
        door.log('warn', 'ipc.refused', { method: name, code: problem ?? 'foreign-window' })
        return Promise.resolve({ ok: false, error: stranger.toBody() })
      }
      const api = apiFor(role, door.deciding.on('window'), (id) => door.isArmed(id))
      return handleWindowCall(api, name, argument, () => {
        door.log('error', 'ipc.fault', { method: name })
      })
    })
}

const stranger = new BrokerError('access_denied', 'Only Valetkey’s own window may ask here.')

/**
 * The broker as a window of this role has it. In every window a question must have been there for a while before it is
 * allowed (a click meant for something else allows nothing); the window of one question decides that one and nothing else.
 */
export function apiFor(role: Role, api: WindowApi, isArmed: (request_id: string) => boolean): WindowApi {
  const approve: WindowApi['approve'] = (request) =>
    isArmed(request.id) ? api.approve(request) : Promise.reject(tooSoon)
  if (role.kind === 'main') return { ...api, approve }
  const own =
    <Argument extends { readonly id: string }, Answer>(call: (request: Argument) => Promise<Answer>) =>
    (request: Argument): Promise<Answer> =>
      request.id === role.request_id ? call(request) : Promise.reject(onlyItsOwn)
  const nothing = Object.fromEntries(
    Object.keys(windowCalls).map((name) => [name, () => Promise.reject(onlyItsOwn)]),
  ) as unknown as WindowApi
  return {
    ...nothing,
    snapshot: () => api.snapshot(),
    approve: own(approve),
    deny: own((request) => api.deny(request)),
  }
}

const tooSoon = new BrokerError('slow_down', 'Read the question first; it can be allowed in a moment.', {
  retry_after: 1,
})
const onlyItsOwn = new BrokerError('access_denied', 'This window decides its own question and nothing else.')

/** Sends a snapshot to every window of ours that still exists. */
export function push(all: Iterable<WebContents>, channel: string, snapshot: unknown): void {
  for (const contents of all) if (!contents.isDestroyed()) contents.send(channel, snapshot)
}
