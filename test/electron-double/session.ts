/**
 * `session`, `protocol` and `webRequest` (Electron's pages "session", "protocol", "webRequest"): a session is the profile of
 * the windows that share it, named by a partition; without `persist:` it lives in memory. The rule: a handler serves the
 * session it was registered on and no other, as in Electron.
 *
 * Modelled: `fromPartition` (in memory: a browser context of its own), `defaultSession`, `registerSchemesAsPrivileged`
 * (before ready only), `handle`, `unhandle`, the two permission handlers, `onBeforeRequest` with `cancel`. Not modelled,
 * and throwing: cookies, proxies, downloads, extensions, every other member. A `persist:` partition other than the default
 * one is refused. Privileges are taken down and not enforced: every registered scheme behaves as standard and secure.
 */
import type Electron from 'electron'
import { addScheme } from './addresses.ts'
import { chromium } from './chromium.ts'
import { modelled, modelledEmitter, notModelled } from './modelled.ts'
import { readiness } from './readiness.ts'

type Handler = Parameters<Electron.Protocol['handle']>[1]
type BeforeRequest = NonNullable<Parameters<Electron.WebRequest['onBeforeRequest']>[0]>
type PermissionRequest = Parameters<Electron.Session['setPermissionRequestHandler']>[0]
type PermissionCheck = Parameters<Electron.Session['setPermissionCheckHandler']>[0]

/** What the rest of the stand-in asks of a session. */
export interface SessionState {
  readonly partition: string
  readonly handlers: Map<string, Handler>
  beforeRequest: { readonly urls: readonly RegExp[]; readonly listener: BeforeRequest } | null
  permissionRequest: PermissionRequest
  permissionCheck: PermissionCheck
  /** The browser's context of the session; `undefined` is the default one. Opened when the first window needs it. */
  readonly browserContextId: () => Promise<string | undefined>
}

const states = new WeakMap<Electron.Session, SessionState>()

export function stateOf(session: Electron.Session): SessionState {
  const state = states.get(session)
  if (state === undefined) throw new Error('electron stand-in: not a session')
  return state
}

function createProtocol(handlers: Map<string, Handler>): Electron.Protocol {
  return modelled<Electron.Protocol>('protocol', {
    registerSchemesAsPrivileged(customSchemes) {
      if (readiness.isReady)
        throw new Error('protocol.registerSchemesAsPrivileged should be called before app is ready')
      for (const { scheme } of customSchemes) addScheme(scheme)
    },
    handle(scheme, handler) {
      if (handlers.has(scheme)) throw new Error(`Failed to register protocol: ${scheme}`)
      handlers.set(scheme, handler)
    },
    unhandle(scheme) {
      if (!handlers.delete(scheme)) throw new Error(`Failed to unhandle protocol: ${scheme}`)
    },
    isProtocolHandled: (scheme) => handlers.has(scheme),
  } satisfies Partial<Electron.Protocol>)
}

const literally = (text: string): string => text.replaceAll(/[.+?^${}()|[\]\\/]/gu, String.raw`\$&`)

/** A pattern such as `<all_urls>`, `app://*` or `https://host/*`. */
function toExpression(pattern: string): RegExp {
  if (pattern === '<all_urls>') return /^/u
  return new RegExp(`^${pattern.split('*').map(literally).join('.*')}$`, 'u')
}

function createWebRequest(state: () => SessionState): Electron.WebRequest {
  return modelled<Electron.WebRequest>('webRequest', {
    onBeforeRequest(...given: readonly unknown[]) {
      const listener = given.at(-1) as BeforeRequest | null
      const { urls = ['<all_urls>'] } = given.length > 1 ? (given[0] as Electron.WebRequestFilter) : {}
      state().beforeRequest = listener && { urls: urls.map(toExpression), listener }
    },
  } satisfies Partial<Electron.WebRequest>)
}

class Session extends modelledEmitter<Electron.Session>('session') {
  override readonly protocol: Electron.Protocol
  override readonly webRequest: Electron.WebRequest
  override readonly storagePath = null
  readonly #state: SessionState

  constructor(partition: string) {
    super()
    const handlers = new Map<string, Handler>()
    let context: Promise<string | undefined> | undefined
    this.#state = {
      partition,
      handlers,
      beforeRequest: null,
      permissionRequest: null,
      permissionCheck: null,
      browserContextId: () => {
        context ??= partition === '' ? Promise.resolve(undefined) : openContext()
        return context
      },
    }
    this.protocol = createProtocol(handlers)
    this.webRequest = createWebRequest(() => this.#state)
    states.set(this, this.#state)
  }

  override isPersistent(): boolean {
    return this.#state.partition === ''
  }

  override setPermissionRequestHandler(handler: PermissionRequest): void {
    this.#state.permissionRequest = handler
  }

  override setPermissionCheckHandler(handler: PermissionCheck): void {
    this.#state.permissionCheck = handler
  }

  // None of these is ever asked: the stand-in's pages get no device and no screen.
  override setDevicePermissionHandler(): void {}
  override setDisplayMediaRequestHandler(): void {}
  override setSpellCheckerEnabled(): void {}
}

async function openContext(): Promise<string> {
  const { browserContextId } = await chromium().devtools.send('Target.createBrowserContext', { disposeOnDetach: true })
  return browserContextId
}

const theDefault = new Session('')
const partitions = new Map<string, Session>([['', theDefault]])

/** Throws as Electron does before the app is ready. */
function requireReady(): void {
  if (!readiness.isReady) throw new Error('Session can only be received when app is ready')
}

export const session = modelled<typeof Electron.session>('session', {
  get defaultSession() {
    requireReady()
    return theDefault
  },
  fromPartition(partition) {
    requireReady()
    if (partition.startsWith('persist:')) throw notModelled('session', `fromPartition('${partition}')`)
    const known = partitions.get(partition) ?? new Session(partition)
    partitions.set(partition, known)
    return known
  },
} satisfies Partial<typeof Electron.session>)

/** The default session's, which is there before the app is ready. */
export const { protocol } = theDefault

/** The session of a window: the one given, else the one of its partition, else the default one. */
export function sessionFor({ session: given, partition }: Electron.WebPreferences): Electron.Session {
  return given ?? (partition === undefined ? session.defaultSession : session.fromPartition(partition))
}
