/**
 * The door that asks: client-api over HTTP. The rule: one table, made from the contract; each call is recognise the
 * client, parse, ask the broker, answer; and a missing, unknown, revoked, malformed or doubled credential gets one and
 * the same answer. Paths are compared as they came, byte for byte.
 */
import type { AskingDoor } from '../broker/doors.ts'
import type { ClientRecord } from '../broker/ports.ts'
import { type ClientApi, clientCalls, clientRoutes, proofHeader, type TokenRequest } from '../contract/client-api.ts'
import { BrokerError } from '../contract/errors.ts'
import type { CallsUnderWay } from './calls-under-way.ts'
import type { Exchange } from './exchange.ts'
import { answerHello, helloNonce, isHello } from './hello.ts'
import { methodNotAllowed } from './http-guard.ts'
import type { Handler } from './http-service.ts'
import type { BrokerIdentity } from './identity.ts'
import { createProxy } from './proxy.ts'
import { proxyTarget, type ProxyTarget } from './proxy-target.ts'

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
const onlyWait = new BrokerError('invalid_request', 'A question takes ?wait=SECONDS and nothing else.')
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
  const proxy = createProxy(options)
  const carry = (exchange: Exchange, target: ProxyTarget): void => {
    const client = exchange.client(options.asking)
    if (client === null) {
      exchange.refuse(invalidClient)
      return
    }
    if (client.public_key !== undefined) requireSigned(options, exchange, client.public_key, client.token_hash)
    if (exchange.recognise()) proxy(exchange, client, target)
  }
  return (exchange) => {
    const { target, method } = exchange.head
    const objection = objectionTo(options.asking, exchange)
    if (objection !== undefined) {
      exchange.refuse(objection, [], true)
      return
    }
    const exact = routes.get(target)
    if (exact === undefined && target.startsWith(accountsPrefix)) {
      try {
        const proxied = proxyTarget(target)
        if (proxied !== undefined) {
          carry(exchange, proxied)
          return
        }
      } catch (thrown) {
        exchange.fail(thrown)
        return
      }
    }
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
      if (client.public_key !== undefined)
        try {
          requireSigned(options, exchange, client.public_key, client.token_hash)
        } catch (thrown) {
          exchange.fail(thrown)
          return
        }
      // Recognised when the whole request is there: who only begins one holds no place that others may need.
      begin = (value) => {
        // Nor is anybody served who was somebody when the head came and is nobody by now.
        if (options.asking.still(client) === null) exchange.refuse(invalidClient)
        else if (exchange.recognise())
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

function routesOf(options: AskingOptions): ReadonlyMap<string, Route> {
  const { asking, identity, address } = options
  const open: Readonly<Record<OpenName, OpenCall>> = {
    hello: (_argument, { head }) => Promise.resolve(answerHello(identity, helloNonce(head.target), address())),
    pair: (argument, exchange) => {
      const request = clientCalls.pair(argument, '')
      if (request.public_key !== undefined) requireSigned(options, exchange, request.public_key, '')
      return asking.pair(request, exchange)
    },
  }
  const ofClient: Readonly<Record<Exclude<Name, OpenName>, ClientCall>> = {
    token: (argument, line, client) => {
      const request = requestOf(argument)
      return asking.ready(client, request) ?? asking.token(client, request, line)
    },
    invalidate: (argument, line, client) => asking.invalidate(client, clientCalls.invalidate(argument, ''), line),
    accounts: (_argument, _line, client) => asking.accounts(client),
    request: (argument, line, client) => {
      const { id, wait } = clientCalls.request(argument, '')
      return asking.request(client, id, wait, line)
    },
    requestAccess: (argument, line, client) =>
      asking.requestAccess(client, clientCalls.requestAccess(argument, ''), line),
    startSession: (argument, _line, client) => asking.startSession(client, clientCalls.startSession(argument, '')),
    endSession: (argument, _line, client) => asking.endSession(client, clientCalls.endSession(argument, '').id),
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

/** That a request is signed with the key its program paired with. Throws what `requirePossession` throws. */
function requireSigned(
  { asking, address }: AskingOptions,
  exchange: Exchange,
  publicKey: string,
  token_hash: string,
): void {
  const { method, target } = exchange.head
  const request = { method, target, address: address(), token_hash }
  asking.requirePossession(publicKey, request, exchange.header(proofHeader))
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

const accountsPrefix = `${clientRoutes.accounts.path}/`
const requestPrefix = clientRoutes.request.path.replace('{id}', '')

/** The targets that are not just a path: `hello` with its nonce, and a question by its id, perhaps with `?wait=SECONDS`. */
function matchTarget(routes: ReadonlyMap<string, Route>, target: string): Match {
  if (isHello(target)) return matched(routes.get(clientRoutes.hello.path), undefined)
  const path = target.split('?', 1)[0] ?? ''
  const id = path.startsWith(requestPrefix) ? path.slice(requestPrefix.length) : ''
  if (/^[\w.~-]{1,64}$/u.test(id)) {
    const route = routes.get(clientRoutes.request.path)
    if (path === target) return matched(route, { id })
    const wait = /^\?wait=(\d{1,3})$/u.exec(target.slice(path.length))?.[1]
    return wait === undefined ? onlyWait : matched(route, { id, wait: Number(wait) })
  }
  const match = matched(routes.get(path), undefined)
  return path === target || match === noSuchPath ? match : noQuery
}

function matched(route: Route | undefined, argument: unknown): Match {
  return route === undefined ? noSuchPath : { route, argument }
}
