/**
 * Beside the established tool for the same job, where it is installed (Debian: oidc-agent-cli). The rule: its plain JSON
 * socket, the faster of its two, is what we are compared with; and where a program on Node cannot win (starting one takes
 * longer than all of oidc-token) the row says so instead of having a target.
 */
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { cleanEnvironment, until } from '../test/setup/daemon.ts'
import { crowd, slowness } from './callers.ts'
import { perSecond } from './cached.ts'
import { timeCommandLine } from './command-line.ts'
import { ask, asText, tokenRequest } from './exchange.ts'
import { atLeast, atMost, compare, interleave, type NotMeasured, type Row } from './harness.ts'
import { isOidcAgentInstalled, plainRequest, startOidcAgent, type OidcAgent } from './oidc-agent-rig.ts'
import { runProgram, timeProgram } from './process.ts'
import type { LoadOrder } from './processes/load.ts'
import type { Stage } from './stage.ts'

const group = 'oidc-agent'

export async function measureOidcAgent(stage: Stage): Promise<readonly Row[] | NotMeasured> {
  if (!isOidcAgentInstalled()) return { because: 'oidc-agent not installed: not compared' }
  const provider = await stage.provider()
  const agent = stage.ends(await startOidcAgent(join(stage.folder, 'oidc-agent'), provider))
  await agent.add('oa-cached')
  return [
    await wholeProcess(stage, agent),
    ...(await throughput(stage, agent)),
    ...(await manyCallers(stage, agent)),
    await hangingProvider(stage, agent),
  ]
}

async function wholeProcess(stage: Stage, agent: OidcAgent): Promise<Row> {
  const { daemon } = await stage.broker()
  const env = cleanEnvironment(daemon.paths.home)
  const { ours, theirs } = await interleave(stage.rounds(60), 3, {
    ours: () => timeCommandLine(env, 'cached'),
    theirs: () => timeProgram('oidc-token', ['oa-cached'], agent.env).ms,
  })
  return compare({
    group,
    name: 'cached token, whole process',
    unit: 'ms',
    ours,
    baseline: { name: 'oidc-token', samples: theirs },
    target: null,
    note: 'a command line on Node cannot win this: starting Node alone takes longer',
  })
}

/** The two servers under the same load: what each is asked, and how. */
async function orders(stage: Stage, agent: OidcAgent, account: string): Promise<Record<'ours' | 'theirs', LoadTarget>> {
  const broker = await stage.broker()
  return {
    ours: { path: broker.daemon.paths.socket, request: asText(tokenRequest(broker, { account })), protocol: 'http' },
    theirs: { path: agent.socket, request: plainRequest('oa-cached'), protocol: 'json' },
  }
}

type LoadTarget = Pick<LoadOrder, 'path' | 'request' | 'protocol'>

async function throughput(stage: Stage, agent: OidcAgent): Promise<readonly Row[]> {
  const load = await stage.load()
  const target = await orders(stage, agent, 'cached')
  const rows: Row[] = []
  for (const connections of [8, 64]) {
    const run = { kind: 'for', ms: stage.slice(800) } as const
    const { ours, theirs } = await interleave(stage.rounds(9), 1, {
      ours: () => load.ask({ ...target.ours, connections, run, fresh: true }),
      theirs: () => load.ask({ ...target.theirs, connections, run, fresh: true }),
    })
    const turnedAway = theirs.reduce((sum, { turned_away }) => sum + turned_away, 0)
    rows.push(
      compare({
        group,
        name: `${String(connections)} callers, a new connection each time: throughput`,
        unit: 'requests/s',
        ours: ours.map(perSecond),
        baseline: { name: `${agent.version}, plain JSON`, samples: theirs.map(perSecond) },
        target: atLeast(1),
        ...(turnedAway > 0 && {
          note: `oidc-agent turned ${turnedAway.toLocaleString('en')} connections away, which were made again`,
        }),
      }),
      compare({
        group,
        name: `${String(connections)} callers, a new connection each time: worst request`,
        unit: 'ms',
        ours: ours.map(({ worst }) => worst),
        baseline: { name: `${agent.version}, plain JSON`, samples: theirs.map(({ worst }) => worst) },
        target: null,
      }),
    )
  }
  return rows
}

async function manyCallers(stage: Stage, agent: OidcAgent): Promise<readonly Row[]> {
  const [load, provider] = [await stage.load(), await stage.provider()]
  const rounds = 5
  const theirAccounts = Array.from({ length: rounds }, (_, index) => `oa-crowd-${String(index)}`)
  for (const name of theirAccounts) {
    await provider.ask({ name, lifetime: 1 })
    await agent.add(name)
  }
  const storm = async (
    name: string,
    target: LoadTarget,
  ): Promise<{ readonly took: number; readonly asked: number }> => {
    const { requests } = await provider.ask({ name, latency: slowness, lifetime: 86_400 })
    const { took } = await load.ask({ ...target, connections: crowd, run: { kind: 'once' }, fresh: true })
    return { took, asked: (await provider.ask({ name })).requests - requests }
  }
  // The last of their tokens is over.
  await pause(1_500)
  let turn = 0
  const { ours, theirs } = await interleave(rounds, 0, {
    ours: async () => {
      const account = stage.takeExpired()
      return storm(account, (await orders(stage, agent, account)).ours)
    },
    theirs: () => {
      const account = theirAccounts[turn++] ?? ''
      return storm(account, { path: agent.socket, request: plainRequest(account), protocol: 'json' })
    },
  })
  const callers = `${String(crowd)} callers on one expired token`
  return [
    compare({
      group,
      name: `${callers}: until the last has it`,
      unit: 'ms',
      ours: ours.map(({ took }) => took),
      baseline: { name: agent.version, samples: theirs.map(({ took }) => took) },
      target: null,
      note: 'both ask the provider once; oidc-agent because it does one thing at a time, at the price of the row below',
    }),
    compare({
      group,
      name: `${callers}: requests to the provider`,
      unit: 'requests',
      ours: ours.map(({ asked }) => asked),
      baseline: { name: agent.version, samples: theirs.map(({ asked }) => asked) },
      target: null,
    }),
  ]
}

async function hangingProvider(stage: Stage, agent: OidcAgent): Promise<Row> {
  const [broker, load, provider] = [await stage.broker(), await stage.load(), await stage.provider()]
  await agent.add('oa-hanging')
  const target = await orders(stage, agent, 'cached')
  const hang = stage.slice(2_000)
  const during = async (name: string, askForIt: () => Promise<unknown>, other: LoadTarget): Promise<number> => {
    const { requests: before } = await provider.ask({ name, hanging: true })
    const held = askForIt()
    await until(async () => ((await provider.ask({ name })).requests > before ? true : undefined))
    const released = pause(hang).then(() => provider.ask({ name, hanging: false }))
    const { took } = await load.ask({ ...other, connections: 1, run: { kind: 'once' }, fresh: true })
    await released
    await held
    return took
  }
  const { ours, theirs } = await interleave(5, 0, {
    ours: () =>
      during(
        'hanging',
        () => ask(broker.daemon.paths.socket, tokenRequest(broker, { account: 'hanging', force_refresh: true })),
        target.ours,
      ),
    theirs: () =>
      during('oa-hanging', () => runProgram('oidc-token', ['--time=1000000', 'oa-hanging'], agent.env), target.theirs),
  })
  return compare({
    group,
    name: `cached token while another account’s provider hangs ${String(hang / 1_000)} s`,
    unit: 'ms',
    ours,
    baseline: { name: agent.version, samples: theirs },
    target: atMost(0.01),
  })
}
