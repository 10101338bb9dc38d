/**
 * Many callers and slow providers. The rules under measurement (R3): however many want one expired token, the provider is
 * asked once and nobody waits longer than that takes; and a provider that does not answer holds up nobody but those who
 * want something from it.
 */
import { atMost, compare, exactly, interleave, type Row } from './harness.ts'
import { ask, asText, tokenRequest } from './exchange.ts'
import { startProcess } from './process.ts'
import type { CallAnswer, CallOrder } from './processes/caller.ts'
import type { Stage } from './stage.ts'
import { until } from '../test/setup/daemon.ts'

const group = 'callers'
/** Milliseconds the provider takes here. */
export const slowness = 200
export const crowd = 50

export async function measureCallers(stage: Stage): Promise<readonly Row[]> {
  return [...(await manyCallers(stage)), ...(await hangingProvider(stage))]
}

function manyCallers(stage: Stage): Promise<readonly Row[]> {
  return measureCrowd(stage, {
    group,
    name: `${String(crowd)} callers on one expired token`,
    each: 'expired tokens',
    account: () => stage.takeExpired(),
  })
}

/** A crowd that wants the same at the same moment. */
export interface Crowd {
  readonly group: string
  readonly name: string
  /** What there is one request to the provider for. */
  readonly each: string
  /** Another one every time. */
  readonly account: () => string
  /** Of the token request, beside the account. */
  readonly wish?: Readonly<Record<string, unknown>>
  /** Seconds of validity the provider gives. */
  readonly lifetime?: number
}

/** How often the provider is asked for them, and how long the last of them waits. */
export async function measureCrowd(
  stage: Stage,
  { group: of, name, each, account: take, wish = {}, lifetime = 86_400 }: Crowd,
): Promise<readonly Row[]> {
  const [broker, load, provider] = [await stage.broker(), await stage.load(), await stage.provider()]
  const caller = stage.ends(await startProcess<CallOrder, CallAnswer>('caller.ts', 'driver'))
  await provider.ask({ name: 'latency', latency: slowness })
  const refresh = { kind: 'refresh', port: provider.port, path: '/latency/token', refresh_token: 'rt-latency' } as const
  const { ours, direct } = await interleave(7, 1, {
    ours: async () => {
      const account = take()
      await provider.ask({ name: account, latency: slowness, lifetime })
      const { took } = await load.ask({
        path: broker.daemon.paths.socket,
        request: asText(tokenRequest(broker, { account, ...wish })),
        protocol: 'http',
        connections: crowd,
        run: { kind: 'once' },
        fresh: true,
      })
      return { took, asked: (await provider.ask({ name: account })).requests }
    },
    direct: async () => {
      const { refresh: [took = Number.NaN] = [] } = await caller.ask({ rounds: 1, warmUp: 0, steps: { refresh } })
      return { took, asked: 1 }
    },
  })
  return [
    compare({
      group: of,
      name: `${name}: requests to the provider`,
      unit: 'requests',
      ours: [ours.reduce((sum, { asked }) => sum + asked, 0)],
      baseline: { name: each, samples: [ours.length] },
      target: exactly(1),
    }),
    compare({
      group: of,
      name: `${name}: until the last has it`,
      unit: 'ms',
      ours: ours.map(({ took }) => took),
      baseline: { name: 'one direct POST to the provider', samples: direct.map(({ took }) => took) },
      target: atMost(1.2),
    }),
  ]
}

async function hangingProvider(stage: Stage): Promise<readonly Row[]> {
  const [broker, load, provider] = [await stage.broker(), await stage.load(), await stage.provider()]
  const { socket } = broker.daemon.paths
  const slice = (): Promise<number> =>
    load
      .ask({
        path: socket,
        request: asText(tokenRequest(broker, { account: 'cached' })),
        protocol: 'http',
        connections: 1,
        run: { kind: 'for', ms: stage.slice(250) },
        fresh: false,
      })
      .then(({ p50 }) => p50)
  const { hanging, calm } = await interleave(stage.rounds(15), 2, {
    hanging: async () => {
      const { requests: before } = await provider.ask({ name: 'hanging', hanging: true })
      const held = ask(socket, tokenRequest(broker, { account: 'hanging', force_refresh: true }))
      await until(async () => ((await provider.ask({ name: 'hanging' })).requests > before ? true : undefined))
      const p50 = await slice()
      await provider.ask({ name: 'hanging', hanging: false })
      await held
      return p50
    },
    calm: slice,
  })
  return [
    compare({
      group,
      name: 'cached token while another account’s provider hangs: median',
      unit: 'ms',
      ours: hanging,
      baseline: { name: 'the same while none hangs', samples: calm },
      target: atMost(1.25),
    }),
  ]
}
