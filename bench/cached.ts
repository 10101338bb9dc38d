/**
 * The token everybody asks for a thousand times a day: cached, over the socket. The rule: the baseline is what Node itself
 * costs, a bare node:http server that answers the same bytes on the same kind of socket to the same generator; what the
 * broker adds (recognise the client, find account and consent, judge freshness, note it down) is all that differs.
 */
import { join } from 'node:path'
import { startBareServer } from './bare.ts'
import { ask, asText, tokenRequest } from './exchange.ts'
import { atLeast, atMost, compare, figureAtMost, interleave, type Row } from './harness.ts'
import { residentMegabytes } from './memory.ts'
import type { LoadOrder, LoadResult } from './processes/load.ts'
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

  const both = (connections: number, rounds: number, ms: number): ReturnType<typeof interleave<Side, LoadResult>> => {
    const order: Omit<LoadOrder, 'path'> = {
      request: asText(call),
      protocol: 'http',
      connections,
      run: { kind: 'for', ms: stage.slice(ms) },
      fresh: false,
    }
    return interleave<Side, LoadResult>(stage.rounds(rounds), 2, {
      ours: () => load.ask({ ...order, path: socket }),
      bare: () => load.ask({ ...order, path: bareSocket }),
    })
  }
  const one = await both(1, 21, 250)
  const eight = await both(8, 9, 600)
  const many = await both(64, 9, 600)
  const ownMedian = (results: readonly LoadResult[]): readonly number[] => results.map(({ worst, p50 }) => worst / p50)
  const bareWorst = ownMedian(many.bare).toSorted((a, b) => a - b)[many.bare.length >> 1] ?? Number.NaN
  return [
    compare({
      group,
      name: '1 keep-alive connection: median request',
      unit: 'ms',
      ours: one.ours.map(({ p50 }) => p50),
      baseline: { name: bareName, samples: one.bare.map(({ p50 }) => p50) },
      target: atMost(1.25),
    }),
    ...([['8', eight], ['64', many]] as const).map(([connections, taken]) =>
      compare({
        group,
        name: `${connections} keep-alive connections: throughput`,
        unit: 'requests/s',
        ours: taken.ours.map(perSecond),
        baseline: { name: bareName, samples: taken.bare.map(perSecond) },
        target: atLeast(0.8),
      }),
    ),
    compare({
      group,
      name: '64 keep-alive connections: worst request of a run',
      unit: 'ms',
      ours: many.ours.map(({ worst }) => worst),
      baseline: { name: 'median request of that run', samples: many.ours.map(({ p50 }) => p50) },
      target: atMost(10),
      note: `the same of the bare server: ${bareWorst.toFixed(1)} x`,
    }),
    compare({
      group,
      name: 'resident memory after 64 connections',
      unit: 'MB',
      ours: [residentMegabytes(broker.daemon.pid).resident],
      baseline: { name: bareName, samples: [residentMegabytes(bare.pid).resident] },
      target: figureAtMost(100),
    }),
  ]
}

type Side = 'ours' | 'bare'

export const perSecond = ({ requests, took }: LoadResult): number => (requests * 1000) / took

/** What node:http does not write by itself. */
function withoutNodes(raw: readonly string[]): readonly string[] {
  return raw.filter((_, index) => !/^(?:date|connection)$/iu.test(raw[index - (index % 2)] ?? ''))
}
