/**
 * An office's worth: 200 clients, each paired and each with consents of its own, 50 accounts, and of every five requests one
 * that finds its token over. The rule under measurement (R3): the provider is asked exactly once for every token that is
 * over, whoever wants it, and the other four do not wait for that.
 */
import { join } from 'node:path'
import { hashToken, newClientToken } from '../main/broker/ids.ts'
import { systemRandomness } from '../main/daemon/clock.ts'
import { startDaemon } from '../test/setup/daemon.ts'
import { asText, tokenRequest } from './exchange.ts'
import { compare, exactly, median, type Row } from './harness.ts'
import { linkAll, openVaultIn, type Plan } from './home.ts'
import { pin, startProcess } from './process.ts'
import type { ManyOrder, ManyResult } from './processes/many.ts'
import type { Stage } from './stage.ts'

const group = 'crowded'
const clients = 200
/** Of the fifty accounts of a turn: those with a good token, and those whose token is over. */
const [good, due] = [40, 10]
/** Milliseconds the provider takes here. */
const latency = 20

export async function measureCrowded(stage: Stage): Promise<readonly Row[]> {
  const provider = await stage.provider()
  const turns = stage.rounds(20) + 1
  const dueIn = (turn: number): readonly string[] =>
    Array.from({ length: due }, (_, index) => `due-${String(turn)}-${String(index)}`)
  const plans: readonly Plan[] = [
    ...Array.from({ length: good }, (_, index) => ({ name: `good-${String(index)}`, port: provider.port })),
    ...Array.from({ length: turns }, (_, turn) => dueIn(turn)).flatMap((names) =>
      names.map((name) => ({ name, port: provider.port, expired: true })),
    ),
  ]
  /** What client `index` asks for in a turn: four good tokens and, in another place each time, one that is over. */
  const wants = (index: number, turn: number): readonly string[] => {
    const names = Array.from({ length: 4 }, (_, place) => `good-${String((index + 10 * place) % good)}`)
    return names.toSpliced((index + turn) % 5, 0, `due-${String(turn)}-${String(index % due)}`)
  }
  const home = join(stage.folder, 'crowded-clients')
  const tokens = await fill(home, plans, (index) =>
    Array.from({ length: turns }, (_, turn) => wants(index, turn)).flat(),
  )
  const daemon = stage.ends(await startDaemon({ home }))
  pin(daemon.pid, 'server')
  const load = stage.ends(await startProcess<ManyOrder, ManyResult>('many.ts', 'driver'))
  const counts: number[] = []
  const taken: ManyResult[] = []
  for (let turn = 0; turn < turns; turn++) {
    for (const name of dueIn(turn)) await provider.ask({ name, latency })
    const requests = tokens.map((client_token, index) =>
      wants(index, turn).map((account) => asText(tokenRequest({ client_token }, { account }))),
    )
    const result = await load.ask({ path: daemon.paths.socket, requests })
    // The first makes the connections.
    if (turn === 0) continue
    taken.push(result)
    for (const name of dueIn(turn)) counts.push((await provider.ask({ name })).requests)
  }
  const worstCount = Math.max(...counts)
  const name = `${String(clients)} clients, ${String(good + due)} accounts, every fifth token over`
  const total = counts.reduce((sum, count) => sum + count, 0)
  const latencies = taken.map(() => latency)
  const against = { name: 'what the provider takes for a refresh', samples: latencies }
  return [
    compare({
      group,
      name: `${name}: requests to the provider`,
      unit: 'requests',
      ours: [total],
      baseline: { name: 'tokens that were over', samples: [counts.length] },
      target: exactly(1),
      note: `of ${(taken.length * clients * 5).toLocaleString('en')} requests; at most ${String(worstCount)} for one token`,
    }),
    compare({
      group,
      name: `${name}: p50`,
      unit: 'ms',
      ours: taken.map(({ p50 }) => p50),
      baseline: against,
      target: null,
    }),
    compare({
      group,
      name: `${name}: p99`,
      unit: 'ms',
      ours: taken.map(({ p99 }) => p99),
      baseline: against,
      target: null,
      note: `${Math.round(median(taken.map(({ requests, took }) => (requests * 1000) / took))).toLocaleString('en')} requests/s, all clients at once on connections that last`,
    }),
  ]
}

/** Links the accounts and pairs the clients, each with a consent for what it will ask for; gives their tokens. */
async function fill(
  home: string,
  plans: readonly Plan[],
  wanted: (index: number) => readonly string[],
): Promise<readonly string[]> {
  const vault = await openVaultIn(home)
  try {
    await linkAll(vault, plans)
    const tokens: string[] = []
    for (let index = 0; index < clients; index++) {
      const id = `client-${String(index)}`
      const token = newClientToken(systemRandomness).reveal()
      await vault.saveClient({ id, name: id, kind: 'script', paired_at: 0, token_hash: hashToken(token) })
      for (const account_id of new Set(wanted(index)))
        await vault.saveGrant({
          ...{ id: `${id}-${account_id}`, client_id: id, account_id },
          ...{ scope: '', right: 'read', granted_at: 0, until: null },
        })
      tokens.push(token)
    }
    await vault.tend()
    return tokens
  } finally {
    vault.close()
  }
}
