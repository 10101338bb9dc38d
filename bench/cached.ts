/**
 * The token everybody asks for a thousand times a day: cached, over the socket. The rule: the baseline is what Node itself
 * costs, a bare node:http server that answers the same bytes on the same kind of socket to the same generator; what the
 * broker adds (recognise the client, find account and consent, judge freshness, note it down) is all that differs.
 */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startBareServer } from './bare.ts'
import { ask, asText, tokenRequest } from './exchange.ts'
import { atLeast, atMost, compare, figureAtMost, interleave, median, type Row, type Target } from './harness.ts'
import { canMeasureMemory, residentMegabytes } from './memory.ts'
import type { LoadResult } from './processes/load.ts'
import type { Stage } from './stage.ts'

const group = 'cached'
const bareName = 'bare node:http'

export async function measureCached(stage: Stage): Promise<readonly Row[]> {
  const [broker, load] = [await stage.broker(), await stage.load()]
  const { socket } = broker.daemon.paths
  const call = tokenRequest(broker, { account: 'cached' })
  const bareSocket = join(stage.folder, 'bare.sock')
  const model = await ask(socket, call)
  const bare = stage.ends(
    await startBareServer({ path: bareSocket, headers: withoutNodes(model.headers), body: model.body }),
  )
  const copy = await ask(bareSocket, call)
  if (copy.size !== model.size)
    throw new Error(`the bare server answers ${String(copy.size)} bytes, the broker ${String(model.size)}`)

  const sides = { ours: socket, bare: bareSocket }
  const take = (connections: number, slices: Slices, fresh = false): Promise<Taken> => {
    const order = { request: asText(call), protocol: 'http', connections, fresh } as const
    const run = { kind: 'for', ms: stage.slice(slices.ms) } as const
    return interleave<Side, LoadResult>(stage.rounds(slices.rounds), 2, {
      ours: () => load.ask({ ...order, run, path: sides.ours }),
      bare: () => load.ask({ ...order, run, path: sides.bare }),
    })
  }
  const one = await take(1, { rounds: 21, ms: 250 })
  const eight = await take(8, { rounds: 9, ms: 600 })
  const many = await take(64, { rounds: 9, ms: 600 })
  const loaded = memoryOf('resident memory after 64 connections', broker.daemon.pid, bare.pid, figureAtMost(100))
  const strangers = await take(64, { rounds: 9, ms: 600 }, true)
  await pause(stage.slice(BREATH))
  const rested = memoryOf(
    `resident memory, ${String(BREATH / 1000)} s after all that`,
    broker.daemon.pid,
    bare.pid,
    null,
  )
  return [
    compare({
      group,
      name: '1 keep-alive connection: median request',
      unit: 'ms',
      ours: one.ours.map(({ p50 }) => p50),
      baseline: { name: bareName, samples: one.bare.map(({ p50 }) => p50) },
      target: atMost(1.25),
    }),
    throughput('8 keep-alive connections', eight, atLeast(0.8)),
    throughput('64 keep-alive connections', many, atLeast(0.8)),
    worst('64 keep-alive connections', many, atMost(10)),
    throughput('64 callers, a new connection each time', strangers, null),
    // Node's collector has a slow mode under very many short connections, which a bare server falls into as well.
    worst('64 callers, a new connection each time', strangers, atMost(10)),
    ...loaded,
    ...rested,
  ]
}

/** Milliseconds after which a broker should have given back what a burst of requests took. */
const BREATH = 12_000

type Side = 'ours' | 'bare'
type Taken = Readonly<Record<Side, readonly LoadResult[]>>

/** How many turns a side takes, and the milliseconds of each. */
interface Slices {
  readonly rounds: number
  readonly ms: number
}

function throughput(who: string, { ours, bare }: Taken, target: Target | null): Row {
  return compare({
    group,
    name: `${who}: throughput`,
    unit: 'requests/s',
    ours: ours.map(perSecond),
    baseline: { name: bareName, samples: bare.map(perSecond) },
    target,
  })
}

/** How far the unluckiest request of a turn is from the middle of that turn. */
function worst(who: string, { ours, bare }: Taken, target: Target | null): Row {
  const ofBare = median(bare.map((result) => result.worst / result.p50))
  return compare({
    group,
    name: `${who}: worst request of a turn`,
    unit: 'ms',
    ours: ours.map((result) => result.worst),
    baseline: { name: 'median request of that turn', samples: ours.map(({ p50 }) => p50) },
    target,
    note: `of the bare server: ${ofBare.toFixed(1)} x`,
  })
}

/** No row where the system does not say it. */
function memoryOf(name: string, ours: number, bare: number, target: Target | null): readonly Row[] {
  if (!canMeasureMemory()) return []
  return [
    compare({
      group,
      name,
      unit: 'MB',
      ours: [residentMegabytes(ours).resident],
      baseline: { name: bareName, samples: [residentMegabytes(bare).resident] },
      target,
    }),
  ]
}

export const perSecond = ({ requests, took }: LoadResult): number => (requests * 1000) / took

/** What node:http does not write by itself. */
function withoutNodes(raw: readonly string[]): readonly string[] {
  return raw.filter((_, index) => !/^(?:date|connection)$/iu.test(raw[index - (index % 2)] ?? ''))
}
