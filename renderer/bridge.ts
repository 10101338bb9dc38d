/**
 * How the page reaches the broker: through the preload script's `window.valetkey` in the desktop window, through the
 * console's HTTP otherwise. The rule: this is the only file that knows there are two; everything else sees `Bridge`.
 */
import { BrokerError, type ErrorBody, isErrorCode } from '../main/contract/errors.ts'
import {
  type Snapshot,
  type WindowApi,
  type WindowResult,
  windowEventsPath,
  windowPath,
} from '../main/contract/window-api.ts'

/**
 * `signed-out`: the console no longer knows this browser. `lost`: nothing answers; `reconnecting` is the try after it.
 */
export type Connection = 'connecting' | 'live' | 'reconnecting' | 'lost' | 'signed-out'

export interface Bridge {
  /** One call of `WindowApi`. Throws `BrokerError`: the broker's own, or `not_running` when nothing answered. */
  readonly call: <Method extends keyof WindowApi>(
    method: Method,
    ...argument: Parameters<WindowApi[Method]>
  ) => ReturnType<WindowApi[Method]>
  /** Tells of every snapshot and every change of the connection until the answer is called. */
  readonly watch: (
    onSnapshot: (snapshot: Snapshot) => void,
    onConnection: (connection: Connection) => void,
  ) => () => void
}

type Preload = Readonly<Record<keyof WindowApi, (argument?: unknown) => Promise<WindowResult<unknown>>>> & {
  readonly onSnapshot: (listener: (snapshot: Snapshot) => void) => void
}

declare global {
  interface Window {
    readonly valetkey?: Preload
  }
}

/** Milliseconds between tries when the console does not answer at all: first, and at most. */
const RETRY = { first: 500, most: 8000 }

export function chooseBridge(scope: Window): Bridge {
  return scope.valetkey ? preloadBridge(scope.valetkey) : httpBridge(new URL('.', scope.document.baseURI))
}

/**
 * The value in the envelope; throws what the envelope refuses with, or what the door itself refused with, which has no
 * envelope. A malformed refusal is `server_error`.
 */
export function unwrap(result: unknown): unknown {
  const envelope = result as WindowResult<unknown> | (Partial<ErrorBody> & { readonly ok?: never }) | null
  if (envelope?.ok === true) return envelope.value
  const body: Partial<ErrorBody> = (envelope?.ok === false ? envelope.error : envelope) ?? {}
  throw new BrokerError(
    isErrorCode(body.error) ? body.error : 'server_error',
    body.error_description ?? 'The answer could not be understood.',
    {
      ...(body.resolve && { resolve: body.resolve }),
      ...(body.request_id !== undefined && { request_id: body.request_id }),
      ...(body.candidates && { candidates: body.candidates }),
      ...(body.retry_after !== undefined && { retry_after: body.retry_after }),
    },
  )
}

/** A call the other side could not even be given (its process is going) is `not_running`, as a silent console is. */
function preloadBridge(preload: Preload): Bridge {
  const call: Bridge['call'] = (method, ...[argument]) =>
    preload[method](argument).then(unwrap, (cause: unknown) => {
      throw new BrokerError('not_running', 'Valetkey does not answer its own window.', { cause })
    }) as ReturnType<WindowApi[typeof method]>
  return {
    call,
    watch(onSnapshot, onConnection) {
      let watching = true
      const take = (snapshot: Snapshot): void => {
        if (!watching) return
        onConnection('live')
        onSnapshot(snapshot)
      }
      // The window's own process may still be starting; what it pushes later is taken too.
      let timer: ReturnType<typeof setTimeout> | undefined
      let delay = RETRY.first
      const ask = (): void => {
        call('snapshot').then(take, () => {
          if (!watching) return
          onConnection('lost')
          timer = setTimeout(ask, delay)
          delay = Math.min(delay * 2, RETRY.most)
        })
      }
      preload.onSnapshot(take)
      ask()
      return () => {
        watching = false
        clearTimeout(timer)
      }
    },
  }
}

function httpBridge(base: URL): Bridge {
  const at = (path: string): URL => new URL(path.slice(1), base)
  async function post(method: string, argument: unknown): Promise<unknown> {
    let response: Response
    try {
      response = await fetch(at(`${windowPath}/${method}`), {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(argument ?? {}),
        credentials: 'same-origin',
        redirect: 'error',
        cache: 'no-store',
      })
    } catch (cause) {
      throw new BrokerError('not_running', 'Nothing answers at this address.', { cause })
    }
    if (response.status === 401)
      throw new BrokerError('invalid_client', 'This browser is not signed in to the console.')
    return unwrap(await response.json().catch(() => null))
  }
  return {
    call: (method, ...[argument]) => post(method, argument) as ReturnType<WindowApi[typeof method]>,
    watch: (onSnapshot, onConnection) =>
      watchEvents(at(windowEventsPath), () => post('snapshot', undefined), onSnapshot, onConnection),
  }
}

/**
 * Server-sent events. The browser's own reconnecting gives up on any answer but 200 and does not say why, so a closed
 * stream is followed by one `probe`: refused means signed out, silence means lost and another try a little later.
 */
function watchEvents(
  url: URL,
  probe: () => Promise<unknown>,
  onSnapshot: (snapshot: Snapshot) => void,
  onConnection: (connection: Connection) => void,
): () => void {
  let source: EventSource | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let delay = RETRY.first
  let stopped = false

  const open = (): void => {
    source = new EventSource(url)
    source.addEventListener('snapshot', ({ data }: MessageEvent<string>) => {
      delay = RETRY.first
      onConnection('live')
      onSnapshot(JSON.parse(data) as Snapshot)
    })
    source.addEventListener('error', () => {
      source?.close()
      onConnection('lost')
      void probe().then(
        () => {
          again('reconnecting')
        },
        (thrown: unknown) => {
          if (thrown instanceof BrokerError && thrown.code === 'invalid_client') {
            if (!stopped) onConnection('signed-out')
          } else again('lost')
        },
      )
    })
  }
  const again = (connection: Connection): void => {
    if (stopped) return
    onConnection(connection)
    timer = setTimeout(() => {
      onConnection('reconnecting')
      open()
    }, delay)
    delay = Math.min(delay * 2, RETRY.most)
  }
  onConnection('connecting')
  open()
  return () => {
    stopped = true
    clearTimeout(timer)
    source?.close()
  }
}
