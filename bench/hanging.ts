/**
 * Cached tokens while other accounts' providers hang: several at once, and somebody waiting for each. The rule under
 * measurement: who wants nothing from a provider that does not answer does not notice it.
 */
import { ask, asText, tokenRequest } from './exchange.ts'
import { compare, figureAtMost, interleave, type Row } from './harness.ts'
import type { Stage } from './stage.ts'
import { until } from '../test/setup/daemon.ts'

/** Accounts with a provider that hangs, and callers who want cached tokens meanwhile. */
const hanging = ['steady', 'rotating', 'hanging'] as const
const callers = 8

export async function measureHanging(stage: Stage): Promise<readonly Row[]> {
  const [broker, load, provider] = [await stage.broker(), await stage.load(), await stage.provider()]
  const { socket } = broker.daemon.paths
  const slice = async (): Promise<number> => {
    const { p50 } = await load.ask({
      path: socket,
      request: asText(tokenRequest(broker, { account: 'cached' })),
      protocol: 'http',
      connections: callers,
      run: { kind: 'for', ms: stage.slice(300) },
      fresh: false,
    })
    return p50
  }
  const { held, calm } = await interleave(stage.rounds(15), 1, {
    held: async () => {
      const waiting: { readonly name: string; readonly before: number }[] = []
      for (const name of hanging) waiting.push({ name, before: (await provider.ask({ name, hanging: true })).requests })
      const answers = hanging.map((account) => ask(socket, tokenRequest(broker, { account, force_refresh: true })))
      for (const { name, before } of waiting)
        await until(async () => ((await provider.ask({ name })).requests > before ? true : undefined))
      const p50 = await slice()
      for (const name of hanging) await provider.ask({ name, hanging: false })
      await Promise.all(answers)
      return p50
    },
    calm: slice,
  })
  return [
    compare({
      group: 'hanging',
      name: 'cached token while other accounts’ providers hang: median, above',
      unit: 'ms',
      // What it costs beyond the same turn's other half; less than nothing is nothing.
      ours: held.map((p50, turn) => Math.max(0, p50 - (calm[turn] ?? Number.NaN))),
      baseline: { name: 'the same while none hangs', samples: calm },
      target: figureAtMost(25),
    }),
  ]
}
