/**
 * What the groups measure on, made when the first of them needs it: a provider, a load generator, a home with a hundred
 * accounts and the real daemon in it, and a home with very many. The rule: nothing here is measured while it is made, and
 * all of it is gone when the run ends, however it ends.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDaemon, type RunningDaemon } from '../test/setup/daemon.ts'
import { fillers, fillHome, type Plan } from './home.ts'
import { pin, startProcess, type Process } from './process.ts'
import type { LoadOrder, LoadResult } from './processes/load.ts'
import type { EndpointAnswer, EndpointOrder } from './processes/token-endpoint.ts'

export type Provider = Process<EndpointOrder, EndpointAnswer> & { readonly port: number }
export type Load = Process<LoadOrder, LoadResult>

export interface Broker {
  readonly daemon: RunningDaemon
  /** Of a client that may read the accounts that are asked for. */
  readonly client_token: string
}

/** Accounts whose access token is over, one for each time that many callers want it. */
const expired = Array.from({ length: 24 }, (_, index) => `expired-${String(index)}`)
/** Accounts whose access token is good for an hour and no more. */
const worn = Array.from({ length: 8 }, (_, index) => `worn-${String(index)}`)

export class Stage {
  /** Fewer and shorter repetitions, to see that everything runs; figures of such a run say little. */
  readonly quick: boolean
  /** How many accounts "very many" is. */
  readonly many: number
  readonly folder = mkdtempSync(join(tmpdir(), 'vkb-'))
  readonly #made = new Map<string, Promise<unknown>>()
  readonly #expired = [...expired]
  readonly #worn = [...worn]
  readonly #ends: (() => Promise<unknown>)[] = []

  constructor(quick: boolean) {
    this.quick = quick
    this.many = quick ? 300 : 10_000
  }

  /** `full` repetitions, or a fraction of them, never fewer than five. */
  rounds(full: number): number {
    return this.quick ? Math.max(5, Math.round(full / 20)) : full
  }

  /** `full` milliseconds, or a fraction of them. */
  slice(full: number): number {
    return this.quick ? full / 8 : full
  }

  provider(): Promise<Provider> {
    return this.#once('provider', async () => {
      const provider = this.ends(await startProcess<EndpointOrder, EndpointAnswer>('token-endpoint.ts', 'server'))
      const { port } = await provider.ask({ name: 'any' })
      return { ...provider, port }
    })
  }

  load(): Promise<Load> {
    return this.#once('load', async () => this.ends(await startProcess<LoadOrder, LoadResult>('load.ts', 'driver')))
  }

  /** An account of the daemon's whose token is over and that nobody has asked for yet. */
  takeExpired(): string {
    const name = this.#expired.pop()
    if (name === undefined) throw new Error('no account with an expired token is left')
    return name
  }

  /** An account of the daemon's whose token has an hour left and that nobody has asked for yet. */
  takeWorn(): string {
    const name = this.#worn.pop()
    if (name === undefined) throw new Error('no account with a worn token is left')
    return name
  }

  /** The daemon with a hundred accounts. */
  broker(): Promise<Broker> {
    return this.#once('broker', async () => {
      const { port } = await this.provider()
      const home = join(this.folder, 'home')
      const asked: readonly Plan[] = [
        { name: 'cached', port },
        { name: 'steady', port },
        { name: 'rotating', port, rotation: 'always' },
        { name: 'hanging', port },
        ...expired.map((name) => ({ name, port, expired: true })),
        ...worn.map((name) => ({ name, port, worn: true })),
      ]
      const token = await fillHome(home, asked, fillers(100 - asked.length))
      const daemon = this.ends(await startDaemon({ home }))
      pin(daemon.pid, 'server')
      return { daemon, client_token: token.reveal() }
    })
  }

  /** The folder of a home with very many accounts and no daemon. */
  crowdedHome(): Promise<string> {
    return this.#once('crowded', async () => {
      const home = join(this.folder, 'crowded')
      await fillHome(home, [], fillers(this.many))
      return home
    })
  }

  /** Has it stopped at the end of the run. */
  ends<T extends { stop(): Promise<unknown> }>(running: T): T {
    this.#ends.push(() => running.stop())
    return running
  }

  /** Ends what was started, newest first, and removes the folder. */
  async close(): Promise<void> {
    try {
      for (const end of this.#ends.splice(0).toReversed()) await end()
    } finally {
      rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 })
    }
  }

  #once<T>(name: string, make: () => Promise<T>): Promise<T> {
    const known = this.#made.get(name) as Promise<T> | undefined
    if (known) return known
    const made = make()
    this.#made.set(name, made)
    return made
  }
}
