/**
 * The door that decides, over HTTP: `POST {windowPath}/{method}` and the snapshots as server-sent events. The rule: who
 * may come through this door is decided before it (the mode of the control socket, a console's session); here nothing
 * is asked but that the call exists and its argument parses.
 */
import type { DecidingDoor } from '../broker/doors.ts'
import { BrokerError } from '../contract/errors.ts'
import { type Surface, windowCalls, windowEventsPath, windowPath } from '../contract/window-api.ts'
import type { Exchange } from './exchange.ts'
import { answerHello, helloNonce, isHello } from './hello.ts'
import { methodNotAllowed } from './http-guard.ts'
import type { Handler } from './http-service.ts'
import type { BrokerIdentity } from './identity.ts'
import { handleWindowCall, streamSnapshots } from './window-door.ts'

const noSuchPath = new BrokerError('not_found', 'There is nothing at this path.')
const prefix = `${windowPath}/`

/**
 * Serves the window API on one surface. Every call that exists answers 200 with a `WindowResult`, the broker's refusals
 * included; other statuses mean that the request itself was refused. `false`, and nothing done, when the path is not of
 * this API.
 */
export function serveWindow(deciding: DecidingDoor, surface: Surface, exchange: Exchange): boolean {
  const { target, method } = exchange.head
  if (!target.startsWith(prefix)) return false
  const events = target === windowEventsPath
  const name = target.slice(prefix.length)
  if (!events && !Object.hasOwn(windowCalls, name)) {
    exchange.refuse(noSuchPath)
    return true
  }
  const allowed = events ? 'GET' : 'POST'
  if (method !== allowed) {
    const { error, headers } = methodNotAllowed(allowed)
    exchange.refuse(error, headers)
    return true
  }
  if (!exchange.recognise()) return true
  const onFault = (thrown: unknown): void => {
    exchange.reportFault(thrown)
  }
  if (!events)
    exchange.readJson((argument) => {
      exchange.settle(handleWindowCall(deciding.on(surface), name, argument, onFault))
    })
  else if (exchange.hasNoBody()) streamSnapshots(deciding, surface, exchange.stream(), onFault)
  return true
}

/** The control socket: the window API for a terminal, and `hello`, by which a terminal knows that the pipe is ours. */
export function serveControl(deciding: DecidingDoor, identity: BrokerIdentity, address: string): Handler {
  return (exchange) => {
    if (serveWindow(deciding, 'terminal', exchange)) return
    const { target, method } = exchange.head
    if (method !== 'GET' || !isHello(target)) exchange.refuse(noSuchPath)
    else if (exchange.hasNoBody())
      exchange.attempt(() => Promise.resolve(answerHello(identity, helloNonce(target), address)))
  }
}
