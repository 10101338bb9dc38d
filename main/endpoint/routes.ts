/**
 * The door that asks: client-api over HTTP. The rule: one table, made from the contract; each call is recognise the
 * client, parse, ask the broker, answer; and a missing, unknown, revoked, malformed or doubled credential gets one and
 * the same answer. Paths are compared as they came, byte for byte.
 */
import type { AskingDoor } from '../broker/doors.ts'
import type { ClientRecord } from '../broker/ports.ts'
import { type ClientApi, clientCalls, clientRoutes, type TokenRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { CallsUnderWay } from './calls-under-way.ts'
import type { Exchange } from './exchange.ts'
import { answerHello, helloNonce, isHello } from './hello.ts'
import { methodNotAllowed } from './http-guard.ts'
import type { Handler } from './http-service.ts'
import type { BrokerIdentity } from './identity.ts'

type Name = keyof ClientApi
type OpenName = { [N in Name]: (typeof clientRoutes)[N]['open'] extends true ? N : never }[Name]
type OpenCall = (argument: unknown, exchange: Exchange) => Promise<unknown>
type ClientCall = (argument: unknown, exchange: Exchange, client: ClientRecord) => Promise<unknown> | object
type Route = { readonly method: string } & (
  | { readonly open: true; readonly waits: boolean; readonly call: OpenCall }
  | { readonly open: false; readonly call: ClientCall }
)
/** A route, and what the target says beside it: an id in the path or a query. */
type Match = { readonly route: Route; readonly argument: unknown } | BrokerError

const invalidClient = new BrokerError('invalid_client', 'This needs the token of a paired client.', {
  resolve: { command: 'valetkey pair NAME' },
})
const otherExtension = new BrokerError(
  'access_denied',
  'This token was not given to this extension; it is taken from the one that was paired over HTTP.',
)
const noSuchPath = new BrokerError('not_found', 'There is nothing at this path.')
const noQuery = new BrokerError('invalid_request', 'This call takes no query.')

export interface AskingOptions {
  readonly asking: AskingDoor
  readonly identity: BrokerIdentity
  /** What `hello` vouches for: this listener's socket path or `127.0.0.1:port`, known once it is bound. */
  readonly address: () => string
  /** Shared by every listener. */
  readonly calls: CallsUnderWay
}

/** Whose share of calls counts what nobody is known by yet; no client's id is empty. */
const UNPAIRED = ''

/** The handler of client-api for one listener. */
export function serveAsking(options: AskingOptions): Handler {
  const routes = routesOf(options)
  return (exchange) => {
    const { target, method } = exchange.head
    const objection = objectionTo(options.asking, exchange)
    if (objection !== undefined) {
      exchange.refuse(objection, [], true)
      return
    }
    const exact = routes.get(target)
    const match = exact === undefined ? matchTarget(routes, target) : { route: exact, argument: undefined }
    if (match instanceof BrokerError) {
      exchange.refuse(match)
      return
    }
    const { route, argument } = match
    if (route.method !== method) {
      const { error, headers } = methodNotAllowed(route.method)
      exchange.refuse(error, headers)
      return
    }
    let begin: (value: unknown) => void
    if (route.open)
      begin = (value) => {
        if (route.waits) exchange.attemptAsOneOf(options.calls.of(UNPAIRED), () => route.call(value, exchange))
        else exchange.attempt(() => route.call(value, exchange))
      }
    else {
      const client = exchange.client(options.asking)
      if (client === null) {
        exchange.refuse(invalidClient)
        return
      }
      // Recognised when the whole request is there: who only begins one holds no place that others may need.
      begin = (value) => {
        if (exchange.recognise())
          exchange.attemptAsOneOf(options.calls.of(client.id), () => route.call(value, exchange, client))
      }
    }
    if (method === 'POST') exchange.readJson(begin, !route.open)
    else if (exchange.hasNoBody()) begin(argument)
  }
}

/**
 * An extension's Origin is taken with the token of the client that was paired from that very origin, on every call, and
 * from who asks to be paired. Without an Origin there is nothing to hold against anything.
 */
function objectionTo(asking: AskingDoor, exchange: Exchange): BrokerError | undefined {
  const { extension, target } = exchange.head
  if (extension === undefined || target === clientRoutes.pair.path) return undefined
  const client = exchange.client(asking)
  if (client === null) return invalidClient
  return client.kind === 'extension' && client.origin === extension ? undefined : otherExtension
}

function routesOf({ asking, identity, address }: AskingOptions): ReadonlyMap<string, Route> {
  const open: Readonly<Record<OpenName, OpenCall>> = {
    hello: (_argument, { head }) => Promise.resolve(answerHello(identity, helloNonce(head.target), address())),
    pair: (argument, line) => asking.pair(clientCalls.pair(argument, ''), line),
  }
  const ofClient: Readonly<Record<Exclude<Name, OpenName>, ClientCall>> = {
    token: (argument, line, client) => {
      const request = requestOf(argument)
      return asking.ready(client, request) ?? asking.token(client, request, line)
    },
    invalidate: (argument, line, client) => asking.invalidate(client, clientCalls.invalidate(argument, ''), line),
    accounts: (_argument, _line, client) => asking.accounts(client),
    request: (argument, _line, client) => asking.request(client, clientCalls.request(argument, '').id),
    status: (_argument, _line, client) => asking.status(client),
  }
  const at = (name: Name): string => clientRoutes[name].path
  const method = (name: Name): string => clientRoutes[name].method
  return new Map<string, Route>([
    ...Object.entries(open).map(([name, call]): [string, Route] => [
      at(name as Name),
      { method: method(name as Name), open: true, waits: name === 'pair', call },
    ]),
    ...Object.entries(ofClient).map(([name, call]): [string, Route] => [
      at(name as Name),
      { method: method(name as Name), open: false, call },
    ]),
  ])
}

/** Token requests by the value they were parsed from: a frozen one that comes again need not be looked through again. */
const parsed = new WeakMap<object, TokenRequest>()

function requestOf(argument: unknown): TokenRequest {
  const known = parsed.get(argument as object)
  if (known !== undefined) return known
  const request = clientCalls.token(argument, '')
  if (Object.isFrozen(argument)) parsed.set(argument as object, request)
  return request
}

const requestPrefix = clientRoutes.request.path.replace('{id}', '')

/** The targets that are not just a path: `hello` with its nonce, and a question by its id. */
function matchTarget(routes: ReadonlyMap<string, Route>, target: string): Match {
  if (isHello(target)) return matched(routes.get(clientRoutes.hello.path), undefined)
  const path = target.split('?', 1)[0] ?? ''
  const id = path.startsWith(requestPrefix) ? path.slice(requestPrefix.length) : ''
  const match = /^[\w.~-]{1,64}$/u.test(id)
    ? matched(routes.get(clientRoutes.request.path), { id })
    : matched(routes.get(path), undefined)
  return path === target || match === noSuchPath ? match : noQuery
}

function matched(route: Route | undefined, argument: unknown): Match {
  return route === undefined ? noSuchPath : { route, argument }
}
