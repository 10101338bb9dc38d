/**
 * The door that decides, whatever carries it: the control socket here, the console, a desktop window's IPC. The rule:
 * the list of calls is closed, every argument is parsed, and a surface gets the whole state at once and after each
 * change, the newest and never a backlog.
 */
import type { ServerResponse } from 'node:http'
import type { DecidingDoor } from '../broker/doors.ts'
import { asBrokerError, BrokerError } from '../contract/errors.ts'
import { type Surface, type WindowApi, windowCalls, type WindowResult } from '../contract/window-api.ts'
import { secureHeaders } from './http-answer.ts'

/** Told of every fault of ours, with the thing thrown; expected refusals are not faults. */
export type FaultListener = (thrown: unknown) => void

/**
 * One call of the window API by name, with an argument nobody has checked. Never rejects: what goes wrong is in the
 * result. An unknown name is `not_found`, also a name every object inherits.
 */
export async function handleWindowCall(
  api: WindowApi,
  method: string,
  argument: unknown,
  onFault: FaultListener = () => undefined,
): Promise<WindowResult<unknown>> {
  try {
    if (!isWindowMethod(method)) throw new BrokerError('not_found', 'There is no such call.')
    const call = api[method].bind(api) as (parsed: unknown) => Promise<unknown>
    return { ok: true, value: await call(windowCalls[method](argument, '')) }
  } catch (thrown) {
    const error = asBrokerError(thrown)
    if (error.code === 'server_error') onFault(error.cause ?? error)
    return { ok: false, error: error.toBody() }
  }
}

function isWindowMethod(name: string): name is keyof WindowApi {
  return Object.hasOwn(windowCalls, name)
}

/** Milliseconds between comments that keep an idle stream alive and find out that its reader is gone. */
const heartbeat = 15_000

/**
 * Serves snapshots as server-sent events (HTML Living Standard, section 9.2): a `snapshot` event at once and after each
 * change. A reader that is slower than the changes gets the newest one next and none in between, so one snapshot is all
 * that is ever buffered. Ends when the reader leaves, and when a snapshot cannot be had, which the reader answers by
 * connecting again.
 */
export function streamSnapshots(
  deciding: DecidingDoor,
  surface: Surface,
  response: ServerResponse,
  onFault: FaultListener = () => undefined,
): void {
  let reading = false
  let stale = true
  let blocked = false

  const send = async (): Promise<void> => {
    if (reading) return
    reading = true
    while (stale && !blocked && !response.destroyed) {
      stale = false
      const snapshot = await deciding.snapshot(surface)
      if (!response.destroyed) blocked = !response.write(`event: snapshot\ndata: ${JSON.stringify(snapshot)}\n\n`)
    }
    reading = false
  }
  const next = (): void => {
    send().catch((thrown: unknown) => {
      onFault(thrown)
      response.end()
    })
  }

  response.writeHead(200, [...secureHeaders, 'Content-Type', 'text/event-stream'])
  response.flushHeaders()
  const cancel = deciding.onChange(() => {
    stale = true
    next()
  })
  const timer = setInterval(() => {
    if (!blocked) response.write(':\n\n')
  }, heartbeat)
  timer.unref()
  response.on('drain', () => {
    blocked = false
    next()
  })
  response.on('close', () => {
    clearInterval(timer)
    cancel()
  })
  next()
}
