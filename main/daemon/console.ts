/**
 * The web console: the window of a daemon that has none, in the person's browser. The rule: it is the person's door
 * (DESIGN section 4, "Who may decide"), so nobody comes in without a one-time link from a terminal, and once in, a call
 * is taken from our own page only. A page of another origin, another port of this host included, can do nothing here.
 */
import type { AddressInfo } from 'node:net'
import type { DecidingDoor } from '../broker/doors.ts'
import type { Log } from '../broker/ports.ts'
import { BrokerError } from '../contract/errors.ts'
import { windowPath } from '../contract/window-api.ts'
import { serveWindow } from '../endpoint/control.ts'
import type { Exchange } from '../endpoint/exchange.ts'
import { methodNotAllowed } from '../endpoint/http-guard.ts'
import { createHttpService, endService } from '../endpoint/http-service.ts'
import type { Assets } from './console-assets.ts'
import { assetHeaders, nothingHerePage, onwardPage, pageHeaders, signedOutPage, usedLinkPage } from './console-pages.ts'
import { refuseStrangers } from './console-peer.ts'
import { createSessions, type Sessions } from './console-sessions.ts'

export interface ConsoleOptions {
  readonly deciding: DecidingDoor
  readonly assets: Assets
  readonly log: Log
  /** Any free one when absent. */
  readonly port?: number
  /** Milliseconds since some fixed moment; for keys and sessions. */
  readonly now?: () => number
}

export interface Console {
  /** The first one-time sign-in link. */
  readonly url: string
  /** Another one: each opens one browser, once, within five minutes. */
  newUrl(): string
  close(): Promise<void>
}

/** A person has one browser, perhaps two; a browser uses six connections at most. */
const CONNECTIONS = 64

const openPath = '/open/'
const wrongSite = new BrokerError('access_denied', 'Only the console’s own page may ask here.')
const notSignedIn = new BrokerError('invalid_client', 'This browser is not signed in to the console.', {
  resolve: { command: 'valetkey status --console' },
})

/** Listens on 127.0.0.1. Rejects with the system's error when the port is taken. */
export async function startConsole({ deciding, assets, log, port = 0, now }: ConsoleOptions): Promise<Console> {
  const sessions = createSessions(now ?? (() => performance.now()))
  // Filled in as soon as the port is known, which is before the first request.
  const policy = { host: '', origins: new Set<string>(), sites: new Set(['same-origin', 'same-site', 'cross-site']) }
  const door: Door = { deciding, assets, sessions, cookie: '' }
  const service = createHttpService({
    policy,
    log,
    connections: CONNECTIONS,
    handle: (exchange) => {
      serve(door, exchange)
    },
  })
  const { server } = service
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => {
      server.off('error', reject)
      resolve()
    })
  })
  const address = server.address() as AddressInfo
  refuseStrangers(server, address.port)
  policy.host = `127.0.0.1:${String(address.port)}`
  policy.origins.add(`http://${policy.host}`)
  // Cookies do not know ports: two consoles on one machine must not overwrite each other's.
  door.cookie = `__valetkey_console_${String(address.port)}`
  const newUrl = (): string => `http://${policy.host}${openPath}${sessions.newKey()}`
  return { url: newUrl(), newUrl, close: () => endService(service) }
}

interface Door {
  readonly deciding: DecidingDoor
  readonly assets: Assets
  readonly sessions: Sessions
  cookie: string
}

function serve(door: Door, exchange: Exchange): void {
  const { method, target } = exchange.head
  if (!isOwn(exchange) && !isVisit(exchange)) {
    exchange.refuse(wrongSite, [], true)
    return
  }
  if (target.startsWith(openPath)) {
    if (method === 'GET') open(door, exchange, target.slice(openPath.length))
    else refuseMethod(exchange)
    return
  }
  const api = target === windowPath || target.startsWith(`${windowPath}/`)
  const session = sessionOf(door, exchange)
  if (!session) {
    if (api) exchange.refuse(notSignedIn)
    // A link on another site brings no cookie even when there is one; our own navigation will.
    else if (!isOwn(exchange) && target === '/') exchange.reply(200, pageHeaders, onwardPage)
    else exchange.reply(401, pageHeaders, signedOutPage)
    return
  }
  if (api) {
    if (!isOwn(exchange)) exchange.refuse(wrongSite, [], true)
    else if (!serveWindow(whileAlive(door, session.id), 'console', exchange))
      exchange.reply(404, pageHeaders, nothingHerePage)
    return
  }
  if (method !== 'GET') {
    refuseMethod(exchange)
    return
  }
  const asset = door.assets.get(target)
  if (asset) exchange.reply(200, assetHeaders(asset.type), asset.body)
  else exchange.reply(404, pageHeaders, nothingHerePage)
}

function open(door: Door, exchange: Exchange, key: string): void {
  const secret = door.sessions.exchange(key)
  if (secret === null) {
    exchange.reply(403, pageHeaders, usedLinkPage)
    return
  }
  const cookie = `${door.cookie}=${secret}; Path=/; HttpOnly; SameSite=Strict`
  exchange.reply(200, ['Set-Cookie', cookie, ...pageHeaders], onwardPage)
}

function refuseMethod(exchange: Exchange): void {
  const { error, headers } = methodNotAllowed('GET')
  exchange.refuse(error, headers)
}

/** From our own page, or from no page: a bookmark, a typed address, a terminal, a program that is no browser. */
function isOwn(exchange: Exchange): boolean {
  const site = exchange.header('sec-fetch-site')
  return site === undefined || site === 'none' || site === 'same-origin'
}

/** The person followed a link on some other page, in a tab of its own, not in a frame. It may only look at pages. */
function isVisit(exchange: Exchange): boolean {
  return (
    exchange.head.method === 'GET' &&
    exchange.header('origin') === undefined &&
    exchange.header('sec-fetch-mode') === 'navigate' &&
    exchange.header('sec-fetch-dest') === 'document'
  )
}

function sessionOf({ sessions, cookie }: Door, exchange: Exchange): { readonly id: string } | null {
  const sent = (exchange.header('cookie') ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${cookie}=`))
  // Two of one name: somebody set one for another path, and the browser's order would decide which counts.
  const [secret] = sent
  return sent.length === 1 && secret !== undefined ? sessions.touch(secret.slice(cookie.length + 1)) : null
}

/** The door as this session has it: a stream that outlives its session is told nothing more. */
function whileAlive({ deciding, sessions }: Door, id: string): DecidingDoor {
  return {
    on: (surface) => deciding.on(surface),
    onChange: (listener) => deciding.onChange(listener),
    snapshot: (surface) => (sessions.isAlive(id) ? deciding.snapshot(surface) : Promise.reject(notSignedIn)),
  }
}
