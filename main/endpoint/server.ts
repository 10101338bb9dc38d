/**
 * The local endpoint as a whole: the socket that asks, the socket that decides, loopback HTTP when it is wanted, and the
 * file that says where they are. The rule: it is either completely there or not at all, and while it runs it stays
 * findable; what somebody deletes is made again.
 */
import { lstatSync, unlinkSync } from 'node:fs'
import type { AskingDoor, DecidingDoor } from '../broker/doors.ts'
import type { Log } from '../broker/ports.ts'
import { asBrokerError, BrokerError } from '../contract/errors.ts'
import type { EndpointFile, HomePaths } from '../contract/home.ts'
import { CallsUnderWay } from './calls-under-way.ts'
import { serveControl } from './control.ts'
import { describeFault } from './fault.ts'
import type { GuardPolicy } from './http-guard.ts'
import { createHttpService, endService, type Handler, type HttpService } from './http-service.ts'
import type { BrokerIdentity } from './identity.ts'
import { ensurePrivateFolder, readPrivateFile, writePrivateFile } from './private-file.ts'
import { serveAsking } from './routes.ts'
import { listenAt, listenOnLoopback, type SocketPlace } from './socket-file.ts'

export interface EndpointOptions {
  readonly paths: HomePaths
  readonly asking: AskingDoor
  readonly deciding: DecidingDoor
  readonly identity: BrokerIdentity
  /** Loopback HTTP: a port, `0` for any, `false` (and by default) for none. */
  readonly http?: number | false
  readonly log: Log
  readonly host: EndpointFile['host']
  readonly version: string
}

export interface RunningEndpoint {
  /** `http://127.0.0.1:port` when loopback HTTP is on. */
  readonly http_url?: string
  /** Stops accepting, lets what is being answered finish, removes what is still ours. Never rejects. */
  close(): Promise<void>
}

/** Milliseconds between looks at our own socket files. Two lstat calls: cheap enough to need no watcher. */
const lookEvery = 1_000

/** Connections at a time, per listener: so many strangers, and so many that are recognised. */
const capacity = { asking: 256, control: 64 } as const

/** On a socket file `Host` says nothing (curl sends `localhost`), and no page can reach it. */
const socketPolicy: GuardPolicy = { host: null, origins: new Set(), sites: new Set() }

/**
 * Starts to serve. Throws a `BrokerError` that says what is in the way; then nothing of ours is left behind. The caller
 * holds the owner lock.
 */
export async function startEndpoint(options: EndpointOptions): Promise<RunningEndpoint> {
  const { paths, asking, deciding, identity, http = false, log } = options
  const calls = new CallsUnderWay()
  const ends: (() => Promise<void> | void)[] = []
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).toReversed()) await end()
  }
  try {
    ensurePrivateFolder(paths.run)
    const askingSocket = new SocketListener(
      paths.socket,
      serveAsking({ asking, identity, address: () => paths.socket, calls }),
      capacity.asking,
      log,
    )
    ends.push(() => askingSocket.close())
    await askingSocket.open()
    const controlSocket = new SocketListener(
      paths.control,
      serveControl(deciding, identity, paths.control),
      capacity.control,
      log,
    )
    ends.push(() => controlSocket.close())
    await controlSocket.open()
    const tcp = http === false ? undefined : await openLoopback(http, options, calls, ends)
    const file = new EndpointRecord(paths.endpointFile, {
      version: options.version,
      host: options.host,
      pid: process.pid,
      started_at: Math.floor(Date.now() / 1000),
      socket: paths.socket,
      control: paths.control,
      ...(tcp && { url: tcp }),
      public_key: identity.public_key,
    })
    ends.push(() => {
      file.remove()
    })
    file.write()
    const timer = setInterval(() => {
      void Promise.all([askingSocket.keep(), controlSocket.keep()]).then(() => {
        file.keep(log)
      })
    }, lookEvery)
    timer.unref()
    ends.push(() => {
      clearInterval(timer)
    })
    log('info', 'endpoint.started', { http: tcp !== undefined })
    return { ...(tcp && { http_url: tcp }), close }
  } catch (thrown) {
    await close()
    throw asBrokerError(thrown)
  }
}

async function openLoopback(
  port: number,
  { asking, identity, log }: EndpointOptions,
  calls: CallsUnderWay,
  ends: (() => Promise<void> | void)[],
): Promise<string> {
  const bound = { address: '', policy: { ...socketPolicy, host: '', extensions: true } }
  const service = createHttpService({
    policy: bound.policy,
    handle: serveAsking({ asking, identity, address: () => bound.address, calls }),
    log,
    connections: capacity.asking,
  })
  const actual = await listenOnLoopback(service.server, port)
  ends.push(() => endService(service))
  bound.address = bound.policy.host = `127.0.0.1:${String(actual)}`
  return `http://${bound.address}`
}

/** A listener on a socket file that comes back when its file is deleted. */
class SocketListener {
  readonly #path: string
  readonly #handle: Handler
  readonly #connections: number
  readonly #log: Log
  /** The newest accepts; older ones, whose file was deleted, still serve who is connected. */
  readonly #services: HttpService[] = []
  #place: SocketPlace | undefined
  #complained = false
  #busy = false
  #closed = false

  constructor(path: string, handle: Handler, connections: number, log: Log) {
    this.#path = path
    this.#handle = handle
    this.#connections = connections
    this.#log = log
  }

  async open(): Promise<void> {
    const service = createHttpService({
      policy: socketPolicy,
      handle: this.#handle,
      log: this.#log,
      connections: this.#connections,
    })
    try {
      this.#place = await listenAt(service.server, this.#path)
    } catch (thrown) {
      service.server.close()
      throw thrown
    }
    const previous = this.#services.at(-1)
    this.#services.push(service)
    previous?.server.close(() => this.#services.splice(this.#services.indexOf(previous), 1))
  }

  /** Looks whether the file is still there and ours; makes it again if it is not. Never rejects. */
  async keep(): Promise<void> {
    if (this.#busy || this.#closed || this.#place?.look() === 'ours') return
    this.#busy = true
    try {
      await this.open()
      this.#complained = false
      this.#log('warn', 'endpoint.socket_restored', { file: this.#path })
    } catch (thrown) {
      if (!this.#complained) this.#log('error', 'endpoint.socket_lost', { file: this.#path, ...whatHappened(thrown) })
      this.#complained = true
    } finally {
      this.#busy = false
    }
    if (this.#closed) await this.close()
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#place?.leave()
    await Promise.all(this.#services.splice(0).map(endService))
  }
}

/** `run/endpoint.json`, which clients read first. */
class EndpointRecord {
  readonly #path: string
  readonly #text: string
  #removed = false

  constructor(path: string, file: EndpointFile) {
    this.#path = path
    this.#text = `${JSON.stringify(file, null, 2)}\n`
  }

  write(): void {
    writePrivateFile(this.#path, this.#text)
  }

  /** Writes it again when it is gone; one that somebody else wrote stays. Never throws. */
  keep(log: Log): void {
    if (this.#removed || lstatSync(this.#path, { throwIfNoEntry: false }) !== undefined) return
    try {
      this.write()
    } catch (thrown) {
      log('error', 'endpoint.file_lost', { file: this.#path, ...whatHappened(thrown) })
    }
  }

  /** Only what we wrote: a successor may have started already. Never throws. */
  remove(): void {
    this.#removed = true
    try {
      if (readPrivateFile(this.#path) === this.#text) unlinkSync(this.#path)
    } catch {
      // Not a file of ours: nothing of ours to remove.
    }
  }
}

/** Our own sentence where there is one; of anything else only where it happened. */
function whatHappened(thrown: unknown): Readonly<Record<string, string>> {
  return { ...describeFault(thrown), ...(thrown instanceof BrokerError && { reason: thrown.message }) }
}
